"""The sweep: a matrix product that keeps its results in registers. Everything heavy stands on it.

    C[i, j]  =  bias[j]  +  sum over r < outer, k < inner of  A[i, r, k] * B[r, k, j]

for all rows i and for columns j that fit two vectors. It is a product of matrices whose sum runs
over two indices, each with steps of its own: a plain product has outer = 1; a convolution takes
for r the rows of the filter, for k its columns and channels, and lets the rows of A overlap, so
that no copy of the image is made (what BLAS forbids).

How it works. A processor multiplies and adds two vectors per cycle, but loads no more than two, so
a result must stay in its register while it is summed. A tile of results, `rows` x 2 vectors, fills
the registers. For each k the tile loads two vectors of B and, row by row, one number of A spread
over a vector: 2 + rows loads for 2 * rows products. All rows of A go through tiles of 12, then of
8, then of 4 (6, 4 with the 16 registers of AVX2). A last tile with fewer rows than it has repeats
its last row: an FMA has a latency of four cycles, so a one-row tile costs as much as a four-row
one. Columns beyond the last one are masked: neither read nor written.

The code of a tile is a few LLVM instructions, written out by Python loops below. Positions are
addresses and steps count elements, since a sweep runs over parts of arrays.
"""

from functools import lru_cache
from typing import Any, NamedTuple

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.np.numpy_support import from_dtype

from ..compile import export
from ..compilers import InstructionsCompiler
from .types import (
    ELEMENTS,
    I64,
    broadcast,
    call_llvm,
    constant,
    declared,
    first_lanes,
    intrinsic,
    llvm_type,
    masked_load,
    masked_store,
    vector_of,
)
from .width import HOST

ADD, RELU = 1, 2  # flags: add to what C holds; negative results become 0
TILES: dict[int, tuple[int, ...]] = (  # vectors -> rows of the tiles; the last takes the rest
    {1: (16, 8), 2: (12, 8, 4)} if HOST.registers >= 32 else {1: (8, 4), 2: (6, 4)}
)


LAST = 1.5  # times as long as another row takes one of the last tile, whose rows have to be chosen


@lru_cache(maxsize=4096)
def tile_work(rows: int, columns: int, dtype: Any) -> float:
    """Return how many vectors tiles multiply for each k of a product of this size, with those of
    rows and lanes that stay empty; in the time of the larger tiles.
    """
    lanes, work = HOST.lanes(dtype.itemsize), 0.0
    for j in range(0, columns, 2 * lanes):
        vectors = 1 if columns - j <= lanes else 2
        *larger, last = TILES[vectors]
        left = rows
        for size in larger:
            work += vectors * (left // size * size)
            left %= size
        work += vectors * LAST * (-(-left // last) * last)
    return work


class Steps(NamedTuple):
    """The arguments of a sweep after the addresses, as LLVM values; steps in bytes."""

    a_row: Any  # from row i to i + 1 of A
    inner: Any
    a_inner: Any
    b_inner: Any
    outer: Any
    a_outer: Any
    b_outer: Any
    c_row: Any


class Work(NamedTuple):
    """All arguments of a sweep, as LLVM values."""

    a: Any
    b: Any
    c: Any
    rows: Any
    steps: Steps
    bias: Any
    flags: Any


class Tile:
    """The instructions for `rows` x `vectors` results; the last vector may be masked.

    `left`: how many rows there are, at least 1, if that may be fewer than the tile has.
    """

    def __init__(
        self, builder: Any, kind: Any, rows: int, vectors: int, mask: Any, contiguous: bool,
        left: Any,
    ) -> None:
        self.builder, self.kind, self.rows, self.vectors = builder, kind, rows, vectors
        self.left = left
        self.mask, self.contiguous = mask, contiguous  # is a_inner one element (else a_row)?
        several = not contiguous and vectors == 1 and left is None
        self.unroll = 2 if several else 1  # steps of k in one iteration of the loop
        self.number, self.whole = ELEMENTS[kind.dtype], llvm_type(kind)
        self.itemsize = kind.dtype.bitwidth // 8
        self.results = [
            [cgutils.alloca_once(builder, self.whole) for _ in range(vectors)] for _ in range(rows)
        ]

    def at(self, address: Any, offset: int, kind: Any) -> Any:
        """A pointer `offset` bytes after an address."""
        moved = self.builder.add(address, I64(offset)) if offset else address
        return self.builder.inttoptr(moved, kind.as_pointer())

    def row(self, address: Any, step: Any, i: int) -> Any:
        """The address of row i, or of the last one there is."""
        b = self.builder
        if self.left is None or i == 0:
            return b.add(address, b.mul(step, I64(i)))
        last = b.sub(self.left, I64(1))
        number = b.select(b.icmp_signed("<", I64(i), last), I64(i), last)
        return b.add(address, b.mul(step, number))

    def load(self, address: Any, vector: int) -> Any:
        """Vector number `vector` of a row at an address."""
        pointer = self.at(address, vector * self.kind.count * self.itemsize, self.whole)
        if self.mask is None or vector < self.vectors - 1:
            return self.builder.load(pointer, align=self.itemsize)
        return masked_load(self.builder, self.kind, pointer, self.mask)

    def store(self, value: Any, address: Any, vector: int) -> None:
        """Write vector number `vector` of a row at an address."""
        pointer = self.at(address, vector * self.kind.count * self.itemsize, self.whole)
        if self.mask is None or vector < self.vectors - 1:
            self.builder.store(value, pointer, align=self.itemsize)
        else:
            masked_store(self.builder, self.kind, value, pointer, self.mask)

    def begin(self, c: Any, c_row: Any, bias: Any, flags: Any) -> None:
        """Results start from C, from the bias, or from 0."""
        b = self.builder
        with b.if_else(_is_set(b, flags, ADD)) as (adding, fresh):
            with adding:
                for i, row in enumerate(self.results):
                    start = self.row(c, c_row, i)
                    for j, result in enumerate(row):
                        b.store(self.load(start, j), result)
            with fresh, b.if_else(b.icmp_signed("!=", bias, I64(0))) as (biased, zero):
                with biased:
                    values = [self.load(bias, j) for j in range(self.vectors)]
                    for row in self.results:
                        for value, result in zip(values, row):
                            b.store(value, result)
                with zero:
                    for row in self.results:
                        for result in row:
                            b.store(constant(self.kind, 0.0), result)

    def step(self, starts: list[Any], b_address: Any) -> None:
        """All products for one k: `starts` are addresses in A of the rows, or of the first one."""
        b = self.builder
        columns = [self.load(b_address, j) for j in range(self.vectors)]
        for i, row in enumerate(self.results):
            if len(starts) > 1:
                address = starts[i]
            else:
                address = b.add(starts[0], I64(i * self.itemsize))
            number = b.load(b.inttoptr(address, self.number.as_pointer()), align=self.itemsize)
            factor = broadcast(b, number, self.kind.count)
            for column, result in zip(columns, row):
                total = call_llvm(b, "fma", self.kind, factor, column, b.load(result))
                b.store(total, result)

    def row_starts(self, a: Any, a_row: Any) -> list[Any]:
        """Addresses of the rows' numbers, as a base for every third row plus 0, 1 or 2 steps:
        processors add base + step while they load. Left to itself, LLVM makes a chain of them,
        each row's address from the last one's, which takes longer than the products."""
        b = self.builder
        if self.left is not None:
            return [self.row(a, a_row, i) for i in range(self.rows)]
        if not self.contiguous:
            return [a]
        once, twice = unrelated(b, a_row), unrelated(b, b.mul(a_row, I64(2)))
        starts: list[Any] = []
        for i in range(0, self.rows, 3):
            base = unrelated(b, b.add(a, b.mul(a_row, I64(i))))
            starts += [base, b.add(base, once), b.add(base, twice)]
        return starts

    def multiply(self, a: Any, b_address: Any, steps: Steps) -> None:
        """Sum all products into the results."""
        b = self.builder
        with cgutils.for_range(b, steps.outer, intp=I64) as r:
            a_r = b.add(a, b.mul(r.index, steps.a_outer))
            b_r = b.add(b_address, b.mul(r.index, steps.b_outer))
            if self.left is not None and self.vectors == 2:
                self.multiply_rest(a_r, b_r, steps)
                return
            groups = b.sdiv(steps.inner, I64(self.unroll))
            with cgutils.for_range(b, groups, intp=I64) as k:
                place = b.mul(k.index, I64(self.unroll))
                a_k = b.add(a_r, b.mul(place, steps.a_inner))
                b_k = b.add(b_r, b.mul(place, steps.b_inner))
                for u in range(self.unroll):
                    starts = self.row_starts(b.add(a_k, b.mul(steps.a_inner, I64(u))), steps.a_row)
                    self.step(starts, b.add(b_k, b.mul(steps.b_inner, I64(u))))
            if self.unroll == 1:
                return
            done = b.mul(groups, I64(self.unroll))
            with cgutils.for_range(b, b.sub(steps.inner, done), intp=I64) as k:
                place = b.add(k.index, done)
                starts = self.row_starts(b.add(a_r, b.mul(place, steps.a_inner)), steps.a_row)
                self.step(starts, b.add(b_r, b.mul(place, steps.b_inner)))

    def multiply_rest(self, a_r: Any, b_r: Any, steps: Steps) -> None:
        """The inner sum of a tile whose rows are where `row` says: two addresses go along. (In
        tiles of one vector the compiler keeps the addresses in registers without being told.)"""
        b = self.builder
        starts = [b.sub(self.row(a_r, steps.a_row, i), a_r) for i in range(self.rows)]
        a_k, b_k = cgutils.alloca_once_value(b, a_r), cgutils.alloca_once_value(b, b_r)
        with cgutils.for_range(b, steps.inner, intp=I64):
            a, column = b.load(a_k), b.load(b_k)
            self.step([b.add(a, start) for start in starts], column)
            b.store(b.add(a, steps.a_inner), a_k)
            b.store(b.add(column, steps.b_inner), b_k)

    def end(self, c: Any, c_row: Any, flags: Any) -> None:
        """Write the results."""
        b, zero = self.builder, constant(self.kind, 0.0)
        with b.if_then(_is_set(b, flags, RELU)):
            for row in self.results:
                for result in row:
                    value = b.load(result)
                    b.store(b.select(b.fcmp_unordered("<", zero, value), value, zero), result)
        for i, row in enumerate(self.results):
            start = self.row(c, c_row, i)
            for j, result in enumerate(row):
                self.store(b.load(result), start, j)


def unrelated(builder: Any, value: Any) -> Any:
    """`value`, passed through an empty asm block so that LLVM cannot see how it was computed."""
    same = ir.FunctionType(I64, [I64])
    return builder.asm(same, "", "=r,0", [value], False)


def _is_set(builder: Any, flags: Any, flag: int) -> Any:
    return builder.icmp_signed("!=", builder.and_(flags, I64(flag)), I64(0))


def sweep_of(dtype: Any, contiguous: bool) -> Any:
    """All instructions of a sweep of one dtype, as an intrinsic."""
    kind = vector_of(dtype)

    @intrinsic
    def instructions(
        typing: Any, a: Any, b: Any, c: Any, rows: Any, columns: Any, a_row: Any, inner: Any,
        a_inner: Any, b_inner: Any, outer: Any, a_outer: Any, b_outer: Any, c_row: Any, bias: Any,
        flags: Any,
    ) -> Any:
        def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            size = I64(dtype.bitwidth // 8)
            a, b, c, rows, columns, *steps, bias, flags = values
            places = [s if i in (1, 4) else builder.mul(s, size) for i, s in enumerate(steps)]
            work = Work(a, b, c, rows, Steps(*places), bias, flags)
            narrow = builder.icmp_signed("<=", columns, I64(kind.count))
            with builder.if_else(narrow) as (one, two):
                for vectors, branch in ((1, one), (2, two)):
                    with branch:
                        rest = builder.sub(columns, I64((vectors - 1) * kind.count))
                        _masked_or_not(builder, kind, vectors, rest, contiguous, work)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 15), generate

    return instructions


def _masked_or_not(
    builder: Any, kind: Any, vectors: int, rest: Any, contiguous: bool, work: Work
) -> None:
    """Tiles with a mask for the last vector; where masks take time, without for a full one."""
    mask = first_lanes(builder, rest, kind.count)
    if HOST.bits == 512:
        _all_rows(builder, kind, vectors, mask, contiguous, work)
        return
    with builder.if_else(builder.icmp_signed("==", rest, I64(kind.count))) as (full, partial):
        with full:
            _all_rows(builder, kind, vectors, None, contiguous, work)
        with partial:
            _all_rows(builder, kind, vectors, mask, contiguous, work)


def _all_rows(
    builder: Any, kind: Any, vectors: int, mask: Any, contiguous: bool, work: Work
) -> None:
    """Tiles of 12 rows while there are 12, then of 8, then of up to 4 (or as TILES says)."""
    done = cgutils.alloca_once_value(builder, I64(0))
    for size in TILES[vectors]:
        last = size == TILES[vectors][-1]
        test = builder.append_basic_block(f"rows_of_{size}")
        body, after = builder.append_basic_block(), builder.append_basic_block()
        builder.branch(test)
        builder.position_at_end(test)
        i = builder.load(done)
        left = builder.sub(work.rows, i)
        builder.cbranch(builder.icmp_signed(">=", left, I64(1 if last else size)), body, after)
        builder.position_at_end(body)
        tile = Tile(builder, kind, size, vectors, mask, contiguous, left if last else None)
        c = builder.add(work.c, builder.mul(work.steps.c_row, i))
        tile.begin(c, work.steps.c_row, work.bias, work.flags)
        tile.multiply(builder.add(work.a, builder.mul(work.steps.a_row, i)), work.b, work.steps)
        tile.end(c, work.steps.c_row, work.flags)
        builder.store(builder.add(i, I64(size)), done)
        builder.branch(test)
        builder.position_at_end(after)


# --- one function for each dtype -----------------------------------------------------------------

SIGNATURE = types.void(*[types.int64] * 15)
along_k_32, along_rows_32 = sweep_of(types.float32, True), sweep_of(types.float32, False)
along_k_64, along_rows_64 = sweep_of(types.float64, True), sweep_of(types.float64, False)


def sweep_32(
    a: int, b: int, c: int, rows: int, columns: int, a_row: int, inner: int, a_inner: int,
    b_inner: int, outer: int, a_outer: int, b_outer: int, c_row: int, bias: int, flags: int,
) -> None:
    """A sweep of float32. Written out twice, since Numba keeps no compiled closures."""
    if a_inner == 1:
        along_k_32(a, b, c, rows, columns, a_row, inner, 1, b_inner, outer, a_outer, b_outer,
                   c_row, bias, flags)
    else:
        along_rows_32(a, b, c, rows, columns, 1, inner, a_inner, b_inner, outer, a_outer, b_outer,
                      c_row, bias, flags)


def sweep_64(
    a: int, b: int, c: int, rows: int, columns: int, a_row: int, inner: int, a_inner: int,
    b_inner: int, outer: int, a_outer: int, b_outer: int, c_row: int, bias: int, flags: int,
) -> None:
    """A sweep of float64."""
    if a_inner == 1:
        along_k_64(a, b, c, rows, columns, a_row, inner, 1, b_inner, outer, a_outer, b_outer,
                   c_row, bias, flags)
    else:
        along_rows_64(a, b, c, rows, columns, 1, inner, a_inner, b_inner, outer, a_outer, b_outer,
                      c_row, bias, flags)


_ready: set[Any] = set()


def prepare(dtype: Any) -> None:
    """Compile (or load) the sweep of a NumPy dtype, before kernels that call it run."""
    if dtype not in _ready:
        kind = from_dtype(dtype)
        function = sweep_32 if kind == types.float32 else sweep_64
        export(function, SIGNATURE, _symbol(kind), InstructionsCompiler)
        _ready.add(dtype)


def _symbol(kind: Any) -> str:
    return f"tinygrad_dls_sweep_{kind}"


@intrinsic
def sweep(
    typing: Any, array: Any, a: Any, b: Any, c: Any, rows: Any, columns: Any, a_row: Any,
    inner: Any, a_inner: Any, b_inner: Any, outer: Any, a_outer: Any, b_outer: Any, c_row: Any,
    bias: Any, flags: Any,
) -> Any:
    """Run a sweep on numbers of `array`'s dtype: rows x columns of C from the addresses a, b, c.

    Either `a_inner` or `a_row` is 1. `columns` is at most that of two vectors. `bias` is an
    address, or 0; `flags` are ADD and RELU. `prepare(dtype)` must have been called.
    """
    if array.dtype not in ELEMENTS:
        return None

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        kind = ir.FunctionType(ir.VoidType(), [I64] * 15)
        builder.call(declared(builder.module, kind, _symbol(array.dtype)), values[1:])
        return context.get_dummy_value()

    return types.void(array, *[types.int64] * 15), generate
