"""The language of chain kernels: vectors whose arithmetic rounds after each operation.

All that a chain takes is handed on from here, so that the hash of this file and of those it imports
stands for all of it.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from llvmlite import ir
from numba import types

from ...backend.kernels.numba.kernel_cache import kept_in
from ...backend.kernels.numba.parallel import parallel_for as parallel_for
from ...backend.kernels.numba.simd import absolute as absolute
from ...backend.kernels.numba.simd import full as full
from ...backend.kernels.numba.simd import lanes as lanes
from ...backend.kernels.numba.simd import load as load
from ...backend.kernels.numba.simd import load_some as load_some
from ...backend.kernels.numba.simd import root as root
from ...backend.kernels.numba.simd import store as store
from ...backend.kernels.numba.simd import store_some as store_some
from ...backend.kernels.numba.simd import where as where
from ...backend.kernels.numba.simd.rounded import minus as minus
from ...backend.kernels.numba.simd.rounded import over as over
from ...backend.kernels.numba.simd.rounded import plus as plus
from ...backend.kernels.numba.simd.rounded import times as times
from ...backend.kernels.numba.simd.types import Mask, address, first_lanes, intrinsic, vector_of

OPTIONS: dict[str, Any] = {"error_model": "numpy", "nogil": True}  # and no fast arithmetic
BYTE = ir.IntType(8)


def exact(function: Callable[..., Any]) -> Any:
    """Compile a kernel of a chain; what was compiled is kept beside its file, if it has one."""
    file = Path(function.__code__.co_filename)
    folder = file.parent if file.is_absolute() else None
    return kept_in(folder, numba.njit(**OPTIONS)(function), function)


def part(function: Callable[..., Any]) -> Any:
    """A helper of such kernels, that becomes part of them."""
    return numba.njit(forceinline=True, **OPTIONS)(function)


def typed_intrinsic(function: Callable[..., Any]) -> Any:
    """An intrinsic of kernels: what LLVM code stands for it."""
    return intrinsic(function)


# --- arithmetic ----------------------------------------------------------------------------------


@part
def maximum(a: Any, b: Any) -> Any:
    """The larger one, NaN if one of them is; of equal ones the second, as NumPy has it."""
    return where(a > b, a, where(a == a, b, a))


@part
def minimum(a: Any, b: Any) -> Any:
    """The smaller one, NaN if one of them is; of equal ones the second, as NumPy has it."""
    return where(a < b, a, where(a == a, b, a))


@part
def sign(x: Any) -> Any:
    """1, -1 or 0; NaN of NaN."""
    return where(x > 0.0, 1.0, where(x < 0.0, -1.0, where(x == 0.0, 0.0, x)))


@part
def times_truth(x: Any, mask: Any) -> Any:
    """x where the mask is true, else x * 0, which is NaN of infinities and may be -0."""
    return where(mask, x, times(x, 0.0))


# --- truth values --------------------------------------------------------------------------------


def _bytes(builder: Any, context: Any, array: Any, value: Any, place: Any, count: int) -> Any:
    return address(context, builder, array, value, place, ir.VectorType(BYTE, count))


@typed_intrinsic
def load_truths(typing: Any, numbers: Any, truths: Any, place: Any) -> Any:
    """As many elements of an array of bools, from `place` on, as a vector of `numbers` has."""
    count = vector_of(numbers.dtype).count

    def generate(context: Any, builder: Any, s: Any, a: Any) -> Any:
        found = builder.load(_bytes(builder, context, truths, a[1], a[2], count), align=1)
        return builder.icmp_unsigned("!=", found, ir.Constant(found.type, [0] * count))

    return Mask(count)(numbers, truths, types.int64), generate


@typed_intrinsic
def store_truths(typing: Any, truths: Any, place: Any, mask: Any) -> Any:
    """Write a mask to elements `place`, `place + 1` ... of an array of bools."""

    def generate(context: Any, builder: Any, s: Any, a: Any) -> Any:
        made = builder.zext(a[2], ir.VectorType(BYTE, mask.count))
        builder.store(made, _bytes(builder, context, truths, a[0], a[1], mask.count), align=1)
        return context.get_dummy_value()

    return types.void(truths, types.int64, mask), generate


@typed_intrinsic
def load_some_truths(
    typing: Any, numbers: Any, truths: Any, place: Any, how_many: Any
) -> Any:
    """The first `how_many` of them, and others that mean nothing; memory after is not read."""
    count = vector_of(numbers.dtype).count

    def generate(context: Any, builder: Any, s: Any, a: Any) -> Any:
        pointer = _bytes(builder, context, truths, a[1], a[2], count)
        kind = pointer.type.pointee
        name = f"llvm.masked.load.v{count}i8.p0"
        inside = first_lanes(builder, a[3], count)
        function = builder.module.globals.get(name) or ir.Function(builder.module, ir.FunctionType(
            kind, [pointer.type, ir.IntType(32), inside.type, kind]), name)
        none = ir.Constant(kind, [0] * count)
        found = builder.call(function, [pointer, ir.IntType(32)(1), inside, none])
        return builder.icmp_unsigned("!=", found, none)

    return Mask(count)(numbers, truths, types.int64, types.int64), generate


@typed_intrinsic
def store_some_truths(typing: Any, truths: Any, place: Any, mask: Any, how_many: Any) -> Any:
    """Write the first `how_many` of a mask; memory after them is not touched."""

    def generate(context: Any, builder: Any, s: Any, a: Any) -> Any:
        pointer = _bytes(builder, context, truths, a[0], a[1], mask.count)
        kind = pointer.type.pointee
        name = f"llvm.masked.store.v{mask.count}i8.p0"
        inside = first_lanes(builder, a[3], mask.count)
        function = builder.module.globals.get(name) or ir.Function(builder.module, ir.FunctionType(
            ir.VoidType(), [kind, pointer.type, ir.IntType(32), inside.type]), name)
        made = builder.zext(a[2], kind)
        builder.call(function, [made, pointer, ir.IntType(32)(1), inside])
        return context.get_dummy_value()

    return types.void(truths, types.int64, mask, types.int64), generate
