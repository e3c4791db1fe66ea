"""A vector register as a value in Numba kernels: the same arithmetic on 4 to 16 numbers at once.

A processor core has registers that hold several numbers, and one instruction adds or multiplies
all of them. A compiler uses them by itself for the simplest loops only. Here a kernel says it:

    @kernel
    def scale_and_shift(x, y, a, b):
        n = lanes(x)                                  # 16 for float32 with AVX-512
        for i in range(0, x.size - n + 1, n):
            store(y, i, a * load(x, i) + b)           # 16 numbers, two instructions
        rest = x.size % n
        if rest:
            i = x.size - rest
            store_some(y, i, a * load_some(x, i, rest) + b, rest)

`load(x, i)` is a value of type `Vector`: what LLVM calls <16 x float>. Operators, comparisons and
the functions below work on it; a plain number beside it stands for a vector full of that number.
Numba passes our few LLVM instructions on as they are, and LLVM picks registers for them. How wide
a vector is follows from the processor (`width.py`), so a kernel is written once.

Places count elements of an array that is C-contiguous, of any shape, as if it were flat; nothing
checks them: a kernel that reads beyond an array's end reads whatever is there.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types

from .types import (
    ELEMENTS,
    I64,
    Mask,
    Vector,
    address,
    bits,
    broadcast,
    call_llvm,
    constant,
    declared,
    first_lanes,
    fold,
    intrinsic,
    is_floats,
    joined,
    llvm_type,
    masked_load,
    masked_store,
    operand,
    vector_of,
    whole,
)

BYTES = ir.IntType(8).as_pointer()

# --- loading and storing -------------------------------------------------------------------------


@intrinsic
def lanes(typing: Any, array: Any) -> Any:
    """Return how many numbers of the array a vector holds; known when the kernel is compiled."""
    count = vector_of(array.dtype).count
    return types.IntegerLiteral(count)(array), lambda context, builder, s, a: I64(count)


@intrinsic
def load(typing: Any, array: Any, place: Any) -> Any:
    """The vector of elements `place`, `place + 1` ..."""
    if not is_floats(array):
        return None
    kind = vector_of(array.dtype)

    def generate(context: Any, builder: Any, s: Any, a: Any) -> Any:
        pointer = address(context, builder, array, a[0], a[1], llvm_type(kind))
        return builder.load(pointer, align=array.dtype.bitwidth // 8)

    return kind(array, types.int64), generate


@intrinsic
def load_some(typing: Any, array: Any, place: Any, how_many: Any) -> Any:
    """The first `how_many` elements from `place` on, and zeros; memory after them is not read."""
    if not is_floats(array):
        return None
    kind = vector_of(array.dtype)

    def generate(context: Any, builder: Any, s: Any, a: Any) -> Any:
        pointer = address(context, builder, array, a[0], a[1], llvm_type(kind))
        return masked_load(builder, kind, pointer, first_lanes(builder, a[2], kind.count))

    return kind(array, types.int64, types.int64), generate


@intrinsic
def store(typing: Any, array: Any, place: Any, vector: Any) -> Any:
    """Write a vector to elements `place`, `place + 1` ..."""
    if not is_floats(array) or vector != vector_of(array.dtype):
        return None

    def generate(context: Any, builder: Any, s: Any, a: Any) -> Any:
        pointer = address(context, builder, array, a[0], a[1], llvm_type(vector))
        builder.store(a[2], pointer, align=array.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(array, types.int64, vector), generate


@intrinsic
def store_some(typing: Any, array: Any, place: Any, vector: Any, how_many: Any) -> Any:
    """Write the first `how_many` numbers of a vector; memory after them is not touched."""
    if not is_floats(array) or vector != vector_of(array.dtype):
        return None

    def generate(context: Any, builder: Any, s: Any, a: Any) -> Any:
        pointer = address(context, builder, array, a[0], a[1], llvm_type(vector))
        masked_store(builder, vector, a[2], pointer, first_lanes(builder, a[3], vector.count))
        return context.get_dummy_value()

    return types.void(array, types.int64, vector, types.int64), generate


@intrinsic
def full(typing: Any, array: Any, number: Any) -> Any:
    """A vector full of one number, to go with vectors of the array."""
    if not is_floats(array) or not isinstance(number, types.Number):
        return None
    kind = vector_of(array.dtype)

    def generate(context: Any, builder: Any, s: Any, a: Any) -> Any:
        return broadcast(builder, context.cast(builder, a[1], s.args[1], kind.dtype), kind.count)

    return kind(array, number), generate


@intrinsic
def lane_numbers(typing: Any, array: Any) -> Any:
    """The vector (0, 1, 2 ...), to go with vectors of the array."""
    if not is_floats(array):
        return None
    kind = vector_of(array.dtype)

    def generate(context: Any, builder: Any, s: Any, a: Any) -> Any:
        number = ELEMENTS[kind.dtype]
        return ir.Constant(llvm_type(kind), [number(float(i)) for i in range(kind.count)])

    return kind(array), generate


@intrinsic
def load_at(typing: Any, array: Any, address: Any, how_many: Any) -> Any:
    """The first `how_many` numbers from an address on, and zeros; of the dtype of `array`."""
    if not is_floats(array):
        return None
    kind = vector_of(array.dtype)

    def generate(context: Any, builder: Any, s: Any, a: Any) -> Any:
        pointer = builder.inttoptr(a[1], llvm_type(kind).as_pointer())
        return masked_load(builder, kind, pointer, first_lanes(builder, a[2], kind.count))

    return kind(array, types.int64, types.int64), generate


@intrinsic
def store_at(typing: Any, array: Any, address: Any, vector: Any) -> Any:
    """Write a vector to an address."""
    if not is_floats(array) or vector != vector_of(array.dtype):
        return None

    def generate(context: Any, builder: Any, s: Any, a: Any) -> Any:
        pointer = builder.inttoptr(a[1], llvm_type(vector).as_pointer())
        builder.store(a[2], pointer, align=array.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(array, types.int64, vector), generate


@intrinsic
def address_of(typing: Any, array: Any, place: Any) -> Any:
    """Return the address of element `place` of an array, as an integer. The array must outlive its
    use.
    """

    def generate(context: Any, builder: Any, s: Any, a: Any) -> Any:
        data = context.make_array(array)(context, builder, a[0]).data
        return builder.ptrtoint(builder.gep(data, [a[1]]), I64)

    return types.int64(array, types.int64), generate


@intrinsic
def prefetch(typing: Any, array: Any, place: Any) -> Any:
    """Ask for the line of memory with element `place`, to be in the second cache when it is loaded.
    It need not exist."""

    def generate(context: Any, builder: Any, s: Any, a: Any) -> Any:
        number = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [BYTES, number, number, number])
        pointer = address(context, builder, array, a[0], a[1], BYTES.pointee)
        builder.call(declared(builder.module, kind, "llvm.prefetch.p0"),
                     [pointer, number(0), number(2), number(1)])
        return context.get_dummy_value()

    return types.void(array, types.int64), generate


@intrinsic
def smallest_normal(typing: Any, number: Any) -> Any:
    """The smallest positive number of this kind of float that has all its digits."""
    value = ELEMENTS[number](float(np.finfo(str(number)).tiny))
    return number(number), lambda context, builder, s, a: value


# --- functions -----------------------------------------------------------------------------------


@intrinsic
def fma(typing: Any, a: Any, b: Any, c: Any) -> Any:
    """a * b + c, rounded once; one instruction. One of them is a vector."""
    kind = next((k for k in (a, b, c) if isinstance(k, Vector)), None)
    if kind is None:
        return None

    def generate(context: Any, builder: Any, s: Any, v: Any) -> Any:
        vectors = [operand(context, builder, x, t, kind) for x, t in zip(v, s.args)]
        return call_llvm(builder, "fma", kind, *vectors)

    return kind(a, b, c), generate


@intrinsic
def where(typing: Any, mask: Any, a: Any, b: Any) -> Any:
    """a where the mask is true, else b; one of a and b is a vector."""
    kind = joined(a, b)
    if kind is None or not isinstance(mask, Mask):
        return None

    def generate(context: Any, builder: Any, s: Any, v: Any) -> Any:
        x, y = (operand(context, builder, v[i], s.args[i], kind) for i in (1, 2))
        return builder.select(v[0], x, y)

    return kind(mask, a, b), generate


@intrinsic
def nearest(typing: Any, x: Any) -> Any:
    """The nearest whole numbers, as floats."""
    return x(x), lambda context, builder, s, a: call_llvm(builder, "rint", x, a[0])


@intrinsic
def absolute(typing: Any, x: Any) -> Any:
    """|x|."""
    return x(x), lambda context, builder, s, a: call_llvm(builder, "fabs", x, a[0])


@intrinsic
def root(typing: Any, x: Any) -> Any:
    """The square root."""
    return x(x), lambda context, builder, s, a: call_llvm(builder, "sqrt", x, a[0])


@intrinsic
def power_of_two(typing: Any, k: Any) -> Any:
    """2**k for whole numbers k (as floats) for which it is a normal number."""

    def generate(context: Any, builder: Any, s: Any, a: Any) -> Any:
        integers, shift, bias = bits(k)
        biased = builder.add(builder.fptosi(a[0], integers), whole(integers, bias))
        return builder.bitcast(builder.shl(biased, whole(integers, shift)), llvm_type(k))

    return k(k), generate


@intrinsic
def exponent(typing: Any, x: Any) -> Any:
    """e of x = m * 2**e with m from 1/2 to 1, as floats; x is normal and positive."""

    def generate(context: Any, builder: Any, s: Any, a: Any) -> Any:
        integers, shift, bias = bits(x)
        biased = builder.lshr(builder.bitcast(a[0], integers), whole(integers, shift))
        return builder.sitofp(builder.sub(biased, whole(integers, bias - 1)), llvm_type(x))

    return x(x), generate


@intrinsic
def mantissa(typing: Any, x: Any) -> Any:
    """m of x = m * 2**e with m from 1/2 to 1; x is normal and positive."""

    def generate(context: Any, builder: Any, s: Any, a: Any) -> Any:
        integers, shift, bias = bits(x)
        kept = builder.and_(builder.bitcast(a[0], integers), whole(integers, (1 << shift) - 1))
        half = whole(integers, (bias - 1) << shift)
        return builder.bitcast(builder.or_(kept, half), llvm_type(x))

    return x(x), generate


@intrinsic
def total(typing: Any, x: Any) -> Any:
    """The sum of a vector's numbers."""

    def generate(context: Any, builder: Any, s: Any, a: Any) -> Any:
        return fold(builder, a[0], x.count, builder.fadd)

    return x.dtype(x), generate


@intrinsic
def largest(typing: Any, x: Any) -> Any:
    """The largest of a vector's numbers."""

    def generate(context: Any, builder: Any, s: Any, a: Any) -> Any:
        def join(p: Any, q: Any) -> Any:
            return builder.select(builder.fcmp_ordered(">", p, q), p, q)

        return fold(builder, a[0], x.count, join)

    return x.dtype(x), generate


@intrinsic
def any_nonzero(typing: Any, x: Any) -> Any:
    """Return whether one of a vector's numbers differs from 0, as NaN does."""

    def generate(context: Any, builder: Any, s: Any, a: Any) -> Any:
        differ = builder.fcmp_unordered("!=", a[0], constant(x, 0.0))
        together = builder.bitcast(differ, ir.IntType(x.count))
        return builder.icmp_unsigned("!=", together, ir.IntType(x.count)(0))

    return types.boolean(x), generate
