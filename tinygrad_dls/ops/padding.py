"""Padding: values around the edges, constant ones or the tensor's own."""

from typing import Any, TypeAlias

import numpy as np

from ..backend.kernels.adding import summed
from ..engine.autograd import Array
from ..errors import DtypeError, ShapeError
from .call import function_of
from .op import Op
from .samples import Rng, Sample

Widths: TypeAlias = tuple[tuple[int, int], ...]  # of each axis (before, after)
Copy: TypeAlias = tuple[tuple[Any, ...], tuple[Any, ...]]  # y[first] = y[second]

MODES = ("constant", "reflect", "edge", "wrap", "symmetric")


def _samples(rng: Rng) -> list[Sample]:
    cases: list[tuple[tuple[int, ...], Widths]] = [
        ((3,), ((1, 2),)), ((2, 3), ((0, 1), (2, 0))), ((3,), ((7, 5),)), ((), ()),
        ((1, 4, 3, 2), ((0, 0), (0, 0), (2, 2), (1, 1))),
        ((1, 2), ((2, 1), (0, 0))), ((2, 2), ((0, 0), (0, 0))), ((0, 2), ((0, 0), (1, 2))),
    ]
    return [
        Sample((rng.standard_normal(shape),), {"pad_width": widths, "mode": mode, "value": value})
        for mode in MODES
        for value in ((0.0, 1.5) if mode == "constant" else (0.0,))
        for shape, widths in cases
    ]


def _numpys(x: Any, pad_width: Widths, mode: str, value: float) -> Any:
    options = {"constant_values": value} if mode == "constant" else {}
    return np.pad(x, pad_width or 0, mode, **options)  # type: ignore[call-overload]


class Pad(Op):
    """y = x, with `pad_width[i]` = (before, after) more places along axis i

    constant: they hold `value`;  edge: the last value, a b c | c c;  reflect: a b c | b a;
    symmetric: a b c | c b;  wrap: a b c | a b.
    dL/dx = dL/dy inside, and for all but constant each place outside added to where it came from
    """

    numpy = staticmethod(_numpys)
    samples = staticmethod(_samples)

    def __init__(self, pad_width: Widths, mode: str = "constant", value: float = 0.0) -> None:
        self.pad_width, self.mode, self.value = pad_width, mode, value

    def label(self) -> str:
        return f"pad({self.mode})"

    def forward(self, x: Array) -> Array:
        shape = tuple(n + sum(pair) for n, pair in zip(x.shape, self.pad_width, strict=True))
        inside = _inside(x.shape, self.pad_width)
        if self.mode == "constant":
            y = self.xp.full_like(x, self.value, shape=shape)  # lies in memory as x does
            y[inside] = x
            return y
        y = self.xp.empty_like(x, shape=shape)
        y[inside] = x
        for there, source in copies(x.shape, self.pad_width, self.mode):
            y[there] = y[source]
        return y

    def backward(self, dy: Any, shapes: Any) -> Any:
        return function_of(Unpad, self.pad_width, self.mode)(dy)

    def backward_kernel(self, dy: Array, shapes: Any) -> Array:
        return _unpad(self.xp, dy, self.pad_width, self.mode)


class Unpad(Op):
    """y = the middle of x, with the padding added to where it came from: what goes back through
    `pad`.

    dL/dx = dL/dy padded the same way, with zeros for constant
    """

    views = True
    numpy = staticmethod(lambda x, pad_width, mode: _unpad(np, x, pad_width, mode))
    samples = staticmethod(
        lambda rng: [
            Sample((rng.standard_normal(np.shape(_numpys(*s.inputs, **s.parameters))),),
                   {k: s.parameters[k] for k in ("pad_width", "mode")})
            for s in _samples(rng)
        ]
    )

    def __init__(self, pad_width: Widths, mode: str) -> None:
        self.pad_width, self.mode = pad_width, mode

    def label(self) -> str:
        return f"unpad({self.mode})"

    def forward(self, x: Array) -> Array:
        return _unpad(self.xp, x, self.pad_width, self.mode)

    def backward(self, dy: Any) -> Any:
        return function_of(Pad, self.pad_width, self.mode)(dy)

    def backward_kernel(self, dy: Array) -> Array:
        padded: Array = Pad(self.pad_width, self.mode).on(self.device).forward(dy)
        return padded


def _unpad(xp: Any, dy: Array, widths: Widths, mode: str) -> Array:
    shape = tuple(n - sum(pair) for n, pair in zip(dy.shape, widths, strict=True))
    inside = _inside(shape, widths)
    if mode == "constant":
        return dy[inside]
    total = xp.array(dy)  # a copy: it is added to
    for there, source in reversed(copies(shape, widths, mode)):
        axis, share, to = len(there) - 1, total[there], total[source]
        to += summed(share, axis, keepdims=True) if to.shape[axis] == 1 else share
    return total[inside]


def _inside(shape: tuple[int, ...], widths: Widths) -> tuple[slice, ...]:
    return tuple(slice(before, before + n) for n, (before, _) in zip(shape, widths, strict=True))


def copies(shape: tuple[int, ...], widths: Widths, mode: str) -> list[Copy]:
    """Plan how to fill the borders of an array that has x in its middle, one axis after the other.

    The corners come out right because a later axis copies what an earlier one has filled.
    """
    found = []
    for axis, (n, (before, after)) in enumerate(zip(shape, widths, strict=True)):
        for there, source in _along(n, before, after, mode):
            lead = (slice(None),) * axis
            found.append(((*lead, there), (*lead, source)))
    return found


def _along(n: int, before: int, after: int, mode: str) -> list[tuple[slice, slice]]:
    """The copies along one axis; several where the padding is longer than what there is."""
    start, stop = before, before + n  # what is filled already
    if mode == "edge" or (mode == "reflect" and n == 1):
        pairs = [(slice(0, start), slice(start, start + 1)),
                 (slice(stop, stop + after), slice(stop - 1, stop))]
        return [pair for pair, width in zip(pairs, (before, after)) if width]
    skip = {"reflect": 1, "symmetric": 0}.get(mode)
    pairs = []
    while start > 0:
        if skip is None:  # wrap: whole periods of n
            period = (stop - start) // n * n
            count = min(start, period)
            source = slice(start - count + period, start + period)
        else:
            count = min(start, stop - start - skip)
            source = _backwards(start + skip, start + skip + count)
        pairs.append((slice(start - count, start), source))
        start -= count
    end = stop + after
    while stop < end:
        if skip is None:
            period = (stop - start) // n * n
            count = min(end - stop, period)
            source = slice(stop - period, stop - period + count)
        else:
            count = min(end - stop, stop - start - skip)
            source = _backwards(stop - skip - count, stop - skip)
        pairs.append((slice(stop, stop + count), source))
        stop += count
    return pairs


def _backwards(start: int, stop: int) -> slice:
    """The places of slice(start, stop) from the last to the first."""
    return slice(stop - 1, start - 1 if start else None, -1)


def pad(
    x: Any, pad_width: Any, mode: str = "constant", constant_values: float = 0.0
) -> Any:
    """x with more places around it, as NumPy's; the gradient goes to where they came from.

    `pad_width`: one number for all edges, one pair (before, after) for all axes, or a pair for
    each axis. `mode`: "constant" (`constant_values`), "reflect", "edge", "wrap", "symmetric".
    PyTorch's order of widths, last axis first, is that of `nn.functional.pad`.

    >>> dls.pad(dls.tensor([1, 2]), (1, 2))
    Tensor([0, 1, 2, 0, 0])
    """
    if mode not in MODES:
        hint = ": PyTorch's name of 'edge'" if mode == "replicate" else (
            ": PyTorch's name of 'wrap'" if mode == "circular" else "")
        raise ShapeError(f"pad: mode is one of {', '.join(MODES)}, not {mode!r}{hint}")
    widths = _widths(pad_width, x.ndim)
    if isinstance(constant_values, (bool, np.generic)):
        constant_values = constant_values.item() if isinstance(constant_values, np.generic) else (
            int(constant_values))
    if not isinstance(constant_values, (int, float)):
        raise DtypeError(
            f"pad: constant_values is one number, not {type(constant_values).__name__}"
        )
    if x.dtype.kind != "f" and constant_values % 1 != 0:
        raise DtypeError(
            f"pad: {constant_values} around a tensor of {x.dtype} would be cut: write "
            "x.astype('float32') first, or pad with a whole number"
        )
    if mode != "constant":
        empty = [i for i, n in enumerate(x.shape) if n == 0 and sum(widths[i])]
        if empty:
            raise ShapeError(
                f"pad: axis {empty[0]} is empty, so mode={mode!r} has nothing to take; the shape is"
                f"\n  {x.shape}\nmode='constant' would work"
            )
    return function_of(Pad, widths, mode, constant_values)(x)


def _widths(pad_width: Any, ndim: int) -> Widths:
    """Return NumPy's widths argument as one pair for each axis."""
    try:
        given = np.asarray(pad_width)
        pairs = np.broadcast_to(given, (ndim, 2))
    except ValueError as error:
        raise ShapeError(
            f"pad: the widths {pad_width} do not fit {ndim} axes: give one number, one pair "
            "(before, after), or a pair for each axis"
        ) from error
    if given.dtype.kind not in "iu" or given.size == 0 or int(given.min()) < 0:
        raise ShapeError(f"pad: widths are whole numbers of at least 0, not {pad_width}")
    return tuple((int(a), int(b)) for a, b in pairs)
