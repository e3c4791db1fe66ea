"""Backward by hand, graded gradient by gradient: one mistake is told once, with its name."""

import json
from typing import Any

import numpy as np
import pytest

import tinygrad_dls as dls

M = 6


def network(dtype: str = "float64") -> tuple[Any, dict[str, Any]]:
    """The network of Course 1, week 3: the cost, and all values by name."""
    rng = np.random.default_rng(3)
    X, Y = rng.standard_normal((2, M)).astype(dtype), rng.integers(0, 2, (1, M))
    shapes = {"W1": (4, 2), "b1": (4, 1), "W2": (1, 4), "b2": (1, 1)}
    p = {name: dls.Tensor(rng.standard_normal(shape).astype(dtype), requires_grad=True)
         for name, shape in shapes.items()}
    Z1 = p["W1"] @ X + p["b1"]
    A1 = Z1.tanh()
    Z2 = p["W2"] @ A1 + p["b2"]
    A2 = Z2.sigmoid()
    J = -(Y * A2.log() + (1 - Y) * (1 - A2).log()).sum() / M
    return J, {**p, "Z1": Z1, "A1": A1, "Z2": Z2, "A2": A2, "X": X, "Y": Y}


def by_hand(values: dict[str, Any], **wrong: Any) -> dict[str, Any]:
    """The course's six lines and dA1; `wrong` replaces some by what is made of v and those before.
    """
    v = {name: np.asarray(x.numpy() if isinstance(x, dls.Tensor) else x)
         for name, x in values.items()}
    lines = {
        "dZ2": lambda v: v["A2"] - v["Y"],
        "dW2": lambda v: v["dZ2"] @ v["A1"].T / M,
        "db2": lambda v: v["dZ2"].sum(axis=1, keepdims=True) / M,
        "dA1": lambda v: v["W2"].T @ v["dZ2"],
        "dZ1": lambda v: v["dA1"] * (1 - v["A1"] ** 2),
        "dW1": lambda v: v["dZ1"] @ v["X"].T / M,
        "db1": lambda v: v["dZ1"].sum(axis=1, keepdims=True) / M,
    }
    made = {}
    for name, line in lines.items():
        v[name] = made[name] = wrong.get(name, line)(v)
    return made


def grade(**wrong: Any) -> Any:
    J, values = network()
    return dls.manual(J, values, by_hand(values, **wrong), m=M)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_all_right_in_the_order_of_backward(dtype: str) -> None:
    J, values = network(dtype)
    grades = dls.manual(J, values, by_hand(values), m=M)
    assert grades and grades.first is None, str(grades)
    names = [g.name for g in grades.grades]
    assert names.index("dZ2") < names.index("dA1") < names.index("dZ1")
    assert names[0] == "dZ2" and set(names[-2:]) == {"dW1", "db1"}
    J.backward()  # the graph is still there


@pytest.mark.parametrize(("name", "line", "words"), [
    ("dZ2", lambda v: v["Y"] - v["A2"], "wrong sign"),
    ("dZ2", lambda v: v["A2"], "yours is A2, it must be (A2 - Y)"),
    ("dW2", lambda v: v["dZ2"] @ v["A1"].T, "is 1/m missing?"),
    ("dW2", lambda v: v["A1"] @ v["dZ2"].T / M, "write .T"),
    ("db2", lambda v: v["dZ2"] / M, ".sum(axis=1)"),
    ("dA1", lambda v: v["dZ2"] * v["A1"], "it must be W2.T @ dZ2"),
    ("dZ1", lambda v: v["dA1"], "yours is dA1, it must be dA1 * (1 - A1**2)"),
    ("dZ1", lambda v: v["dA1"] * v["A1"] * (1 - v["A1"]),
     "yours is dA1 * (A1 * (1 - A1)), it must be dA1 * (1 - A1**2)"),
    ("dW1", lambda v: v["dA1"] @ v["X"].T / M, "yours is dA1 @ X.T / m, it must be dZ1 @ X.T / m"),
    ("db1", lambda v: v["dZ1"][:, :1], "it must be dZ1.sum(axis=1, keepdims=True) / m"),
])
def test_the_first_wrong_one_is_named_and_only_it(name: str, line: Any, words: str) -> None:
    grades = grade(**{name: line})
    wrong = [g.name for g in grades.grades if g.verdict == "wrong"]
    assert wrong == [name] and grades.first.name == name, str(grades)
    assert words in grades[name].hint, str(grades)


def test_what_follows_from_a_mistake_is_said_to_be_right_for_it() -> None:
    grades = grade(dZ2=lambda v: 2 * (v["A2"] - v["Y"]))
    assert {g.name: g.verdict for g in grades.grades} == {
        "dZ2": "wrong", "dW2": "inherited", "db2": "inherited", "dA1": "inherited",
        "dZ1": "inherited", "dW1": "inherited", "db1": "inherited"}
    assert grades["dW2"].sources == ("dZ2",) and grades["dZ1"].sources == ("dA1",)
    assert "right for your dA1, which it takes on" in str(grades)


def test_a_second_mistake_is_found_behind_the_first() -> None:
    grades = grade(dZ2=lambda v: -(v["A2"] - v["Y"]), dW1=lambda v: v["dZ1"] @ v["X"].T)
    assert [g.name for g in grades.grades if g.verdict == "wrong"] == ["dZ2", "dW1"]
    assert "1/m" in grades["dW1"].hint
    found = json.loads(grades.to_json())
    assert found["first"] == "dZ2" and not found["ok"] and len(found["grades"]) == 7


def test_without_m_all_gradients_are_those_of_the_cost() -> None:
    J, values = network()
    plain = {name: g / M if name[1] in "ZA" else g for name, g in by_hand(values).items()}
    assert dls.manual(J, values, plain)
    assert not dls.manual(J, values, by_hand(values))


def test_some_gradients_are_enough_and_wrong_calls_are_answered() -> None:
    J, values = network()
    right = by_hand(values)
    assert dls.manual(J, values, {"dW1": right["dW1"]}, m=M)
    with pytest.raises(dls.DataError, match="'dW9' is the gradient of no value"):
        dls.manual(J, values, {"dW9": right["dW1"]})
    other = dls.Tensor([1.0], requires_grad=True)
    with pytest.raises(dls.DataError, match="does not depend on 'W7'"):
        dls.manual(J, {**values, "W7": other}, {"dW7": [1.0]})
    J.backward()
    with pytest.raises(dls.GraphError, match="before backward"):
        dls.manual(J, values, right)
    with pytest.raises(dls.GraphError, match="has no graph"):
        dls.manual(J.detach(), values, right)
