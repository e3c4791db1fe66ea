"""Checks for the exercises of c4w2-classic-networks."""

import numpy as np
import tinygrad_dls as dls
from tinygrad_dls import nn
from tinygrad_dls.learn.checking import gradients, result, same, untouched

rng = np.random.default_rng(7)
TABLE = [("conv", 4, 5, 2, 2), ("pool", 3, 2), ("conv", 6, 3, 0, 1), ("linear", 7), ("linear", 3)]
SHAPE = (2, 19, 23)
SHAPES = [(4, 10, 12), (4, 4, 5), (6, 2, 3), (7,), (3,)]
A = 2 * rng.standard_normal((2, 6, 3, 2))
SETTINGS = {"alpha": 0.7, "beta": 0.6, "k": 1.5}


def normalized(A, size, alpha, beta, k):
    """Local response normalization by loops over channels."""
    B, channels, half = np.zeros(A.shape), A.shape[1], size // 2
    for c in range(channels):
        window = A[:, max(0, c - half) : min(channels, c + half + 1)]
        B[:, c] = A[:, c] / (k + alpha / size * (window**2).sum(axis=1)) ** beta
    return B


def test_layer_shapes(lesson):
    mine = lesson.layer_shapes(TABLE, SHAPE)
    assert len(mine) == 5, f"{len(mine)} shapes for 5 layers"
    for place, (shape, right) in enumerate(zip(mine, SHAPES, strict=True)):
        same(f"the shape after {TABLE[place]}", shape, right, "(n + 2 p - f) // s + 1")


def test_layer_costs(lesson):
    mine = lesson.layer_costs(TABLE, SHAPE)
    right = [
        (4 * (25 * 2 + 1), 120 * 4 * 25 * 2), (0, 0), (6 * (9 * 4 + 1), 6 * 6 * 9 * 4),
        (36 * 7 + 7, 36 * 7), (7 * 3 + 3, 7 * 3),
    ]
    assert len(mine) == 5, f"{len(mine)} pairs for 5 layers"
    for place, (cost, known) in enumerate(zip(mine, right, strict=True)):
        parameters, products = result("each layer", tuple(cost), 2)
        same(f"the parameters of {TABLE[place]}", parameters, known[0], "weights and biases")
        same(f"the multiplications of {TABLE[place]}", products, known[1], "weights times places")


def test_receptive_fields(lesson):
    same("the receptive fields", lesson.receptive_fields(TABLE), [5, 9, 17],
         "r + (f - 1) times the strides before")
    three = [("conv", 1, 3, 1, 1)] * 3
    same("those of three layers of 3 x 3", lesson.receptive_fields(three), [3, 5, 7])


def test_build(lesson):
    model = lesson.build(TABLE, SHAPE, relu=nn.Tanh, pool=nn.AvgPool2d)
    kinds = [type(layer).__name__ for layer in model]
    right = ["Conv2d", "Tanh", "AvgPool2d", "Conv2d", "Tanh", "Flatten", "Linear", "Tanh", "Linear"]
    assert kinds == right, f"the layers are {kinds}, they must be {right}"
    x = dls.zeros((1, *SHAPE))
    for layer, known in zip(model, (0, 0, 1, 2, 2, None, 3, 3, 4), strict=True):
        x = layer(x)
        if known is not None:
            same(f"the shape behind {layer}", x.shape[1:], SHAPES[known])


def test_lrn_forward(lesson):
    for size in (3, 5):
        with untouched(A=A):
            answer = lesson.lrn_forward(A, size=size, **SETTINGS)
        B, cache = result("lrn_forward", answer, 2)
        same(f"B for windows of {size}", B, normalized(A, size, **SETTINGS), "A times D^-beta")
        result("the cache", cache, 5)


def test_lrn_backward(lesson):
    for size in (3, 5):
        dB = rng.standard_normal(A.shape)
        D = (A / normalized(A, size, **SETTINGS)) ** (1 / SETTINGS["beta"])
        cache = (A, D, size, SETTINGS["alpha"], SETTINGS["beta"])
        with untouched(dB=dB, A=A):
            dA = lesson.lrn_backward(dB, cache)
        gradients(
            lambda p, dB=dB, size=size: np.sum(dB * normalized(p["A"], size, **SETTINGS)),
            {"A": A}, {"dA": dA}, hint="A acts on the D of its neighbours as well",
        )
