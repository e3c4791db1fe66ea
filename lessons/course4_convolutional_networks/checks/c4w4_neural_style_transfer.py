"""Checks for the exercises of c4w4-neural-style-transfer."""

import numpy as np
import tinygrad_dls as dls
from tinygrad_dls import nn
from tinygrad_dls.learn.checking import gradients, same, untouched

rng = np.random.default_rng(4)
LAYERS = [rng.standard_normal((1, *size)) for size in ((6, 5, 2), (3, 4, 3), (3, 2, 4))]
OTHERS = [rng.standard_normal(a.shape) for a in LAYERS]
A_C, A_G = LAYERS[2], OTHERS[2]


def gram(a):
    """Over all places, the products of each pair of channels."""
    return np.einsum("myxi,myxj->ij", a, a)


def content_cost(a_C, a_G):
    return np.sum((a_C - a_G) ** 2) / (4 * a_G.size)


def style_cost(a_S, a_G):
    return np.sum((gram(a_S) - gram(a_G)) ** 2) / (4 * a_G.size**2)


def test_compute_content_cost(lesson):
    with untouched(LAYERS=LAYERS, OTHERS=OTHERS):
        mine = lesson.compute_content_cost(LAYERS, OTHERS)
    same("J_content", mine, content_cost(A_C, A_G),
         "the last of the activations; the sum of squares over 4 n_H n_W n_C")


def test_gram_matrix(lesson):
    A = rng.standard_normal((3, 10))
    with untouched(A=A):
        mine = lesson.gram_matrix(A)
    same("GA", mine, np.einsum("ip,jp->ij", A, A), "a product of each pair of rows")


def test_compute_layer_style_cost(lesson):
    for a_S, a_G in zip(LAYERS, OTHERS, strict=True):
        with untouched(a_S=a_S, a_G=a_G):
            mine = lesson.compute_layer_style_cost(a_S, a_G)
        same("J_style of one layer", mine, style_cost(a_S, a_G),
             "(n_C, n_H * n_W): each row must be one channel; over 4 (n_C n_H n_W)^2")
    places = rng.permutation(6)
    mixed = A_C.reshape(1, 6, 4)[:, places].reshape(A_C.shape)
    other = lesson.compute_layer_style_cost(A_C, mixed)
    assert abs(other) < 1e-12, f"the same pixels in other places cost {other}, they must cost 0"


def test_compute_style_cost(lesson):
    weights = [("first", 0.2), ("second", 0.7)]
    with untouched(LAYERS=LAYERS, OTHERS=OTHERS):
        mine = lesson.compute_style_cost(LAYERS, OTHERS, weights)
    right = sum(
        w * style_cost(s, g) for (_, w), s, g in zip(weights, LAYERS, OTHERS, strict=False)
    )
    same("J_style", mine, right, "each layer's cost times its weight, summed")


def test_total_cost(lesson):
    same("J", lesson.total_cost(0.2, 0.8), 34.0, "alpha = 10 and beta = 40 are the defaults")
    same("J", lesson.total_cost(3.0, 5.0, 2, 7), 41.0, "alpha J_content + beta J_style")


def test_content_cost_backward(lesson):
    with untouched(A_C=A_C, A_G=A_G):
        mine = lesson.content_cost_backward(A_C, A_G)
    gradients(lambda p: content_cost(A_C, p["a_G"]), {"a_G": A_G}, {"da_G": mine})


def test_layer_style_cost_backward(lesson):
    for a_S, a_G in zip(LAYERS[1:], OTHERS[1:], strict=True):
        with untouched(a_S=a_S, a_G=a_G):
            mine = lesson.layer_style_cost_backward(a_S, a_G)
        gradients(lambda p, a_S=a_S: style_cost(a_S, p["a_G"]), {"a_G": a_G}, {"da_G": mine},
                  hint="A occurs twice in A A^T")


class Times(nn.Module):
    """Multiplies, and counts how often it was asked."""

    def __init__(self, factor):
        super().__init__()
        self.factor, self.calls = factor, 0

    def forward(self, x):
        self.calls += 1
        return self.factor * x


def test_layer_outputs(lesson):
    model = nn.Sequential(*(Times(factor) for factor in (2.0, 3.0, 5.0, 7.0)))
    mine = lesson.layer_outputs(model, dls.Tensor([1.0]), (1, 2, 2))
    assert len(mine) == 3, f"{len(mine)} activations, one for each of the 3 places is right"
    same("the activations", np.concatenate([a.numpy() for a in mine]), [6.0, 30.0, 30.0],
         "after the layer of that number; the first has number 0")
    same("the first", lesson.layer_outputs(model, dls.Tensor([1.0]), (0,))[0].numpy(), [2.0])
    assert model[3].calls == 0, "layers after the last place must not run"
