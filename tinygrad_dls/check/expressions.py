"""Formulas of arrays, found by trying products, sums and slopes of named arrays."""

from collections.abc import Iterator, Mapping

import numpy as np

from .ingredients import SLOPES, forms, spread
from .numeric import Array

Named = tuple[str, Array]
BASES = 40  # products that slopes are tried on


def formula(wanted: Array, known: Mapping[str, Array], m: int | None = None) -> str:
    """The formula in `known` arrays that gives `wanted`, such as "dZ2 @ A1.T / m"; "" if none.

    Gradients (names with a d) come in as one factor; forms that are shorter are found first.
    """
    size = float(np.abs(wanted).max(initial=0.0))
    if not wanted.size or not size or not np.isfinite(size):
        return ""

    scales = list(_scales(m))

    def is_it(candidate: Array) -> str | None:
        """Return the scale that is left, as text; None if it is another array."""
        for text, scale in scales:
            if np.abs(candidate * scale - wanted).max() <= 1e-5 * size:
                return text
        return None

    bases = [(name, base) for name, base in _bases(wanted.shape, known)
             if base.shape == wanted.shape]
    for name, base in bases:
        if (left := is_it(base)) is not None:
            return _signed(name, left)
    slopes = [
        pair for name, value in known.items()
        if not name.startswith("d") and value.dtype.kind in "fb"
        and (here := spread(value, wanted.shape)) is not None
        for pair in forms(name, here.astype(np.float64), SLOPES)
    ]
    slopes.sort(key=lambda pair: len(pair[0]))  # 1 - A1**2 rather than 1 - tanh(Z1)**2
    for name, base in bases[:BASES]:
        for text, form in slopes:
            if (left := is_it(base * form)) is not None:
                factor = text if text.isidentifier() or text[0] == "(" else f"({text})"
                return _signed(f"{name} * {factor}", left)
    return ""


def _scales(m: int | None) -> Iterator[tuple[str, float]]:
    for sign, value in (("", 1.0), ("-", -1.0)):
        yield sign, value
        if m and m > 1:
            yield f"{sign}/m", value / m
            yield f"{sign}*m", value * m


def _signed(name: str, left: str) -> str:
    sign, rest = ("-", left[1:]) if left.startswith("-") else ("", left)
    name = f"-({name})" if sign and " " in name else f"{sign}{name}"
    return f"{name} {rest[0]} m" if rest else name


def _bases(shape: tuple[int, ...], known: Mapping[str, Array]) -> Iterator[Named]:
    """Arrays, differences, sums over an axis, and products, of one shape."""
    gradients = {n: x for n, x in known.items() if n.startswith("d")}
    others = {n: x for n, x in known.items() if n not in gradients}
    for name, x in known.items():
        yield name, x
        if x.ndim == 2 and x.shape[0] == x.shape[1]:
            yield f"{name}.T", x.T
    for name, x in gradients.items():
        for axis in range(x.ndim):
            yield f"{name}.sum(axis={axis}, keepdims=True)", x.sum(axis=axis, keepdims=True)
        yield f"{name}.sum()", np.asarray(x.sum())
    for name, x in others.items():
        for other, y in others.items():
            if x.shape == y.shape == shape and name != other:
                yield f"({name} - {other})", x.astype(np.float64) - y
    for name, d in gradients.items():
        for other, x in others.items():
            yield from _products(name, d, other, x)
            yield from _products(other, x, name, d)


def _products(a: str, x: Array, b: str, y: Array) -> Iterator[Named]:
    if x.ndim != 2 or y.ndim != 2:
        return
    for left, p in ((a, x), (f"{a}.T", x.T)):
        for right, q in ((b, y), (f"{b}.T", y.T)):
            if p.shape[1] == q.shape[0]:
                yield f"{left} @ {right}", p @ q
