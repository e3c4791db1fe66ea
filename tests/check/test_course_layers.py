"""Layers of the later courses: each planted mistake is named, no right one is accused."""

from typing import Any

import numpy as np
import pytest

from tinygrad_dls.check import check_layer

from . import course_layers as layers

SHAPES: dict[str, list[tuple[int, ...]]] = {
    "layer_norm": [(6, 5), (5,), (5,)], "cross_attention": [(4, 5), (4, 5), (4, 6)],
    "heads": [(2, 3, 4)], "softmax_cost": [(4, 6)], "penalized": [(2, 3), (2, 1)],
    "overlapping_pool": [(7, 7)], "embedding": [(5, 3)], "triplet": [(5, 4)] * 3,
    "gram": [(3, 7)],
}
PLANTED = [  # layer, the mistake, the gradient, words that must be said of it
    ("layer_norm", "axis", "dx", "averaged over axis 0, where it must be axis 1"),
    ("cross_attention", "axis", "dQ", "summed over axis 0, where it must be axis 1"),
    ("cross_attention", "scale", "dK", "1 / sqrt(Q.shape[1]) missing"),
    ("heads", "order", "dx", ".transpose(0, 2, 1, 3) is missing before the reshape"),
    ("softmax_cost", "elements", "dZ", "A * (d - (d * A).sum(axis=0, keepdims=True)) is meant"),
    ("penalized", "penalty", "dW", "the term 0.116667 * W is missing: what an L2 penalty"),
    ("overlapping_pool", "=", "dx", "where stride = f, so that windows do not overlap"),
    ("embedding", "+=", "dE", "np.add.at"),
    ("triplet", "sign", "dn", "wrong sign"),
    ("gram", "once", "dA", "1/2 of"),
]


def inputs_of(layer: str, seed: int = 0, size: float = 1.0) -> list[Any]:
    rng = np.random.default_rng([seed, 3])
    made: list[Any] = [size * rng.standard_normal(shape) for shape in SHAPES[layer]]
    return [*made, {"f": 3, "stride": 2}] if layer == "overlapping_pool" else made


@pytest.mark.parametrize(("layer", "wrong", "gradient", "words"), PLANTED)
def test_the_planted_mistake_is_named(layer: str, wrong: str, gradient: str, words: str) -> None:
    report = check_layer(*getattr(layers, layer)(wrong), *inputs_of(layer))
    hints = {check.name: check.hint for check in report.wrong}
    assert words in hints.get(gradient, "right"), str(report)


@pytest.mark.parametrize("layer", SHAPES)
def test_no_right_layer_is_accused(layer: str) -> None:
    for seed, size in enumerate((1.0, 1e-3, 0.1, 10.0)):
        report = check_layer(*getattr(layers, layer)(), *inputs_of(layer, seed, size), seed=seed)
        assert report.ok, f"{layer} of size {size}\n{report}"
