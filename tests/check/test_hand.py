"""Gradient checking of hand-written gradients: Course 2, week 1, with its two planted bugs."""

from typing import Any

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls.check import check_gradients

Arrays = dict[str, np.ndarray[Any, Any]]


def case() -> tuple[Any, Any, Arrays]:
    """The course's 4-5-3-1 network, three examples."""
    draw = np.random.RandomState(1).randn  # the course: np.random.seed(1)
    x, y = draw(4, 3), np.array([1, 1, 0])
    shapes = {"W1": (5, 4), "b1": (5, 1), "W2": (3, 5), "b2": (3, 1), "W3": (1, 3), "b3": (1, 1)}
    return x, y, {name: draw(*shape) for name, shape in shapes.items()}


def forward(x: Any, y: Any, p: Arrays) -> tuple[float, Arrays]:
    a1 = np.maximum(p["W1"] @ x + p["b1"], 0)
    a2 = np.maximum(p["W2"] @ a1 + p["b2"], 0)
    a3 = 1 / (1 + np.exp(-(p["W3"] @ a2 + p["b3"])))
    logprobs = -np.log(a3) * y - np.log(1 - a3) * (1 - y)
    return float(logprobs.sum() / x.shape[1]), {"A1": a1, "A2": a2, "A3": a3}


def backward(x: Any, y: Any, p: Arrays, twice: float = 1.0, four: float = 1.0) -> Arrays:
    """`twice` = 2 and `four` = 4 are the course's mistakes in dW2 and db1."""
    a, m = forward(x, y, p)[1], x.shape[1]
    dz3 = a["A3"] - y
    dz2 = p["W3"].T @ dz3 * (a["A2"] > 0)
    dz1 = p["W2"].T @ dz2 * (a["A1"] > 0)
    return {
        "dZ3": dz3, "dW3": dz3 @ a["A2"].T / m, "db3": dz3.sum(axis=1, keepdims=True) / m,
        "dZ2": dz2, "dW2": dz2 @ a["A1"].T / m * twice, "db2": dz2.sum(axis=1, keepdims=True) / m,
        "dZ1": dz1, "dW1": dz1 @ x.T / m, "db1": four / m * dz1.sum(axis=1, keepdims=True),
    }


def check(gradients: Arrays, **options: Any) -> Any:
    x, y, parameters = case()
    return check_gradients(lambda p: forward(x, y, p)[0], parameters, gradients, **options)


def hints(report: Any) -> dict[str, str]:
    return {c.name: c.hint for c in report.gradients if c.verdict == "wrong"}


def test_the_course_s_planted_bugs_are_found_and_named() -> None:
    report = check(backward(*case(), twice=2, four=4))
    assert not report
    assert report.difference == pytest.approx(0.2850931567, abs=1e-9)
    assert hints(report) == {"dW2": "analytic = 2 x numeric", "db1": "analytic = 4 x numeric"}
    text = str(report)
    assert "WRONG" in text and "0.285093156" in text and "dW2" in text and "47 numbers" in text


def test_the_mended_gradient_is_right() -> None:
    report = check(backward(*case()))
    assert report.ok and not report.wrong
    assert report.difference == pytest.approx(1.19e-7, rel=0.01)
    assert str(report).startswith("gradient check: right")


def test_the_parameters_are_left_alone() -> None:
    x, y, parameters = case()
    before = {name: value.copy() for name, value in parameters.items()}

    def meddling(p: Arrays) -> float:
        cost = forward(x, y, p)[0]
        p["W1"] += 1
        return cost

    assert check_gradients(meddling, parameters, backward(x, y, parameters))
    assert all(np.array_equal(before[name], parameters[name]) for name in before)


@pytest.mark.parametrize(("name", "spoil", "said"), [
    ("dW1", lambda g: -g, "analytic = -numeric (wrong sign)"),
    ("dW1", lambda g: g.T, "it is the transpose"),
    ("dW2", lambda g: g * 3, "is 1/m missing?"),
    ("dW2", lambda g: g / 3, "is there one 1/m too many?"),
    ("db1", lambda g: g[:, 0], "keepdims=True"),
    ("dW3", lambda g: g * 0, "0 everywhere"),
    ("dW3", lambda g: g * np.nan, "NaN or Inf, first at [0, 0]"),
    ("db2", lambda g: None, "None"),
    ("dW2", lambda g: g + 0.5 * (np.arange(15).reshape(3, 5) == 11), "1 of 15 elements differ, at [2, 1]"),  # noqa: E501
])
def test_each_mistake_has_its_name(name: str, spoil: Any, said: str) -> None:
    gradients = backward(*case())
    gradients[name] = spoil(gradients[name])
    report = check(gradients, m=3)
    assert list(hints(report)) == [name] and said in hints(report)[name]


def test_a_gradient_that_was_not_summed_over_the_examples() -> None:
    x, y, parameters = case()
    gradients = backward(x, y, parameters)
    gradients["db1"] = gradients["dZ1"] / 3
    assert hints(check(gradients)) == {
        "db1": "analytic has shape (5, 3), it must be (5, 1): broadcast, but not summed: write "
               ".sum(axis=1)"
    }
    gradients["db1"] = gradients["dZ1"]
    assert ".mean(axis=1) is missing" in hints(check(gradients))["db1"]


def test_what_is_missing_is_said() -> None:
    gradients = backward(*case())
    del gradients["dW2"]
    with pytest.raises(dls.DataError, match="no gradient for 'W2'"):
        check(gradients)
    x, y, parameters = case()
    parameters["b1"][2] = np.nan
    with pytest.raises(dls.DataError, match="b1 holds NaN"):
        check_gradients(lambda p: forward(x, y, p)[0], parameters, backward(*case()))
    with pytest.raises(dls.DataError, match="the cost is nan"):
        check_gradients(lambda p: float("nan"), {"w": np.ones(2)}, {"dw": np.ones(2)})


def test_tensors_are_taken_too_and_one_dimension_is_enough() -> None:
    theta = dls.Tensor(4.0, dtype="float64")
    report = check_gradients(lambda p: 2.0 * p["theta"], {"theta": theta}, {"dtheta": 2.0})
    assert report and report.difference < 1e-7
    half = {"theta": dls.Tensor(1.0)}
    wrong = check_gradients(lambda p: 2.0 * p["theta"], {"theta": theta}, half)
    assert hints(wrong) == {"dtheta": "analytic = 1/2 of numeric"}
