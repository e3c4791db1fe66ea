"""Edits that put something in: a missing factor, a missing term, a function around a value."""

import ast
from collections.abc import Iterator
from fractions import Fraction
from itertools import combinations_with_replacement, product
from math import isclose
from typing import Any

import numpy as np

from ..ingredients import FORMS, SLOPES
from .edit import Atom, Edit, Scope, expression, goes
from .places import Place
from .record import is_float, is_number

FORMULAS = tuple(FORMS)
CONDITIONS = ("the root is missing", "the square is missing", "abs is missing")  # of a side of one
PLAIN = (2, 0.5, 3, 4, -1, 1.5, 0.25)  # numbers that are forgotten


def is_product_root(place: Place) -> bool:
    """Return whether an expression is not itself a factor: what it lacks is lacking all around."""
    parent = place.parent
    if isinstance(parent, ast.BinOp):
        return not isinstance(parent.op, (ast.Mult, ast.Div))
    return not isinstance(parent, ast.UnaryOp)


def is_sum_root(place: Place) -> bool:
    """Return whether an expression is not itself a term of a sum."""
    parent = place.parent
    return not (isinstance(parent, ast.BinOp) and isinstance(parent.op, (ast.Add, ast.Sub)))


def of_factors(place: Place, scope: Scope) -> Iterator[Edit]:
    """The expression times, or divided by, a variable or a function of one."""
    node, value = place.node, scope.record.value(place)
    if not is_product_root(place) or not is_float(value):
        return
    shape = np.shape(value)
    for atom in scope.wide(place, shape):
        if atom.text == ast.unparse(node):
            continue
        new = times(node, atom.node)
        yield Edit(place, new, 2.0, f"the factor {atom.text} is missing")
        yield Edit(place, over(node, atom.node), 2.1, f"the division by {atom.text} is missing")
    for atom in scope.harvest(place):
        if goes(np.shape(atom.value), shape) and atom.text != ast.unparse(node):
            yield Edit(place, times(node, atom.node), 2.6, f"the factor {atom.text} is missing")
    for atom in scope.arrays(place):
        if goes(np.shape(atom.value), shape):
            for text, cost in forms_of(atom, scope, place):
                if text != atom.text:
                    yield Edit(place, times(node, expression(text)), cost,
                               f"the factor {text} is missing")


def forms_of(atom: Atom, scope: Scope, place: Place) -> Iterator[tuple[str, float]]:
    """(formula, cost) of functions of a variable, in the learner's names."""
    np_name = scope.numpy(place.source)
    known = scope.functions(place.source)
    for form in FORMULAS:
        text = form.format(v=atom.text)
        if "sigmoid" in text and "sigmoid" not in known:
            continue
        for name in ("sqrt", "exp", "log", "tanh", "cos", "sin", "sign", "abs"):
            text = text.replace(f"{name}(", f"{np_name}.{name}(")
        if text.startswith(("1 ", f"{atom.text} * (")):
            text = f"({text})" if text.startswith("1 ") else text
        yield text, 2.2 if form in SLOPES else 2.5


def of_terms(place: Place, scope: Scope) -> Iterator[Edit]:
    """The expression plus, or minus, a variable."""
    node, value = place.node, scope.record.value(place)
    if not is_sum_root(place) or not is_float(value):
        return
    for atom in scope.atoms(place):
        if not is_number(atom.value) and not goes(np.shape(atom.value), np.shape(value)):
            continue
        if atom.text == ast.unparse(node) or (is_number(atom.value) and not atom.plain):
            continue
        for op, word in ((ast.Add(), "+"), (ast.Sub(), "-")):
            yield Edit(place, ast.BinOp(node, op, atom.node), 2.0,
                       f"`{word} {atom.text}` is missing")
        if not is_number(atom.value) and atom.plain and isinstance(
                node, (ast.Name, ast.Attribute, ast.Subscript)):
            yield Edit(place, ast.BinOp(atom.node, ast.Sub(), node), 2.2,
                       f"`{atom.text} -` is missing")


def of_paths(place: Place, scope: Scope) -> Iterator[Edit]:
    """The expression plus what comes through another weight: + db @ Wb.T."""
    node, value = place.node, scope.record.value(place)
    if not is_sum_root(place) or not is_float(value) or not 1 <= np.ndim(value) <= 3 or isinstance(
            node, ast.Constant):
        return
    arrays = [a for a in scope.arrays(place) if a.value.dtype.kind == "f" and a.value.ndim]
    weights = [a for a in arrays if a.value.ndim == 2]
    done = ast.unparse(node)
    for a in arrays:
        for w in weights:
            for left, right, x, y in (
                    (a.text, f"{w.text}.T", a.value, w.value.T),
                    (f"{w.text}.T", a.text, w.value.T, a.value),
                    (a.text, w.text, a.value, w.value),
                    (w.text, a.text, w.value, a.value)):
                text = f"{left} @ {right}"
                if _product_shape(x, y) == np.shape(value) and text not in done:
                    for op, word in ((ast.Add(), "+"), (ast.Sub(), "-")):
                        cost = 2.3 + 0.1 * (word == "-") + 0.05 * (".T" not in text)
                        yield Edit(place, ast.BinOp(node, op, expression(text)), cost,
                                   f"the term `{word} {text}` is missing")


def _product_shape(x: Any, y: Any) -> tuple[int, ...] | None:
    """The shape of x @ y, of a matrix and a vector, or arrays with a matrix at their end."""
    if x.ndim == 1 or y.ndim == 1:
        fits = x.shape[-1] == y.shape[0] and x.ndim + y.ndim == 3
        return (*x.shape[:-1], *y.shape[1:]) if fits else None
    if x.shape[-1] != y.shape[-2]:
        return None
    return (*(x.shape[:-2] if x.ndim > y.ndim else y.shape[:-2]), x.shape[-2], y.shape[-1])


def of_own_terms(place: Place, scope: Scope) -> Iterator[Edit]:
    """The expression plus, or minus, or replaced by, another expression of the learner's."""
    node, value = place.node, scope.record.value(place)
    if not is_float(value) or isinstance(node, ast.Constant):
        return
    for atom in scope.harvest(place):
        if np.shape(atom.value) != np.shape(value) or atom.text == ast.unparse(node):
            continue
        for op, word in ((ast.Add(), "+"), (ast.Sub(), "-")) if is_sum_root(place) else ():
            yield Edit(place, ast.BinOp(node, op, atom.node), 2.5,
                       f"the term `{word} {atom.text}` is missing")
        yield Edit(place, atom.node, 2.3, f"{atom.text} is meant")


def of_wrappers(place: Place, scope: Scope) -> Iterator[Edit]:
    """A function around an expression: a root, a power, a sum or a mean over an axis."""
    node, value = place.node, scope.record.value(place)
    if not is_float(value) or isinstance(node, ast.Constant):
        return
    np_name, text = scope.numpy(place.source), ast.unparse(node)
    inner = f"({text})"
    for new, why in ((f"{np_name}.sqrt({text})", "the root is missing"),
                     (f"{inner} ** 2", "the square is missing"),
                     (f"1 - {inner}", "`1 -` is missing"), (f"1 / {inner}", "`1 /` is missing"),
                     (f"{inner} ** 3", "the cube is missing"),
                     (f"{np_name}.exp({text})", "exp is missing"),
                     (f"{np_name}.tanh({text})", "tanh is missing"),
                     (f"{np_name}.abs({text})", "abs is missing"),
                     (f"{np_name}.log({text})", "log is missing")):
        if not isinstance(place.parent, ast.Compare) or why in CONDITIONS:
            yield Edit(place, _joined(new), 2.1, why)
    for function in scope.functions(place.source):
        yield Edit(place, _joined(f"{function}({text})"), 2.2, f"{function} is missing")
    ndim = np.ndim(value)
    for axis in (*range(ndim), None) if ndim else ():
        along = "" if axis is None else f", axis={axis}"
        for verb in ("sum", "mean"):
            for keep in (", keepdims=True", ""):
                yield Edit(place, _joined(f"{np_name}.{verb}({text}{along}{keep})"), 2.1,
                           f"the {verb} over axis {axis} is missing" if axis is not None else
                           f"the {verb} is missing")


def _joined(text: str) -> ast.expr:
    return expression(text)


def of_scale(place: Place, c: float, scope: Scope) -> Iterator[Edit]:
    """Factors of the value c that the learner can write: a small number, m, 1 / f**2."""
    node = place.node
    for cost, text, inverse in scales(c, place, scope):
        factor = expression(text)
        if inverse:
            yield Edit(place, over(node, factor), cost, f"the division by {text} is missing")
        elif text == "-1":
            yield Edit(place, ast.UnaryOp(ast.USub(), node), cost, "wrong sign")
        else:
            yield Edit(place, times(node, factor), cost, f"the factor {text} is missing")


def of_scaled_terms(place: Place, atom: Atom, c: float, scope: Scope) -> Iterator[Edit]:
    """The expression plus c times a variable."""
    for cost, text, inverse in scales(c, place, scope):
        factor = expression(text.removeprefix("-"))
        one = text.removeprefix("-") == "1"
        term = atom.node if one else over(atom.node, factor) if inverse else times(
            factor, atom.node)
        op = ast.Sub() if text.startswith("-") else ast.Add()
        sign = "-" if text.startswith("-") else "+"
        yield Edit(place, ast.BinOp(place.node, op, term), cost + 0.8,
                   f"the term `{sign} {ast.unparse(term)}` is missing")


def scales(c: float, place: Place, scope: Scope) -> Iterator[tuple[float, str, bool]]:
    """(cost, formula, whether it divides) of numbers that are c, or 1 / c."""
    sign = "-" if c < 0 else ""
    found: list[tuple[float, str, float]] = [
        (2.05 + 0.1 * (abs(k) > 2), f"{k:g}", k) for k in PLAIN]  # a name says more
    fraction = Fraction(c).limit_denominator(12)
    if isclose(fraction, c, rel_tol=1e-6):
        found.append((2.3, str(fraction) if fraction.denominator == 1 else f"({fraction})",
                      float(fraction)))
    numbers = [(atom.text, float(np.ravel(atom.value)[0])) for atom in scope.numbers(place)]
    numbers += [(repr(k), float(k)) for k in scope.constants if k not in (0, 1)]
    lengths = [(f"{atom.text}.shape[{axis}]", float(n)) for atom in scope.arrays(place)
               for axis, n in enumerate(np.shape(atom.value)) if n > 1]
    lengths += [(f"{atom.text}.size", float(np.size(atom.value))) for atom in scope.arrays(place)]
    np_name = scope.numpy(place.source)
    for names, cost in ((numbers, 2.0), (lengths, 2.4)):
        for text, k in names:
            found += [(cost, text, k), (cost + 0.3, f"{text} ** 2", k * k),
                      (cost + 0.4, f"(1 - {text})", 1 - k), (cost + 0.5, f"(2 * {text})", 2 * k)]
            if k > 0:
                found.append((cost + 0.3, f"{np_name}.sqrt({text})", k**0.5))
    both = [*numbers, *lengths][:40]
    found += [(2.7, f"({a} / {b})", x / y) for (a, x) in both for (b, y) in both if y and a != b]
    found += [(2.8, f"({a} * {b})", x * y) for (a, x), (b, y) in
              combinations_with_replacement(both, 2) if a != b]
    found += _of_upstream(place, [(a.text, k) for a, (_, k) in zip(scope.numbers(place), numbers)
                                  if a.plain])
    for cost, text, k in found:
        for wanted, inverse in ((abs(c), False), (1 / abs(c), True)):
            if k and isclose(k, wanted, rel_tol=1e-4):
                yield cost + 0.2 * bool(sign), sign + text, inverse
        if k < 0 and isclose(k, c, rel_tol=1e-4):
            yield cost, text, False


def _of_upstream(
    place: Place, names: list[tuple[str, float]]
) -> Iterator[tuple[float, str, float]]:
    """(cost, formula, value) of a loss's gradient times two names: dloss * lam / m."""
    first = [a.arg for a in place.source.tree.args.args[:1]]
    for up, k in names:
        for (a, x), (b, y) in product(names, names) if [up] == first else ():
            if up not in (a, b) and a != b and y:
                yield 2.9, f"{up} * {a} / {b}", k * x / y
                if a < b:
                    yield 3.0, f"{up} * {a} * {b}", k * x * y


def times(node: ast.expr, factor: ast.expr) -> ast.expr:
    """node * factor."""
    return ast.BinOp(node, ast.Mult(), factor)


def over(node: ast.expr, factor: ast.expr) -> ast.expr:
    """node / factor."""
    return ast.BinOp(node, ast.Div(), factor)


def of_longer_terms(place: Place, scope: Scope) -> Iterator[Edit]:
    """The expression plus, or minus, a product of two variables, or a sum of one."""
    node, value = place.node, scope.record.value(place)
    if not is_sum_root(place) or not isinstance(value, np.ndarray) or value.dtype.kind != "f":
        return
    for text in products(value.shape, scope, place):
        yield Edit(place, expression(text), 2.9, f"{text} is meant")
        for op, word in ((ast.Add(), "+"), (ast.Sub(), "-")):
            yield Edit(place, ast.BinOp(node, op, expression(text)), 3.0,
                       f"the term `{word} {text}` is missing")


def products(shape: tuple[int, ...], scope: Scope, place: Place) -> Iterator[str]:
    """Formulas of this shape made of two variables."""
    arrays = [a for a in scope.arrays(place) if a.plain]
    for i, a in enumerate(arrays):
        for b in arrays[i:]:
            if _shape(a.value, b.value) == shape:
                yield f"{a.text} * {b.text}"
    for a in arrays:
        for b in arrays:
            if a.value.ndim == b.value.ndim == 2:
                for left, m in ((a.text, a.value), (f"{a.text}.T", a.value.T)):
                    for right, n in ((b.text, b.value), (f"{b.text}.T", b.value.T)):
                        if m.shape[1] == n.shape[0] and (m.shape[0], n.shape[1]) == shape:
                            yield f"{left} @ {right}"
    for a in arrays:
        for b in scope.harvest(place):
            if _shape(a.value, b.value) == shape:
                yield f"({b.text}) * {a.text}"
    for a in arrays:
        for b in arrays:
            if _shape(a.value, b.value) == shape:
                for text, cost in forms_of(b, scope, place):
                    if cost < 2.4:
                        yield f"{a.text} * ({text})" if text[0] != "(" else f"{a.text} * {text}"
    for a, u, s in product(arrays, arrays, arrays):
        if a.value.shape == u.value.shape == s.value.shape == shape and _is_sigmoid(s, u):
            yield f"{a.text} * ({s.text} + {u.text} * {s.text} * (1 - {s.text}))"
    np_name = scope.numpy(place.source)
    for a in arrays:
        for axis in range(np.ndim(a.value)):
            for verb in ("sum", "mean"):
                yield f"{np_name}.{verb}({a.text}, axis={axis}, keepdims=True)"
    numbers = [a for a in scope.numbers(place) if a.plain]
    for a in arrays:
        if goes(np.shape(a.value), shape):
            for number in numbers:
                yield f"{number.text} * {a.text}"
                yield f"{a.text} / {number.text}"


def _is_sigmoid(s: Atom, u: Atom) -> bool:
    """Return whether u * s is the swish of u."""
    return bool(u.value.size > 1 and u.value.dtype.kind == "f" and np.allclose(
        s.value, 1 / (1 + np.exp(-u.value))))


def _shape(a: Any, b: Any) -> tuple[int, ...] | None:
    try:
        return np.broadcast_shapes(np.shape(a), np.shape(b))
    except ValueError:
        return None
