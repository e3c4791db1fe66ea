"""ONNX's convolutions by functions of ours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import ops
from ..nn import functional as F
from .onnx_operators import Args, bound_size, operator, spatial

SAME = {b"SAME_UPPER", b"SAME_LOWER"}


def pads_of(a: Args, lengths: Sequence[int], window: Sequence[int], strides: Sequence[int],
            dilations: Sequence[int]) -> list[tuple[int, int]]:
    """(before, after) for each axis, as `pads` or `auto_pad` say it."""
    axes, auto = len(lengths), bytes(a.option("auto_pad", b"NOTSET"))
    if auto in SAME:
        found = []
        for n, k, s, d in zip(lengths, window, strides, dilations):
            total = max(0, (-(-n // s) - 1) * s + d * (k - 1) + 1 - n)
            more, less = total - total // 2, total // 2
            found.append((less, more) if auto == b"SAME_UPPER" else (more, less))
        return found
    pads = spatial(None if auto == b"VALID" else a.option("pads"), 2 * axes, 0, a)
    return list(zip(pads[:axes], pads[axes:]))


def _padded(x: Any, pads: Sequence[tuple[int, int]], value: float) -> tuple[Any, list[int]]:
    """x and the padding that is left to a layer, which pads both ends alike."""
    if all(before == after for before, after in pads):
        return x, [before for before, _ in pads]
    return ops.pad(x, ((0, 0), (0, 0), *pads), "constant", value), [0] * len(pads)


@operator("Conv")
def _conv(a: Args) -> Any:
    x, weight = a[0], a[1]
    axes = weight.ndim - 2
    if axes not in (1, 2, 3):
        raise a.refuse(f"a convolution over {axes} axes")
    strides = spatial(a.option("strides"), axes, 1, a)
    dilations = spatial(a.option("dilations"), axes, 1, a)
    pads = pads_of(a, x.shape[2:], weight.shape[2:], strides, dilations)
    wide = [n + max(0, before) + max(0, after) for n, (before, after) in zip(x.shape[2:], pads)]
    bound_size(a, [x.shape[0], max(x.shape[1], weight.shape[0]), *wide])
    x, padding = _padded(x, pads, 0.0)
    convolve = (F.conv1d, F.conv2d, F.conv3d)[axes - 1]
    return convolve(x, weight, a[2], tuple(strides), tuple(padding), tuple(dilations),
                    a.option("group", 1))


@operator("ConvTranspose")
def _conv_transpose(a: Args) -> Any:
    x, weight = a[0], a[1]
    axes = weight.ndim - 2
    if axes not in (1, 2, 3):
        raise a.refuse(f"a transposed convolution over {axes} axes")
    strides = spatial(a.option("strides"), axes, 1, a)
    dilations = spatial(a.option("dilations"), axes, 1, a)
    more = spatial(a.option("output_padding"), axes, 0, a)
    whole = [(n - 1) * s + d * (k - 1) + 1 + o for n, s, d, k, o in zip(
        x.shape[2:], strides, dilations, weight.shape[2:], more)]
    bound_size(a, [x.shape[0], weight.shape[1] * max(1, a.option("group", 1)), *whole])
    pads, lengths = _transposed_pads(a, x.shape[2:], strides, whole)
    even = all(before == after for before, after in pads) and lengths == [
        n - 2 * p[0] for n, p in zip(whole, pads)]
    convolve = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[axes - 1]
    y = convolve(x, weight, a[2] if even else None, tuple(strides),
                 tuple(p[0] for p in pads) if even else 0, tuple(more), a.option("group", 1),
                 tuple(dilations))
    if even:
        return y
    inside = [slice(p[0], p[0] + n) for p, n in zip(pads, lengths)]
    y = y[(slice(None), slice(None), *inside)]
    missing = tuple((0, n - m) for n, m in zip(lengths, y.shape[2:]))
    y = ops.pad(y, ((0, 0), (0, 0), *missing), "constant", 0.0)
    return y if a[2] is None else y + a[2].reshape((-1, *[1] * axes))


def _transposed_pads(a: Args, lengths: Sequence[int], strides: Sequence[int],
                     whole: Sequence[int]) -> tuple[list[tuple[int, int]], list[int]]:
    """Compute what is cut off at both ends of lengths `whole`, and the lengths that remain."""
    axes, auto = len(lengths), bytes(a.option("auto_pad", b"NOTSET"))
    wanted = a.option("output_shape")
    if not wanted and auto not in SAME:
        pads = pads_of(a, lengths, lengths, strides, strides)
        return pads, [n - sum(p) for n, p in zip(whole, pads)]
    made = spatial(wanted, axes, 0, a) if wanted else [n * s for n, s in zip(lengths, strides)]
    bound_size(a, made)
    found = []
    for n, m in zip(whole, made):
        total = max(0, n - m)
        more, less = total - total // 2, total // 2
        found.append((less, more) if auto == b"SAME_UPPER" else (more, less))
    return found, made
