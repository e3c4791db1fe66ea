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
from tinygrad_dls.backend.kernels.numba.conv import winograd_2x2 as small
from tinygrad_dls.backend.kernels.numba.conv import winograd_4x4 as large
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
TILES = {2: small, 4: large}
LARGER = {2: 1, 4: 4}  # times as large as those of direct sums are its errors at most


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


def of_tiles(tile: int, monkeypatch: pytest.MonkeyPatch, *arrays: Array) -> tuple[Array, ...]:
    """All three with tiles of tile x tile results, whichever are less work."""
    with monkeypatch.context() as patch:
        patch.setattr(winograd, "WINOGRAD_LARGE", np.inf if tile == 4 else 0)
        return all_three(Device("cpu").kernels, *arrays)


@pytest.mark.parametrize("tile", TILES)
def test_products_of_its_sums_are_sums_of_products(tile):
    sums = TILES[tile]
    pixels, weights, errors = (list(RNG.standard_normal(n)) for n in (tile + 2, 3, tile))

    def products(of_factors: Any, factors: list[float]) -> list[float]:
        pairs = zip(sums.of_pixels.py_func(*pixels), of_factors.py_func(*factors), strict=True)
        return [a * b for a, b in pairs]

    assert np.allclose(sums.of_results.py_func(*products(sums.of_weights, weights)),
                       np.correlate(pixels, weights, "valid"), rtol=1e-12, atol=1e-12)
    assert np.allclose(sums.of_sums.py_func(*products(sums.of_errors, errors)),
                       np.correlate(pixels, errors, "valid"), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("tile", TILES)
@pytest.mark.parametrize("weight", [WEIGHT, FILTER], ids=["any weights", "differences"])
@pytest.mark.parametrize("kind", PICTURES)
def test_its_errors_are_about_those_of_direct_sums(kind, weight, tile, monkeypatch):
    numbers = in_float32(PICTURES[kind], weight, DY)
    exact = all_three(REFERENCE, *(a.astype(np.float64) for a in numbers))
    tiles = of_tiles(tile, monkeypatch, *numbers)
    sums = direct(monkeypatch, *numbers)
    for y, by_tiles, by_sums in zip(exact, tiles, sums, strict=True):
        assert by_tiles.dtype == np.float32
        assert not np.array_equal(by_tiles, by_sums)  # they are two ways
        assert np.abs(by_tiles - y).max() <= LARGER[tile] * np.abs(by_sums - y).max()


@pytest.mark.parametrize("tile", TILES)
def test_a_large_pixel_disturbs_its_neighbours_by_its_own_rounding_at_most(tile, monkeypatch):
    x, weight, dy = in_float32(PICTURES["normal"], WEIGHT, DY)
    x[0, 3, 7, 8] = 1e6
    y = of_tiles(tile, monkeypatch, x, weight, dy)[0]
    exact = REFERENCE.convolution(x.astype(np.float64), weight.astype(np.float64), None, *SLIDING)
    assert np.abs(y - exact).max() <= 4 * LARGER[tile] * 1e6 * np.abs(weight[:, 3]).max() * 2**-23


@pytest.mark.parametrize("tile", TILES)
@pytest.mark.parametrize("number", [np.inf, -np.inf, np.nan, 3e38])
def test_pixels_without_room_for_sums_reach_their_own_windows_only(number, tile, monkeypatch):
    x, weight, dy = in_float32(PICTURES["normal"], WEIGHT, DY)
    x[1, 2, 6, 7] = number
    dy[0, 5, 3, 4] = number
    with np.errstate(invalid="ignore", over="ignore"):
        pairs = [*zip(of_tiles(tile, monkeypatch, x, weight, dy),
                      all_three(REFERENCE, x, weight, dy), strict=True)]
    for mine, other in pairs:
        assert np.array_equal(np.isfinite(mine), np.isfinite(other))
        there = np.isfinite(other)
        assert np.allclose(mine[there], other[there], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("tile", TILES)
@pytest.mark.parametrize("outputs", [40, 130], ids=["threads share tiles", "or channels"])
def test_what_sees_only_zeros_is_zero(outputs, tile, monkeypatch):
    """As of direct sums: a ReLU behind it, or a field that is measured, depends on it."""
    rng = np.random.default_rng(outputs)
    x, dy = np.zeros((2, 24, 15, 18), np.float32), np.zeros((2, outputs, 15, 18), np.float32)
    for numbers in (x, dy):
        for _ in range(12):  # single channels of single pixels, also at the border
            n, k, i, j = (rng.integers(size) for size in numbers.shape)
            numbers[n, k, i, j] = rng.standard_normal()
    weight = rng.standard_normal((outputs, 24, 3, 3)).astype(np.float32)
    y, dx, _ = of_tiles(tile, monkeypatch, x, weight, dy)
    for mine, other in zip((y, dx), all_three(REFERENCE, x, weight, dy), strict=False):
        assert np.array_equal(mine != 0, other != 0)
    bias = rng.standard_normal(outputs).astype(np.float32)
    monkeypatch.setattr(winograd, "WINOGRAD_LARGE", np.inf if tile == 4 else 0)
    shifted = Device("cpu").kernels.convolution(x, weight, bias, *SLIDING)
    unseen = np.broadcast_to((y == 0).all(axis=1, keepdims=True), y.shape)
    assert np.array_equal(shifted[unseen], np.broadcast_to(bias[:, None, None], y.shape)[unseen])


@pytest.mark.parametrize("outputs", [40, 130], ids=["threads share tiles", "or channels"])
def test_an_image_gets_the_same_alone_and_on_any_number_of_threads(outputs, monkeypatch):
    x, weight = in_float32(PICTURES["normal"], RNG.standard_normal((outputs, 24, 3, 3)))
    kernels = Device("cpu").kernels
    together = kernels.convolution(x, weight, None, *SLIDING)
    assert np.array_equal(kernels.convolution(x[1:], weight, None, *SLIDING), together[1:])
    for size in (1, min(2, threads.wanted())):
        monkeypatch.setattr(threads._team, "size", size)
        assert np.array_equal(kernels.convolution(x, weight, None, *SLIDING), together)


def test_float64_is_computed_directly(monkeypatch):
    numbers = PICTURES["normal"], WEIGHT, DY
    for mine, other in zip(all_three(Device("cpu").kernels, *numbers),
                           direct(monkeypatch, *numbers), strict=True):
        assert np.array_equal(mine, other)
