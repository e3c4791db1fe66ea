"""Layers written by hand: each planted mistake is named, no right layer is accused."""

import numpy as np
import pytest

from tinygrad_dls.check import Report, check_layer

from . import planted_layers as layers
from .layer_inputs import plain_inputs as inputs_of

pytestmark = pytest.mark.usefixtures("without_source")

PLANTED = [  # layer, its options, the mistake, the gradient, words that must be said of it
    ("dense", ("tanh",), "slope", "dW", "1 - y**2"),
    ("dense", ("relu",), "slope", "dA_prev", "(y > 0)"),
    ("dense", ("sigmoid",), "slope", "db", "y * (1 - y)"),
    ("dense", ("tanh",), "transposed", "dW", "transpose"),
    ("dense", ("tanh",), "not summed", "db", ".sum(axis=1)"),
    ("dense", ("tanh",), "mean", "db", "1/5 of"),
    ("softmax", (), "diagonal", "dz", "diagonal"),
    ("softmax", (), "axis", "dz", "wrong axis"),
    ("softmax", (), "no sum", "dz", "(dy * y).sum()"),
    ("log_softmax", (), "no sum", "dz", "exp(y) is missing along axis 1"),
    ("batch_norm", (), "mean", "dz", "dy minus its mean over axis 1"),
    ("batch_norm", (), "variance", "dz", "variance"),
    ("batch_norm", (), "both", "dz", "the mean and the variance"),
    ("batch_norm", (), "gamma", "dz", "gamma is missing"),
    ("batch_norm", (), "std", "dz", "1 / std"),
    ("batch_norm", (), "z", "dgamma", "uses z where it means normed"),
    ("conv", (), "stride", "dA_prev", "forgets stride"),
    ("conv", (), "last row", "dW", "left out"),
    ("conv", (), "= for += in dW", "dW", "+="),
    ("conv", (), "flipped", "dA_prev", "flipped"),
    ("conv", (), "pad", "dA_prev", "off by one"),
    ("pool", ("mean",), "size", "dA_prev", "4 x"),
    ("pool", ("max",), "mask", "dA_prev", "mask"),
    ("dropout", (), "mask", "dA", "factor D is missing"),
    ("dropout", (), "scale", "dA", "1 / keep_prob missing"),
    ("residual", (), "shortcut", "dX", "shortcut"),
    ("lstm_cell", (), "dc_next", "dc_prev", "dc_next is left out"),
    ("lstm_cell", (), "gates", "dWf", "gradient of Wi"),
    ("lstm_cell", (), "c_next for c_prev", "dWf", "uses c_next where it means c_prev"),
    ("lstm_cell", (), "i in dc_prev", "dc_prev", "uses it where it means ft"),
    ("lstm_cell", (), "tanh", "dc_prev", "tanh(c_next)"),
    ("lstm_cell", (), "branch", "dxt", "what comes through Wo is left out"),
    ("lstm_cell", (), "i for f", "dWf", "uses it where it means ft"),
    ("gru_cell", (), "u", "dWc", "u where it means 1 - u"),
    ("gru_cell", (), "c_prev", "dW", "uses cand where it means cand - c_prev"),
    ("gru_cell", (), "gates", "dW", "swapped"),
    ("gru_cell", (), "r", "dc_prev", "what comes through Wc is left out"),
    ("rnn", (), "first step", "dWax", "first index along axis 2: that index is left out"),
    ("rnn", (), "= for +=", "dWax", "+="),
    ("rnn", (), "h", "dWaa", "off by one"),
    ("rnn", (), "through time", "dWax", "what comes through Waa is left out"),
    ("attention", (), "scale", "dQ", "1 / sqrt(Q.shape[1]) missing"),
    ("attention", (), "softmax", "dQ", "softmax"),
    ("elementwise", (), "product", "da", "the term dy * a * sigmoid(a) * (1 - sigmoid(a))"),
    ("elementwise", (), "clip", "da", "|a| > 1"),
    ("elementwise", (), "b", "db", "uses b where it means b**2"),
    ("leaky_relu", (), "slope", "dx", "x < 0"),
    ("leaky_relu", (), "mask", "dslope", "wrong where x is positive"),
    ("unit", (), "projection", "dx", "(dy * y).sum()"),
    ("unit", (), "norm", "dx", "1 / n"),
    ("upsample", (), "one", "dx", "+="),
    ("upsample", (), "mean", "dx", "1/4 of"),
    ("cumulative", (), "direction", "dx", "other way"),
    ("turned", (), "order", "dx", "order"),
    ("joined", (), "order", "da", "gradient of b"),
    ("weighted", (), "axis", "db", "wrong axis"),
    ("weighted", (), "w.T", "dx", "(.T) too much"),
    ("cost", (), "Y", "dW", "what comes through Y is left out"),
    ("cost", (), "lambd", "dW", "forgets lambd"),
    ("stale", (), "stale", "", "stale cache"),
]


def check(layer: str, options: tuple[str, ...], wrong: str, seed: int = 0) -> Report:
    inputs = inputs_of(layer, seed)
    if layer == "conv" and wrong in ("stride", "= for +="):
        inputs[2] = {"stride": 2, "pad": 1}
    return check_layer(*getattr(layers, layer)(*options, wrong), *inputs, seed=seed)


LONG = [("lstm_cell", "tanh"), ("lstm_cell", "branch"), ("lstm_cell", "c_next for c_prev"),
        ("lstm_cell", "i for f"), ("gru_cell", "c_prev"), ("gru_cell", "r")]


@pytest.mark.parametrize(("layer", "options", "wrong", "gradient", "words"), [
    pytest.param(*row, marks=[pytest.mark.slow] * ((row[0], row[2]) in LONG)) for row in PLANTED])
def test_the_planted_mistake_is_named(
    layer: str, options: tuple[str, ...], wrong: str, gradient: str, words: str
) -> None:
    report = check(layer, options, wrong)
    hints = {check.name: check.hint for check in report.wrong}
    text = hints.get(gradient, "right") if gradient else str(report)
    assert words in text, str(report)


RIGHT = [(layer, options) for layer, options in dict.fromkeys(
    (layer, options) for layer, options, *_ in PLANTED)]


@pytest.mark.parametrize(("layer", "options"), RIGHT)
def test_no_right_layer_is_accused(layer: str, options: tuple[str, ...]) -> None:
    for seed, size in enumerate((1.0, 1e-6, 1e-3, 1e3, 1e6)):
        pair = getattr(layers, layer)(*options)
        with np.errstate(all="ignore"):
            report = check_layer(*pair, *inputs_of(layer, seed, size), seed=seed)
        assert report.ok, f"{layer} of size {size}\n{report}"
