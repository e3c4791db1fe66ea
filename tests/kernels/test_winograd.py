"""Winograd's convolutions: how large their errors are, and what they leave to the direct ones."""

from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba")
from tinygrad_dls.backend.device import Device
from tinygrad_dls.backend.kernels.table import wants_compiled

if not wants_compiled():
    pytest.skip("nothing is compiled", allow_module_level=True)
from tinygrad_dls.backend.kernels.numba import threads
from tinygrad_dls.backend.kernels.numba.conv import winograd
from tinygrad_dls.backend.kernels.reference import ReferenceKernels

Array = Any
REFERENCE = ReferenceKernels(np)
SLIDING = ((1, 1), ((1, 1), (1, 1)), (1, 1), 1)
RNG = np.random.default_rng(0)
PICTURES = {
    "normal": RNG.standard_normal((2, 24, 15, 18)),
    "pixels from 0 to 255": RNG.uniform(0, 255, (2, 24, 15, 18)),
    "far from 0": 1000 + RNG.standard_normal((2, 24, 15, 18)),
    "alternating": RNG.uniform(0.9, 1, (2, 24, 15, 18)) * (-1.0) ** np.indices((15, 18)).sum(0),
}
WEIGHT = RNG.standard_normal((40, 24, 3, 3)) / 15
FILTER = WEIGHT - WEIGHT.mean(axis=(2, 3), keepdims=True)  # differences: they sum to 0
DY = RNG.standard_normal((2, 40, 15, 18))


def all_three(kernels: Any, x: Array, weight: Array, dy: Array) -> tuple[Array, ...]:
    """A convolution, and its gradients of the images and of the weights."""
    return (kernels.convolution(x, weight, None, *SLIDING),
            kernels.transposed_convolution(dy, weight, None, x.shape[2:], *SLIDING),
            kernels.convolution_weight_gradient(x, dy, weight.shape[2:], *SLIDING))


def in_float32(*arrays: Array) -> tuple[Array, ...]:
    return tuple(a.astype(np.float32) for a in arrays)


def direct(monkeypatch: pytest.MonkeyPatch, *arrays: Array) -> tuple[Array, ...]:
    with monkeypatch.context() as patch:
        patch.setattr(winograd, "WINOGRAD_CHANNELS", 1 << 30)
        return all_three(Device("cpu").kernels, *arrays)


@pytest.mark.parametrize("weight", [WEIGHT, FILTER], ids=["any weights", "differences"])
@pytest.mark.parametrize("kind", PICTURES)
def test_its_errors_are_not_larger_than_those_of_direct_sums(kind, weight, monkeypatch):
    numbers = in_float32(PICTURES[kind], weight, DY)
    exact = all_three(REFERENCE, *(a.astype(np.float64) for a in numbers))
    tiles = all_three(Device("cpu").kernels, *numbers)
    sums = direct(monkeypatch, *numbers)
    for y, by_tiles, by_sums in zip(exact, tiles, sums, strict=True):
        assert by_tiles.dtype == np.float32
        assert not np.array_equal(by_tiles, by_sums)  # they are two ways
        assert np.abs(by_tiles - y).max() <= np.abs(by_sums - y).max()


def test_a_large_pixel_disturbs_its_neighbours_by_its_own_rounding_at_most():
    x, weight, dy = in_float32(PICTURES["normal"], WEIGHT, DY)
    x[0, 3, 7, 8] = 1e6
    y = all_three(Device("cpu").kernels, x, weight, dy)[0]
    exact = REFERENCE.convolution(x.astype(np.float64), weight.astype(np.float64), None, *SLIDING)
    assert np.abs(y - exact).max() <= 4 * 1e6 * np.abs(weight[:, 3]).max() * 2.0**-23


@pytest.mark.parametrize("number", [np.inf, -np.inf, np.nan, 3e38])
def test_pixels_without_room_for_sums_reach_their_own_windows_only(number):
    x, weight, dy = in_float32(PICTURES["normal"], WEIGHT, DY)
    x[1, 2, 6, 7] = number
    dy[0, 5, 3, 4] = number
    with np.errstate(invalid="ignore", over="ignore"):
        pairs = [*zip(all_three(Device("cpu").kernels, x, weight, dy),
                      all_three(REFERENCE, x, weight, dy), strict=True)]
    for mine, other in pairs:
        assert np.array_equal(np.isfinite(mine), np.isfinite(other))
        there = np.isfinite(other)
        assert np.allclose(mine[there], other[there], rtol=1e-4, atol=1e-4)


def test_an_image_gets_the_same_alone_and_on_any_number_of_threads(monkeypatch):
    x, weight = in_float32(PICTURES["normal"], WEIGHT)
    kernels = Device("cpu").kernels
    together = kernels.convolution(x, weight, None, *SLIDING)
    assert np.array_equal(kernels.convolution(x[1:], weight, None, *SLIDING), together[1:])
    for size in (1, min(2, threads._wanted())):
        monkeypatch.setattr(threads._team, "size", size)
        assert np.array_equal(kernels.convolution(x, weight, None, *SLIDING), together)


def test_float64_is_computed_directly(monkeypatch):
    numbers = PICTURES["normal"], WEIGHT, DY
    for mine, other in zip(all_three(Device("cpu").kernels, *numbers),
                           direct(monkeypatch, *numbers), strict=True):
        assert np.array_equal(mine, other)
