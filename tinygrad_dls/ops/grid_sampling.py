"""Looking at images at any places: grids of places, and the values there (Jaderberg et al. 2015).

Places are pairs (x, y) from -1, the left or top edge, to 1, the right or bottom one.
"""

from collections.abc import Sequence
from typing import Any

from .._util.arguments import is_whole
from .._util.keywords import near_names
from ..backend.device import default_device
from ..backend.dtypes import default_dtype
from ..engine.autograd import TensorBase, as_tensor
from ..errors import DataError, DeviceError, ShapeError
from .call import operand
from .elementwise import cast, clip
from .indexing import take
from .joining import stack
from .shape import reshape, transpose

MODES, PADDINGS = ("bilinear", "nearest"), ("zeros", "border", "reflection")


@near_names
def affine_grid(theta: Any, size: Sequence[int], align_corners: bool | None = None) -> Any:
    """The positions that the matrices theta move a regular grid to, for `grid_sample`.

    `size`: the shape of the images wanted. `align_corners`: -1 and 1 are the centers of the corner
    pixels, not the edges of the image (Jaderberg et al. 2015).

    Shape: theta (m, 2, 3), size (m, channels, h, w), y (m, h, w, 2).
    Raises: ShapeError if theta has not one matrix for each image.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> unchanged = dls.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    >>> F.affine_grid(unchanged, (1, 1, 1, 2), align_corners=False)[0, 0]
    Tensor([[-0.5,  0. ],
            [ 0.5,  0. ]])
    """
    theta = theta if isinstance(theta, TensorBase) else operand(theta, default_device())
    theta = theta if theta.dtype.kind == "f" else cast(theta, default_dtype())
    if len(size) != 4 or not all(is_whole(n, 1) for n in size):
        raise ShapeError(f"affine_grid: size is (m, channels, height, width), not {tuple(size)}")
    m, _, height, width = map(int, size)
    if theta.shape != (m, 2, 3):
        raise ShapeError(f"affine_grid takes one matrix (2, 3) for each of {m} images:\n"
                         f"  theta  {theta.shape}\n  size   {tuple(size)}")
    xs, ys = (_regular(n, bool(align_corners), theta) for n in (width, height))
    one = xs * 0.0 + ys[:, None] * 0.0
    base = stack([xs + one, ys[:, None] + one, one + 1.0], axis=-1)  # (height, width, 3)
    places = reshape(base, height * width, 3) @ transpose(theta, 0, 2, 1)
    return reshape(places, m, height, width, 2)


def _regular(n: int, align_corners: bool, like: Any) -> Any:
    """n places from -1 to 1: centers of pixels, or, with `align_corners`, the ends included."""
    at = like.device.xp.arange(n).astype(like.dtype)
    if align_corners:
        places = at * (2.0 / (n - 1)) - 1.0 if n > 1 else at * 0.0
    else:
        places = (at + 0.5) * (2.0 / n) - 1.0
    return as_tensor(places, like.device)


def grid_sample(
    x: Any, grid: Any, mode: str = "bilinear", padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Any:
    """The values of images x (m, channels, height, width) at the places grid (m, rows, columns, 2).

    `mode`: bilinear (between the four neighbours) or nearest. Outside there are zeros, the value
    at the border, or the reflected image. Differentiable in x and, where bilinear, in the grid.
    """
    x = x if isinstance(x, TensorBase) else operand(x, default_device())
    grid = operand(grid, x.device)
    if grid.device is not x.device:
        raise DeviceError(f"grid_sample: the images are on {x.device} and the grid on "
                          f"{grid.device}: grid.to({str(x.device)!r})")
    if mode not in MODES:
        raise DataError(f"grid_sample: mode is one of {', '.join(MODES)}, not {mode!r}")
    if padding_mode not in PADDINGS:
        raise DataError(f"grid_sample: padding_mode is one of {', '.join(PADDINGS)}, not "
                        f"{padding_mode!r}")
    if x.ndim != 4 or grid.ndim != 4 or grid.shape[-1] != 2 or grid.shape[0] != x.shape[0]:
        raise ShapeError("grid_sample takes images (m, channels, height, width) and as many grids "
                         f"(m, rows, columns, 2):\n  images  {x.shape}\n  grid    {grid.shape}")
    if 0 in x.shape[1:]:
        raise ShapeError(f"grid_sample: there is nothing to look at in\n  {x.shape}")
    x = x if x.dtype.kind == "f" else cast(x, default_dtype())
    grid = grid if grid.dtype == x.dtype else cast(grid, x.dtype)
    height, width = x.shape[2:]
    align = bool(align_corners)
    column = _inside(_pixels(grid[..., 0], width, align), width, padding_mode, align)
    row = _inside(_pixels(grid[..., 1], height, align), height, padding_mode, align)
    pixels = reshape(transpose(x, 0, 2, 3, 1), x.shape[0] * height * width, x.shape[1])
    if mode == "nearest":
        xp = x.device.xp
        values = _values(pixels, x.shape, xp.rint(row._data), xp.rint(column._data))
    else:
        values = _between(pixels, x.shape, row, column)
    return transpose(values, 0, 3, 1, 2)


def _pixels(places: Any, n: int, align_corners: bool) -> Any:
    """Places from -1 to 1 as numbers of pixels, the first one's center at 0."""
    if align_corners:
        return (places + 1.0) * ((n - 1) / 2)
    return ((places + 1.0) * n - 1.0) * 0.5


def _inside(at: Any, n: int, padding_mode: str, align_corners: bool) -> Any:
    """Map positions outside the image: to nothing (zeros), to the border, or back inside."""
    if padding_mode == "zeros":
        return at
    if padding_mode == "reflection":
        low, length = (0.0, n - 1.0) if align_corners else (-0.5, float(n))
        at = _reflected(at, low, length) if length else at * 0.0
    return clip(at, 0.0, n - 1.0)


def _reflected(at: Any, low: float, length: float) -> Any:
    """A place between `low` and `low + length`: as often mirrored at the ends as it takes."""
    xp = at.device.xp
    distance = abs(at._data - low)
    turns = xp.floor(distance / length)
    odd = turns - 2.0 * xp.floor(turns / 2.0)
    before = 1.0 - 2.0 * (at._data < low)  # what abs() does to the slope
    slope = as_tensor((before * (1.0 - 2.0 * odd)).astype(at.dtype), at.device)
    start = as_tensor((odd * length - (1.0 - 2.0 * odd) * turns * length).astype(at.dtype),
                      at.device)
    return (at - low) * slope + start + low


def _between(pixels: Any, size: tuple[int, ...], row: Any, column: Any) -> Any:
    """Bilinear interpolation: each of the four neighbours weighs what the opposite ones lack."""
    xp, device = pixels.device.xp, pixels.device
    top, left = xp.floor(row._data), xp.floor(column._data)
    down, right = row - as_tensor(top, device), column - as_tensor(left, device)
    up, before = 1.0 - down, 1.0 - right
    neighbours = ((top, left, up * before), (top, left + 1.0, up * right),
                  (top + 1.0, left, down * before), (top + 1.0, left + 1.0, down * right))
    a, b, c, d = (_values(pixels, size, *neighbour) for neighbour in neighbours)
    return a + b + c + d


def _values(
    pixels: Any, size: tuple[int, ...], row: Any, column: Any, weight: Any = 1.0
) -> Any:
    """Pixels at whole rows and columns (arrays (m, rows, columns)), 0 outside: (m, ..., channels).

    `pixels` (m height width, channels) are those of images of this size.
    """
    xp, device = pixels.device.xp, pixels.device
    m, _, height, width = size
    inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    image = xp.arange(m).reshape(m, 1, 1)
    row = xp.where(inside, row, 0.0).astype(xp.int64)
    column = xp.where(inside, column, 0.0).astype(xp.int64)
    found = take(pixels, as_tensor((image * height + row) * width + column, device), axis=0)
    shares = as_tensor(inside.astype(pixels.dtype), device) * weight
    return found * shares[..., None]
