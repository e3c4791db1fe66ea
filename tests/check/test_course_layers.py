"""Layers of the later courses: each planted mistake is named, no right one is accused."""

import pytest

from tinygrad_dls.check import check_layer

from . import course_layers as layers
from .layer_inputs import COURSE_SHAPES as SHAPES
from .layer_inputs import course_inputs as inputs_of

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

pytestmark = pytest.mark.usefixtures("without_source")


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
