"""Operations of a captured step, carried out ahead of time down to the kernels they run.

What an operation does between two kernels, choosing and making arrays, depends on shapes and dtypes
alone, which are the same at each replay. So it is done once, here, on stand-ins for arrays that
have a shape and a dtype but no numbers, with a kernel table that writes down what it would run:

    t0 = F0(x0, w0, w1)         becomes         linear_short(1, x0, w0, N0, w1, t0, 0)

where t0 and the scratch b0 are made once, too (memory.py says where). An op that reads values, or
allocates or launches by any route other than `self.empty` and `self.run` of its table, stays
unplanned: a stand-in supports nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple, NoReturn

import numpy as np
from numba import extending

from ...backend.kernels.numba.table import CompiledKernels
from ...ops.op import Op, is_built_in
from ..record.operands import ByOperand, Named
from ..record.recorder import ArrayInfo, Instruction


class NotPlanned(Exception):
    """An operation did what cannot be done ahead of time."""


class Order(NamedTuple):
    """The memory order of a stand-in: always C order."""

    c_contiguous: bool
    f_contiguous: bool


class StandIn:
    """For an array in order in memory: its shape and its dtype. A view knows what it is a view
    `of`; what was there before the planning has a `name`, a constant its `value` too."""

    __slots__ = ("dtype", "flags", "name", "ndim", "of", "shape", "size", "value")
    __array_ufunc__ = None  # NumPy's functions refuse it

    def __init__(
        self, shape: Any, dtype: Any, of: StandIn | None = None, name: Named | None = None,
        value: Any = None,
    ) -> None:
        self.shape: tuple[int, ...] = (shape,) if isinstance(shape, int) else tuple(shape)
        self.dtype = np.dtype(dtype)
        self.ndim, self.size = len(self.shape), math.prod(self.shape)
        self.flags = Order(True, self.size == 0 or sum(n > 1 for n in self.shape) <= 1)
        self.of, self.name, self.value = of, name, value

    @property
    def root(self) -> StandIn:
        """The array that it is a view of; itself if it owns its memory."""
        return self if self.of is None else self.of

    def reshape(self, *shape: Any) -> StandIn:
        """A view in another shape; one length may be -1."""
        wanted = list(shape[0] if len(shape) == 1 and isinstance(shape[0], tuple) else shape)
        if -1 in wanted:
            known = math.prod(n for n in wanted if n != -1)
            if not known:
                raise NotPlanned
            wanted[wanted.index(-1)] = self.size // known
        if math.prod(wanted) != self.size:
            raise NotPlanned
        return StandIn(wanted, self.dtype, self.root)

    def ravel(self) -> StandIn:
        """A view in one dimension."""
        return StandIn((self.size,), self.dtype, self.root)

    def item(self) -> Any:
        """The number, if it is known: of a constant."""
        if self.value is None:
            raise NotPlanned
        return self.value.item()

    def __len__(self) -> int:
        return self.shape[0]

    def __getattr__(self, name: str) -> NoReturn:
        if name == "_numba_type_":  # Numba asks for it first; then it asks `refuse`
            raise AttributeError(name)
        raise NotPlanned(name)

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        raise NotPlanned


def refuse(stand_in: StandIn, context: Any) -> NoReturn:
    """Refuse to name a type of Numba: a kernel was called, not run by the table."""
    raise NotPlanned


extending.typeof_impl.register(StandIn, refuse)


class Launch(NamedTuple):
    """One call of a kernel."""

    kernel: Any
    arguments: tuple[Any, ...]
    named: dict[str, Any]


class LaunchPlan(NamedTuple):
    """The launches of an instruction, and its results: None for one that nobody uses."""

    launches: list[Launch]
    results: tuple[StandIn | None, ...]


class PlanningKernels(CompiledKernels):
    """The compiled table, but for arrays it makes stand-ins, and kernels it writes down."""

    def __init__(self) -> None:
        super().__init__(np)
        self.launches: list[Launch] = []

    def empty(self, shape: Any, dtype: Any) -> StandIn:
        return StandIn(shape, dtype)

    def empty_like(self, array: Any) -> StandIn:
        return StandIn(array.shape, array.dtype)

    def run(self, kernel: Any, *arguments: Any, **named: Any) -> None:
        self.launches.append(Launch(kernel, arguments, named))


def plan_of(
    instruction: Instruction, given: Sequence[Any], infos: ByOperand[ArrayInfo]
) -> LaunchPlan | None:
    """The plan of an instruction that takes `given`, stand-ins and values; None if it has none."""
    op = _operation(instruction)
    if op is None:
        return None
    kernels = PlanningKernels()
    bound = op.on(SimpleNamespace(xp=np, kernels=kernels))
    try:
        if instruction.kind == "forward":
            made = bound.forward(*given)
            results = tuple(made) if op.extras else (made,)
        else:
            results = tuple(bound.plan(instruction.subject.needs).back(given[0], tuple(given[1:])))
    except (NotPlanned, TypeError, AttributeError, ValueError):
        return None
    taken = {g.root for g in given if isinstance(g, StandIn)}
    for name, result in zip(instruction.makes, results, strict=True):
        if name is None:
            continue
        kind = infos.get(name)
        fits = (isinstance(result, StandIn) and kind is not None and result.root not in taken
                and result.shape == kind.shape and result.dtype == kind.dtype)
        if not fits:
            return None
    roots = [r.root for n, r in zip(instruction.makes, results) if n is not None and r is not None]
    if len(set(roots)) < len(roots) or not kernels.launches:
        return None
    return LaunchPlan(kernels.launches, results)


def _operation(instruction: Instruction) -> Op | None:
    """Return the operation, if it is one of ours on the CPU, without a seed of its own."""
    if instruction.kind not in ("forward", "backward"):
        return None
    op: Op = instruction.subject if instruction.kind == "forward" else instruction.subject.op
    if instruction.kind == "forward" and instruction.detail.drawn:
        return None
    return op if is_built_in(op) and type(op.kernels) is CompiledKernels else None
