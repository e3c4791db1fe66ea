"""ONNX's Resize, GridSample and AffineGrid: images at other places, by functions of ours.

A Resize is a sparse matrix along each axis. The place of output i in the input follows from
the scale in the file, not from the two lengths, which the scale need not divide. Places are
computed in float32, as in runtimes, so that ties fall the same way.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .. import ops
from ..backend.kernels.axis_map import AxisMap
from ..errors import FormatError
from ..nn import functional as F
from ..ops.call import tensor_of
from .onnx_operators import Args, bound_size, host, operator
from .reading import Array, short

Places = Any  # (outputs,) float32


class _Axis(NamedTuple):
    """One axis that is resized: its lengths, outputs per input, and the part that is looked at."""

    before: int
    after: int
    scale: Any
    start: float
    end: float


def _half_pixel(i: Any, x: _Axis) -> Places:
    return (i + np.float32(0.5)) / x.scale - np.float32(0.5)


def _half_pixel_symmetric(i: Any, x: _Axis) -> Places:
    shrunk = np.float32(x.after) / (np.float32(x.before) * x.scale)
    offset = np.float32(x.before) / np.float32(2) * (np.float32(1) - shrunk)
    return offset + (i + np.float32(0.5)) / x.scale - np.float32(0.5)


def _crop(i: Any, x: _Axis) -> Places:
    if x.after == 1:
        return i + 0.5 * (x.start + x.end) * (x.before - 1)
    return (x.start + i * (x.end - x.start) / (x.after - 1)) * (x.before - 1)


COORDINATES: dict[str, Callable[[Any, _Axis], Places]] = {
    "half_pixel": _half_pixel,
    "half_pixel_symmetric": _half_pixel_symmetric,
    "pytorch_half_pixel": lambda i, x: _half_pixel(i, x) if x.after > 1 else i,
    "asymmetric": lambda i, x: i / x.scale,
    "align_corners": lambda i, x: i * np.float32(x.before - 1) / np.float32(max(1, x.after - 1)),
    "tf_half_pixel_for_nn": lambda i, x: (i + np.float32(0.5)) / x.scale,
    "tf_crop_and_resize": _crop,
}
ROUNDINGS: dict[str, Callable[[Any], Any]] = {
    "round_prefer_floor": lambda at: np.ceil(at - np.float32(0.5)),
    "round_prefer_ceil": lambda at: np.floor(at + np.float32(0.5)),
    "floor": np.floor, "ceil": np.ceil,
}


def _text(a: Args, name: str, usual: str) -> str:
    return bytes(a.option(name, usual.encode())).decode("utf-8", "replace")


@operator("Resize", "Upsample", host=(1, 2, 3))
def _resize(a: Args) -> Any:
    old = a.kind == "Upsample" or a.opset < 11
    mode = _text(a, "mode", "nearest").replace("bilinear", "linear")
    place = "asymmetric" if old else _text(a, "coordinate_transformation_mode", "half_pixel")
    rounding = "floor" if old else _text(a, "nearest_mode", "round_prefer_floor")
    if mode not in ("nearest", "linear", "cubic") or place not in COORDINATES or (
            rounding not in ROUNDINGS):
        raise a.refuse(f"mode {short(mode)} with coordinates {short(place)}, {short(rounding)}")
    x, axes = a[0], _resized_axes(a, old)
    bound_size(a, [axes[i].after if i in axes else n for i, n in enumerate(x.shape)])
    outside = [
        (i, np.asarray(at < 0) | np.asarray(at > axis.before - 1)) for i, axis in axes.items()
        for at in (_at(place, axis),)] if place == "tf_crop_and_resize" else []
    if mode == "nearest":
        for i, axis in axes.items():
            at = ROUNDINGS[rounding](_at(place, axis)).clip(0, axis.before - 1)
            x = x if _is_same(at, axis) else ops.take(x, at.astype(np.int64), i)
    else:
        if x.dtype.kind != "f":
            raise a.refuse(f"a {mode} resize of {x.dtype}")
        maps = {i: _weighted(a, mode, _at(place, axis), axis) for i, axis in axes.items()}
        x = _resampled(x, {i: m for i, m in maps.items() if not m.is_identity})
    for i, mask in outside:
        if mask.any():
            mask = mask.reshape([-1 if j == i else 1 for j in range(x.ndim)])
            x = ops.where(tensor_of(mask, x.device), float(a.option("extrapolation_value", 0.0)), x)
    return x


def _at(place: str, axis: _Axis) -> Places:
    """Compute the places of the outputs in the input."""
    return COORDINATES[place](np.arange(axis.after, dtype=np.float32), axis)


def _is_same(at: Array, axis: _Axis) -> bool:
    return len(at) == axis.before and bool((at == np.arange(axis.before)).all())


def _resized_axes(a: Args, old: bool) -> dict[int, _Axis]:
    """The axes that are resized, by sizes or by scales."""
    x, factors, sizes = a[0], a[1] if old else a[2], a.ints(3)
    numbers = None if factors is None or not factors.size else host(factors).astype(np.float32)
    if numbers is None and a.option("scales"):
        numbers = np.array(a.option("scales"), np.float32)
    places = [i % max(1, x.ndim) for i in a.option("axes") or range(x.ndim)]
    given = sizes if numbers is None else numbers
    if given is None or len(given) != len(places):
        raise FormatError(f"{a.what} has no scales or sizes for its input of shape {x.shape}")
    before = [x.shape[i] for i in places]
    if numbers is None:
        wanted, scales = _sizes(a, before, list(sizes or []))
    else:
        if not (np.isfinite(numbers) & (numbers > 0)).all():
            raise FormatError(f"{a.what}: scales are numbers above 0, not {short(numbers)}")
        scales = list(numbers)
        wanted = [math.floor(np.float32(n) * f) for n, f in zip(before, scales)]
    if any(m < (n > 0) or (m > 0 and not n) for n, m in zip(before, wanted)):
        raise FormatError(f"{a.what} makes lengths {short(wanted)} of {before}")
    part = [0.0] * len(places) + [1.0] * len(places) if old or a[1] is None or not a[1].size else (
        host(a[1]).reshape(-1).tolist())
    if len(part) != 2 * len(places):
        raise FormatError(f"{a.what}: its part (roi) has {len(part)} numbers")
    return {i: _Axis(n, m, f, part[j], part[len(places) + j])
            for j, (i, n, m, f) in enumerate(zip(places, before, wanted, scales)) if n}


def _sizes(a: Args, before: list[int], sizes: list[int]) -> tuple[list[int], list[Any]]:
    """The lengths, and scales that they mean; with one scale for all where proportions are kept."""
    policy = _text(a, "keep_aspect_ratio_policy", "stretch")
    scales = [np.float32(m) / np.float32(n or 1) for n, m in zip(before, sizes)]
    if policy == "stretch":
        return sizes, scales
    if policy not in ("not_larger", "not_smaller"):
        raise a.refuse(f"keep_aspect_ratio_policy {short(policy)}")
    one = (min if policy == "not_larger" else max)(scales)
    return [math.floor(float(one) * n + 0.5) for n in before], [one] * len(before)


def _weighted(a: Args, mode: str, at: Places, axis: _Axis) -> AxisMap:
    """Linear or cubic interpolation (Keys 1981): weights by the distance from `at`.

    With `antialias` a smaller image is made with windows as wide as what one output stands for.
    """
    sharpness = min(1.0, float(axis.scale)) if a.option("antialias", 0) else 1.0
    reach = (1 if mode == "linear" else 2) / sharpness
    cut = bool(a.option("exclude_outside", 0))
    free = float(a.option("cubic_coeff_a", -0.75))
    if (2 * reach + 2) * axis.after > 2**28:
        raise a.refuse("windows as wide as these")
    rows = []
    for center in at.tolist():
        first = math.floor(center) + math.floor(-reach) + 1
        taps = np.arange(first, math.floor(center) + math.floor(reach) + 2)
        distance = np.abs(taps - center) * sharpness
        weights = np.maximum(1 - distance, 0.0) if mode == "linear" else _cubic(distance, free)
        if cut:
            weights = np.where((taps >= 0) & (taps < axis.before), weights, 0.0)
        weights = weights / weights.sum() if cut or sharpness < 1 else weights
        row: dict[int, float] = {}
        for place, weight in zip(taps.clip(0, axis.before - 1).tolist(), weights.tolist()):
            if weight:
                row[place] = row.get(place, 0.0) + weight
        rows.append(list(row.items()))
    return AxisMap.of_rows(axis.before, rows)


def _cubic(distance: Array, a: float) -> Array:
    d = distance
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = a * (((d - 5) * d + 8) * d - 4)
    return np.where(d <= 1, near, np.where(d < 2, far, 0.0))


def _resampled(x: Any, maps: dict[int, AxisMap]) -> Any:
    """x with some of its axes mapped."""
    if maps and min(maps) >= 2 and 3 <= x.ndim <= 5:
        kept = [AxisMap.of_rows(n, [[(i, 1.0)] for i in range(n)]) for n in x.shape]
        return ops.resample(x, tuple(maps.get(i, kept[i]) for i in range(2, x.ndim)))
    for i, one in maps.items():
        moved = ops.swapaxes(x, i, x.ndim - 1)
        rows = ops.resample(moved.reshape((1, -1, moved.shape[-1])), (one,))
        x = ops.swapaxes(rows.reshape((*moved.shape[:-1], one.outputs)), i, x.ndim - 1)
    return x


# --- places that are computed ---------------------------------------------------------------------


@operator("AffineGrid", host=(1,))
def _affine_grid(a: Args) -> Any:
    """Places (m, *lengths, axes) that matrices (m, axes, axes + 1) move a regular grid to."""
    size, theta, align = a.ints(1) or [], a[0], a.option("align_corners", 0)
    lengths, axes = size[2:], len(size) - 2
    if axes not in (2, 3) or min(size) < 1 or theta.shape != (size[0], axes, axes + 1):
        raise FormatError(f"{a.what}: matrices {theta.shape} are not for images {short(size)}")
    bound_size(a, [size[0], *lengths, axes])
    at = [np.linspace(-1, 1, n) if align else (np.arange(n) + 0.5) * 2 / n - 1 for n in lengths]
    if align:
        at = [row if len(row) > 1 else np.zeros(1) for row in at]
    grid = np.stack([*np.meshgrid(*at, indexing="ij")[::-1], np.ones(lengths)], axis=-1)
    regular = tensor_of(grid.reshape(1, -1, axes + 1).astype(theta.dtype), theta.device)
    return ops.matmul(regular, ops.swapaxes(theta, 1, 2)).reshape((size[0], *lengths, axes))


@operator("GridSample")
def _grid_sample(a: Args) -> Any:
    mode = _text(a, "mode", "linear").replace("bilinear", "linear").replace("bicubic", "cubic")
    edges, align = _text(a, "padding_mode", "zeros"), bool(a.option("align_corners", 0))
    if mode not in ("linear", "nearest", "cubic") or edges not in ("zeros", "border", "reflection"):
        raise a.refuse(f"mode {short(mode)} with edges {short(edges)}")
    x, grid = a[0], a[1]
    axes = x.ndim - 2
    if grid.ndim != x.ndim or grid.shape[-1] != axes or grid.shape[0] != x.shape[0]:
        raise FormatError(f"{a.what}: places {grid.shape} are not for images {x.shape}")
    if axes == 2 and mode != "cubic":
        return F.grid_sample(x, grid, "bilinear" if mode == "linear" else mode, edges, align)
    if mode == "cubic" and axes != 2:
        raise a.refuse("a cubic grid of other images than pictures")
    return _sampled(x, grid, mode, edges, align)


def _sampled(x: Any, grid: Any, mode: str, edges: str, align: bool) -> Any:
    """x (m, c, *lengths) at places (m, *wanted, axes): a sum over the neighbours of each place."""
    lengths, m = x.shape[2:], x.shape[0]
    wanted = grid.shape[1:-1]
    taps: list[list[tuple[Any, Any]]] = []  # for each axis: (places, weights) of its neighbours
    for i, n in enumerate(lengths):
        at = grid[..., len(lengths) - 1 - i]
        at = (at + 1.0) * ((n - 1) / 2) if align else ((at + 1.0) * n - 1.0) / 2
        if mode != "cubic":
            at = _kept_inside(at, n, edges, align)
        taps.append(_neighbours(at, mode))
    y: Any = 0.0
    weight: Any
    places: Any
    inside: Any
    for index in np.ndindex(*[len(t) for t in taps]):
        weight, places, inside = 1.0, 0, True  # of all axes together
        for t, k, n in zip(taps, index, lengths):
            at, w = t[k]
            inside = ops.logical_and(inside, ops.logical_and(at >= 0, at <= n - 1))
            if mode == "cubic" and edges != "zeros":
                at = _kept_inside(at, n, edges, align)
                inside = True
            place = ops.cast(ops.clip(ops.where(at == at, at, 0.0), 0.0, n - 1.0), np.int64)
            places, weight = places * n + place, weight * w
        flat = places.reshape((m, 1, -1))
        flat = ops.broadcast_to(flat, (m, x.shape[1], flat.shape[-1]))
        found = ops.take_along_axis(x.reshape((m, x.shape[1], -1)), flat, 2)
        found = found.reshape((m, x.shape[1], *wanted))
        found = found if mode == "nearest" else found * ops.expand_dims(weight, 1)
        y = y + (found if inside is True else ops.where(ops.expand_dims(inside, 1), found, 0.0))
    return y


def _kept_inside(at: Any, n: int, edges: str, align: bool) -> Any:
    """Places moved into an axis of length n, by its border or by reflection at it."""
    if edges == "border":
        return ops.clip(at, 0.0, n - 1.0)
    if edges == "reflection":
        low, span = (0.0, n - 1.0) if align else (-0.5, float(n))
        around = ops.remainder(at - low, 2 * span) if span else at * 0.0
        at = ops.where(around > span, 2 * span - around, around) + low
        return ops.clip(at, 0.0, n - 1.0)
    return at


def _neighbours(at: Any, mode: str) -> list[tuple[Any, Any]]:
    """(places, weights) of what a value at `at` is made of."""
    if mode == "nearest":
        return [(ops.round(at, 0), 1.0)]
    low = ops.floor(at)
    d = at - low
    if mode == "linear":
        return [(low, 1.0 - d), (low + 1.0, d)]
    a, found = -0.75, []
    for k in (-1.0, 0.0, 1.0, 2.0):
        t = ops.abs(d - k)
        weight = ((a + 2) * t - (a + 3)) * t * t + 1.0 if k in (0, 1) else (
            a * (((t - 5.0) * t + 8.0) * t - 4.0))
        found.append((low + k, weight))
    return found
