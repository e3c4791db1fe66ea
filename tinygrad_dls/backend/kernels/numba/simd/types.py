"""Vectors as Numba and LLVM know them: types, and the instructions that intrinsics are made of."""

from typing import Any

from llvmlite import ir
from numba import extending, types
from numba.core import cgutils

from .width import HOST

I32, I64, BIT = ir.IntType(32), ir.IntType(64), ir.IntType(1)
ELEMENTS: dict[Any, Any] = {types.float32: ir.FloatType(), types.float64: ir.DoubleType()}
intrinsic: Any = extending.intrinsic  # of kernels: it says what LLVM code it stands for
declared: Any = cgutils.get_or_insert_function


class Vector(types.Type):
    """`count` numbers of one float dtype."""

    def __init__(self, dtype: Any, count: int) -> None:
        self.dtype, self.count = dtype, count
        super().__init__(name=f"Vector({dtype} x {count})")


class Mask(types.Type):
    """`count` truth values: what a comparison of vectors gives."""

    def __init__(self, count: int) -> None:
        self.count = count
        super().__init__(name=f"Mask({count})")


@extending.register_model(Vector)
class _VectorModel(extending.models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, llvm_type(kind))


@extending.register_model(Mask)
class _MaskModel(extending.models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, ir.VectorType(BIT, kind.count))


def llvm_type(kind: Any) -> Any:
    """The LLVM type of a Vector."""
    return ir.VectorType(ELEMENTS[kind.dtype], kind.count)


def vector_of(dtype: Any) -> Vector:
    """The type of a full register of numbers of this Numba type."""
    return Vector(dtype, HOST.lanes(dtype.bitwidth // 8))


def is_floats(array: Any) -> bool:
    """Return whether this Numba type is an array that vectors can be loaded from."""
    return isinstance(array, types.Array) and array.dtype in ELEMENTS


# --- instructions --------------------------------------------------------------------------------


def broadcast(builder: Any, number: Any, count: int) -> Any:
    """A vector full of one LLVM value."""
    kind = ir.VectorType(number.type, count)
    empty = ir.Constant(kind, ir.Undefined)
    first = builder.insert_element(empty, number, I32(0))
    return builder.shuffle_vector(first, empty, ir.Constant(ir.VectorType(I32, count), [0] * count))


def constant(kind: Vector, number: float) -> Any:
    """A vector full of one number known beforehand."""
    return ir.Constant(llvm_type(kind), [ELEMENTS[kind.dtype](number)] * kind.count)


def call_llvm(builder: Any, name: str, kind: Vector, *arguments: Any) -> Any:
    """LLVM's own function on vectors: "fma", "rint" ..."""
    full = f"llvm.{name}.v{kind.count}f{kind.dtype.bitwidth}"
    parameters = [a.type for a in arguments]
    function = declared(
        builder.module, ir.FunctionType(llvm_type(kind), parameters), full
    )
    return builder.call(function, arguments)


def first_lanes(builder: Any, how_many: Any, count: int) -> Any:
    """A mask of the first `how_many` lanes."""
    places = ir.Constant(ir.VectorType(I32, count), list(range(count)))
    return builder.icmp_signed("<", places, broadcast(builder, builder.trunc(how_many, I32), count))


def masked_load(builder: Any, kind: Vector, pointer: Any, mask: Any) -> Any:
    """A vector from memory where the mask is true, zeros elsewhere."""
    whole, size = llvm_type(kind), kind.dtype.bitwidth
    function = declared(
        builder.module, ir.FunctionType(whole, [pointer.type, I32, mask.type, whole]),
        f"llvm.masked.load.v{kind.count}f{size}.p0",
    )
    return builder.call(function, [pointer, I32(size // 8), mask, constant(kind, 0.0)])


def masked_store(builder: Any, kind: Vector, value: Any, pointer: Any, mask: Any) -> None:
    """A vector to memory where the mask is true."""
    whole, size = llvm_type(kind), kind.dtype.bitwidth
    function = declared(
        builder.module, ir.FunctionType(ir.VoidType(), [whole, pointer.type, I32, mask.type]),
        f"llvm.masked.store.v{kind.count}f{size}.p0",
    )
    builder.call(function, [value, pointer, I32(size // 8), mask])


def address(context: Any, builder: Any, array: Any, value: Any, place: Any, kind: Any) -> Any:
    """The address of element `place` of an array, as a pointer to a vector."""
    data = context.make_array(array)(context, builder, value).data
    return builder.bitcast(builder.gep(data, [place]), kind.as_pointer())


def joined(a: Any, b: Any) -> Vector | None:
    """The vector type of two operands, one of which may be a number."""
    for one, other in ((a, b), (b, a)):
        if isinstance(one, Vector) and (other == one or isinstance(other, types.Number)):
            return one
    return None


def operand(context: Any, builder: Any, value: Any, kind: Any, vector: Vector) -> Any:
    """An operand as a vector."""
    if isinstance(kind, Vector):
        return value
    return broadcast(builder, context.cast(builder, value, kind, vector.dtype), vector.count)


def bits(kind: Vector) -> tuple[Any, int, int]:
    """(integers as wide as the floats, bits after the exponent, what is added to exponents)."""
    wide = kind.dtype.bitwidth
    shift, bias = (23, 127) if wide == 32 else (52, 1023)
    return ir.VectorType(ir.IntType(wide), kind.count), shift, bias


def whole(kind: Any, number: int) -> Any:
    """A vector full of one integer."""
    return ir.Constant(kind, [number] * kind.count)


def fold(builder: Any, vector: Any, count: int, join: Any) -> Any:
    """All lanes joined into one, halves first."""
    width = count // 2
    while width:
        places = [(i + width) % count for i in range(count)]
        swapped = builder.shuffle_vector(
            vector, vector, ir.Constant(ir.VectorType(I32, count), places)
        )
        vector = join(vector, swapped)
        width //= 2
    return builder.extract_element(vector, I32(0))
