"""Edits of one word of a line: a sign, an operator, a variable, a constant, an axis, an order."""

import ast
from collections.abc import Iterator
from itertools import combinations, product
from typing import Any

import numpy as np

from .edit import Atom, Edit, Scope, expression
from .picks import of_picks, of_sums
from .places import Place
from .record import is_float, is_number
from .slices import Alternatives, other_slices, shifted

OPERATORS: dict[type[ast.operator], tuple[type[ast.operator], ...]] = {
    ast.Add: (ast.Sub, ast.Mult), ast.Sub: (ast.Add,), ast.Mult: (ast.Div, ast.MatMult),
    ast.Div: (ast.Mult,), ast.FloorDiv: (ast.Div,), ast.MatMult: (ast.Mult,),
}
COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.Gt, ast.LtE, ast.GtE), ast.Gt: (ast.Lt, ast.GtE, ast.LtE),
    ast.LtE: (ast.Gt, ast.Lt, ast.GtE), ast.GtE: (ast.Lt, ast.Gt, ast.LtE),
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,),
}
SISTERS = (("sum", "mean"), ("max", "min"), ("maximum", "minimum"), ("argmax", "argmin"),
           ("sin", "cos"), ("exp", "log", "sqrt", "square", "abs", "sign", "tanh"),
           ("var", "std"), ("zeros_like", "ones_like"), ("cumsum", "sum"), ("greater", "less"),
           ("add", "subtract"), ("multiply", "divide"), ("vstack", "hstack"), ("tril", "triu"))


def of_tokens(place: Place, scope: Scope) -> Iterator[Edit]:
    """Every edit of one word at this place."""
    node, value = place.node, scope.record.value(place)
    kinds = (_variables, _operators, _calls, _constants, _indices, _orders, _turned, _signs)
    for kind in kinds:
        for cost, new, why in kind(place, node, value, scope):
            yield Edit(place, new, cost, why)


# --- variables --------------------------------------------------------------------------------


def _variables(place: Place, node: ast.expr, value: Any, scope: Scope) -> Alternatives:
    """Another variable of the same kind, of the same shape first."""
    if not isinstance(node, (ast.Name, ast.Subscript, ast.Attribute)) or _is_called(place):
        return
    own = ast.unparse(node)
    if isinstance(node, ast.Name) and node.id in (names := scope.functions(place.source)):
        yield from ((1.2, ast.Name(n, ast.Load()), f"{n} is meant, not {own}") for n in names
                    if n != node.id)
    for atom in scope.atoms(place):
        if atom.text != own and (extra := _strangeness(value, atom)) is not None:
            cost = 1.0 + extra + (0.2 if isinstance(node, ast.Name) and not atom.plain else 0.0)
            yield cost, atom.node, f"{atom.text} is meant, not {own}"


def _strangeness(value: Any, atom: Atom) -> float | None:
    """A measure of how unlike two values are; None if one never stands for the other."""
    other = atom.value
    if isinstance(value, np.ndarray) and isinstance(other, np.ndarray):
        if value.dtype.kind != other.dtype.kind:
            return 0.6 if value.shape == other.shape and other.size > 1 else None
        if value.dtype.kind == "f" and value.any() and np.array_equal(other, -value):
            return 0.5  # the sign is wrong: that it is another one's is the stranger reason
        return 0.0 if value.shape == other.shape else 0.5 if value.ndim == other.ndim else None
    if is_number(value) and is_number(other):
        return 0.1
    return None


def _is_called(place: Place) -> bool:
    """Return whether it is the function of a call, or the object of a function's name."""
    above = place.parent
    return isinstance(above, ast.Call) and above.func is place.node


# --- operators --------------------------------------------------------------------------------


def _operators(place: Place, node: ast.expr, value: Any, scope: Scope) -> Alternatives:
    if isinstance(node, ast.BinOp):
        for other in OPERATORS.get(type(node.op), ()):
            sign = f"`{_sign(node.op)}` must be `{_sign(other())}`"
            cost = 1.0 + 0.3 * isinstance(node.right, ast.Constant)
            cost += 0.3 * isinstance(place.parent, ast.Compare)  # x * a > 0 says no more than x > 0
            yield cost, ast.BinOp(node.left, other(), node.right), sign
        if not isinstance(node.op, ast.MatMult):
            for left, gone in ((node.left, node.right), (node.right, node.left)):
                yield 1.1, left, _dropped(node, left, gone)
        if isinstance(node.op, (ast.Sub, ast.Div)):
            yield 1.2, ast.BinOp(node.right, node.op, node.left), "the order is the wrong way round"
        if isinstance(node.op, ast.MatMult):
            yield from _products(node.left, node.right, lambda a, b: ast.BinOp(
                a, ast.MatMult(), b))
    elif isinstance(node, ast.Name) and is_number(value) and isinstance(
            place.parent, ast.BinOp) and not isinstance(place.parent.op, (ast.Add, ast.Sub)):
        name = scope.numpy(place.source)
        yield 1.4, expression(f"{name}.sqrt({node.id})"), "the root is missing"
        yield 1.4, expression(f"{node.id} ** 2"), "the square is missing"
    elif isinstance(node, ast.UnaryOp):
        yield 1.0, node.operand, "wrong sign" if isinstance(node.op, ast.USub) else (
            "the condition is the wrong way round")
    elif isinstance(node, ast.Compare) and len(node.ops) == 1:
        for comparison in COMPARISONS.get(type(node.ops[0]), ()):
            yield 1.0, ast.Compare(node.left, [comparison()], node.comparators), (
                "the condition is another one")
        threshold = node.comparators[0]
        if isinstance(threshold, (ast.Name, ast.Attribute, ast.Subscript)) and any(
                a.text == ast.unparse(threshold) for a in scope.numbers(place)):
            why = f"the threshold is 0, not {ast.unparse(threshold)}"
            yield 0.95, ast.Compare(node.left, node.ops, [ast.Constant(0)]), why
            for comparison in COMPARISONS.get(type(node.ops[0]), ())[:1]:
                yield 1.5, ast.Compare(node.left, [comparison()], [ast.Constant(0)]), (
                    f"the condition is another one, and {why}")
    elif isinstance(node, ast.BoolOp):
        other_op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield 1.0, ast.BoolOp(other_op, node.values), "and, or are exchanged"
        for one in node.values:
            yield 1.2, one, "the condition is another one"
    elif isinstance(node, ast.IfExp):
        yield 1.0, ast.IfExp(node.test, node.orelse, node.body), "the branches are exchanged"


def _dropped(node: ast.BinOp, kept: ast.expr, gone: ast.expr) -> str:
    """Say what is gone when one side of an operator alone is left."""
    if isinstance(node.op, (ast.Sub, ast.Div, ast.Pow)) and kept is node.right:
        return f"{ast.unparse(kept)} is meant, not {ast.unparse(node)}"
    what = {ast.Div: "division by", ast.Pow: "power", ast.Mult: "factor"}.get(type(node.op), "term")
    return f"the {what} {ast.unparse(gone)} is too much"


def _sign(operator: ast.operator) -> str:
    return ast.unparse(ast.BinOp(ast.Name("a"), operator, ast.Name("b")))[2:-2]


def _products(a: ast.expr, b: ast.expr, made: Any) -> Alternatives:
    """Matrix products of the same two, in other orders and transposed."""
    before = ast.unparse(made(a, b))
    for (left, right), one, two in product(((a, b), (b, a)), (False, True), (False, True)):
        new = made(transposed(left) if one else left, transposed(right) if two else right)
        cost = 1.0 + 0.1 * ((left is b) + one + two)
        if ast.unparse(new) != before:
            yield cost, new, "the matrices are transposed, or in the other order"


def transposed(node: ast.expr) -> ast.expr:
    """x.T, and x for x.T."""
    if isinstance(node, ast.Attribute) and node.attr == "T":
        return node.value
    return ast.Attribute(node, "T", ast.Load())


def _turned(place: Place, node: ast.expr, value: Any, scope: Scope) -> Alternatives:
    if isinstance(node, ast.Attribute) and node.attr == "T":
        yield 1.0, node.value, ".T is too much"
    elif isinstance(value, np.ndarray) and value.ndim >= 2 and not (
            isinstance(place.parent, ast.Attribute) and place.parent.attr == "T"):
        yield 1.0 if value.ndim == 2 else 1.8, ast.Attribute(node, "T", ast.Load()), ".T is missing"


def _signs(place: Place, node: ast.expr, value: Any, scope: Scope) -> Alternatives:
    if isinstance(node, ast.Constant) or isinstance(place.parent, (ast.Attribute, ast.Compare)):
        return
    if is_float(value) and not isinstance(place.parent, ast.UnaryOp):
        inner = isinstance(place.parent, ast.BinOp) and not isinstance(
            place.parent.op, (ast.Add, ast.Sub))
        yield 1.2 + 0.1 * inner, ast.UnaryOp(ast.USub(), node), "wrong sign"
    if isinstance(value, np.ndarray) and value.dtype.kind == "b":
        yield 1.3, ast.UnaryOp(ast.Invert(), node), "the condition is the wrong way round"


# --- calls ------------------------------------------------------------------------------------


def _calls(place: Place, node: ast.expr, value: Any, scope: Scope) -> Alternatives:
    if not isinstance(node, ast.Call):
        return
    function, arguments = node.func, node.args
    name = function.attr if isinstance(function, ast.Attribute) else ""
    for sisters in SISTERS if name else ():
        for other in sisters if name in sisters else ():
            if other != name and isinstance(function, ast.Attribute):
                new = ast.Attribute(function.value, other, ast.Load())
                yield 1.0 + 0.5 * (len(sisters) > 2), ast.Call(
                    new, arguments, node.keywords), f"{other} is meant, not {name}"
    if isinstance(function, ast.Name):
        for other in scope.functions(place.source):
            if other != function.id:
                yield 1.1, ast.Call(ast.Name(other, ast.Load()), arguments, node.keywords), (
                    f"{other} is meant, not {function.id}")
        if function.id == "reversed" or (name == "" and function.id in ("abs", "sorted")):
            yield 1.2, arguments[0], f"{function.id} is too much"
        if function.id == "slice" and len(arguments) >= 2:
            yield from shifted(arguments, lambda new: ast.Call(function, new, []))
        if function.id == "range":
            yield 1.3, ast.Call(ast.Name("reversed", ast.Load()), [node], []), (
                "the loop goes the wrong way")
    if name in ("dot", "matmul") and len(arguments) == 2:
        yield from _products(arguments[0], arguments[1], lambda a, b: ast.Call(
            function, [a, b], node.keywords))
        yield 1.1, ast.BinOp(arguments[0], ast.Mult(), arguments[1]), "`*` is meant"
    elif len(arguments) >= 2:
        for i, j in combinations(range(len(arguments)), 2):
            swapped = list(arguments)
            swapped[i], swapped[j] = arguments[j], arguments[i]
            yield 1.2, ast.Call(function, swapped, node.keywords), "arguments are swapped"
    subject = _subject(node)
    if subject is not None and name not in ("zeros", "ones", "zeros_like", "ones_like", "copy"):
        yield 1.4, subject, f"{name or ast.unparse(function)} is too much"
    if subject is not None and name in (
            "sum", "mean", "max", "min", "var", "std", "argmax", "prod"):
        yield from _reductions(node, subject, scope.record, place)


def _subject(node: ast.Call) -> ast.expr | None:
    """The array that a call is about: x of x.sum() and of np.sum(x)."""
    if node.args and not isinstance(node.args[0], ast.Starred):
        return node.args[0]
    if isinstance(node.func, ast.Attribute) and not node.args:
        return node.func.value
    return None


def _reductions(node: ast.Call, subject: ast.expr, record: Any, place: Place) -> Alternatives:
    """Other axes, and keepdims, of a sum."""
    inner = next((p for p in record.places if p.node is subject), None)
    shape = np.shape(record.value(inner))
    method = not any(a is subject for a in node.args)
    first = node.args[:0] if method else node.args[:1]
    positional = node.args[0 if method else 1:]
    rest = [k for k in node.keywords if k.arg not in ("axis", "keepdims")]
    kept = next((k.value for k in node.keywords if k.arg == "keepdims"), None)
    was = {k.arg: ast.unparse(k.value) for k in node.keywords}
    if positional:
        was["axis"] = ast.unparse(positional[0])
    axes = ["", *map(str, range(len(shape)))]
    if len(shape) > 2:
        axes += [str(pair) for pair in combinations(range(len(shape)), 2)]
        axes += [str(triple) for triple in combinations(range(len(shape)), 3)]
    keeps = ["True", ""] if kept is not None else ["", "True"]
    for axis, keep in product(axes, keeps):
        if axis == was.get("axis", "") and (keep == "True") == (was.get("keepdims") == "True"):
            continue
        keywords = [ast.keyword("axis", expression(axis))] if axis else []
        keywords += [ast.keyword("keepdims", ast.Constant(True))] * (keep == "True")
        changed = (axis != was.get("axis", "")) + ((keep == "True") != (kept is not None))
        why = f"it goes over the wrong axis: axis={axis or None} is meant" if axis != was.get(
            "axis", "") else "keepdims=True is missing" if keep else "keepdims is too much"
        yield 0.9 + 0.1 * changed, ast.Call(node.func, first, [*keywords, *rest]), why


# --- constants and indices --------------------------------------------------------------------


def _constants(place: Place, node: ast.expr, value: Any, scope: Scope) -> Alternatives:
    if not isinstance(node, ast.Constant):
        return
    c = node.value
    if isinstance(c, bool):
        yield 1.0, ast.Constant(not c), f"{not c} is meant"
    elif isinstance(c, str):
        yield from ((1.1, ast.Constant(w), f"{w!r} is meant, not {c!r}") for w in scope.words
                    if w != c)
    elif isinstance(c, (int, float)) and not _is_index(place):
        near = [c + 1, c - 1, 2 * c, c / 2, 1 - c, 0, 1, c * c] + ([1 / c] if c else [])
        if isinstance(place.parent, ast.BinOp) and isinstance(place.parent.op, ast.Pow):
            near = [c + 1, c - 1, 2 * c, c / 2, c + 0.5, c - 0.5]
        for k, other in enumerate(dict.fromkeys([*near, *scope.constants])):
            if other != c:
                idle = isinstance(place.parent, ast.BinOp) and other in (0, 1)
                cost = 1.0 + 0.3 * (k >= 6) + 0.2 * idle
                yield cost, _number(other), f"{other:g} is meant, not {c:g}"
        for atom in scope.numbers(place):
            yield 1.3, atom.node, f"{atom.text} is meant, not {c:g}"
            for cost, text in ((1.7, f"{c} - {atom.text}"), (1.9, f"{c} + {atom.text}"),
                               (1.9, f"{c} / {atom.text}"), (2.0, f"{c} * {atom.text}"),
                               (1.9, f"{atom.text} - {c}")):
                yield cost, expression(text), f"{text} is meant, not {c:g}"
        for atom in scope.arrays(place):
            yield 1.7, atom.node, f"{atom.text} is meant, not {c:g}"


def _number(c: float) -> ast.expr:
    c = int(c) if float(c).is_integer() and abs(c) < 1e9 else c
    return ast.Constant(c) if c >= 0 else ast.UnaryOp(ast.USub(), ast.Constant(-c))


def _is_index(place: Place) -> bool:
    """Return whether a number counts: in an index, a slice, a range, a shape or an axis."""
    parent = place.parent
    if isinstance(parent, (ast.Slice, ast.keyword)):
        return True
    if isinstance(parent, ast.Subscript):
        return parent.slice is place.node
    if isinstance(parent, ast.UnaryOp) and place.above is not None:
        return _is_index(place.above)
    if isinstance(parent, ast.Call) and isinstance(parent.func, ast.Name):
        return parent.func.id in ("range", "len")
    return isinstance(parent, ast.Tuple)


def _indices(place: Place, node: ast.expr, value: Any, scope: Scope) -> Alternatives:
    """A number that counts, one more or less; another part of an array."""
    if is_number(value) and float(value).is_integer() and _counts(place, node):
        if isinstance(node, ast.Constant):
            c = int(value)
            for cost, other in ((1.0, c + 1), (1.0, c - 1), (1.2, 0), (1.2, -c), (1.3, -1),
                                (1.3, c + 2), (1.3, 2)):
                if other != c:
                    cost += 0.2 * (other == 0 and isinstance(place.parent, ast.BinOp))
                    yield cost, _number(other), f"{other} is meant, not {c}"
        else:
            for atom in scope.numbers(place):
                if isinstance(atom.value, int) and atom.text != ast.unparse(node):
                    yield 1.7, ast.BinOp(node, ast.Mult(), atom.node), (
                        f"the factor {atom.text} is missing")
                    yield 1.8, ast.BinOp(node, ast.Add(), atom.node), f"`+ {atom.text}` is missing"
                    yield 1.8, ast.BinOp(node, ast.Sub(), atom.node), f"`- {atom.text}` is missing"
            for atom in scope.counts(place) if not isinstance(node, ast.BinOp) else ():
                if place.name != "right":  # one factor is enough to try
                    yield 1.65, ast.BinOp(atom.node, ast.Mult(), node), (
                        f"the factor {atom.text} is missing")
                yield 1.6, atom.node, f"{atom.text} is meant, not {ast.unparse(node)}"
            for sign, op in (("-", ast.Sub()), ("+", ast.Add())):
                why = f"an index is off by one: {sign} 1 is missing"
                yield 1.1, ast.BinOp(node, op, ast.Constant(1)), why
    if isinstance(node, ast.Subscript):
        yield from other_slices(node, [a.text for a in scope.numbers(place) if isinstance(
            a.value, (int, np.integer))])
        yield from of_picks(node, place, scope)
        yield from of_sums(node, value)
        if isinstance(value, np.ndarray):
            yield 1.6, node.value, "the index is too much"
    ndim = value.ndim if isinstance(value, np.ndarray) else 1 if isinstance(value, list) else 0
    if ndim and isinstance(node, (ast.Name, ast.Call, ast.Attribute)) and not isinstance(
            place.parent, (ast.Subscript, ast.Attribute)):
        for index in ("::-1", "..., ::-1", "::-1, ::-1")[:3 if ndim > 1 else 1]:
            yield 1.7, expression(f"({ast.unparse(node)})[{index}]"), "it must be reversed"


def _counts(place: Place, node: ast.expr) -> bool:
    """Return whether the place takes a number that counts."""
    if _is_index(place):
        return True
    parent = place.parent
    if isinstance(parent, ast.Assign) and place.name == "value":
        return True
    return isinstance(node, (ast.Name, ast.BinOp)) and isinstance(parent, ast.BinOp) and (
        isinstance(parent.op, (ast.Add, ast.Sub, ast.Mult))) and place.above is not None and (
            _counts(place.above, parent))


def _orders(place: Place, node: ast.expr, value: Any, scope: Scope) -> Alternatives:
    """Two elements of a tuple or a list exchanged."""
    if not isinstance(node, (ast.Tuple, ast.List)) or len(node.elts) > 2 * 6 or isinstance(
            place.parent, ast.Subscript):
        return
    for i, j in combinations(range(len(node.elts)), 2):
        elements = list(node.elts)
        elements[i], elements[j] = elements[j], elements[i]
        one, two = (ast.unparse(node.elts[k]) for k in (i, j))
        yield 1.1, type(node)(elements, ast.Load()), f"{one} and {two} are swapped"
