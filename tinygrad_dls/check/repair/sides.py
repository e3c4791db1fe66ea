"""Edits of the slope on one side of a condition: that of a leaky ReLU, of a clipped line."""

import ast
from collections.abc import Iterator
from itertools import permutations

import numpy as np

from .additions import is_product_root
from .edit import Edit, Scope, expression, goes
from .places import Block, Place
from .record import is_float, is_number

MOST = 8  # numbers that may be a slope


def of_sides(place: Place, scope: Scope) -> Iterator[Edit]:
    """A mask M, of zeros and ones, as np.where(M, 1, c) of a number c of forward."""
    value = scope.record.value(place)
    if not isinstance(value, np.ndarray) or _chooses(place):
        return
    mask = _mask(place, value)
    if not mask:
        return
    name, numbers = scope.numpy(place.source), slopes(place, scope, value.shape)
    for c in numbers:
        for one, other in (("1", c), (c, "1")):
            yield Edit(place, expression(f"{name}.where({mask}, {one}, {other})"), 1.5,
                       f"the slope of one side is {c}")
    for one, other in permutations(numbers[:MOST // 2], 2):
        yield Edit(place, expression(f"{name}.where({mask}, {one}, {other})"), 1.9,
                   f"the slopes of the sides are {one} and {other}")


def _mask(place: Place, value: np.ndarray) -> str:
    """The condition that a mask is made of: of z > 0, and of (z > 0).astype(float)."""
    node = place.node
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and (
            node.func.attr == "astype") and np.isin(value, (0, 1)).all():
        return ast.unparse(node.func.value)
    return ast.unparse(node) if value.dtype.kind == "b" else ""


def _chooses(place: Place) -> bool:
    """Return whether a mask chooses elements, or is made another one, as in z[M], ~M, M.T."""
    parent = place.parent
    if isinstance(parent, ast.Call):
        return not (isinstance(parent.func, ast.Name) and parent.func.id == "float")
    return isinstance(parent, (ast.Subscript, ast.Attribute, ast.UnaryOp, ast.Compare)) or (
        isinstance(parent, ast.BinOp) and not isinstance(parent.op, (ast.Mult, ast.MatMult)))


def slopes(at: Place | Block, scope: Scope, shape: tuple[int, ...]) -> list[str]:
    """The numbers of the layer and of forward that a slope may be."""
    found = [a.text for a in scope.numbers(at) if not isinstance(a.value, (bool, int))]
    found += [a.text for a in scope.arrays(at) if a.plain and a.value.size < np.prod(shape)
              and goes(a.value.shape, shape) and not is_number(a.value)]
    found += [repr(c) for c in scope.constants if isinstance(c, float) and c not in (0, 1)]
    return list(dict.fromkeys(found))[:MOST]


def of_overwritten(block: Block, scope: Scope) -> Iterator[Edit]:
    """dz[z < 0] = 0 as dz[z < 0] *= c."""
    statement = block.statement
    if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant) and (
            isinstance(target := statement.targets[0], ast.Subscript)):
        for c in slopes(block, scope, ()):
            yield Edit(block, [ast.AugAssign(target, ast.Mult(), expression(c))], 1.4,
                       f"the slope of this side is {c}")


def of_factors_of_sides(place: Place, scope: Scope) -> Iterator[Edit]:
    """np.where(M, d, 0) as np.where(M, d, c * d)."""
    node = place.node
    if not isinstance(node, ast.Call) or not is_product_root(place) or len(node.args) != 3 or not (
            isinstance(node.func, ast.Attribute) and node.func.attr == "where"):
        return
    value = scope.record.value(place)
    test, one, other = node.args
    for c in slopes(place, scope, np.shape(value)):
        for i, side in ((2, one), (1, other)):
            if not isinstance(side, ast.Constant):
                scaled = ast.BinOp(expression(c), ast.Mult(), side)
                new = [test, one, scaled] if i == 2 else [test, scaled, other]
                yield Edit(place, ast.Call(node.func, new, []), 1.5,
                           f"the slope of one side is {c}")


def of_signs(place: Place, scope: Scope) -> Iterator[Edit]:
    """x as its sign or size, and c as c * sign(r) of an array r: the slope of |r| on both sides."""
    node, value = place.node, scope.record.value(place)
    if not (is_float(value) or is_number(value)) or isinstance(place.parent, ast.Compare) or (
            isinstance(value, (bool, int)) and not _is_side(place)):
        return
    name, text = scope.numpy(place.source), ast.unparse(node)
    if np.ndim(value) and isinstance(node, (ast.Name, ast.Subscript, ast.Attribute)):
        for function in ("sign", "abs"):
            yield Edit(place, expression(f"{name}.{function}({text})"), 1.7,
                       f"{function} is missing")
    if np.ndim(value) or isinstance(place.parent, (ast.Subscript, ast.keyword, ast.Slice)):
        return
    shape = _shape_around(place, scope)
    for atom in scope.arrays(place):
        if shape and atom.plain and atom.value.shape == shape and atom.value.dtype.kind == "f":
            sign = f"{name}.sign({atom.text})"
            plain = isinstance(node, ast.Constant) and node.value == 1
            yield Edit(place, expression(sign if plain else f"{text} * {sign}"), 1.8,
                       f"the factor {sign} is missing")


def _is_side(place: Place) -> bool:
    """Return whether it is what np.where chooses."""
    parent = place.parent
    return isinstance(parent, ast.Call) and ast.unparse(parent.func).endswith("where") and (
        place.index in (1, 2))


def _shape_around(place: Place, scope: Scope) -> tuple[int, ...]:
    """The shape of the array that a number is put into."""
    above = place.above
    while above is not None:
        value = scope.record.value(above)
        if isinstance(value, np.ndarray) and value.ndim:
            return tuple(value.shape)
        above = above.above
    return ()
