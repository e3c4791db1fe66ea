"""Error cards: the shapes, the clash, who made them, the rule, and fixes that do work."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import tinygrad_dls as dls
from tinygrad_dls.ops.cards import shape_error
from tinygrad_dls.ops.matmul import Linear

T = dls.ones


def card(call: Callable[[], Any], kind: type[Exception] = dls.ShapeError) -> str:
    with pytest.raises(kind) as caught:
        call()
    assert isinstance(caught.value, dls.Error)
    return str(caught.value)


def test_the_whole_card() -> None:
    w = dls.Tensor(np.ones((3, 5), "float32"), requires_grad=True, name="W")
    with dls.trace():
        z = T((4, 3)) @ w
    text = card(lambda: z + dls.Tensor(np.ones(4), name="b1"))
    line = re.search(r"test_cards\.py:\d+", text)
    assert line is not None
    assert text.split("\n") == [
        "'add' cannot take these shapes:",
        "  a  (4, 5)",
        "  b     (4,)",
        "         ^  5 against 4",
        f"made by:    a: 'matmul' at {line[0]};  b: 'b1'",
        "rule:       axes are matched from the last one; each pair must be equal, or one of them 1",
        "would work: b.reshape(-1, 1) instead of b   or   a.T instead of a   or   "
        "a[..., None] instead of a",
    ]


def marks(text: str) -> list[str]:
    """What stands above each mark: the last digit of the axis in the lines of shapes."""
    lines = text.split("\n")
    at = next(i for i, line in enumerate(lines) if line.lstrip().startswith("^"))
    columns = [i for i, c in enumerate(lines[at]) if c == "^"]
    return [lines[at - 1 - k][column] for column in columns for k in (1, 0)
            if len(lines[at - 1 - k]) > column]


@pytest.mark.parametrize(("call", "above", "sizes"), [
    (lambda: T((2, 3)) + T((2, 4)), ["3", "4"], "3 against 4"),
    (lambda: T((5, 12, 3)) * T((11, 3)), ["2", "1"], "12 against 11"),
    (lambda: T((6, 2, 3)) @ T((5, 3, 2)), ["6", "5"], "6 against 5"),
    (lambda: T((2, 5)) @ T((7, 4)), ["2", "7", "5", "4"], "5 against 7"),
    (lambda: dls.concatenate([T((2, 3)), T((2, 4))]), ["3", "4"], "3 against 4"),
    (lambda: dls.stack([T((2, 3)), T((8, 3))]), ["2", "8"], "2 against 8"),
    (lambda: dls.where(T((2,)) > 0, T((2,)), T((3,))), ["2", "3"], "2 against 3"),
])
def test_the_axes_that_clash_are_marked(
    call: Callable[[], Any], above: list[str], sizes: str
) -> None:
    text = card(call)
    assert marks(text) == above and sizes in text
    assert text.index("(") < text.index("^")


@pytest.mark.parametrize(("call", "fix"), [
    (lambda: T((2, 3)) + T((3, 2)), "b.T instead of b"),
    (lambda: T((4, 3)) * T((4,)), "b.reshape(-1, 1) instead of b"),
    (lambda: T((2, 3)) @ T((4, 3)), "b.T instead of b"),
    (lambda: T((2, 3)) @ T((4, 2)), "b @ a"),
    (lambda: dls.concatenate([T((2, 3)), T((2, 4))], axis=0), "axis=1"),
    (lambda: dls.concatenate([T((2, 3)), T((3,))]), "arrays[1].reshape(1, -1)"),
    (lambda: dls.stack([T((2, 3)), T((3, 2))]), "arrays[1].T"),
    (lambda: T((3, 4)).reshape(5, 2), "x.reshape(-1, 2)"),
    (lambda: dls.broadcast_to(T((3,)), (3, 2)), "x.reshape(-1, 1)"),
])
def test_fixes(call: Callable[[], Any], fix: str) -> None:
    assert fix in card(call).split("would work: ")[1]


def test_linear() -> None:
    def of(*shapes: tuple[int, ...] | None) -> str:
        return str(shape_error(Linear(), [s and T(s) for s in shapes]))

    text = of((3, 5), (2, 4), (2,))
    assert marks(text) == ["5", "4"] and "5 against 4" in text and "would work" not in text
    assert "x.T instead of x" in of((3, 5), (2, 3), None)
    assert marks(of((6, 3), (2, 3), (5,))) == ["2", "5"]
    assert "n_out" in of((6, 3), (2, 3), (5,))


shapes = st.lists(st.integers(1, 4), max_size=3).map(tuple)


@settings(max_examples=150, deadline=None)
@given(shapes, shapes, st.sampled_from(["+", "@", "stack", "cat"]))
def test_every_fix_works(s: tuple[int, ...], t: tuple[int, ...], op: str) -> None:
    calls: dict[str, Callable[..., Any]] = {
        "+": lambda a, b: a + b,
        "@": lambda a, b: a @ b,
        "stack": lambda a, b: dls.stack([a, b]),
        "cat": lambda a, b, axis=0: dls.concatenate([a, b], axis=axis),
    }
    a, b = T(s), T(t)
    try:
        calls[op](a, b)
        assume(False)
    except dls.ShapeError as error:
        text = str(error)
    for place, shape in (("a", s), ("b", t)):
        name = place if op in "+@" else f"arrays[{'ab'.index(place)}]"
        assert re.search(rf"^  {re.escape(name)} +{re.escape(str(shape))}$", text, re.M)
    for fix in text.partition("would work: ")[2].split("   or   "):
        names: dict[str, Any] = {"a": a, "b": b, "arrays": [a, b]}
        if fix == "b @ a":
            b @ a
        elif fix.startswith("axis="):
            calls[op](a, b, int(fix.removeprefix("axis=")))
        elif fix:
            expression, _, name = fix.partition(" instead of ")
            second = name in ("b", "arrays[1]")
            edited = eval(expression, names)
            calls[op](*((a, edited) if second else (edited, b)))


def test_many_operands_are_not_all_listed() -> None:
    text = card(lambda: dls.concatenate([T((2, 3))] * 50 + [T((3, 2))] + [T((2, 3))] * 9))
    assert "58 more" in text and "arrays[50]  (3, 2)" in text and text.count("\n") < 8


def test_what_is_no_matter_of_shapes() -> None:
    assert "x.astype('float32')" in card(lambda: dls.Tensor([1, 2]) ** -1, dls.DtypeError)
    card(lambda: dls.Tensor([1, 2]) ** dls.Tensor([-1, 2]), dls.DtypeError)
    assert "a is a tensor of bool" in card(
        lambda: dls.Tensor([True]) - dls.Tensor([True]), dls.DtypeError)


@pytest.mark.parametrize(("index", "kind", "said"), [
    (7, dls.DataError, "index 7 is out of bounds for axis 0 with size 3"),
    (np.array([1, 5]), dls.DataError, "index 5 is out of bounds"),
    ((0, 0, 0), dls.ShapeError, "too many indices"),
    (np.array([True, False]), dls.ShapeError, "boolean index did not match"),
    ((np.arange(2), np.arange(3)), dls.ShapeError, "could not be broadcast"),
])
def test_indices(index: Any, kind: type[Exception], said: str) -> None:
    text = card(lambda: T((3, 4))[index], kind)
    assert said in text and "'getitem'" in text and "\n  x  (3, 4)\n" in text
