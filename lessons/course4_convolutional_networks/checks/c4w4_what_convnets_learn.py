"""Checks for the exercises of c4w4-what-convnets-learn."""

import numpy as np
from tinygrad_dls.learn.checking import gradients, result, same, shape, untouched

rng = np.random.default_rng(8)


def windows(A, f, axes):
    """The windows of size f at every place: their axes come last."""
    return np.lib.stride_tricks.sliding_window_view(A, (f,) * len(axes), axis=axes)


def conv1d(A, W, b):
    return np.einsum("mncu,uco->mno", windows(A, W.shape[0], (1,)), W) + b


def conv3d(A, W, b):
    return np.einsum("mdhwcuvx,uvxco->mdhwo", windows(A, W.shape[0], (1, 2, 3)), W) + b


def test_receptive_field(lesson):
    for layers, right in (
        ([(3, 1, 1)], (3, 1, -1)),
        ([(5, 2, 0), (3, 1, 0)], (9, 2, 0)),
        ([(3, 2, 1), (3, 2, 0), (3, 1, 1), (3, 1, 1)], (23, 4, -9)),
        ([(7, 2, 3), (3, 2, 1), (4, 3, 2)], (7 + 4 + 12, 12, -3 - 2 - 8)),
        ([], (1, 1, 0)),
    ):
        with untouched(layers=layers):
            mine = result("receptive_field", lesson.receptive_field(layers), 3)
        same(f"(r, j, o) of {layers}", mine, right,
             "a layer's own stride counts for the layers after it")


def test_top_places(lesson):
    maps = rng.permutation(60).reshape(3, 4, 5).astype(float)
    with untouched(maps=maps):
        mine = lesson.top_places(maps, 5, each=60)
    order = sorted(np.ndindex(maps.shape), key=lambda place: -maps[place])
    same("the five largest of all", mine, order[:5], "the best first")
    maps[1] += 100
    best = [max((p for p in np.ndindex(maps.shape) if p[0] == i), key=lambda p: maps[p])
            for i in (0, 1, 2)]
    best.sort(key=lambda place: -maps[place])
    same("one of each picture", lesson.top_places(maps, 3), best, "at most `each` of a picture")
    same("two places, one of each picture", lesson.top_places(maps, 2), best[:2])
    several = lesson.top_places(maps, 4, each=2)
    same("the pictures with two of each", sorted(p[0] for p in several).count(1), 2)


def test_occlusion_map(lesson):
    weights, picture = rng.standard_normal((2, 7, 9)), rng.standard_normal((2, 7, 9))
    for size, stride, fill, shown in (
        (3, 2, 0.0, (3, 4)), (4, 1, 2.5, (4, 6)), (7, 1, -1.0, (1, 3)),
    ):
        with untouched(picture=picture):
            mine = lesson.occlusion_map(
                lambda x: np.sum(weights * x**2), picture, size, stride, fill
            )
        shape("the map", mine, shown)
        right = np.zeros(shown)
        for i, k in np.ndindex(shown):
            mask = np.zeros((7, 9), bool)
            mask[i * stride : i * stride + size, k * stride : k * stride + size] = True
            right[i, k] = np.sum(weights * np.where(mask, fill, picture) ** 2)
        same("the scores", mine, right, "hide one square at a time, start from the whole picture")


def test_total_variation(lesson):
    x = rng.standard_normal((2, 4, 5))
    with untouched(x=x):
        TV, dx = result("total_variation", lesson.total_variation(x), 2)

    def right(x):
        return np.sum(np.diff(x, axis=1) ** 2) + np.sum(np.diff(x, axis=2) ** 2)

    same("TV", TV, right(x), "the squares of both differences, downwards and to the right")
    gradients(lambda p: right(p["x"]), {"x": x}, {"dx": dx},
              hint="a pixel is in the difference to each of its neighbours")


SIGNAL, W1 = rng.standard_normal((3, 9, 2)), rng.standard_normal((4, 2, 5))
VOLUME, W3 = rng.standard_normal((2, 4, 6, 5, 2)), rng.standard_normal((3, 3, 3, 2, 4))
B1, B3 = rng.standard_normal(5), rng.standard_normal(4)


def test_conv1d_forward(lesson):
    with untouched(SIGNAL=SIGNAL, W1=W1, B1=B1):
        Z, _ = result("conv1d_forward", lesson.conv1d_forward(SIGNAL, W1, B1), 2)
    same("Z", Z, conv1d(SIGNAL, W1, B1), "A[t + u] times W[u], summed; the bias once")


def test_conv1d_backward(lesson):
    _, cache = lesson.conv1d_forward(SIGNAL, W1, B1)
    dZ = rng.standard_normal((3, 6, 5))
    with untouched(dZ=dZ):
        mine = result("conv1d_backward", lesson.conv1d_backward(dZ, cache), 3)
    gradients(lambda p: np.sum(dZ * conv1d(p["A"], p["W"], p["b"])),
              {"A": SIGNAL, "W": W1, "b": B1}, dict(zip(("dA", "dW", "db"), mine, strict=True)))


def test_conv3d_forward(lesson):
    with untouched(VOLUME=VOLUME, W3=W3, B3=B3):
        Z, _ = result("conv3d_forward", lesson.conv3d_forward(VOLUME, W3, B3), 2)
    same("Z", Z, conv3d(VOLUME, W3, B3), "A[d + u, h + v, b + w] times W[u, v, w]; the bias once")


def test_conv3d_backward(lesson):
    _, cache = lesson.conv3d_forward(VOLUME, W3, B3)
    dZ = rng.standard_normal((2, 2, 4, 3, 4))
    with untouched(dZ=dZ):
        mine = result("conv3d_backward", lesson.conv3d_backward(dZ, cache), 3)
    gradients(lambda p: np.sum(dZ * conv3d(p["A"], p["W"], p["b"])),
              {"A": VOLUME, "W": W3, "b": B3}, dict(zip(("dA", "dW", "db"), mine, strict=True)))
