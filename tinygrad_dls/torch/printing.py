"""Tensors as PyTorch prints them: `tensor([1.0000, 2.5000])`."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
INDENT = len("tensor(")


@dataclass(frozen=True)
class Options:
    """Settings of printing: see `set_printoptions`."""

    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


PROFILES = {"default": Options(), "short": Options(precision=2, edgeitems=2),
            "full": Options(threshold=math.inf)}
_options = [Options()]


def set_printoptions(
    precision: int | None = None, threshold: float | None = None, edgeitems: int | None = None,
    linewidth: int | None = None, profile: str | None = None, sci_mode: bool | None = None,
) -> None:
    """Set digits behind the point, elements from which a tensor is shortened, and the like.

    What is None stays; `sci_mode`, None for as the numbers ask, is set by each call.
    """
    given: dict[str, Any] = {"precision": precision, "threshold": threshold,
                             "edgeitems": edgeitems, "linewidth": linewidth}
    start = _options[0] if profile is None else PROFILES[profile]
    _options[0] = replace(start, sci_mode=sci_mode,
                          **{k: v for k, v in given.items() if v is not None})


def text_of(array: Array) -> str:
    """A host array as text, its numbers of one width."""
    if not array.size:
        return "[]"
    if array.size <= _options[0].threshold:
        return _written(array, *_format(array), INDENT, False)
    return _written(array, *_format(_ends(array)), INDENT, True)


def _ends(array: Array) -> Array:
    """The elements that are shown of a large array."""
    edge = _options[0].edgeitems
    for axis, length in enumerate(array.shape):
        if length > 2 * edge:
            array = array.take([*range(edge), *range(length - edge, length)], axis)
    return array


def _format(shown: Array) -> tuple[Callable[[Any], str], int]:
    """The way in which PyTorch writes these numbers, and their width."""
    if shown.dtype.kind != "f":
        return str, max(len(str(v)) for v in shown.ravel().tolist())
    digits, sci = _options[0].precision, _options[0].sci_mode
    finite = shown[np.isfinite(shown) & (shown != 0)].astype(np.float64)
    size = np.abs(finite)
    whole = bool((finite == np.ceil(finite)).all())
    if not size.size:
        return _as_whole, 1
    far = size.max() / size.min() > 1000 or size.max() > 1e8 or (not whole and size.min() < 1e-4)
    if far if sci is None else sci:
        form: Callable[[Any], str] = f"{{:.{digits}e}}".format
    else:
        form = _as_whole if whole else f"{{:.{digits}f}}".format
    return form, max(len(form(v)) for v in finite.tolist())


def _as_whole(value: float) -> str:
    return f"{value:.0f}." if math.isfinite(value) else str(value)


def _written(
    array: Array, form: Callable[[Any], str], width: int, indent: int, short: bool
) -> str:
    """Nested brackets; of a `short` text the middle of each long axis is left out."""
    if not array.ndim:
        return form(array.item())
    edge = _options[0].edgeitems
    cut = short and len(array) > 2 * edge
    kept = [*array[:edge], *array[-edge:]] if cut else [*array]
    if array.ndim > 1:
        parts = [_written(part, form, width, indent + 1, short) for part in kept]
        if cut:
            parts.insert(edge, "...")
        return "[" + ("," + "\n" * (array.ndim - 1) + " " * (indent + 1)).join(parts) + "]"
    texts = [form(v.item()).rjust(width) for v in kept]
    if cut:
        texts.insert(edge, " ...")
    count = max(1, (_options[0].linewidth - indent) // (width + 2))
    lines = [", ".join(texts[i : i + count]) for i in range(0, len(texts), count)]
    return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"


def with_notes(text: str, notes: list[str]) -> str:
    """The text of a tensor with its dtype and the like, on a new line where one would be long."""
    length = len(text) - text.rfind("\n") + 1
    for note in notes:
        new = length + len(note) + 2 > _options[0].linewidth
        text += f",\n       {note}" if new else f", {note}"
        length = INDENT + len(note) if new else length + len(note) + 2
    return f"{text})"


def node_name(operation: str) -> str:
    """The name of an operation as PyTorch writes it in grad_fn: mul is MulBackward0."""
    return "".join(part.capitalize() for part in operation.split("_")) + "Backward0"
