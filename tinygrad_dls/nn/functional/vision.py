"""Functions of images (m, channels, height, width): other sizes, other places, other channels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ... import ops
from ..._util.arguments import is_whole
from ..._util.keywords import near_names
from ...backend.device import default_device
from ...engine.autograd import TensorBase
from ...errors import ShapeError
from ...ops.call import operand
from ...tensors import Tensor

affine_grid: Callable[..., Tensor] = ops.affine_grid


@near_names
def interpolate(
    input: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest",
    align_corners: bool | None = None, recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """Resize images: to `size`, or `scale_factor` times as large.

    `mode`: nearest, nearest-exact, linear (sequences), bilinear and bicubic (images), trilinear
    (volumes), or area, which takes means. With `align_corners` the centers of the corner pixels
    stay at the corners; otherwise pixels are areas. There is no `antialias`: mode="area" is for
    smaller images.

    Shape: x (m, channels, *lengths), y (m, channels, *lengths'), lengths' = size, or floor(length *
    scale_factor).
    Raises: ShapeError if the mode does not fit the axes, or both or neither of `size` and
    `scale_factor` are given; DataError for an unknown mode.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.interpolate(dls.tensor([[[1.0, 2.0, 3.0]]]), size=5, mode="linear", align_corners=True)
    Tensor([[[1. , 1.5, 2. , 2.5, 3. ]]])
    """
    if antialias:
        raise ShapeError("interpolate has no antialias; mode='area' takes means of what it makes "
                         "smaller")
    return ops.interpolate(  # type: ignore[no-any-return]
        input, size, scale_factor, mode, align_corners, recompute_scale_factor)


@near_names
def grid_sample(
    input: Tensor, grid: Tensor, mode: str = "bilinear", padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """The values of images at the positions of a grid.

    Positions are pairs (x, y), from -1 at the left or top edge to 1. `mode`: bilinear or nearest.
    `padding_mode`, outside the image: zeros, border or reflection. `align_corners`: -1 and 1 are
    the centers of the corner pixels, not the edges (Jaderberg et al. 2015).

    Shape: x (m, channels, h, w), grid (m, rows, columns, 2), y (m, channels, rows, columns).
    Raises: ShapeError if the two do not fit together; DataError for an unknown mode.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> x = dls.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    >>> F.grid_sample(x, dls.zeros(1, 1, 1, 2), align_corners=False)  # the center
    Tensor([[[[2.5]]]])
    """
    return ops.grid_sample(  # type: ignore[no-any-return]
        input, grid, mode, padding_mode, align_corners)


@near_names
def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """Turn channels into pixels: each r r channels become squares of r by r (Shi et al. 2016).

    Shape: x (..., c r r, h, w), y (..., c, h r, w r), r = `upscale_factor`.
    Raises: ShapeError if r r does not divide the channels.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.pixel_shuffle(dls.arange(4.0).reshape(1, 4, 1, 1), 2)[0, 0]
    Tensor([[0., 1.],
            [2., 3.]])
    """
    x, r = _images(input, upscale_factor, "pixel_shuffle")
    *lead, channels, h, w = x.shape
    if channels % (r * r):
        raise ShapeError(f"pixel_shuffle by {r} takes channels in groups of {r * r}, not "
                         f"{channels}:\n  {x.shape}")
    n, k = len(lead), channels // (r * r)
    last = ops.transpose(x, *range(n), n + 1, n + 2, n)  # (..., h, w, c r r): quicker to copy
    apart = last.reshape(*lead, h, w, k, r, r)
    mixed = ops.transpose(apart, *range(n), n, n + 3, n + 1, n + 4, n + 2)  # (..., h, r, w, r, c)
    pixels = mixed.reshape(*lead, h * r, w * r, k)
    return ops.transpose(pixels, *range(n), n + 2, n, n + 1)  # type: ignore[no-any-return]


@near_names
def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """Turn pixels into channels: squares of r by r become r r channels; undoes `pixel_shuffle`.

    Shape: x (..., c, h r, w r), y (..., c r r, h, w), r = `downscale_factor`.
    Raises: ShapeError if r does not divide the height and the width.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.pixel_unshuffle(dls.arange(4.0).reshape(1, 1, 2, 2), 2).flatten().tolist()
    [0.0, 1.0, 2.0, 3.0]
    """
    x, r = _images(input, downscale_factor, "pixel_unshuffle")
    *lead, channels, h, w = x.shape
    if h % r or w % r:
        raise ShapeError(f"pixel_unshuffle by {r} takes heights and widths that {r} divides, not\n"
                         f"  {x.shape}")
    n = len(lead)
    apart = x.reshape(*lead, channels, h // r, r, w // r, r)
    mixed = ops.transpose(apart, *range(n), n, n + 2, n + 4, n + 1, n + 3)  # (..., c, r, r, h, w)
    return mixed.reshape(*lead, channels * r * r, h // r, w // r)  # type: ignore[no-any-return]


@near_names
def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """Interleave groups of channels: channel i of group j becomes i groups + j (Zhang 2018).

    Shape: x (m, channels, *lengths), y likewise.
    Raises: ShapeError if `groups` does not divide the channels.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.channel_shuffle(dls.arange(6.0).reshape(1, 6, 1, 1), 2).flatten().tolist()
    [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]
    """
    x = input if isinstance(input, TensorBase) else operand(input, default_device())
    if x.ndim < 3 or not is_whole(groups, 1) or x.shape[1] % groups:
        raise ShapeError(f"channel_shuffle takes images (m, channels, *lengths) whose channels "
                         f"{groups} divides, not\n  {x.shape}")
    m, channels, *lengths = x.shape
    apart = x.reshape(m, int(groups), channels // int(groups), *lengths)
    return apart.swapaxes(1, 2).reshape(x.shape)


@near_names
def upsample(
    input: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """`interpolate`, under its older name.

    Shape: x (m, channels, *lengths), y (m, channels, *size), or `scale_factor` times as long.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.upsample(dls.tensor([[[1.0, 2.0]]]), scale_factor=2)
    Tensor([[[1., 1., 2., 2.]]])
    """
    return interpolate(input, size, scale_factor, mode, align_corners)


def _images(x: Any, factor: Any, name: str) -> tuple[Any, int]:
    x = x if isinstance(x, TensorBase) else operand(x, default_device())
    if not is_whole(factor, 1):
        raise ShapeError(f"{name}: the factor is a whole number from 1, not {factor!r}")
    if x.ndim < 3:
        raise ShapeError(f"{name} takes images (..., channels, height, width), not\n  {x.shape}")
    return x, int(factor)

