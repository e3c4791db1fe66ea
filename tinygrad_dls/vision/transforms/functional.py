"""Transforms of a batch (m, channels, height, width), with all numbers given.

Names and rules of torchvision.transforms.v2.functional. uint8 pictures run from 0 to 255, floats
from 0 to 1.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..._util.keywords import near_names
from ...backend.device import Device
from ...backend.kernels.axis_map import antialiasing, interpolating
from ...engine.modes import no_grad
from ...errors import DataError, ShapeError
from ...nn.functional.vision import affine_grid, grid_sample
from ...tensors import from_numpy

Array = np.ndarray[Any, Any]
GREY = (0.2989, 0.587, 0.114)  # ITU-R BT.601: what red, green and blue add to brightness


@near_names
def resize(
    images: Array, size: tuple[int, int], interpolation: str = "bilinear", antialias: bool = True
) -> Array:
    """Resample pictures to `size` (height, width): nearest, bilinear or bicubic.

    With `antialias` each pixel of a smaller picture is a mean of all that it stands for; without,
    of the few nearest.
    """
    if interpolation not in ("nearest", "bilinear", "bicubic"):
        raise DataError("interpolation is 'nearest', 'bilinear' or 'bicubic', not "
                        f"{interpolation!r}")
    if images.shape[-2:] == tuple(size):
        return images
    maps = tuple([
        antialiasing(interpolation, n, m) if antialias and interpolation != "nearest"
        else interpolating(interpolation, n, m, None, False)
        for n, m in zip(images.shape[-2:], size)
    ])
    return as_before(Device("cpu").kernels.resample(in_floats(images), maps), images, nearest=True)


@near_names
def crop(images: Array, top: int, left: int, height: int, width: int) -> Array:
    """Cut out a rectangle that lies inside of the pictures."""
    h, w = images.shape[-2:]
    if top < 0 or left < 0 or top + height > h or left + width > w:
        raise ShapeError(f"a crop of {height} x {width} at row {top}, column {left} reaches out of "
                         f"pictures of {h} x {w}: pad them, or resize them first")
    return images[..., top : top + height, left : left + width]


@near_names
def pad(images: Array, padding: Any, fill: float = 0, padding_mode: str = "constant") -> Array:
    """Add a border: one width for all sides, (left and right, top and bottom), or
    (left, top, right, bottom). `padding_mode`: constant, edge, reflect or symmetric."""
    if padding_mode not in ("constant", "edge", "reflect", "symmetric"):
        raise DataError("padding_mode is constant, edge, reflect or symmetric, not "
                        f"{padding_mode!r}")
    sides = tuple(padding) if isinstance(padding, Sequence) else (padding,) * 4
    sides = sides * 2 if len(sides) == 2 else sides
    if len(sides) != 4 or not all(isinstance(n, int) and n >= 0 for n in sides):
        raise ShapeError("padding is one width, two or four, whole numbers from 0, not "
                         f"{padding!r}")
    left, top, right, bottom = sides
    widths = [(0, 0)] * (images.ndim - 2) + [(top, bottom), (left, right)]
    options: dict[str, Any] = {"constant_values": fill} if padding_mode == "constant" else {}
    return np.pad(images, widths, padding_mode, **options)  # type: ignore[call-overload,no-any-return]


@near_names
def hflip(images: Array) -> Array:
    """Mirror left and right."""
    return images[..., ::-1]


@near_names
def rotate(
    images: Array, angles: Any, interpolation: str = "nearest", fill: float = 0
) -> Array:
    """Turn pictures (m, c, h, w) counter-clockwise around their center by degrees (m,)."""
    if interpolation not in ("nearest", "bilinear"):
        raise DataError(f"interpolation is 'nearest' or 'bilinear', not {interpolation!r}")
    values = in_floats(images)
    m, _, height, width = values.shape
    if not m:
        return images
    turn = np.deg2rad(np.broadcast_to(angles, (m,)))
    cos, sin, zero = np.cos(turn), np.sin(turn), np.zeros(m)
    theta = np.stack([  # where each pixel comes from, in units of half a picture
        np.stack([cos, -sin * height / width, zero], axis=1),
        np.stack([sin * width / height, cos, zero], axis=1),
    ], axis=1).astype(values.dtype)
    inside = np.ones((m, 1, height, width), values.dtype)
    with no_grad():
        x = from_numpy(np.concatenate([values, inside], axis=1))
        grid = affine_grid(from_numpy(theta), x.shape)
        moved = grid_sample(x, grid, interpolation).numpy()
    share = moved[:, -1:]  # how much of a pixel comes from inside of the picture
    return as_before(moved[:, :-1] + (1 - share) * fill, images, nearest=True)


@near_names
def normalize(images: Any, mean: Any, std: Any) -> Any:
    """Subtract the mean of each channel and divide by its standard deviation."""
    return (images - mean) / std


@near_names
def erase(images: Array, top: int, left: int, height: int, width: int, value: Any) -> Array:
    """Write `value` (broadcast to (channels, height, width)) over a rectangle of a copy."""
    erased = images.copy()
    erased[..., top : top + height, left : left + width] = value
    return erased


@near_names
def rgb_to_grayscale(images: Array) -> Array:
    """Mix three channels to one as bright as they look: (..., 3, h, w) -> (..., 1, h, w)."""
    if images.shape[-3] == 1:
        return images.copy()
    return as_before(_brightness(images), images)


@near_names
def adjust_brightness(images: Array, brightness_factor: Any) -> Array:
    """Multiply every value: 0 is black, 1 changes nothing. Factors: one, or one a picture (m,)."""
    return _blend(images, np.zeros((1,) * images.ndim), brightness_factor)


@near_names
def adjust_contrast(images: Array, contrast_factor: Any) -> Array:
    """Stretch away from the mean brightness: 0 is all grey, 1 changes nothing."""
    mean = _brightness(images).mean(axis=(-3, -2, -1), keepdims=True)
    return _blend(images, mean, contrast_factor)


@near_names
def adjust_saturation(images: Array, saturation_factor: Any) -> Array:
    """Stretch away from the grey picture: 0 is black and white, 1 changes nothing."""
    if images.shape[-3] == 1:
        return images
    return _blend(images, _brightness(images), saturation_factor)


@near_names
def adjust_hue(images: Array, hue_factor: Any) -> Array:
    """Turn the colors around the color wheel, by -1/2 to 1/2 of a full turn."""
    turn = np.asarray(hue_factor, np.float64)
    if not (np.abs(turn) <= 0.5).all():
        raise DataError(f"a hue factor is between -0.5 and 0.5, not {hue_factor!r}")
    _check_channels(images)
    if images.shape[-3] == 1:
        return images
    scale = 255.0 if images.dtype == np.uint8 else 1.0
    rgb = in_floats(images) / scale
    hue, saturation, value = _rgb_to_hsv(rgb)
    hue = (hue + _per_picture(turn, hue.ndim)) % 1.0
    turned = _hsv_to_rgb(hue, saturation, value).astype(rgb.dtype)
    return as_before(turned * (255.999 if scale == 255.0 else 1.0), images)


@near_names
def in_floats(images: Array) -> Array:
    """Floats as they are, uint8 as float32 with the same values."""
    return images if images.dtype.kind == "f" else images.astype(np.float32)


@near_names
def as_before(values: Array, images: Array, nearest: bool = False) -> Array:
    """`values` in the dtype of `images`: uint8 is rounded (or cut off) into 0 to 255."""
    if images.dtype == np.uint8:
        values = np.clip(np.rint(values) if nearest else values, 0, 255)
    return values.astype(images.dtype, copy=False)


def _blend(images: Array, other: Array, factor: Any) -> Array:
    factors = np.asarray(factor, np.float64)
    if not (factors >= 0).all():
        raise DataError(f"a factor is at least 0, not {factor!r}")
    _check_channels(images)
    values = in_floats(images)
    ratio = _per_picture(factors, values.ndim).astype(values.dtype)
    mixed = values * ratio + other.astype(values.dtype) * (1 - ratio)
    return as_before(np.clip(mixed, 0, 255 if images.dtype == np.uint8 else 1), images)


def _brightness(images: Array) -> Array:
    _check_channels(images)
    values = in_floats(images)
    if values.shape[-3] == 1:
        return values
    r, g, b = (values[..., i, :, :] for i in range(3))
    grey = (GREY[0] * r + GREY[1] * g + GREY[2] * b)[..., None, :, :]
    return np.floor(grey) if images.dtype == np.uint8 else grey


def _check_channels(images: Array) -> None:
    if images.shape[-3] not in (1, 3):
        raise ShapeError("colors are changed in pictures of 1 or 3 channels, (..., 3, height, "
                         f"width), not\n  {images.shape}")


def _per_picture(factors: Array, ndim: int) -> Array:
    """Factors (m,) or () so that they broadcast against pictures of `ndim` axes."""
    return factors.reshape(*factors.shape, *[1] * (ndim - 1)) if factors.ndim else factors


def _rgb_to_hsv(rgb: Array) -> tuple[Array, Array, Array]:
    """Hue, saturation and value, each (..., height, width) from 0 to 1 (Smith 1978)."""
    r, g, b = (rgb[..., i, :, :] for i in range(3))
    largest, smallest = rgb.max(axis=-3), rgb.min(axis=-3)
    span = largest - smallest
    grey = span == 0
    divisor = np.where(grey, 1, span)
    sixth = np.where(
        largest == r, (g - b) / divisor,
        np.where(largest == g, 2 + (b - r) / divisor, 4 + (r - g) / divisor),
    )
    hue = np.where(grey, 0, (sixth / 6) % 1.0)
    return hue, span / np.where(grey, 1, largest), largest


def _hsv_to_rgb(hue: Array, saturation: Array, value: Array) -> Array:
    """(..., 3, height, width): each channel falls and rises along the wheel, a third apart."""
    channels = []
    for start in (5, 3, 1):
        k = (start + 6 * hue) % 6
        channels.append(value - value * saturation * np.clip(np.minimum(k, 4 - k), 0, 1))
    return np.stack(channels, axis=-3)


@near_names
def target_size(size: tuple[int, int], wanted: Any, max_size: int | None) -> tuple[int, int]:
    """(height, width) after Resize: both given, or the shorter side, the longer in proportion."""
    if not isinstance(wanted, int) and len(wanted) == 2:
        return tuple(wanted)
    short, long = sorted(size)
    shorter = wanted if isinstance(wanted, int) else wanted[0]
    longer = math.floor(shorter * long / short)
    if max_size is not None and longer > max_size:
        shorter, longer = math.floor(max_size * shorter / longer), max_size
    height, width = size
    return (longer, shorter) if width <= height else (shorter, longer)
