"""Edits of indices that take too much or too little: one element of each row, a sum of them all."""

import ast
from collections.abc import Iterator
from typing import Any

import numpy as np

from .edit import Edit, Scope, expression
from .places import Block, Place
from .slices import Alternatives


def of_picks(node: ast.Subscript, at: Place | Block, scope: Scope) -> Alternatives:
    """d[:, y] and d[y] as d[np.arange(m), y]: of each row the element that y says."""
    base = _value(node.value, at, scope)
    parts = list(node.slice.elts) if isinstance(node.slice, ast.Tuple) else [node.slice]
    if not isinstance(base, np.ndarray) or not len(parts) <= base.ndim:
        return
    name = scope.numpy(at.source)
    for part in parts:
        picked = None if isinstance(part, (ast.Slice, ast.Constant)) else _value(part, at, scope)
        if not isinstance(picked, np.ndarray) or picked.dtype.kind not in "iu" or picked.ndim != 1:
            continue
        counts = [a.text for a in scope.numbers(at)
                  if a.plain and type(a.value) is int and a.value == len(picked)]
        rows = [f"{name}.arange({n})" for n in (*counts, f"len({ast.unparse(part)})")]
        for k, row in enumerate(rows):
            for j, other in enumerate(parts):
                if _is_whole(other) and base.shape[j] == len(picked):
                    new = [*parts[:j], expression(row), *parts[j + 1:]]
                    yield 1.2 + 0.1 * k, _made(node, new), (
                        f"of each index along axis {j} only the element of "
                        f"{ast.unparse(part)} is meant")
            if len(parts) == 1 and base.ndim > 1 and base.shape[0] == len(picked):
                yield 1.3 + 0.1 * k, _made(node, [expression(row), part]), (
                    f"of each row only the element of {ast.unparse(part)} is meant")


def of_sums(node: ast.Subscript, value: Any) -> Alternatives:
    """d[:, 0] as d.sum(axis=1), and d[:, :1] as d.sum(axis=1, keepdims=True)."""
    if not isinstance(value, np.ndarray) or value.dtype.kind != "f":
        return
    parts = list(node.slice.elts) if isinstance(node.slice, ast.Tuple) else [node.slice]
    one = [i for i, part in enumerate(parts) if _is_number(part)]
    short = [i for i, part in enumerate(parts) if _is_first(part)]
    if any(isinstance(part, ast.Constant) and part.value in (None, ...) for part in parts):
        return
    for axes, keep in ((one, ""), (short, ", keepdims=True")):
        for some in dict.fromkeys([tuple(axes), *((axis,) for axis in axes)]) if axes else ():
            rest: list[ast.expr] = [ast.Slice(None, None, None) if i in some else part
                                    for i, part in enumerate(parts)]
            inner = node.value if all(map(_is_whole, rest)) else _made(node, rest)
            places = [axis - sum(i < axis and _is_number(p) for i, p in enumerate(rest))
                      for axis in some]
            along = str(places[0]) if len(places) == 1 else str(tuple(places))
            text = ast.unparse(inner)
            text = text if isinstance(inner, (ast.Name, ast.Subscript, ast.Call, ast.Attribute)) \
                else f"({text})"
            yield 1.2, expression(f"{text}.sum(axis={along}{keep})"), (
                f"the sum over axis {along} is missing: an index takes one element of it")


def _made(node: ast.Subscript, parts: list[ast.expr]) -> ast.expr:
    inner = ast.Tuple(parts, ast.Load()) if len(parts) > 1 else parts[0]
    return ast.Subscript(node.value, inner, node.ctx)


def _is_whole(part: ast.expr) -> bool:
    return isinstance(part, ast.Slice) and part.lower is part.upper is part.step is None


def _is_number(part: ast.expr) -> bool:
    """Return whether an index is a number, such as 0 or -1."""
    part = part.operand if isinstance(part, ast.UnaryOp) else part
    return isinstance(part, ast.Constant) and type(part.value) is int


def _is_first(part: ast.expr) -> bool:
    return isinstance(part, ast.Slice) and part.step is None and isinstance(
        part.upper, ast.Constant) and part.upper.value == 1 and (
            part.lower is None or (isinstance(part.lower, ast.Constant) and part.lower.value == 0))


def _value(node: ast.expr, at: Place | Block, scope: Scope) -> Any:
    """The value of a name before a line; None of what is not a name."""
    return next((a.value for a in scope.atoms(at) if a.text == ast.unparse(node)), None)


def of_steps_before(place: Place, scope: Scope) -> Iterator[Edit]:
    """a, of all steps, as the steps before: np.concatenate((a0[..., None], a[..., :-1]), -1)."""
    node, value = place.node, scope.record.value(place)
    if not isinstance(node, (ast.Name, ast.Subscript)) or not isinstance(value, np.ndarray) or (
            value.ndim < 2 or value.dtype.kind != "f"):
        return
    name, text = scope.numpy(place.source), ast.unparse(node)
    for axis in range(value.ndim):
        shape = (*value.shape[:axis], *value.shape[axis + 1:])
        for atom in scope.arrays(place):
            if atom.plain and atom.value.shape == shape and atom.value.dtype.kind == "f" and (
                    value.shape[axis] > 1):
                before = [":"] * axis
                first = ", ".join([*before, "None", *[":"] * (value.ndim - axis - 1)])
                rest = ", ".join([*before, ":-1", *[":"] * (value.ndim - axis - 1)])
                both = f"({atom.text}[{first}], {text}[{rest}])"
                yield Edit(place, expression(f"{name}.concatenate({both}, axis={axis})"), 2.4,
                           f"{text} is meant one step earlier, {atom.text} at the first")
