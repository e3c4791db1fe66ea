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

import operator
from typing import Any

from llvmlite import ir
from numba import extending, types
from numba.core import cgutils
from numba.core.typing import templates

from .width import HOST

Array = Any
word: Any = extending.intrinsic  # a function of kernels, that says what LLVM code it stands for
lower_builtin: Any = extending.lower_builtin
infer_global: Any = templates.infer_global
signature: Any = templates.signature
declared: Any = cgutils.get_or_insert_function
I32, I64, BIT = ir.IntType(32), ir.IntType(64), ir.IntType(1)
ELEMENTS: dict[Any, Any] = {types.float32: ir.FloatType(), types.float64: ir.DoubleType()}


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
    """What LLVM calls a Vector."""
    return ir.VectorType(ELEMENTS[kind.dtype], kind.count)


def vector_of(dtype: Any) -> Vector:
    """The type of a full register of numbers of this Numba type."""
    return Vector(dtype, HOST.lanes(dtype.bitwidth // 8))


def is_floats(array: Any) -> bool:
    """Is this Numba type an array that vectors can be taken from?"""
    return isinstance(array, types.Array) and array.dtype in ELEMENTS


# --- LLVM instructions ---------------------------------------------------------------------------


def spread(builder: Any, number: Any, count: int) -> Any:
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
    return builder.icmp_signed("<", places, spread(builder, builder.trunc(how_many, I32), count))


def address(context: Any, builder: Any, array: Any, value: Any, place: Any, kind: Any) -> Any:
    """Where element `place` of an array lies, as a pointer to a vector."""
    data = context.make_array(array)(context, builder, value).data
    return builder.bitcast(builder.gep(data, [place]), kind.as_pointer())


# --- loading and storing -------------------------------------------------------------------------


@word
def lanes(typing: Any, array: Any) -> Any:
    """How many numbers of the array a vector holds; known when the kernel is compiled."""
    count = vector_of(array.dtype).count
    return types.IntegerLiteral(count)(array), lambda context, builder, s, a: I64(count)


@word
def load(typing: Any, array: Any, place: Any) -> Any:
    """The vector of elements `place`, `place + 1` ..."""
    if not is_floats(array):
        return None
    kind = vector_of(array.dtype)

    def generate(context: Any, builder: Any, s: Any, a: Any) -> Any:
        pointer = address(context, builder, array, a[0], a[1], llvm_type(kind))
        return builder.load(pointer, align=array.dtype.bitwidth // 8)

    return kind(array, types.int64), generate


@word
def load_some(typing: Any, array: Any, place: Any, how_many: Any) -> Any:
    """The first `how_many` elements from `place` on, and zeros; memory after them is not read."""
    if not is_floats(array):
        return None
    kind = vector_of(array.dtype)

    def generate(context: Any, builder: Any, s: Any, a: Any) -> Any:
        whole, size = llvm_type(kind), array.dtype.bitwidth
        pointer = address(context, builder, array, a[0], a[1], whole)
        mask = first_lanes(builder, a[2], kind.count)
        function = declared(
            builder.module,
            ir.FunctionType(whole, [pointer.type, I32, mask.type, whole]),
            f"llvm.masked.load.v{kind.count}f{size}.p0",
        )
        return builder.call(function, [pointer, I32(size // 8), mask, constant(kind, 0.0)])

    return kind(array, types.int64, types.int64), generate


@word
def store(typing: Any, array: Any, place: Any, vector: Any) -> Any:
    """Write a vector to elements `place`, `place + 1` ..."""
    if not is_floats(array) or vector != vector_of(array.dtype):
        return None

    def generate(context: Any, builder: Any, s: Any, a: Any) -> Any:
        pointer = address(context, builder, array, a[0], a[1], llvm_type(vector))
        builder.store(a[2], pointer, align=array.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(array, types.int64, vector), generate


@word
def store_some(typing: Any, array: Any, place: Any, vector: Any, how_many: Any) -> Any:
    """Write the first `how_many` numbers of a vector; memory after them is not touched."""
    if not is_floats(array) or vector != vector_of(array.dtype):
        return None

    def generate(context: Any, builder: Any, s: Any, a: Any) -> Any:
        whole, size = llvm_type(vector), array.dtype.bitwidth
        pointer = address(context, builder, array, a[0], a[1], whole)
        mask = first_lanes(builder, a[3], vector.count)
        function = declared(
            builder.module,
            ir.FunctionType(ir.VoidType(), [whole, pointer.type, I32, mask.type]),
            f"llvm.masked.store.v{vector.count}f{size}.p0",
        )
        builder.call(function, [a[2], pointer, I32(size // 8), mask])
        return context.get_dummy_value()

    return types.void(array, types.int64, vector, types.int64), generate


@word
def full(typing: Any, array: Any, number: Any) -> Any:
    """A vector full of one number, to go with vectors of the array."""
    if not is_floats(array) or not isinstance(number, types.Number):
        return None
    kind = vector_of(array.dtype)

    def generate(context: Any, builder: Any, s: Any, a: Any) -> Any:
        return spread(builder, context.cast(builder, a[1], s.args[1], kind.dtype), kind.count)

    return kind(array, number), generate


# --- operators -----------------------------------------------------------------------------------


def _joined(a: Any, b: Any) -> Vector | None:
    """The vector type of two operands, one of which may be a number."""
    for one, other in ((a, b), (b, a)):
        if isinstance(one, Vector) and (other == one or isinstance(other, types.Number)):
            return one
    return None


def _operand(context: Any, builder: Any, value: Any, kind: Any, vector: Vector) -> Any:
    """An operand as a vector."""
    if isinstance(kind, Vector):
        return value
    return spread(builder, context.cast(builder, value, kind, vector.dtype), vector.count)


def _define(function: Any, compute: Any, gives_mask: bool = False) -> None:
    """Teach Numba what a Python operator does with vectors."""

    @infer_global(function)
    class _Template(templates.AbstractTemplate):
        def generic(self, arguments: Any, keywords: Any) -> Any:
            if keywords or len(arguments) != 2 or (kind := _joined(*arguments)) is None:
                return None
            return signature(Mask(kind.count) if gives_mask else kind, *arguments)

    def generate(context: Any, builder: Any, s: Any, a: Any) -> Any:
        kind = _joined(*s.args)
        assert kind is not None  # the template saw to that
        return compute(builder, *(_operand(context, builder, v, t, kind)
                                  for v, t in zip(a, s.args)))

    for left, right in ((Vector, Vector), (Vector, types.Number), (types.Number, Vector)):
        lower_builtin(function, left, right)(generate)


# "contract" lets a product and a sum become one instruction, as in all our kernels.
_define(operator.add, lambda b, x, y: b.fadd(x, y, flags=("contract",)))
_define(operator.sub, lambda b, x, y: b.fsub(x, y, flags=("contract",)))
_define(operator.mul, lambda b, x, y: b.fmul(x, y, flags=("contract",)))
_define(operator.truediv, lambda b, x, y: b.fdiv(x, y))
_define(operator.iadd, lambda b, x, y: b.fadd(x, y, flags=("contract",)))
_define(operator.isub, lambda b, x, y: b.fsub(x, y, flags=("contract",)))
_define(operator.imul, lambda b, x, y: b.fmul(x, y, flags=("contract",)))
for _symbol, _function in (("<", operator.lt), ("<=", operator.le), (">", operator.gt),
                           (">=", operator.ge), ("==", operator.eq)):
    _define(_function, lambda b, x, y, symbol=_symbol: b.fcmp_ordered(symbol, x, y), True)
_define(operator.ne, lambda b, x, y: b.fcmp_unordered("!=", x, y), True)


@infer_global(operator.neg)
class _NegativeTemplate(templates.AbstractTemplate):
    def generic(self, arguments: Any, keywords: Any) -> Any:
        return signature(arguments[0], arguments[0]) if isinstance(arguments[0], Vector) else None


@lower_builtin(operator.neg, Vector)
def _negative(context: Any, builder: Any, s: Any, a: Any) -> Any:
    return builder.fneg(a[0])


# --- functions -----------------------------------------------------------------------------------


@word
def fma(typing: Any, a: Any, b: Any, c: Any) -> Any:
    """a * b + c, rounded once; one instruction. One of them is a vector."""
    kind = next((k for k in (a, b, c) if isinstance(k, Vector)), None)
    if kind is None:
        return None

    def generate(context: Any, builder: Any, s: Any, v: Any) -> Any:
        vectors = [_operand(context, builder, x, t, kind) for x, t in zip(v, s.args)]
        return call_llvm(builder, "fma", kind, *vectors)

    return kind(a, b, c), generate


@word
def where(typing: Any, mask: Any, a: Any, b: Any) -> Any:
    """a where the mask is true, else b; one of a and b is a vector."""
    kind = _joined(a, b)
    if kind is None or not isinstance(mask, Mask):
        return None

    def generate(context: Any, builder: Any, s: Any, v: Any) -> Any:
        x, y = (_operand(context, builder, v[i], s.args[i], kind) for i in (1, 2))
        return builder.select(v[0], x, y)

    return kind(mask, a, b), generate


@word
def nearest(typing: Any, x: Any) -> Any:
    """The nearest whole numbers, as floats."""
    return x(x), lambda context, builder, s, a: call_llvm(builder, "rint", x, a[0])


@word
def absolute(typing: Any, x: Any) -> Any:
    """|x|."""
    return x(x), lambda context, builder, s, a: call_llvm(builder, "fabs", x, a[0])


@word
def root(typing: Any, x: Any) -> Any:
    """The square root."""
    return x(x), lambda context, builder, s, a: call_llvm(builder, "sqrt", x, a[0])


def _bits(kind: Vector) -> tuple[Any, int, int]:
    """(integers as wide as the floats, bits after the exponent, what is added to exponents)."""
    wide = kind.dtype.bitwidth
    shift, bias = (23, 127) if wide == 32 else (52, 1023)
    return ir.VectorType(ir.IntType(wide), kind.count), shift, bias


def _whole(kind: Any, number: int) -> Any:
    """A vector full of one integer."""
    return ir.Constant(kind, [number] * kind.count)


@word
def power_of_two(typing: Any, k: Any) -> Any:
    """2**k for whole numbers k (as floats) for which it is a normal number."""

    def generate(context: Any, builder: Any, s: Any, a: Any) -> Any:
        integers, shift, bias = _bits(k)
        biased = builder.add(builder.fptosi(a[0], integers), _whole(integers, bias))
        return builder.bitcast(builder.shl(biased, _whole(integers, shift)), llvm_type(k))

    return k(k), generate


@word
def exponent(typing: Any, x: Any) -> Any:
    """e of x = m * 2**e with m from 1/2 to 1, as floats; x is normal and positive."""

    def generate(context: Any, builder: Any, s: Any, a: Any) -> Any:
        integers, shift, bias = _bits(x)
        biased = builder.lshr(builder.bitcast(a[0], integers), _whole(integers, shift))
        return builder.sitofp(builder.sub(biased, _whole(integers, bias - 1)), llvm_type(x))

    return x(x), generate


@word
def mantissa(typing: Any, x: Any) -> Any:
    """m of x = m * 2**e with m from 1/2 to 1; x is normal and positive."""

    def generate(context: Any, builder: Any, s: Any, a: Any) -> Any:
        integers, shift, bias = _bits(x)
        kept = builder.and_(builder.bitcast(a[0], integers), _whole(integers, (1 << shift) - 1))
        half = _whole(integers, (bias - 1) << shift)
        return builder.bitcast(builder.or_(kept, half), llvm_type(x))

    return x(x), generate


def _fold(builder: Any, vector: Any, count: int, join: Any) -> Any:
    """All lanes joined into one, halves first."""
    width = count // 2
    while width:
        places = [(i + width) % count for i in range(count)]
        turned = builder.shuffle_vector(
            vector, vector, ir.Constant(ir.VectorType(I32, count), places)
        )
        vector = join(vector, turned)
        width //= 2
    return builder.extract_element(vector, I32(0))


@word
def total(typing: Any, x: Any) -> Any:
    """The sum of a vector's numbers."""

    def generate(context: Any, builder: Any, s: Any, a: Any) -> Any:
        return _fold(builder, a[0], x.count, builder.fadd)

    return x.dtype(x), generate


@word
def largest(typing: Any, x: Any) -> Any:
    """The largest of a vector's numbers."""

    def generate(context: Any, builder: Any, s: Any, a: Any) -> Any:
        def join(p: Any, q: Any) -> Any:
            return builder.select(builder.fcmp_ordered(">", p, q), p, q)

        return _fold(builder, a[0], x.count, join)

    return x.dtype(x), generate
