"""Interpolation, sampling on grids, padding, and shuffling of pixels and channels."""

from typing import Any

import numpy as np
import pytest

import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import nn

from .harness import array, pick, random_cases, same_function, same_layer, torch

# PyTorch tells that a default of affine_grid and grid_sample changed in 2019.
pytestmark = pytest.mark.filterwarnings("ignore:.*affine_grid.*:UserWarning")
T = torch.nn.functional
Rng = np.random.Generator


def squared(function: Any, *args: Any, **given: Any) -> Any:
    """The function squared: what is linear has no second derivative but 0."""
    return lambda x: function(x, *args, **given) ** 2


def dtype(case: Rng) -> str:
    return str(pick(case, "float32", "float64"))


@random_cases(130)
def test_interpolate(case: Rng) -> None:
    axes = pick(case, 1, 2, 2, 2, 3)
    x = array(case, *pick(case, (2, 3), (1, 1), (1, 5)),
              *(int(case.integers(1, 7)) for _ in range(axes)), dtype=dtype(case))
    smooth = {1: ("linear",), 2: ("bilinear", "bicubic"), 3: ("trilinear",)}[axes]
    mode = pick(case, "nearest", "nearest-exact", "area", *smooth, *smooth)
    given: dict[str, Any] = {"mode": mode}
    if case.random() < 0.5:
        given["size"] = pick(case, int(case.integers(1, 12)),
                             tuple(int(case.integers(1, 12)) for _ in range(axes)))
    else:
        factors = tuple(pick(case, 1.0, 2.0, 3.0, 1.7, 0.5, 2.5) for _ in range(axes))
        factors = tuple(max(f, 1.0 / n) for f, n in zip(factors, x.shape[2:]))
        given["scale_factor"] = factors if case.random() < 0.5 else max(factors)
        given["recompute_scale_factor"] = pick(case, None, True, False)
    if mode in smooth:
        given["align_corners"] = pick(case, None, True, False)
    same_function(squared(F.interpolate, **given), squared(T.interpolate, **given), [x],
                  second=True)


def safe_grid(case: Rng, shape: tuple[int, ...], lengths: tuple[int, ...], kind: str) -> Any:
    """Places, some of them outside, none where the value jumps or bends."""
    while True:
        grid = case.uniform(-1.6, 1.6, (*shape, 2)).astype(kind)
        width, height = lengths[::-1]
        ok = True
        for n, g in ((width, grid[..., 0]), (height, grid[..., 1])):
            for at in (((g + 1) * n - 1) / 2, (g + 1) * (n - 1) / 2):
                ok = ok and bool((np.abs(at * 2 - np.round(at * 2)) > 1e-4).all() or n == 1)
        if ok:
            return grid


@random_cases(90)
def test_grid_sample(case: Rng) -> None:
    kind = dtype(case)
    lengths = int(case.integers(1, 6)), int(case.integers(2, 6))
    m = pick(case, 1, 2, 3)
    x = array(case, m, int(case.integers(1, 4)), *lengths, dtype=kind)
    grid = safe_grid(case, (m, *pick(case, (2, 3), (1, 1), (4, 2))), lengths, kind)
    given = {"mode": pick(case, "bilinear", "bilinear", "nearest"),
             "padding_mode": pick(case, "zeros", "border", "reflection"),
             "align_corners": pick(case, True, False)}
    # PyTorch gives the grid of mode nearest a gradient of zeros, we none: it is constant there.
    exact = (1,) if given["mode"] == "nearest" else ()
    same_function(lambda x, g: F.grid_sample(x, g, **given),
                  lambda x, g: T.grid_sample(x, g, **given), [x, grid],
                  exact=exact, scale=20 if kind == "float32" else 1)


@random_cases(30)
def test_affine_grid(case: Rng) -> None:
    m = pick(case, 1, 3)
    theta = array(case, m, 2, 3, dtype=dtype(case))
    size = (m, 2, int(case.integers(1, 6)), int(case.integers(1, 6)))
    align = pick(case, True, False)
    same_function(squared(F.affine_grid, size, align_corners=align),
                  squared(T.affine_grid, size, align_corners=align), [theta], second=True)


def pairs(case: Rng, lengths: list[int], mode: str) -> list[int]:
    """Widths for the last axes, last one first, that PyTorch takes."""
    widths: list[int] = []
    for n in reversed(lengths):
        most = {"reflect": n - 1, "circular": n}.get(mode, 4)
        pair = [int(case.integers(0, max(1, most + 1))) for _ in range(2)]
        if case.random() < 0.3 and n > 2:
            pair[int(case.integers(2))] = -1
            pair = [min(p, n - 2) for p in pair]
        widths += pair
    return widths


@random_cases(120)
def test_pad(case: Rng) -> None:
    mode = pick(case, "constant", "constant", "reflect", "replicate", "circular")
    if mode == "constant":
        shape = [int(case.integers(1, 6)) for _ in range(int(case.integers(1, 5)))]
        given = pairs(case, shape[-int(case.integers(1, len(shape) + 1)):], mode)
        options = {"value": pick(case, None, 0.0, 1.5)}
    else:
        axes = pick(case, 1, 2, 2, 3)
        lengths = [int(case.integers(2, 6)) for _ in range(axes)]
        shape = [*pick(case, (2, 3), (1, 1), (2,)), *lengths]
        given, options = pairs(case, lengths, mode), {}
    x = array(case, *shape, dtype=dtype(case))
    same_function(squared(F.pad, given, mode, **options), squared(T.pad, given, mode, **options),
                  [x], second=True)


@random_cases(60)
def test_padding_layers(case: Rng) -> None:
    axes = pick(case, 1, 2, 3)
    kind = pick(case, "ConstantPad", "ZeroPad", "ReflectionPad", "ReplicationPad", "CircularPad")
    lengths = [int(case.integers(3, 6)) for _ in range(axes)]
    width: Any = pick(case, 1, tuple(int(n) for n in case.integers(0, 3, 2 * axes)))
    args = (width, 0.5) if kind == "ConstantPad" else (width,)
    x = array(case, *pick(case, (2, 3), (3,)), *lengths, dtype=dtype(case))
    name = f"{kind}{axes}d"
    ours, theirs = getattr(nn, name)(*args), getattr(torch.nn, name)(*args)
    same_layer(ours, theirs, [x])
    assert repr(ours) == repr(theirs)


@random_cases(50)
def test_shuffles(case: Rng) -> None:
    kind, r = pick(case, "PixelShuffle", "PixelUnshuffle", "ChannelShuffle"), pick(case, 1, 2, 3)
    lead = pick(case, (2,), (), (3,), (2, 1))  # of nothing PyTorch makes a wrong shape
    h, w = int(case.integers(1, 4)), int(case.integers(1, 4))
    if kind == "PixelShuffle":
        shape = (*lead, 2 * r * r, h, w)
    elif kind == "PixelUnshuffle":
        shape = (*lead, 2, h * r, w * r)
    else:
        shape = (2, 2 * r, *pick(case, (h,), (h, w)))
    x = array(case, *shape, dtype=dtype(case))
    ours, theirs = getattr(nn, kind)(r), getattr(torch.nn, kind)(r)
    same_function(squared(ours), squared(theirs), [x], second=True)
    assert repr(ours) == repr(theirs)


@random_cases(30)
def test_upsampling_layers(case: Rng) -> None:
    x = array(case, 2, 3, 4, 5, dtype=dtype(case))
    name, args = pick(case, ("Upsample", {"mode": "bilinear", "align_corners": True}),
                      ("Upsample", {}), ("UpsamplingNearest2d", {}), ("UpsamplingBilinear2d", {}))
    args = {**args, **pick(case, {"scale_factor": 2}, {"size": (7, 3)}, {"scale_factor": 1.5})}
    ours, theirs = getattr(nn, name)(**args), getattr(torch.nn, name)(**args)
    same_layer(ours, theirs, [x])


@pytest.mark.torch
@pytest.mark.parametrize("call", [
    lambda f, x: f.interpolate(x), lambda f, x: f.interpolate(x, size=3, scale_factor=2.0),
    lambda f, x: f.interpolate(x, scale_factor=2.0, mode="linear"),
    lambda f, x: f.interpolate(x, size=(2, 2, 2)), lambda f, x: f.pad(x, (1,)),
    lambda f, x: f.interpolate(x, scale_factor=2.0, align_corners=True),
    lambda f, x: f.pad(x, (4, 0, 0, 0), "reflect"), lambda f, x: f.pad(x, (5, 0, 0, 0), "circular"),
    lambda f, x: f.pad(x, (1, 1), "reflect"), lambda f, x: f.pad(x, (-3, -3)),
    lambda f, x: f.pixel_shuffle(x, 2), lambda f, x: f.pixel_unshuffle(x, 3),
    lambda f, x: f.grid_sample(x, x), lambda f, x: f.pad(x, (1, 1, 1, 1), "reflect", 2.0),
])
def test_what_pytorch_refuses(call: Any) -> None:
    with pytest.raises(dls.Error):
        call(F, dls.zeros((2, 3, 4, 4)))
    with pytest.raises((RuntimeError, ValueError, NotImplementedError)):
        call(T, torch.zeros(2, 3, 4, 4))
