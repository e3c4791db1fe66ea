"""Padding, as PyTorch spells it."""

from __future__ import annotations

from collections.abc import Sequence

from ... import ops
from ..._util.arguments import is_whole
from ..._util.keywords import near_names
from ...backend.device import default_device
from ...engine.autograd import TensorBase
from ...errors import DataError, ShapeError
from ...ops.call import operand
from ...tensors import Tensor

MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


@near_names
def pad(
    input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Tensor:
    """Pad or crop: `pad` is (left, right, top, bottom, ...), pairs from the last axis on.

    `mode`: constant (`value`, 0 by default), reflect (a b c | b a), replicate (a b c | c c) or
    circular (a b c | a b). Negative widths crop. Modes other than constant pad the spatial axes of
    images.

    Shape: x (...), for other modes than constant (m, channels, *lengths) or (channels, *lengths);
    each padded length becomes length + before + after.
    Raises: ShapeError if widths are not pairs, do not fit the axes, or leave nothing; DataError for
    an unknown mode.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.pad(dls.tensor([[1.0, 2.0, 3.0]]), (1, 2))
    Tensor([[0., 1., 2., 3., 0., 0.]])
    >>> F.pad(dls.tensor([[1.0, 2.0, 3.0]]), (1, 2), "reflect")
    Tensor([[2., 1., 2., 3., 2., 1.]])
    """
    x = input if isinstance(input, TensorBase) else operand(input, default_device())
    if mode not in MODES:
        raise DataError(f"pad: mode is one of {', '.join(MODES)}, not {mode!r}")
    widths = tuple(pad) if isinstance(pad, (tuple, list)) else (pad,)
    if len(widths) % 2 or not all(is_whole(w, -(2**62)) for w in widths):
        raise ShapeError(f"pad takes pairs of whole numbers (left, right, top, bottom ...), not "
                         f"{widths}")
    axes = len(widths) // 2
    if axes > x.ndim:
        raise ShapeError(f"pad: {widths} are widths of {axes} axes, the tensor has {x.ndim}:\n"
                         f"  {x.shape}")
    if mode != "constant" and (value or axes not in (x.ndim - 1, x.ndim - 2) or not axes):
        if value:
            raise DataError(f"pad: mode {mode!r} takes its values from the tensor, not {value}")
        raise ShapeError(f"pad with mode {mode!r} takes a pair for each length of images "
                         "(m, channels, *lengths) or (channels, *lengths), not "
                         f"{axes} for\n  {x.shape}")
    pairs = [(0, 0)] * (x.ndim - axes)
    pairs += [(int(widths[2 * i]), int(widths[2 * i + 1])) for i in range(axes)][::-1]
    grow = tuple([(max(0, before), max(0, after)) for before, after in pairs])
    cut = tuple([(max(0, -before), max(0, -after)) for before, after in pairs])
    for n, added, removed in zip(x.shape, grow, cut):
        check_padding(n, added, removed, mode, x.shape)
    # A reflection is of all that was there, cut off or not; a circle closes without what was cut.
    if mode in ("constant", "circular"):
        return _grown(_cut(x, cut), grow, mode, value)
    return _cut(_grown(x, grow, mode, value), cut)


def check_padding(
    n: int, added: tuple[int, int], removed: tuple[int, int], mode: str, shape: tuple[int, ...]
) -> None:
    """ShapeError if an axis of length n cannot be padded and cut by this."""
    left = n + sum(added) - sum(removed)
    there = n if mode in ("constant", "circular") else n + sum(added)
    if sum(removed) > there or (left == 0 and mode != "constant"):
        raise ShapeError(f"pad: cutting off {sum(removed)} of a length of {there} leaves nothing "
                         f"of\n  {shape}")
    most = {"reflect": n - 1, "circular": n - sum(removed)}.get(mode)
    nothing = any(added) and n == 0 and mode != "constant"
    if nothing or (most is not None and max(added) > most):
        raise ShapeError(f"pad with mode {mode!r}: a length of {n} can be padded by at most "
                         f"{max(most or 0, 0)}, not {max(added)}:\n  {shape}\n"
                         "constant and replicate have no such limit")


def _grown(
    x: Tensor, widths: tuple[tuple[int, int], ...], mode: str, value: float | None
) -> Tensor:
    if not any(map(any, widths)):
        return x
    return ops.pad(x, widths, MODES[mode], value or 0.0)  # type: ignore[no-any-return]


def _cut(x: Tensor, widths: tuple[tuple[int, int], ...]) -> Tensor:
    if not any(map(any, widths)):
        return x
    inside = tuple([slice(before, n - after) for n, (before, after) in zip(x.shape, widths)])
    return x[inside]
