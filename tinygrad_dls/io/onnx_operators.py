"""ONNX's operators by functions of ours: element by element, reductions, products, types.

A function gets `Args`: its inputs and options. Values are tensors, or NumPy arrays where they are
constants and lengths, which stay on the host. Shapes are in onnx_shape_operators.py, layers in
onnx_layer_operators.py.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .. import functions, ops
from ..device import Device
from ..errors import FormatError
from ..nn import functional as F
from ..ops.call import tensor_of
from .onnx_model import dtype_of
from .reading import short


@dataclass(frozen=True)
class Args:
    """What one node gets."""

    values: list[Any]  # its inputs; None for one left out
    options: dict[str, Any]
    opset: int
    outputs: int  # how many are asked for
    what: str  # for messages

    def __getitem__(self, place: int) -> Any:
        """Input number `place`, or None."""
        return self.values[place] if place < len(self.values) else None

    def option(self, name: str, usual: Any = None) -> Any:
        """An option, or what it usually is."""
        return self.options.get(name, usual)

    def ints(self, place: int) -> list[int] | None:
        """Input number `place` as whole numbers on the host, or None."""
        value = self[place]
        if value is None:
            return None
        return [int(v) for v in np.asarray(host(value)).reshape(-1)]

    def refuse(self, why: str) -> FormatError:
        """The error for what this node asks for."""
        return FormatError(f"{self.what}: {why}, which is not known here")


class Operator(NamedTuple):
    """How an operator runs; inputs at the places `host` are wanted as arrays on the host."""

    run: Callable[[Args], Any]
    host: tuple[int, ...] = ()


OPERATORS: dict[str, Operator] = {}
Run = Callable[[Args], Any]


def operator(*names: str, host: tuple[int, ...] = ()) -> Callable[[Run], Run]:
    """Decorator: the function runs these operators."""

    def register(function: Run) -> Run:
        for name in names:
            OPERATORS[name] = Operator(function, host)
        return function

    return register


def host(value: Any) -> Any:
    """A value as a NumPy array."""
    return value if isinstance(value, np.ndarray) else value.numpy()


def number(value: Any) -> Any:
    """A constant without axes as a Python number, which fits every float type; else as it is."""
    return value.item() if isinstance(value, np.ndarray) and not value.ndim else value


def _of_one(function: Callable[[Any], Any]) -> Run:
    return lambda a: function(a[0])


def _of_two(function: Callable[[Any, Any], Any]) -> Run:
    """Of constants without axes the numbers are taken, as long as one is a tensor."""

    def run(a: Args) -> Any:
        x, y = number(a[0]), number(a[1])
        if isinstance(x, (bool, int, float)) and isinstance(y, (bool, int, float)):
            x = on_host(a[0])
        return function(x, y)

    return run


def on_host(value: Any) -> Any:
    """A constant as a tensor on the CPU."""
    return tensor_of(value, Device("cpu"))


_ONE: dict[str, Callable[[Any], Any]] = {
    "Neg": ops.neg, "Abs": ops.abs_, "Exp": ops.exp, "Log": ops.log, "Sqrt": ops.sqrt,
    "Sin": ops.sin, "Cos": ops.cos, "Tan": ops.tan, "Asin": ops.arcsin, "Acos": ops.arccos,
    "Atan": ops.arctan, "Sinh": ops.sinh, "Cosh": ops.cosh, "Tanh": ops.tanh,
    "Asinh": ops.arcsinh, "Acosh": ops.arccosh, "Atanh": ops.arctanh, "Erf": ops.erf,
    "Floor": ops.floor, "Ceil": ops.ceil, "Sign": ops.sign, "Sigmoid": ops.sigmoid,
    "Relu": ops.relu, "Softsign": ops.softsign, "HardSwish": ops.hardswish, "Mish": ops.mish,
    "Not": ops.logical_not, "IsNaN": ops.isnan, "BitwiseNot": ops.invert,
    "Round": lambda x: ops.round(x, 0),
    "Reciprocal": lambda x: 1.0 / x, "Softplus": F.softplus, "Identity": lambda x: x,
}
_TWO: dict[str, Callable[[Any, Any], Any]] = {
    "Add": ops.add, "Sub": ops.sub, "Mul": ops.mul,
    "Less": ops.less, "LessOrEqual": ops.less_equal, "Greater": ops.greater,
    "GreaterOrEqual": ops.greater_equal, "Equal": ops.equal, "And": ops.logical_and,
    "Or": ops.logical_or, "Xor": ops.logical_xor, "BitwiseAnd": ops.bitwise_and,
    "BitwiseOr": ops.bitwise_or, "BitwiseXor": ops.bitwise_xor,
}
OPERATORS |= {name: Operator(_of_one(function)) for name, function in _ONE.items()}
OPERATORS |= {name: Operator(_of_two(function)) for name, function in _TWO.items()}
OPERATORS["MatMul"] = Operator(lambda a: ops.matmul(a[0], a[1]))
OPERATORS["PRelu"] = Operator(lambda a: ops.prelu(a[0], a[1]))
OPERATORS["Where"] = Operator(lambda a: ops.where(a[0], a[1], a[2]))


def _is_whole(value: Any) -> bool:
    return isinstance(value, (bool, int)) or (
        hasattr(value, "dtype") and value.dtype.kind in "iub")


@operator("Div")
def _div(a: Args) -> Any:
    x, y = number(a[0]), number(a[1])
    if not (_is_whole(x) and _is_whole(y)):
        return _of_two(ops.div)(a)
    x = on_host(a[0]) if isinstance(x, (bool, int)) else x  # cut towards 0, as in C
    return ops.floor_divide(ops.sub(x, ops.fmod(x, y)), y)


@operator("Mod")
def _mod(a: Args) -> Any:
    return _of_two(ops.fmod if a.option("fmod", 0) else ops.remainder)(a)


@operator("Pow")
def _pow(a: Args) -> Any:
    power = number(a[1])
    return ops.power(a[0], power)


@operator("Sum", "Min", "Max", "Mean")
def _of_many(a: Args) -> Any:
    kind = a.what.split()[0]
    function = {"Min": ops.minimum, "Max": ops.maximum}.get(kind, ops.add)
    total = functools.reduce(function, a.values)
    return total / len(a.values) if kind == "Mean" else total


@operator("IsInf")
def _is_inf(a: Args) -> Any:
    found = ops.isinf(a[0])
    if not a.option("detect_negative", 1):
        found = ops.logical_and(found, a[0] > 0)
    return found if a.option("detect_positive", 1) else ops.logical_and(found, a[0] < 0)


@operator("Clip", host=(1, 2))
def _clip(a: Args) -> Any:
    low = a.option("min") if a[1] is None else host(a[1]).item()
    high = a.option("max") if a[2] is None else host(a[2]).item()
    return a[0] if low is None and high is None else ops.clip(a[0], low, high)


@operator("Cast")
def _cast(a: Args) -> Any:
    return ops.cast(a[0], dtype_of(a.option("to", 0), a.what))


@operator("CastLike")
def _cast_like(a: Args) -> Any:
    return ops.cast(a[0], a[1].dtype)


@operator("Dropout")
def _dropout(a: Args) -> Any:
    if a.outputs > 1:
        raise a.refuse("the mask of a dropout")
    return a[0]


# --- activations ---------------------------------------------------------------------------------


@operator("LeakyRelu")
def _leaky_relu(a: Args) -> Any:
    return F.leaky_relu(a[0], a.option("alpha", 0.01))


@operator("Elu")
def _elu(a: Args) -> Any:
    return F.elu(a[0], a.option("alpha", 1.0))


@operator("Celu")
def _celu(a: Args) -> Any:
    return F.celu(a[0], a.option("alpha", 1.0))


@operator("Selu")
def _selu(a: Args) -> Any:
    alpha, gamma = a.option("alpha", 1.67326319217681884), a.option("gamma", 1.05070102214813232)
    return F.elu(a[0], alpha) * gamma


@operator("HardSigmoid")
def _hard_sigmoid(a: Args) -> Any:
    return ops.clip(a[0] * a.option("alpha", 0.2) + a.option("beta", 0.5), 0.0, 1.0)


@operator("ThresholdedRelu")
def _thresholded_relu(a: Args) -> Any:
    return F.threshold(a[0], a.option("alpha", 1.0), 0.0)


@operator("Gelu")
def _gelu(a: Args) -> Any:
    return F.gelu(a[0], approximate=_text(a.option("approximate", b"none")))


@operator("Softmax", "LogSoftmax")
def _softmax(a: Args) -> Any:
    function = ops.log_softmax if a.what.startswith("Log") else ops.softmax
    if a.opset >= 13:
        return function(a[0], a.option("axis", -1))
    axis = a.option("axis", 1) % max(1, a[0].ndim)  # of old: all axes from this one on are one
    seen = (math.prod(a[0].shape[:axis]), math.prod(a[0].shape[axis:]))
    return function(a[0].reshape(seen), 1).reshape(a[0].shape)


def _text(value: Any) -> str:
    return bytes(value).decode("utf-8", "replace")


# --- reductions ----------------------------------------------------------------------------------

_REDUCED: dict[str, Callable[..., Any]] = {
    "ReduceSum": ops.sum, "ReduceMean": ops.mean, "ReduceMax": ops.max, "ReduceMin": ops.min,
    "ReduceProd": ops.prod, "ReduceLogSumExp": ops.logsumexp, "ReduceL2": functions.vector_norm,
    "ReduceL1": lambda x, axis, keepdims: ops.sum(ops.abs_(x), axis, keepdims=keepdims),
    "ReduceSumSquare": lambda x, axis, keepdims: ops.sum(x * x, axis, keepdims=keepdims),
    "ReduceLogSum": lambda x, axis, keepdims: ops.log(ops.sum(x, axis, keepdims=keepdims)),
}


@operator(*_REDUCED, host=(1,))
def _reduce(a: Args) -> Any:
    axes = a.ints(1) if a[1] is not None else a.option("axes")
    if not axes and a.option("noop_with_empty_axes", 0):
        return a[0]
    function = _REDUCED[a.what.split()[0]]
    axis = tuple(axes) if axes else tuple(range(a[0].ndim))
    return function(a[0], axis=axis, keepdims=bool(a.option("keepdims", 1)))


@operator("ArgMax", "ArgMin")
def _arg(a: Args) -> Any:
    if a.option("select_last_index", 0):
        raise a.refuse("the last of equal places")
    function = ops.argmax if a.what.startswith("ArgMax") else ops.argmin
    return function(a[0], axis=a.option("axis", 0), keepdims=bool(a.option("keepdims", 1)))


@operator("CumSum", host=(1,))
def _cumsum(a: Args) -> Any:
    if a.option("exclusive", 0) or a.option("reverse", 0):
        raise a.refuse("an exclusive or reverse sum")
    return ops.cumsum(a[0], axis=int(host(a[1]).item()))


# --- products ------------------------------------------------------------------------------------


@operator("Gemm")
def _gemm(a: Args) -> Any:
    x, y, bias = a[0], a[1], a[2]
    alpha, beta = a.option("alpha", 1.0), a.option("beta", 1.0)
    x = x.T if a.option("transA", 0) else x
    plain = alpha == 1 and beta == 1 and a.option("transB", 0)
    if plain and (bias is None or bias.ndim == 1) and not isinstance(y, np.ndarray):
        return F.linear(x, y, bias)
    product = ops.matmul(x, y.T if a.option("transB", 0) else y)
    product = product if alpha == 1 else product * alpha
    if bias is None:
        return product
    return product + (bias if beta == 1 else bias * beta)


@operator("Einsum")
def _einsum(a: Args) -> Any:
    return ops.einsum(_text(a.option("equation", b"")), *a.values)


def spatial(values: Sequence[int] | None, axes: int, usual: int, a: Args) -> list[int]:
    """One whole number for each axis of an image."""
    found = [usual] * axes if values is None else list(values)
    if len(found) != axes:
        raise FormatError(f"{a.what}: {short(found)} are not {axes} numbers")
    return found


