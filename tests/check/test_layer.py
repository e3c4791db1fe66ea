"""Layers written by hand: each planted mistake is named, no right layer is accused."""

from typing import Any

import numpy as np
import pytest

from tinygrad_dls.check import Report, check_layer

from . import planted_layers as layers

N, M = 4, 5


def arrays(*shapes: tuple[int, ...], seed: int = 0, size: float = 1.0) -> list[Any]:
    rng = np.random.default_rng(seed)
    return [size * rng.standard_normal(shape) for shape in shapes]


def inputs_of(layer: str, seed: int = 0, size: float = 1.0) -> list[Any]:
    rng = np.random.default_rng([seed, 7])

    def made(*shapes: tuple[int, ...]) -> list[Any]:
        return arrays(*shapes, seed=seed, size=size)

    n_x, n = 3, 4
    if layer in ("lstm_cell",):
        weights = {"W" + g: (n, n + n_x) for g in "fioc"} | {"b" + g: (n, 1) for g in "fioc"}
        values = dict(zip(weights, arrays(*weights.values(), seed=seed + 1)))
        return [*made((n_x, M), (n, M), (n, M)), values]
    tables: dict[str, list[Any]] = {
        "dense": made((3, M), (N, 3), (N, 1)),
        "softmax": made((4, 4)), "log_softmax": made((5, 4)),
        "batch_norm": made((3, 6), (3, 1), (3, 1)),
        "conv": [*made((6, 7), (3, 3)), {"stride": 1, "pad": 1}],
        "pool": made((4, 6)),
        "dropout": [*made((4, 5)), rng.random((4, 5)) < 0.6, 0.6],
        "residual": made((4, 5), (4, 4)),
        "gru_cell": made((n_x, M), (n, M), (2 * n, n + n_x), (n, n + n_x)),
        "rnn": made((3, 2, 4), (4, 3), (4, 4)),
        "attention": made((5, 3), (4, 3), (4, 2)),
        "elementwise": [a + np.sign(a) * 0.3 * size for a in made((4, 6), (4, 6))],
        "leaky_relu": [*made((5, 4)), rng.uniform(0.1, 0.4, 4)],
        "unit": made((4, 5)), "upsample": made((3, 4)), "cumulative": made((3, 5)),
        "turned": made((3, 3, 3)), "joined": made((4, 3), (4, 3)),
        "weighted": made((4, 4), (1, 4), (4, 1)),
        "cost": [*made((1, 4), (4, 9)), rng.integers(0, 2, (1, 9)), 0.7],
        "stale": made((4, 3)),
    }
    return tables[layer]


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
