"""A chain as a kernel: its text, its compiled form, kept on disk, and the call on arrays.

The text names arrays a0, a1 ..., truth values b0 ..., numbers c0 ..., values v0 ... and results
y0 ..., so that chains which are alike, in one step or another, are one kernel.
"""

from __future__ import annotations

import ast
import hashlib
import os
import sys
import tempfile
import types
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..._util.locks import new_lock
from ..._util.user_folders import user_cache
from ..fuse.chains import ElementwiseChain
from ..record.operands import ByOperand, Named, Operand

Array = Any
BOOL = np.dtype(bool)
INTRINSICS = {ast.Add: "plus", ast.Sub: "minus", ast.Mult: "times", ast.Div: "over"}
IMPORTS = f"""\
from {__package__}.exact import (
    absolute, exact, full, lanes, load, load_some, load_some_truths, load_truths, maximum, minimum,
    minus, over, part, plus, root, sign, store, store_some, store_some_truths, store_truths, times,
    parallel_for, times_truth, where,
)
"""


class Kernel(NamedTuple):
    """The text of a chain's kernel, and how it is called."""

    text: str
    arrays: tuple[Operand, ...]  # whole arrays of numbers,
    truths: tuple[Operand, ...]  # of bools,
    numbers: tuple[Operand | float, ...]  # arrays of one number, and numbers
    broadcast: frozenset[Operand]  # those of the former that are one number in a large array
    results: tuple[Operand, ...]  # what it makes
    aliases: ByOperand[Operand]  # what are other names of results or operands


class _Intrinsics(ast.NodeTransformer):
    """An expression in the intrinsics that kernels of chains are written in."""

    def __init__(self, values: dict[str, str]) -> None:
        self.values = values

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Name(self.values.get(node.id, node.id))

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        return ast.Constant(float(node.value))  # type: ignore[arg-type]

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        operands = [self.visit(node.left), self.visit(node.right)]
        return ast.Call(ast.Name(INTRINSICS[type(node.op)]), operands, [])


def kernel_of(chain: ElementwiseChain, needed: Sequence[Named]) -> Kernel:
    """The kernel that makes `needed`, of a chain's steps."""
    infos, common = chain.infos, chain.common
    values: dict[str, str] = {}  # numbers by their text: 0.0 and -0.0 are equal
    given: dict[str, list[Any]] = {"a": [], "b": [], "c": []}
    broadcast: set[Operand] = set()
    same: ByOperand[Any] = {}
    lines: list[str] = []
    for step in chain.steps:
        for operand in step.operands.values():
            if str(operand) in values:
                continue
            kind = infos.get(operand) if isinstance(operand, Named) else None
            letter = "c"
            if kind is not None and kind.shape == common.shape and kind.order == common.order:
                letter = "b" if kind.dtype == BOOL else "a"
            elif isinstance(operand, Named) and kind is not None and kind.order == "broadcast":
                broadcast.add(operand)
            values[str(operand)] = f"{letter}{len(given[letter])}"
            given[letter].append(operand)
        words = {word: values[str(operand)] for word, operand in step.operands.items()}
        if step.expression == "dy":
            values[str(step.made)] = words["dy"]
            source: Any = step.operands["dy"]
            same[step.made] = same.get(source, source)
            continue
        values[str(step.made)] = f"v{len(lines)}"
        tree = _Intrinsics(words).visit(ast.parse(step.expression, mode="eval"))
        lines.append(f"    {values[str(step.made)]} = {ast.unparse(tree)}")
    taken = {*given["a"], *given["b"], *given["c"]}
    wanted = dict.fromkeys(same.get(n, n) for n in needed)
    results = tuple(n for n in wanted if n not in taken)
    aliases: ByOperand[Operand] = {n: same[n] for n in needed if n in same}
    truths = [infos[n].dtype == BOOL for n in results]
    text = _text(lines, given, [values[str(n)] for n in results], truths)
    return Kernel(text, tuple(given["a"]), tuple(given["b"]), tuple(given["c"]),
                  frozenset(broadcast), results, aliases)


def _text(
    lines: list[str], given: dict[str, list[Any]], results: list[str], truths: list[bool]
) -> str:
    """The kernel: the chain on vectors, one chunk of the arrays, all chunks."""
    a, b, c = ([f"{letter}{i}" for i in range(len(given[letter]))] for letter in "abc")
    y = [f"y{i}" for i in range(len(results))]
    arguments = ", ".join([*a, *b, *c, *y])

    def body(some: str, last: str) -> list[str]:
        read = [f"load{some}({x}, i{last})" for x in a]
        read += [f"load{some}_truths(a0, {x}, i{last})" for x in b]
        made = ", ".join(v.replace("v", "w") for v in results)
        return [f"{made} = chain({', '.join(read + c)})",
                *(f"store{some}{'_truths' * t}({x}, i, {v.replace('v', 'w')}{last})"
                  for x, v, t in zip(y, results, truths))]

    return "\n".join([
        "@part", f"def chain({', '.join([*a, *b, *c])}):", *lines,
        f"    return {', '.join(results)}", "", "",
        "@exact", f"def chunk_of_chain(chunk, chunks, {arguments}):", "    n = lanes(a0)",
        "    begin, end = chunk * a0.size // chunks, (chunk + 1) * a0.size // chunks",
        "    rest = (end - begin) % n", *(f"    {x} = full(a0, {x})" for x in c),
        "    for i in range(begin, end - rest, n):", *(f"        {x}" for x in body("", "")),
        "    if rest:", "        i = end - rest",
        *(f"        {x}" for x in body("_some", ", rest")),
        "", "",
        "@exact", f"def run(chunks, {arguments}):",
        f"    parallel_for(chunk_of_chain, chunks, ({arguments},))", "",
    ])


# --- compiling -----------------------------------------------------------------------------------


_lock = new_lock()  # two threads make a kernel once


def compiled(text: str) -> Callable[..., None]:
    """The kernel with this text, compiled for the types it is called with."""
    with _lock:
        return _compiled(text)


@cache
def _compiled(text: str) -> Callable[..., None]:
    from ...backend.kernels.numba.compile import source_hash
    from . import exact

    source = f'"""A chain of element-wise operations, fused."""\n\n{IMPORTS}\n\n{text}'
    helpers = source_hash(Path(exact.__file__)) + repr(sorted(exact.OPTIONS.items()))
    name = hashlib.sha256(f"{helpers}\0{source}".encode()).hexdigest()[:16]
    file = _kept(name, source)
    module = types.ModuleType(f"{__package__}.chain_{name}")
    sys.modules[module.__name__] = module  # what Numba kept looks for it there
    exec(compile(source, str(file) if file else "<chain>", "exec"), module.__dict__)
    run: Callable[..., None] = module.__dict__["run"]
    return run


def _kept(name: str, source: str) -> Path | None:
    """The file with this source in our cache, beside which Numba keeps what it compiled."""
    file = user_cache() / "kernels" / f"chain-{name}" / "chain.py"
    try:
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            handle, made = tempfile.mkstemp(dir=file.parent)
            with os.fdopen(handle, "w", encoding="utf-8") as new:
                new.write(source)
            os.replace(made, file)
        with tempfile.TemporaryFile(dir=file.parent):
            return file
    except OSError:
        return None


# --- calling -------------------------------------------------------------------------------------


def caller(
    chain: ElementwiseChain, kernel: Kernel, takes: Sequence[Operand], plain: Callable[..., Any]
) -> Callable[..., Any]:
    """A function of the arrays `takes` that makes the kernel's results, by it or else by `plain`:
    where arrays do not lie in memory as they did."""
    from ...backend.kernels.numba.threads import threads_for

    run, dtype = compiled(kernel.text), chain.common.dtype
    places = [takes.index(n) for n in (*kernel.arrays, *kernel.truths)]
    dtypes = [dtype] * len(kernel.arrays) + [BOOL] * len(kernel.truths)
    numbers = [(takes.index(n), n in kernel.broadcast) if isinstance(n, Operand) else n
               for n in kernel.numbers]
    made = [chain.infos[n].dtype for n in kernel.results]

    def call(*given: Array) -> Any:
        values: list[float] = []
        for number in numbers:
            if isinstance(number, float):
                values.append(number)
                continue
            array = given[number[0]]
            if array.dtype is not dtype or (number[1] and not _is_broadcast(array)):
                return plain(*given)
            values.append(array.item(0))
        first = given[places[0]]
        results = [np.empty_like(first, dtype=d) for d in made]
        views = _flat([*(given[i] for i in places), *results], [*dtypes, *made])
        if views is None:
            return plain(*given)
        whole = len(places)
        run(threads_for(8 * first.size), *views[:whole], *values, *views[whole:])
        return results[0] if len(results) == 1 else results

    return call


def _is_broadcast(array: Array) -> bool:
    return not any(s for s, n in zip(array.strides, array.shape) if n > 1)


def _flat(arrays: list[Array], dtypes: list[Any]) -> list[Array] | None:
    """The arrays as one-dimensional views in one order, if they lie so, as `layout.flat` does."""
    first = arrays[0]
    rows, shape = first.flags.c_contiguous, first.shape
    if not rows and first.ndim < 3:
        return None
    views = []
    for array, dtype in zip(arrays, dtypes):
        if array.shape != shape or array.dtype is not dtype:
            return None
        view = array if rows else np.moveaxis(array, 1, -1)
        if not view.flags.c_contiguous:
            return None
        views.append(view.reshape(-1))
    return views
