"""Repairs of learners' lines: what is told is the line to mend, in their own variables."""

from typing import Any

import numpy as np
import pytest

from tinygrad_dls.check import Report, check_layer

from . import course_layers, image_layers, loss_layers, planted_layers, sequence_layers
from .layer_inputs import course_inputs, fresh_inputs, plain_inputs
from .planting import written_out

MODULES = ((planted_layers, plain_inputs), (course_layers, course_inputs),
           (image_layers, fresh_inputs), (sequence_layers, fresh_inputs),
           (loss_layers, fresh_inputs))


def checked(layer: str, options: tuple[str, ...], wrong: str) -> Report:
    module, inputs_of = next(pair for pair in MODULES if hasattr(pair[0], layer))
    return check_layer(*written_out(getattr(module, layer), *options, wrong=wrong),
                       *inputs_of(layer))


@pytest.mark.parametrize(("layer", "options", "wrong", "mended"), [
    ("dense", ("tanh",), "slope", "`dZ = dA * (1 - A ** 2)`"),
    ("dense", ("relu",), "other slope", "`dZ = dA * SLOPES['relu'](A)`"),
    ("dense", ("tanh",), "not summed", "`db = np.sum(dZ, axis=1, keepdims=True)`"),
    ("dense", ("tanh",), "mean", "`db = dZ.sum(axis=1, keepdims=True)`"),
    ("softmax", (), "axis", "(dy * y).sum(axis=0, keepdims=True))`"),
    ("batch_norm", (), "gamma", "`dz = dz / std * gamma`"),
    ("batch_norm", (), "z", "`dgamma = (dy * normed).sum(axis=1, keepdims=True)`"),
    ("conv", (), "last row", "`for i in range(dZ.shape[0]):`"),
    ("conv", (), "= for += in dW", "`dW += dZ[i, j] * x[place]`"),
    ("residual", (), "shortcut", "`dX = W.T @ dz + dy`"),
    ("lstm_cell", (), "gates", "`gates['i'], gates['f'] = "),
    ("gru_cell", (), "u", "`dcand = dc * u * (1 - cand ** 2)`"),
    ("gru_cell", (), "c_prev", "`du = dc * (cand - c_prev) * u * (1 - u)`"),
    ("weighted", (), "w.T", "`return (dy * w, "),
    ("embedding", (), "+=", "`np.add.at(dE, index, dy)`"),
    ("softmax_cost", (), "elements", "A * (dA - np.sum(dA * A, axis=0, keepdims=True))`"),
    ("rnn", (), "h", "`dWaa += dz @ h[:, :, t].T`"),
    ("rms_norm", (), "power", "/ rms ** 3`"),
    ("logistic_cost", (), "features", "`dw = X @ dZ.T / X.shape[1]`"),
    ("highway", (), "x", "`dt = dy * (h - x) * t * (1 - t)`"),
    ("huber", (), "delta", "np.sign(r) * delta)`"),
    ("cosine", (), "norm", "cos * b / v ** 2)`"),
])
def test_the_line_is_named_and_mended(
    layer: str, options: tuple[str, ...], wrong: str, mended: str
) -> None:
    report = checked(layer, options, wrong)
    assert len(report.causes) == 1, str(report)
    assert mended in report.causes[0], str(report)
    assert str(report).count(report.causes[0]) == 1  # told once, however many gradients are wrong


def test_functions_are_as_before_after_a_search() -> None:
    forward, backward = written_out(planted_layers.dense, "tanh", wrong="slope")
    code, names = backward.__code__, set(backward.__globals__)
    assert not check_layer(forward, backward, *plain_inputs("dense"))
    assert backward.__code__ is code and set(backward.__globals__) == names


# --- what the same ratio may come from -----------------------------------------------------------


def scaled(x: Any, scale: float) -> Any:
    return scale * x**3, (x, scale)


def test_a_number_is_told_from_a_size_that_equals_it() -> None:
    def backward(dy: Any, cache: Any) -> Any:
        x, scale = cache
        return dy * scale * x**2

    report = check_layer(scaled, backward, np.random.default_rng(0).standard_normal((3, 4)), 0.7)
    assert "* 3`" in report.causes[0] and "shape" not in report.causes[0], str(report)


def test_a_parameter_is_told_from_a_number_that_equals_it() -> None:
    def forward(x: Any, f: int) -> Any:
        return x.reshape(len(x), -1, f).mean(axis=2), (x, f)

    def backward(dy: Any, cache: Any) -> Any:
        f = cache[1]
        return np.repeat(dy, f, axis=1)

    report = check_layer(forward, backward, np.random.default_rng(0).standard_normal((2, 12)), 2)
    assert "/ f" in report.causes[0], str(report)


# --- several lines -------------------------------------------------------------------------------


def gated(x: Any, u: Any, v: Any) -> Any:
    p, q = np.tanh(x * u), np.sin(x * v)
    return p * q, (x, u, v, p, q)


def test_two_exchanged_variables_are_one_mistake() -> None:
    def backward(dy: Any, cache: Any) -> Any:
        x, u, v, p, q = cache
        dp = dy * p * (1 - p**2)
        dq = dy * q * np.cos(x * v)
        return dp * u + dq * v, dp * x, dq * x

    inputs = np.random.default_rng(0).standard_normal((3, 4, 3))
    report = check_layer(gated, backward, *inputs)
    text = " ".join(report.causes)
    assert "`dp = dy * q * (1 - p**2)`" in text and "`dq = dy * p * np.cos(x * v)`" in text


def test_two_mistakes_in_two_gradients_are_told_one_by_one() -> None:
    def backward(dy: Any, cache: Any) -> Any:
        x, u, v, p, q = cache
        dp = dy * q * (1 - p**2)
        dq = dy * p * np.cos(x * v)
        return dp * u + dq * v, -dp * x, 2 * dq * x

    report = check_layer(gated, backward, *np.random.default_rng(0).standard_normal((3, 4, 3)))
    assert len(report.causes) == 2, str(report)


# --- backward as a function ----------------------------------------------------------------------


def test_a_backward_that_raises_is_mended() -> None:
    def forward(x: Any, W: Any) -> Any:
        return x @ W, (x, W)

    def backward(dy: Any, cache: Any) -> Any:
        x, W = cache
        dx = dy @ W
        dW = x.T @ dy
        return dx, dW

    rng = np.random.default_rng(0)
    report = check_layer(forward, backward, rng.standard_normal((5, 4)),
                         rng.standard_normal((4, 3)))
    assert "raised" in report.problems[0]
    assert "`dx = dy @ W.T`" in report.causes[0], str(report)


def test_a_mask_drawn_again_is_not_taken_for_a_stale_one() -> None:
    rng = np.random.default_rng(0)

    def forward(x: Any) -> Any:
        mask = rng.random(x.shape) < 0.5
        return x * mask, (x,)

    def backward(dy: Any, cache: Any) -> Any:
        mask = rng.random(dy.shape) < 0.5
        return dy * mask

    report = check_layer(forward, backward, np.ones((4, 5)))
    assert "`mask = rng.random(dy.shape) < 0.5` draws new random numbers" in report.problems[0]


def test_a_mask_that_forward_draws_and_keeps_is_right() -> None:
    rng = np.random.default_rng(0)

    def forward(x: Any) -> Any:
        mask = rng.random(x.shape) < 0.5
        return x * mask, (mask,)

    def backward(dy: Any, cache: Any) -> Any:
        (mask,) = cache
        return dy * mask

    assert check_layer(forward, backward, np.ones((4, 5)))


def test_the_course_s_divided_gradients_are_checked_as_the_docstring_says() -> None:
    def forward(A: Any, W: Any) -> Any:
        return W @ A, (A, W)

    def backward(dZ: Any, cache: Any) -> Any:
        A, W = cache
        return W.T @ dZ, dZ @ A.T / A.shape[1]

    rng = np.random.default_rng(0)
    A, W = rng.standard_normal((3, 5)), rng.standard_normal((2, 3))

    def backward_of_cost(dZ: Any, cache: Any) -> Any:
        dA, dW = backward(5 * dZ, cache)
        return dA / 5, dW

    assert not check_layer(forward, backward, A, W)
    assert check_layer(forward, backward_of_cost, A, W)


def test_the_first_wrong_variable_is_named_where_no_edit_mends_it() -> None:
    def forward(x: Any, W: Any) -> Any:
        z = x @ W
        a = np.arctan(z) * np.exp(-z / 7)
        return a * a, (x, W, z, a)

    def backward(dy: Any, cache: Any) -> Any:
        x, W, z, a = cache
        da = 2 * dy * a
        dz = da * np.cos(z)
        return dz @ W.T, x.T @ dz

    rng = np.random.default_rng(0)
    report = check_layer(forward, backward, rng.standard_normal((5, 4)),
                         rng.standard_normal((4, 3)))
    assert "`dz = da * np.cos(z)` is the first line whose result is wrong" in report.causes[-1]
