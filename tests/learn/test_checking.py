"""The helpers of checks: what they take, and what they say."""

import numpy as np
import pytest

from tinygrad_dls.errors import FormatError
from tinygrad_dls.learn.checking import (
    gradients,
    keys,
    numeric_gradient,
    result,
    same,
    shape,
    untouched,
)
from tinygrad_dls.learn.exercises import find_exercises, without_solutions

TRUTH = np.array([[1.0, 2.0, -3.0], [0.5, 0.0, 7.0]])


def says(function, *arguments, **options) -> str:
    with pytest.raises(AssertionError) as error:
        function(*arguments, **options)
    return str(error.value)


@pytest.mark.parametrize("mine", [TRUTH, TRUTH.tolist(), TRUTH * (1 + 1e-12), TRUTH + 1e-15])
def test_same_takes_what_is_right(mine):
    same("dW", mine, TRUTH)


@pytest.mark.parametrize(("mine", "words"), [
    (None, "dW is None: is `return` missing?"),
    ("text", "it must hold numbers"),
    ([[1.0], [1.0, 2.0]], "is not an array"),
    (TRUTH.T, "has shape (3, 2), it must be (2, 3): it is the transpose, write .T"),
    (3 * TRUTH, "yours = 3 x it"),
    (-TRUTH, "yours = minus it (wrong sign)"),
    (TRUTH[None], "with too many axes of length 1"),
    (TRUTH + np.eye(2, 3), "2 of 6 elements differ"),
    (np.where(TRUTH == 0, np.nan, TRUTH), "at [1, 1]: yours is nan"),
])
def test_same_names_the_mistake(mine, words):
    said = says(same, "dW", mine, TRUTH, "a hint")
    assert said.startswith("dW") and words in said and said.endswith("; a hint")


def test_same_of_numbers_and_of_zero():
    same("cost", np.float64(0.5), 0.5)
    same("nothing", 1e-14, 0.0)
    same("empty", np.zeros((0, 2)), np.zeros((0, 2)))
    assert says(same, "cost", 1.5, 0.5) == "cost: 1.5, it must be 0.5: yours = 3 x it"
    assert says(same, "cost", np.array([0.5]), 0.5).startswith("cost has shape (1,)")
    assert says(same, "n", 1e-6, 0.0) == "n: 1e-06, it must be 0"
    assert "gradient" not in says(same, "predictions", np.zeros((1, 4)), np.array([[1, 0, 1, 1]]))


def test_shape_keys_and_results():
    shape("b", np.zeros((2, 1)), (2, 1))
    assert "keepdims" in says(shape, "b", np.zeros(2), (2, 1))
    assert "transposed?" in says(shape, "W", np.zeros((2, 3)), (3, 2))
    keys("cache", {"Z1": 1, "A1": 2}, ["A1"])
    assert "lacks 'A2'" in says(keys, "cache", {"Z1": 1}, ["Z1", "A2"])
    assert "must be a dictionary" in says(keys, "cache", (1, 2), ["Z1"])
    assert result("f", (1, 2), 2) == (1, 2)
    assert "returns 3 things" in says(result, "f", (1, 2, 3), 2)
    assert "returns a ndarray" in says(result, "f", TRUTH, 2)


def test_gradients():
    X, start = np.array([[1.0, 2.0, 3.0, 4.0]]), {"W": np.array([[0.5]]), "b": np.array([[0.1]])}

    def cost(p):
        return float(np.mean((p["W"] * X + p["b"]) ** 2))

    residual = 0.5 * X + 0.1
    dW, db = np.array([[2 * np.mean(residual * X)]]), np.array([[2 * np.mean(residual)]])
    gradients(cost, start, {"dW": dW, "db": db}, m=4)
    assert "is 1/m missing?" in says(gradients, cost, start, {"dW": 4 * dW, "db": db}, m=4)
    assert says(gradients, cost, start, {"dW": dW, "db": 2 * db}).startswith(
        "db: yours = 2 x it; dW is right, db is wrong")
    both = says(gradients, cost, start, {"dW": 3 * dW, "db": 2 * db})
    assert both.startswith("dW: yours = 3 x it; all are wrong")
    assert "db: yours is 0 everywhere: the gradient is lost" in says(
        gradients, cost, start, {"dW": dW, "db": 0 * db})
    assert "lacks 'db'" in says(gradients, cost, start, {"dW": dW})
    assert "db is None" in says(gradients, cost, start, {"dW": dW, "db": None})


def test_numeric_gradient():
    x = np.array([[0.0, 1.0], [-2.0, 3.0]])
    assert np.allclose(numeric_gradient(np.sin, x), np.cos(x), atol=1e-9)
    assert np.allclose(numeric_gradient(lambda v: (v**2).sum(), x), 2 * x, atol=1e-8)


def test_untouched():
    a, b = np.zeros(3), {"W": np.ones(2), "list": [np.ones(1)]}
    with untouched(a=a, b=b):
        a + 1
    with pytest.raises(AssertionError, match="b was changed"), untouched(a=a, b=b):
        b["list"][0] += 1


BLOCK = "def f(x):\n    # BEGIN SOLUTION\n    y = x\n    # END SOLUTION\n    return y\n"


@pytest.mark.parametrize("text", [
    BLOCK.replace("    # END SOLUTION\n", ""),
    BLOCK.replace("    # BEGIN SOLUTION\n", ""),
    BLOCK.replace("    y = x\n", ""),
    BLOCK.replace("    # END", "    # BEGIN"),
    "# BEGIN SOLUTION\nx = 1\n# END SOLUTION\n",
    "x = 1\n",
])
def test_markers_that_are_not_in_order_are_refused(text):
    with pytest.raises(FormatError):
        without_solutions(text)


def test_exercises_are_functions_methods_and_what_they_nest():
    text = BLOCK + "\n\nclass A:\n" + "".join(f"    {line}\n" for line in BLOCK.splitlines())
    text = text.replace("    def f", "    @property\n    def __f__")
    nested = "def outer():\n" + "".join(f"    {line}\n" for line in BLOCK.splitlines())
    found = find_exercises(text + nested)
    assert [(e.number, e.name) for e in found] == [(1, "f"), (2, "A_f"), (3, "outer")]
    assert found[1].source(text).startswith("@property\ndef __f__(x):\n    y = x\n")
    holes = without_solutions(text, only="A_f")
    assert holes.count("NotImplementedError") == 1 and holes.count("SOLUTION") == 2
