"""Edits of a reshape that must go with the order of axes that forward gives its arrays."""

import ast
from collections.abc import Iterator
from itertools import combinations, permutations

import numpy as np

from .edit import Edit, Scope, expression
from .places import Place

WHY = "the axes must be put in forward's order, not only reshaped"


def of_axes(place: Place, scope: Scope) -> Iterator[Edit]:
    """x.reshape(s) with a transposition before it or behind it, or as a helper that forward has."""
    node = place.node
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or (
            node.func.attr != "reshape"):
        return
    is_numpy = ast.unparse(node.func.value) == scope.numpy(place.source)
    if is_numpy and len(node.args) < 2:
        return
    inner = node.args[0] if is_numpy else node.func.value
    sizes = node.args[1:] if is_numpy else node.args
    text, to = ast.unparse(inner), ", ".join(map(ast.unparse, sizes))
    text = text if isinstance(inner, (ast.Name, ast.Attribute, ast.Subscript, ast.Call)) else (
        f"({text})")
    yield from _helpers(place, ast.unparse(inner), scope)
    before = scope.record.value(next((p for p in scope.record.places if p.node is inner), None))
    for order in _orders(np.ndim(before)):
        yield Edit(place, expression(f"{text}.transpose{order}.reshape({to})"), 1.45, WHY)
    made = scope.record.value(place)
    if len(sizes) == 1 and not isinstance(sizes[0], (ast.Tuple, ast.List)):
        lengths = [f"{to}[{i}]" for i in range(np.ndim(made))]
    else:
        listed = sizes[0].elts if len(sizes) == 1 else sizes  # type: ignore[attr-defined]
        lengths = [ast.unparse(n) for n in listed]
    for order in _orders(np.ndim(made)) if len(lengths) == np.ndim(made) else ():
        other = ", ".join(lengths[axis] for axis in order)
        back = tuple(int(i) for i in np.argsort(order))
        yield Edit(place, expression(f"{text}.reshape({other}).transpose{back}"), 1.5, WHY)


def _orders(ndim: int) -> Iterator[tuple[int, ...]]:
    """The orders of axes but their own."""
    if 2 <= ndim <= 4:
        yield from (p for p in permutations(range(ndim)) if p != tuple(range(ndim)))


def _helpers(place: Place, text: str, scope: Scope) -> Iterator[Edit]:
    """The functions that forward or backward call, with the array and a number of the layer."""
    called = {s.function.__name__ for s in scope.sources} & set(scope.functions(place.source))
    numbers = [n.text for n in scope.numbers(place) if isinstance(n.value, (int, np.integer))]
    for name in sorted(called - {place.source.function.__name__}):
        for arguments in (text, *(f"{text}, {n}" for n in numbers)):
            yield Edit(place, expression(f"{name}({arguments})"), 1.4, WHY)


def of_broadcasts(place: Place, scope: Scope) -> Iterator[Edit]:
    """A vector v along another axis of an array, v[:, None]; axes of an einsum the other way."""
    node = place.node
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and "->" in node.value:
        yield from _letters(place, node.value)
    vector = node.value if isinstance(node, ast.Subscript) and "None" in ast.unparse(
        node.slice) else node
    inner = next((p for p in scope.record.places if p.node is vector), None)
    value = scope.record.value(inner)
    around = scope.record.value(place.above)
    if not isinstance(vector, (ast.Name, ast.Subscript, ast.Attribute)) or not isinstance(
            value, np.ndarray) or value.ndim != 1 or not isinstance(place.parent, ast.BinOp) or (
                isinstance(place.parent.op, ast.MatMult)) or not isinstance(around, np.ndarray):
        return
    for axis in range(around.ndim if 2 <= around.ndim <= 4 else 0):
        parts = [":" if i == axis else "None" for i in range(around.ndim)]
        text = f"{ast.unparse(vector)}[{', '.join(parts)}]"
        if text != ast.unparse(node) and around.shape[axis] == len(value):
            yield Edit(place, expression(text), 1.3,
                       f"{ast.unparse(vector)} lies along axis {axis}")


def _letters(place: Place, text: str) -> Iterator[Edit]:
    """An einsum with two letters of one of its arrays exchanged."""
    inputs, _, result = text.replace(" ", "").partition("->")
    arrays = [*inputs.split(","), result]
    for k, letters in enumerate(arrays):
        for i, j in combinations(range(len(letters)), 2):
            new = list(letters)
            new[i], new[j] = letters[j], letters[i]
            others = [*arrays[:k], "".join(new), *arrays[k + 1:]]
            made = ",".join(others[:-1]) + "->" + others[-1]
            yield Edit(place, ast.Constant(made), 0.95,
                       f"{letters[i]} and {letters[j]} are exchanged")
