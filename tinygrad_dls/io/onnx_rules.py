"""Operations of the engine as nodes of ONNX: the table of rules, and those of one element.

A rule is a function (builder, call, other) -> name of the output; `other` is the same call in the
second run. The other rules are in onnx_*_rules.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..errors import GraphError
from .onnx_graph import Builder
from .onnx_model import code_of
from .onnx_tracing import Call

Function = Callable[[Builder, Call, Call], str]


class Rule(NamedTuple):
    """The ONNX form of an operation; `lengths` are its parameters that may follow the batch."""

    write: Function
    lengths: tuple[str, ...] = ()


RULES: dict[str, Rule] = {}  # class of the operation -> its rule


def rule(*ops: str, lengths: tuple[str, ...] = ()) -> Callable[[Function], Function]:
    """Decorator: the function writes operations of these classes."""

    def register(function: Function) -> Function:
        for op in ops:
            RULES[op] = Rule(function, lengths)
        return function

    return register


def _as(kind: str, inputs: int) -> Function:
    """An operation that ONNX has too."""
    return lambda b, c, o: b.node(kind, [b.operand(c, i) for i in range(inputs)])


_SAME = {
    "Neg": "Neg", "Abs": "Abs", "Exp": "Exp", "Log": "Log", "Sqrt": "Sqrt", "Sin": "Sin",
    "Cos": "Cos", "Tan": "Tan", "Arcsin": "Asin", "Arccos": "Acos", "Arctan": "Atan",
    "Sinh": "Sinh", "Cosh": "Cosh", "Tanh": "Tanh", "Arcsinh": "Asinh", "Arccosh": "Acosh",
    "Arctanh": "Atanh", "Erf": "Erf", "Sign": "Sign",
    "Sigmoid": "Sigmoid", "Relu": "Relu", "Softsign": "Softsign", "Hardswish": "HardSwish",
    "Contiguous": "Identity",
}
_SAME_OF_TWO = {
    "Add": "Add", "Sub": "Sub", "Mul": "Mul", "Div": "Div", "Pow": "Pow", "Maximum": "Max",
    "Minimum": "Min", "Less": "Less", "LessEqual": "LessOrEqual", "Greater": "Greater",
    "GreaterEqual": "GreaterOrEqual", "Equal": "Equal", "PRelu": "PRelu", "Matmul": "MatMul",
}
RULES |= {op: Rule(_as(kind, 1)) for op, kind in _SAME.items()}
RULES |= {op: Rule(_as(kind, 2)) for op, kind in _SAME_OF_TWO.items()}


def first_operand(b: Builder, c: Call) -> tuple[str, Any]:
    """The first operand, and its array."""
    return b.operand(c, 0), c.arrays[0]


# --- element by element --------------------------------------------------------------------------


@rule("Expm1")
def _expm1(b: Builder, c: Call, o: Call) -> str:
    x, array = first_operand(b, c)
    return b.node("Sub", [b.node("Exp", [x]), b.like(1, array.dtype)])


@rule("Exp2")
def _exp2(b: Builder, c: Call, o: Call) -> str:
    x, array = first_operand(b, c)
    return b.node("Pow", [b.like(2, array.dtype), x])


@rule("Log1p")
def _log1p(b: Builder, c: Call, o: Call) -> str:
    x, array = first_operand(b, c)
    return b.node("Log", [b.node("Add", [x, b.like(1, array.dtype)])])


@rule("Log2", "Log10")
def _log_of_base(b: Builder, c: Call, o: Call) -> str:
    x, array = first_operand(b, c)
    base = 2 if c.op.name == "log2" else 10
    return b.node("Div", [b.node("Log", [x]), b.like(math.log(base), array.dtype)])


@rule("Rsqrt")
def _rsqrt(b: Builder, c: Call, o: Call) -> str:
    return b.node("Reciprocal", [b.node("Sqrt", [b.operand(c, 0)])])


@rule("PowerOf")
def _power_of(b: Builder, c: Call, o: Call) -> str:
    x, array = first_operand(b, c)
    if c.op.p == 2:
        return b.node("Mul", [x, x])
    if c.op.p == -0.5:
        return b.node("Reciprocal", [b.node("Sqrt", [x])])
    if c.op.p == -1:
        return b.node("Reciprocal", [x])
    return b.node("Pow", [x, b.like(c.op.p, array.dtype)])


@rule("Clip")
def _clip(b: Builder, c: Call, o: Call) -> str:
    x, array = first_operand(b, c)
    x = x if array.dtype == c.out.dtype else b.cast(x, c.out.dtype)
    ends = ["" if end is None else b.like(end, c.out.dtype) for end in (c.op.low, c.op.high)]
    return b.node("Clip", [x, *ends])


RULES["Hardtanh"] = Rule(_clip)


@rule("Cast", "CastToInteger")
def _cast(b: Builder, c: Call, o: Call) -> str:
    return b.node("Cast", [b.operand(c, 0)], to=code_of(c.op.dtype))


@rule("Hardsigmoid")
def _hard_sigmoid(b: Builder, c: Call, o: Call) -> str:
    x, array = first_operand(b, c)
    if array.dtype == np.float32:
        return b.node("HardSigmoid", [x], alpha=1.0 / 6.0, beta=0.5)
    # The attributes are float32, which is not enough for other dtypes.
    y = b.node("Mul", [x, b.like(1.0 / 6.0, array.dtype)])
    y = b.node("Add", [y, b.like(0.5, array.dtype)])
    return b.node("Clip", [y, b.like(0.0, array.dtype), b.like(1.0, array.dtype)])


@rule("Glu")
def _glu(b: Builder, c: Call, o: Call) -> str:
    count = {"num_outputs": 2} if b.opset >= 18 else {}
    one, other = b.nodes("Split", [b.operand(c, 0)], 2, axis=c.op.axis, **count)
    return b.node("Mul", [one, b.node("Sigmoid", [other])])


@rule("LogSigmoid")
def _log_sigmoid(b: Builder, c: Call, o: Call) -> str:
    return b.node("Neg", [b.node("Softplus", [b.node("Neg", [b.operand(c, 0)])])])


@rule("LeakyRelu")
def _leaky_relu(b: Builder, c: Call, o: Call) -> str:
    return b.node("LeakyRelu", [b.operand(c, 0)], alpha=float(c.op.slope))


@rule("Elu")
def _elu(b: Builder, c: Call, o: Call) -> str:
    x, array = first_operand(b, c)
    if c.op.inner == 1:
        y = b.node("Elu", [x], alpha=float(c.op.alpha))
    else:  # celu: the slope inside is another
        zero = b.like(0, array.dtype)
        inner = b.node("Mul", [b.node("Min", [x, zero]), b.like(c.op.inner, array.dtype)])
        low = b.node("Sub", [b.node("Exp", [inner]), b.like(1, array.dtype)])
        low = b.node("Mul", [low, b.like(c.op.alpha, array.dtype)])
        y = b.node("Add", [b.node("Max", [x, zero]), low])
    return y if c.op.scale == 1 else b.node("Mul", [y, b.like(c.op.scale, array.dtype)])


@rule("Softplus")
def _softplus(b: Builder, c: Call, o: Call) -> str:
    x, array = first_operand(b, c)
    beta = b.like(c.op.beta, array.dtype)
    steep = x if c.op.beta == 1 else b.node("Mul", [x, beta])
    y = b.node("Softplus", [steep])
    if c.op.threshold != 20:  # at 20 both are the same in float32
        large = b.node("Greater", [steep, b.like(c.op.threshold, array.dtype)])
        y = b.node("Where", [large, steep, y])
    return y if c.op.beta == 1 else b.node("Div", [y, beta])


@rule("Silu")
def _silu(b: Builder, c: Call, o: Call) -> str:
    x = b.operand(c, 0)
    return b.node("Mul", [x, b.node("Sigmoid", [x])])


@rule("Mish")
def _mish(b: Builder, c: Call, o: Call) -> str:
    x = b.operand(c, 0)
    return b.node("Mul", [x, b.node("Tanh", [b.node("Softplus", [x])])])


@rule("Gelu")
def _gelu(b: Builder, c: Call, o: Call) -> str:
    x, array = first_operand(b, c)
    if b.opset >= 20:
        return b.node("Gelu", [x], approximate=c.op.approximate)

    def number(value: float) -> str:
        return b.like(value, array.dtype)

    if c.op.approximate == "tanh":
        cube = b.node("Mul", [b.node("Mul", [x, x]), x])
        bent = b.node("Add", [x, b.node("Mul", [cube, number(0.044715)])])
        share = b.node("Tanh", [b.node("Mul", [bent, number(math.sqrt(2 / math.pi))])])
    else:
        share = b.node("Erf", [b.node("Mul", [x, number(math.sqrt(0.5))])])
    share = b.node("Add", [share, number(1)])
    return b.node("Mul", [b.node("Mul", [x, number(0.5)]), share])


@rule("Erfc")
def _erfc(b: Builder, c: Call, o: Call) -> str:
    x, array = first_operand(b, c)
    return b.node("Sub", [b.like(1, array.dtype), b.node("Erf", [x])])


def _is_whole(c: Call) -> bool:
    """Return whether the first operand holds whole numbers (or bools), for which rounding does
    nothing.
    """
    return bool(c.arrays[0].dtype.kind != "f")


def _unchanged(b: Builder, c: Call) -> str:
    """The first operand, in the dtype of the result."""
    x, array = first_operand(b, c)
    return b.node("Identity", [x]) if array.dtype == c.out.dtype else b.cast(x, c.out.dtype)


@rule("Floor", "Ceil")
def _floor(b: Builder, c: Call, o: Call) -> str:
    return _unchanged(b, c) if _is_whole(c) else b.node(type(c.op).__name__, [b.operand(c, 0)])


@rule("Trunc")
def _trunc(b: Builder, c: Call, o: Call) -> str:
    if _is_whole(c):
        return _unchanged(b, c)
    x = b.operand(c, 0)
    return b.node("Mul", [b.node("Sign", [x]), b.node("Floor", [b.node("Abs", [x])])])


@rule("Round")
def _round(b: Builder, c: Call, o: Call) -> str:
    x, array = first_operand(b, c)
    if _is_whole(c):
        if c.op.decimals < 0:
            raise GraphError(f"{c.where}: ONNX does not round whole numbers: x.astype('float32')")
        return _unchanged(b, c)
    if not c.op.decimals:
        return b.node("Round", [x])
    scale = b.like(10.0**c.op.decimals, array.dtype)
    return b.node("Div", [b.node("Round", [b.node("Mul", [x, scale])]), scale])


@rule("FloorDivide")
def _floor_divide(b: Builder, c: Call, o: Call) -> str:
    first, second = b.operand(c, 0), b.operand(c, 1)
    if c.out.dtype.kind == "f":
        return b.node("Floor", [b.node("Div", [first, second])])
    rest = b.node("Mod", [first, second])  # ONNX cuts integers towards 0
    return b.node("Div", [b.node("Sub", [first, rest]), second])


@rule("Remainder")
def _remainder(b: Builder, c: Call, o: Call) -> str:
    first, second = b.operand(c, 0), b.operand(c, 1)
    if c.out.dtype.kind != "f":
        return b.node("Mod", [first, second])
    whole = b.node("Mul", [b.node("Floor", [b.node("Div", [first, second])]), second])
    return b.node("Sub", [first, whole])


@rule("Fmod")
def _fmod(b: Builder, c: Call, o: Call) -> str:
    return b.node("Mod", [b.operand(c, 0), b.operand(c, 1)], fmod=1)


@rule("Hypot")
def _hypot(b: Builder, c: Call, o: Call) -> str:
    squares = [b.node("Mul", [v, v]) for v in (b.operand(c, 0), b.operand(c, 1))]
    return b.node("Sqrt", [b.node("Add", squares)])


# --- what is true --------------------------------------------------------------------------------


def truth(b: Builder, c: Call, place: int) -> str:
    """An operand as bools: a number holds if it is not 0."""
    array, name = c.arrays[place], b.operand(c, place)
    is_bool = array.dtype.kind == "b" if isinstance(array, np.ndarray) else isinstance(array, bool)
    return name if is_bool else b.node("Cast", [name], to=code_of(bool))


@rule("NotEqual")
def _not_equal(b: Builder, c: Call, o: Call) -> str:
    return b.node("Not", [b.node("Equal", [b.operand(c, 0), b.operand(c, 1)])])


@rule("LogicalNot")
def _not(b: Builder, c: Call, o: Call) -> str:
    return b.node("Not", [truth(b, c, 0)])


@rule("LogicalAnd", "LogicalOr", "LogicalXor")
def _logical(b: Builder, c: Call, o: Call) -> str:
    kind = c.op.name.removeprefix("logical_").capitalize()
    return b.node(kind, [truth(b, c, 0), truth(b, c, 1)])


@rule("BitwiseAnd", "BitwiseOr", "BitwiseXor", "Invert")
def _bits(b: Builder, c: Call, o: Call) -> str:
    bools = c.arrays[0].dtype.kind == "b"
    if not bools and b.opset < 18:
        raise GraphError(f"{c.where}: ONNX has bits of integers from opset 18 on: opset=18")
    kind = "Not" if c.op.name == "invert" else c.op.name.removeprefix("bitwise_").capitalize()
    return b.node(kind if bools else f"Bitwise{kind}",
                  [b.operand(c, i) for i in range(len(c.arrays))])


def _as_floats(b: Builder, c: Call) -> str:
    """The first operand in floats that IsInf takes in all opsets: it is as finite in those."""
    x, array = first_operand(b, c)
    return x if array.dtype.name in ("float32", "float64") else b.cast(x, np.float32)


@rule("Isnan", "Isinf")
def _is_odd(b: Builder, c: Call, o: Call) -> str:
    return b.node("IsNaN" if type(c.op).__name__ == "Isnan" else "IsInf", [_as_floats(b, c)])


@rule("Isfinite")
def _is_finite(b: Builder, c: Call, o: Call) -> str:
    x = _as_floats(b, c)
    return b.node("Not", [b.node("Or", [b.node("IsNaN", [x]), b.node("IsInf", [x])])])


@rule("Where")
def _where(b: Builder, c: Call, o: Call) -> str:
    return b.node("Where", [truth(b, c, 0), b.operand(c, 1), b.operand(c, 2)])
