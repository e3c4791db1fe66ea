"""Interpolation: images of other lengths; each axis is mapped by a sparse matrix."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .._util.arguments import is_amount, is_whole
from ..backend.device import default_device
from ..backend.kernels.axis_map import AxisMap, interpolating, transposed
from ..engine.autograd import Array, TensorBase
from ..errors import DataError, ShapeError
from .call import function_of, operand
from .op import Op
from .pooling import adaptive_avg_pool
from .samples import Rng, Sample

MODES = {  # name: for how many axes of lengths
    "nearest": (1, 2, 3), "nearest-exact": (1, 2, 3), "linear": (1,), "bilinear": (2,),
    "bicubic": (2,), "trilinear": (3,), "area": (1, 2, 3),
}


def _dense(x: Any, maps: Sequence[AxisMap]) -> Any:
    """The same by whole matrices."""
    for axis, matrix in enumerate(maps, x.ndim - len(maps)):
        full = np.zeros((matrix.outputs, matrix.size))
        for i, row in enumerate(matrix.rows):
            for place, weight in row:
                full[i, place] += weight
        x = np.moveaxis(np.moveaxis(x, axis, -1) @ full.T, -1, axis)
    return x


class Resample(Op):
    """y = x with a matrix applied along each of its last axes.    dL/dx: the transposed matrices

    What averaging and interpolation are, and what goes back through them.
    """

    floats = True
    numpy = staticmethod(_dense)
    samples = staticmethod(
        lambda rng: [
            Sample((rng.standard_normal(shape),), {"maps": tuple(
                interpolating(mode, n, m, None, False) for n, m in zip(shape[2:], lengths))})
            for mode in ("nearest", "bilinear", "bicubic")
            for shape, lengths in (((2, 3, 4, 3), (2, 7)), ((2, 1, 4), (5,)), ((0, 2, 3), (4,)),
                                   ((1, 2, 2, 3, 2), (4, 1, 3)), ((1, 1, 1, 1), (3, 3)))
        ]
    )

    def __init__(self, maps: tuple[AxisMap, ...]) -> None:
        self.maps = maps

    def label(self) -> str:
        return f"resample({tuple(m.size for m in self.maps)} to " + (
            f"{tuple(m.outputs for m in self.maps)})")

    def forward(self, x: Array) -> Array:
        return self.kernels.resample(x, self.maps)

    def backward(self, dy: Any) -> Any:
        return self.kernels.resample(dy, transposed(self.maps))


def resample(x: Any, maps: tuple[AxisMap, ...]) -> Any:
    """x with its last axes mapped, under the name of the kernel it stands for on tensors."""
    return function_of(Resample, maps)(x)


def _interpolation_samples(rng: Rng) -> list[Sample]:
    cases: list[tuple[str, tuple[int, ...], tuple[int, ...]]] = [
        ("nearest", (2, 2, 3, 4), (6, 8)), ("nearest-exact", (1, 2, 5), (3,)),
        ("linear", (2, 1, 4), (7,)), ("bilinear", (1, 3, 3, 4), (6, 3)),
        ("bicubic", (1, 1, 4, 3), (5, 6)), ("trilinear", (1, 1, 2, 3, 2), (4, 2, 3)),
        ("bilinear", (0, 2, 3, 3), (2, 2)), ("bilinear", (1, 1, 1, 1), (2, 1)),
    ]
    return [
        Sample((rng.standard_normal(shape),),
               {"mode": mode, "lengths": lengths, "align_corners": align})
        for mode, shape, lengths in cases
        for align in ((False,) if mode.startswith("nearest") else (False, True))
    ]


class Interpolate(Op):
    """y = x between its values: nearest, linear (of 2**axes neighbours) or cubic (of 16)

    dL/dy goes back to the neighbours, with the weights they had.
    """

    floats = True
    numpy = staticmethod(
        lambda x, mode, lengths, align_corners: _dense(x, [
            interpolating(mode, n, m, None, align_corners) for n, m in zip(x.shape[2:], lengths)])
    )
    samples = staticmethod(_interpolation_samples)

    def __init__(
        self, mode: str, lengths: tuple[int, ...], scales: tuple[float, ...] | None = None,
        align_corners: bool = False,
    ) -> None:
        self.mode, self.lengths, self.scales = mode, lengths, scales
        self.align_corners = align_corners

    def maps(self, before: Sequence[int]) -> tuple[AxisMap, ...]:
        """Return its effect along each axis of lengths `before`."""
        scales = self.scales or (None,) * len(before)
        return tuple([interpolating(self.mode, n, m, scale, self.align_corners)
                      for n, m, scale in zip(before, self.lengths, scales)])

    def forward(self, x: Array) -> Array:
        return self.kernels.resample(x, self.maps(x.shape[2:]))

    def backward(self, dy: Any, shapes: Any) -> Any:
        return self.kernels.resample(dy, transposed(self.maps(shapes[0][2:])))


def interpolate(
    x: Any, size: Any = None, scale_factor: Any = None, mode: str = "nearest",
    align_corners: bool | None = None, recompute_scale_factor: bool | None = None,
) -> Any:
    """x (m, channels, *lengths) with other lengths: `size`, or `scale_factor` times as long.

    `mode`: nearest, nearest-exact, linear, bilinear, bicubic, trilinear, area (means). With
    `align_corners` the corner values stay at the corners; otherwise pixels are areas.
    `recompute_scale_factor`: positions follow from the rounded lengths, not from the factor.
    """
    x = x if isinstance(x, TensorBase) else operand(x, default_device())
    if mode not in MODES:
        raise DataError(f"interpolate: mode is one of {', '.join(MODES)}, not {mode!r}")
    before = x.shape[2:]
    axes = x.ndim - 2
    if axes not in MODES[mode] or 0 in before:
        fits = [m for m, allowed in MODES.items() if axes in allowed]
        hint = f"\nfor these axes: {', '.join(fits)}" if fits and 0 not in before else ""
        wanted = " or ".join(str(n + 2) for n in MODES[mode])
        raise ShapeError(f"interpolate with mode {mode!r} takes images (m, channels, *lengths) of "
                         f"{wanted} axes and no length 0, not\n  {x.shape}{hint}")
    if align_corners is not None and (mode.startswith("nearest") or mode == "area"):
        raise DataError(f"interpolate: align_corners says nothing to mode {mode!r}, which has no "
                        "corners: leave it out, or take a linear mode")
    if (size is None) == (scale_factor is None):
        raise ShapeError("interpolate takes either size or scale_factor, "
                         + ("not both" if size is not None else "and got neither"))
    scales: tuple[float, ...] | None = None
    if size is not None:
        if recompute_scale_factor:
            raise DataError("interpolate: recompute_scale_factor needs a scale_factor, not a size")
        lengths = _for_each(size, axes, "size")
        if not all(is_whole(n, 1) for n in lengths):
            raise ShapeError(f"interpolate: size is whole numbers from 1, not {size!r}")
        lengths = tuple(map(int, lengths))
    else:
        factors = _for_each(scale_factor, axes, "scale_factor")
        if not all(is_amount(f) and f > 0 for f in factors):
            raise ShapeError(f"interpolate: scale_factor is above 0, not {scale_factor!r}")
        lengths = tuple([math.floor(n * f) for n, f in zip(before, factors)])
        if 0 in lengths:
            raise ShapeError(f"interpolate: scale_factor {scale_factor!r} leaves nothing of\n"
                             f"  {x.shape}")
        if not recompute_scale_factor:
            scales = tuple(map(float, factors))
    if mode == "area":
        return adaptive_avg_pool(x, lengths, axes)
    return function_of(Interpolate, mode, lengths, scales, bool(align_corners))(x)


def _for_each(value: Any, axes: int, what: str) -> tuple[Any, ...]:
    """One value for each axis."""
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,) * axes
    if len(values) != axes:
        raise ShapeError(f"interpolate: {what} has one number, or one for each of {axes} axes, "
                         f"not {value!r}")
    return values
