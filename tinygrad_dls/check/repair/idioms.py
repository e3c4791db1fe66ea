"""Edits that put a known formula around a value: back through a softmax, a mean, a norm."""

import ast
from collections.abc import Iterator
from itertools import permutations
from typing import Any

import numpy as np

from .additions import is_product_root
from .edit import Atom, Edit, Scope, expression
from .places import Place
from .record import is_float

MOST = 4  # axes of an array whose orders are tried


def of_idioms(place: Place, scope: Scope) -> Iterator[Edit]:
    """The expression d as d - mean(d), y * (d - sum(d * y)) and the like; other orders of axes."""
    node, value = place.node, scope.record.value(place)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        yield from _transposes(place, node)
    if isinstance(value, np.ndarray) and value.dtype.kind in "iu" and value.ndim == 1:
        yield Edit(place, expression(f"{scope.numpy(place.source)}.argsort({ast.unparse(node)})"),
                   2.2, "the order must be inverted (argsort)")
    if not is_float(value) or not np.ndim(value) or isinstance(node, ast.Constant):
        return
    if not is_product_root(place):
        return
    d = ast.unparse(node)
    d = d if isinstance(node, (ast.Name, ast.Subscript, ast.Attribute, ast.Call)) else f"({d})"
    alike = [a for a in scope.arrays(place) if np.shape(a.value) == np.shape(value)
             and a.value.dtype.kind == "f" and a.text != d]
    for axis in range(np.ndim(value)):
        yield from _through(place, d, axis, alike, scope)
    name = scope.numpy(place.source)
    if np.ndim(value) > 1:
        yield Edit(place, expression(f"{d} - {name}.mean({d})"), 2.3,
                   "the branch through the mean of all is missing")
    numbers = [n.text for n in scope.numbers(place) if n.plain] + [
        repr(c) for c in scope.constants if isinstance(c, float)]
    for c in numbers:
        yield Edit(place, expression(f"{name}.clip({d}, -{c}, {c})"), 2.6,
                   f"it must be clipped to {c}")
    for mask in scope.arrays(place):
        if mask.value.dtype.kind == "b" and np.shape(mask.value) == np.shape(value):
            for c in numbers:
                yield Edit(place, expression(
                    f"{name}.where({mask.text}, {d}, {c} * {name}.sign({d}))"), 2.6,
                    f"where not {mask.text}, it must be {c} * sign")
                yield Edit(place, expression(f"{name}.where({mask.text}, {d}, {c} * {d})"), 2.6,
                           f"the factor {c} is missing where not {mask.text}")
    for a in alike:
        for c in numbers:
            for text in (f"{name}.abs({a.text}) <= {c}", f"{a.text} < {c}", f"{a.text} > {c}"):
                yield Edit(place, expression(f"{d} * ({text})"), 2.7,
                           f"the condition {text} is missing")
            for sign in (">", "<"):
                text = f"{name}.where({a.text} {sign} 0, 1, {c})"
                yield Edit(place, expression(f"{d} * {text}"), 2.7, f"the factor {text} is missing")
    for a in (*scope.arrays(place), *scope.harvest(place)):
        if np.size(a.value) > 1 and a.value.dtype.kind == "f" and _broadcasts(a.value, value):
            yield Edit(place, expression(f"{d} * ({a.text} == {name}.max({a.text}))"), 2.7,
                       "the mask of the largest is missing")
    for a in alike:
        for text in (f"{a.text} < 0", f"{name}.abs({a.text}) < 1"):
            yield Edit(place, expression(f"{d} * ({text})"), 2.5,
                       f"the condition {text} is missing")
    for a in alike:
        for b in alike:
            if a.text < b.text:
                for sign in ("==", ">", "<"):
                    text = f"({a.text} {sign} {b.text})"
                    yield Edit(place, expression(f"{d} * {text}"), 2.6,
                               f"the mask {text} is missing")


def _through(place: Place, d: str, axis: int, alike: list[Atom], scope: Scope) -> Iterator[Edit]:
    name = scope.numpy(place.source)
    along = f"axis={axis}, keepdims=True"
    for verb, cost in (("mean", 2.3), ("sum", 2.5)):
        yield Edit(place, expression(f"{d} - {name}.{verb}({d}, {along})"), cost,
                   f"the branch through the {verb} over axis {axis} is missing")
    for a in alike:
        y = a.text
        if _is_softmax(a.value, axis):
            yield Edit(place, expression(f"{y} * ({d} - {name}.sum({d} * {y}, {along}))"), 2.2,
                       f"the way back through the softmax {y} is missing")
            yield Edit(place, expression(f"{d} - {y} * {name}.sum({d}, {along})"), 2.2,
                       f"the softmax's sum is missing: each output depends on all inputs along "
                       f"axis {axis}")
        if _is_softmax(np.exp(np.minimum(a.value, 1.0)), axis):
            yield Edit(place, expression(f"{d} - {name}.exp({y}) * {name}.sum({d}, {along})"), 2.3,
                       f"the softmax's sum is missing: each output depends on all inputs along "
                       f"axis {axis}")
        for other in alike if _is_softmax(a.value, axis) else ():
            g = other.text
            if g != y:
                yield Edit(place, expression(f"{y} * ({g} - {name}.sum({g} * {y}, {along}))"), 2.4,
                           f"the softmax's sum is missing: each output depends on all inputs along "
                           f"axis {axis}")
        part = f"{name}.sum({d} * {y}, {along}) / {name}.sum({y} ** 2, {along})"
        yield Edit(place, expression(f"{d} - {y} * {part}"), 2.7,
                   f"the branch through the norm of {y} is missing")
        yield Edit(place, expression(f"{d} - {y} * {name}.mean({d} * {y}, {along})"), 2.6,
                   f"the branch through the variance over axis {axis} is missing")
        yield Edit(place, expression(f"{d} - {y} * {name}.sum({d} * {y}, {along})"), 2.6,
                   f"the branch through the norm over axis {axis} is missing")
        yield Edit(place, expression(
            f"{d} - {name}.mean({d}, {along}) - {y} * {name}.mean({d} * {y}, {along})"), 2.8,
            f"the branches through the mean and the variance over axis {axis} are missing")


def _broadcasts(a: Any, b: Any) -> bool:
    try:
        np.broadcast_shapes(np.shape(a), np.shape(b))
    except ValueError:
        return False
    return True


def _is_softmax(y: Any, axis: int) -> bool:
    return y.ndim > axis and bool((y >= 0).all() and np.allclose(y.sum(axis=axis), 1))


def _transposes(place: Place, node: Any) -> Iterator[Edit]:
    """Other orders of axes in x.transpose(0, 2, 1) and np.transpose(x, (0, 2, 1))."""
    if node.func.attr != "transpose":
        return
    arguments = list(node.args)
    listed = isinstance(arguments[-1], (ast.Tuple, ast.List)) if arguments else False
    axes = arguments[-1].elts if listed else arguments
    if not 2 < len(axes) <= MOST or not all(isinstance(a, ast.Constant) for a in axes):
        return
    for order in permutations(range(len(axes))):
        new: list[ast.expr] = [ast.Constant(k) for k in order]
        inner: list[ast.expr] = [*arguments[:-1], ast.Tuple(new, ast.Load())] if listed else new
        made = ast.Call(node.func, inner, node.keywords)
        if ast.unparse(made) != ast.unparse(node):
            yield Edit(place, made, 1.3, f"the axes are in another order: {order} is meant")
