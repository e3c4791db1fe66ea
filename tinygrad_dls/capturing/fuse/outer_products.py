"""Sums of outer products in a recorded step, each made in one pass.

A matrix that each step of a decoder multiplies with a vector, such as what attention looks at, gets
a gradient from each step: an outer product, added to those before it. Here

    g5, g6 = backward of matmul(g4, a, t3)
    g7 = added(g2, g6)

becomes `g5, _ = backward of matmul(g4, a, t3)`, and where the last one is added all are made and
summed at once. The sum is written instead of every product and every sum before it. What it is made
of lives until then, so of so many products at a time that this is less than the sum.

Each product is rounded, then added, in the recorded order: the bits are the same. Only NumPy's
warnings, of an overflow and the like, are not given.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from ...backend.kernels.numba.tuning import OUTER_SIDE, OUTER_WORTH
from ...backend.kernels.table import wants_compiled
from ...ops.matmul import Matmul
from ..record.operands import ByOperand, Literal, Named, Operand, Slot, named
from ..record.recorder import ArrayInfo, Instruction
from .chains import BARRIERS, FLOATS

COLUMN, ROW = "[..., 0]", "[..., 0, :]"  # of a matrix with one, as vectors


class Product(NamedTuple):
    """An outer product: the gradient of input 0 or 1 that the backward of a matmul makes."""

    place: int  # of the backward
    which: int
    column: Operand  # both are matrices with one column, or with one row:
    row: Operand
    kind: str  # COLUMN or ROW


class Sum(NamedTuple):
    """start + products, one after the other, that the additions at `places` compute."""

    start: Operand | None
    products: tuple[Product, ...]
    places: tuple[int, ...] = ()


class OuterProducts(NamedTuple):
    """The subject of an instruction of kind "outer_products", that takes start, then column and row
    of each product."""

    kernel: Any
    kinds: tuple[str, ...]  # of each product


def fuse_outer_products(
    instructions: Sequence[Instruction], outside: Iterable[Named], infos: ByOperand[ArrayInfo]
) -> list[Instruction]:
    """The same step with such sums in one pass; `outside`: names that its result is made of."""
    if not wants_compiled():
        return list(instructions)
    taken = Counter(name for i in instructions for name in named(i.takes))
    taken.update(outside)
    ended: list[Sum] = []
    open_: dict[Named, Sum] = {}  # by what they make
    for place, i in enumerate(instructions):
        if i.kind in BARRIERS:  # it may write to what the products are made of
            ended += open_.values()
            open_ = {}
        elif i.kind == "backward":
            open_.update((name, Sum(None, (product,)))
                         for name, product in _products(place, i, infos) if taken[name] == 1)
        elif i.kind == "add":
            one, other = i.takes
            joined = _joined(one, other, open_, infos)
            if joined is None:
                continue
            for name in named({one, other} - {joined.start}):
                open_.pop(name, None)
            made = named(i.makes)[0]
            joined = joined._replace(places=(*joined.places, place))
            if taken[made] == 1:
                open_[made] = joined
            else:
                ended.append(joined)
    return _written(instructions, [s for s in (*ended, *open_.values()) if len(s.products) > 1])


def _products(
    place: int, i: Instruction, infos: ByOperand[ArrayInfo]
) -> list[tuple[Named, Product]]:
    """The outer products that the backward of a matmul makes, on the CPU by our kernel."""
    from ...backend.kernels.numba.table import CompiledKernels  # needs Numba, which is there

    rule = i.subject
    if type(rule.op) is not Matmul or type(rule.op.kernels) is not CompiledKernels:
        return []
    known = {"dy": i.takes[0], **dict(zip(rule.names, i.takes[1:]))}
    found = []
    for which, kind, column, row in (
        (0, COLUMN, "dy", "b"),  # dL/da = dL/dy (..., n, 1) @ b.T (..., 1, m)
        (1, ROW, "a", "dy"),  # dL/db = a.T (..., n, 1) @ dL/dy (..., 1, m)
    ):
        made = i.makes[which]
        if made is None:
            continue
        product = Product(place, which, known[column], known[row], kind)
        if _is_large(made, product, infos):
            found.append((made, product))
    return found


def _is_large(made: Named, product: Product, infos: ByOperand[ArrayInfo]) -> bool:
    """Return whether this is an outer product, and one that our kernel of matmul computes."""
    if not {made, product.column, product.row} <= infos.keys():
        return False
    y, column, row = (infos[x] for x in (made, product.column, product.row))
    if len(y.shape) < 3 or y.order != "rows" or y.dtype not in FLOATS:
        return False
    *lead, n, m = y.shape
    wanted = [(*lead, k, 1) if product.kind == COLUMN else (*lead, 1, k) for k in (n, m)]
    return ([column.shape, row.shape] == wanted and column.dtype == row.dtype == y.dtype
            and math.prod(y.shape) >= OUTER_WORTH and min(n, m) >= OUTER_SIDE)


def _joined(
    one: Operand, other: Operand, open_: dict[Named, Sum], infos: ByOperand[ArrayInfo]
) -> Sum | None:
    """one + other, if one of them is a single product; None if it must stay an addition."""
    before, last = open_.get(one), open_.get(other)  # type: ignore[arg-type]
    if last is None or last.start is not None or len(last.products) > 1:
        one, before, last = other, last, before  # a sum of two is the same either way round
    if last is None or last.start is not None or len(last.products) > 1:
        return None
    if before is not None:
        products = (*before.products, *last.products)
        if _kept(products, infos) <= infos[other].bytes:
            return Sum(before.start, products, before.places)
    if one not in infos or infos[one][:3] != infos[other][:3]:  # shape, dtype, order in memory
        return None
    return Sum(one, last.products)


def _kept(products: Sequence[Product], infos: ByOperand[ArrayInfo]) -> int:
    """The bytes of the arrays that their vectors are in, which may be larger."""
    vectors = [x for p in products for x in (p.column, p.row)]
    owners = {infos[x].owner: infos[x].bytes for x in vectors if isinstance(x, Slot)}
    return sum(owners.values())


def _written(instructions: Sequence[Instruction], sums: list[Sum]) -> list[Instruction]:
    """The instructions with these sums where the last product of each was added."""
    new: list[Instruction | None] = list(instructions)
    for total in sums:
        start = Literal(None) if total.start is None else total.start
        takes = [x for p in total.products for x in (p.column, p.row)]
        rule = instructions[total.products[0].place].subject
        subject = OuterProducts(rule.op.kernels.outer_products,
                                tuple(p.kind for p in total.products))
        *others, last = total.places
        for place in others:
            new[place] = None
        new[last] = Instruction(
            "outer_products", (start, *takes), instructions[last].makes, subject)
        for product in total.products:
            new[product.place] = _without(new[product.place], product.which)
    return [i for i in new if i is not None]


def _without(back: Instruction | None, which: int) -> Instruction | None:
    """A backward that does not make the gradient of input `which`; None if nothing is left."""
    assert back is not None  # it made two things, and one of them was still wanted
    rule, makes = back.subject, [*back.makes]
    makes[which] = None
    if makes == [None] * len(makes):
        return None
    plan = rule.op.plan(tuple(name is not None for name in makes))
    known = dict(zip(rule.names, back.takes[1:]))
    saved = (known[name] for name in plan.names)
    return Instruction("backward", (back.takes[0], *saved), tuple(makes), plan)
