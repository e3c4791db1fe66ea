"""Edits of slices: other ends, a margin cut off at one end or at both, all moved by one."""

import ast
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

from .edit import expression

Alternatives = Iterator[tuple[float, ast.expr, str]]  # (cost, new, why)


def shifted(ends: list[ast.expr], made: Any) -> Alternatives:
    """Both ends of a slice moved by one, or without the 1 that they have."""
    for op in (ast.Add(), ast.Sub()):
        moved: list[ast.expr] = []
        for end in ends[:2]:
            one = isinstance(end, ast.BinOp) and ast.unparse(end.right) == "1" and (
                type(end.op) is not type(op))
            moved.append(end.left if one and isinstance(end, ast.BinOp) else ast.BinOp(
                end, op, ast.Constant(1)))
        yield 1.3, made([*moved, *ends[2:]]), "the slice is off by one"


def other_slices(node: ast.Subscript, counts: Sequence[str] = ()) -> Alternatives:
    """Slices with their ends changed, and indices in another order; `counts` may be ends."""
    parts = list(node.slice.elts) if isinstance(node.slice, ast.Tuple) else [node.slice]

    def made(new: list[ast.expr]) -> ast.expr:
        inner = ast.Tuple(new, ast.Load()) if len(new) > 1 else new[0]
        return ast.Subscript(node.value, inner, node.ctx)

    why = "the slice is another one"
    for i, part in enumerate(parts):
        for other in _ends(part) if isinstance(part, ast.Slice) else ():
            yield 1.2, made([*parts[:i], other, *parts[i + 1:]]), why
        for extra, other in _margins(part, counts) if isinstance(part, ast.Slice) else ():
            yield 1.3 + extra, made([*parts[:i], other, *parts[i + 1:]]), why
    cut = [i for i, part in enumerate(parts) if isinstance(part, ast.Slice)
           and (part.lower or part.upper)]
    if len(cut) > 1:  # what is cut off along one axis is cut off along the others, too
        for pairs in zip(*(_margins(parts[i], counts) for i in cut)):  # type: ignore[arg-type]
            new = list(parts)
            for i, (_, other) in zip(cut, pairs):
                new[i] = other
            yield 1.5 + pairs[0][0], made(new), "the slices are other ones"
    for i, part in enumerate(parts):
        if isinstance(part, ast.Slice) and part.lower is not None and part.upper is not None:
            ends = [part.lower, part.upper]
            for cost, inner, why in shifted(ends, lambda new: ast.Tuple(new, ast.Load())):
                assert isinstance(inner, ast.Tuple)
                lower, upper = inner.elts
                moved = ast.Slice(lower, upper, part.step)
                yield cost, made([*parts[:i], moved, *parts[i + 1:]]), why
    for i, j in combinations(range(len(parts)), 2):
        swapped = list(parts)
        swapped[i], swapped[j] = parts[j], parts[i]
        yield 1.2, made(swapped), "indices are swapped"


def _ends(part: ast.Slice) -> Iterator[ast.Slice]:
    """A slice with one end less, or with the other one."""
    lower, upper, step = part.lower, part.upper, part.step
    if (lower is None) != (upper is None):
        yield ast.Slice(upper, lower, step)
    if lower is not None and upper is None:
        yield ast.Slice(None, _negative(lower), step)
    if upper is not None and lower is None:
        yield ast.Slice(_negative(upper), None, step)
    if lower is not None or upper is not None:
        yield ast.Slice(None, None, step)
    if step is not None:
        yield ast.Slice(lower, upper, None)
    elif lower is None and upper is None:
        yield ast.Slice(None, None, ast.UnaryOp(ast.USub(), ast.Constant(1)))
    if lower is None:
        yield ast.Slice(ast.Constant(1), upper, step)
    if upper is None:
        yield ast.Slice(lower, ast.UnaryOp(ast.USub(), ast.Constant(1)), step)


def _negative(end: ast.expr) -> ast.expr:
    """-n, and n for -n."""
    if isinstance(end, ast.UnaryOp) and isinstance(end.op, ast.USub):
        return end.operand
    return ast.UnaryOp(ast.USub(), end)


def _margins(part: ast.Slice, counts: Sequence[str]) -> Iterator[tuple[float, ast.Slice]]:
    """(extra cost, slice) without a margin at one end or at both: p:-p, p:p + n, p:, :-p."""
    if part.step is not None:
        return
    for p in counts:
        end = expression(p)
        if part.upper is not None:
            yield 0.0, ast.Slice(end, ast.BinOp(end, ast.Add(), part.upper), None)
        for n in counts:
            if n != p and part.upper is not None:
                yield 0.1, ast.Slice(end, expression(f"{p} + {n}"), None)
        yield 0.0, ast.Slice(end, expression(f"-{p}"), None)
        yield 0.2, ast.Slice(end, None, None)
        yield 0.2, ast.Slice(None, expression(f"-{p}"), None)
        yield 0.2, ast.Slice(None, end, None)
    for p in counts if part.upper is None else ():
        for n in counts:
            if n != p:
                yield 0.2, ast.Slice(expression(p), expression(f"{p} + {n}"), None)
