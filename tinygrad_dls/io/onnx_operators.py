"""ONNX's operators by functions of ours: what they get, their table, and those of one element.

A function gets `Args`: its inputs and options. Values are tensors, or NumPy arrays where they are
constants and lengths, which stay on the host. The other operators are in onnx_*_operators.py.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .. import ops
from .._util.machine import memory
from ..backend.device import Device
from ..errors import FormatError
from ..nn import functional as F
from ..ops.call import tensor_of
from .onnx_model import dtype_of
from .reading import short


@dataclass(frozen=True)
class Args:
    """The arguments of one node."""

    values: list[Any]  # its inputs; None for one left out
    options: dict[str, Any]
    opset: int
    outputs: int  # how many are asked for
    what: str  # for messages
    types: tuple[int, ...] = ()  # ONNX's types of the inputs, as the file says; 0: it does not

    @property
    def kind(self) -> str:
        """The operator's name."""
        return self.what.split()[0]

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
    """An operator's function; inputs at the positions in `host` are passed as arrays on the host.

    `numbers`: constants without axes are wanted as they are, not as tensors.
    """

    run: Callable[[Args], Any]
    host: tuple[int, ...] = ()
    numbers: bool = False


OPERATORS: dict[str, Operator] = {}
Run = Callable[[Args], Any]


def operator(*names: str, host: tuple[int, ...] = (), numbers: bool = False
             ) -> Callable[[Run], Run]:
    """Decorator: the function runs these operators."""

    def register(function: Run) -> Run:
        for name in names:
            OPERATORS[name] = Operator(function, host, numbers)
        return function

    return register


def host(value: Any) -> Any:
    """A value as a NumPy array."""
    return value if isinstance(value, np.ndarray) else value.numpy()


def dtype_option(a: Args, name: str, usual: int, instead: Any = None) -> Any:
    """The dtype that an option names, or `usual`; `instead` where that is 0."""
    code = a.option(name) or usual
    return dtype_of(code, a.what) if code else instead


def bound_size(a: Args, lengths: Sequence[int]) -> None:
    """FormatError if an array of these lengths cannot be in this machine's memory."""
    if any(n < 0 for n in lengths) or math.prod(lengths) > memory():
        raise FormatError(f"{a.what} asks for an array of shape {short(tuple(lengths))}, which is "
                          f"more than {memory()} bytes, the memory of this machine")


def spatial(values: Sequence[int] | None, axes: int, usual: int, a: Args) -> list[int]:
    """One whole number for each axis of an image."""
    found = [usual] * axes if values is None else list(values)
    if len(found) != axes:
        raise FormatError(f"{a.what}: {short(found)} are not {axes} numbers")
    return found


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
    "Neg": ops.neg, "Abs": ops.abs, "Exp": ops.exp, "Log": ops.log, "Sqrt": ops.sqrt,
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
OPERATORS |= {name: Operator(_of_two(function), (), True) for name, function in _TWO.items()}
OPERATORS["MatMul"] = Operator(lambda a: ops.matmul(a[0], a[1]))
OPERATORS["PRelu"] = Operator(lambda a: ops.prelu(a[0], a[1]))
OPERATORS["Where"] = Operator(lambda a: ops.where(a[0], a[1], a[2]))


def _is_whole(value: Any) -> bool:
    return isinstance(value, (bool, int)) or (
        hasattr(value, "dtype") and value.dtype.kind in "iub")


@operator("Div", numbers=True)
def _div(a: Args) -> Any:
    x, y = number(a[0]), number(a[1])
    if not (_is_whole(x) and _is_whole(y)):
        return _of_two(ops.div)(a)
    x = on_host(a[0]) if isinstance(x, (bool, int)) else x  # cut towards 0, as in C
    return ops.floor_divide(ops.sub(x, ops.fmod(x, y)), y)


@operator("Mod", numbers=True)
def _mod(a: Args) -> Any:
    return _of_two(ops.fmod if a.option("fmod", 0) else ops.remainder)(a)


@operator("Pow", numbers=True)
def _pow(a: Args) -> Any:
    power = number(a[1])
    return ops.cast(ops.power(a[0], power), a[0].dtype)  # the type is that of the base


@operator("Sum", "Min", "Max", "Mean")
def _of_many(a: Args) -> Any:
    kind = a.kind
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


@operator("Dropout", host=(1, 2))
def _dropout(a: Args) -> Any:
    """(y, mask): drops at random where the node itself says `training_mode`, else changes nothing.

    (Up to opset 6 and in other programs the runtime decides; in a file that is read here the node.)
    """
    ratio = a.option("ratio", 0.5) if a[1] is None else float(host(a[1]).item())
    kept = ops.ones_like(a[0])
    if a[2] is not None and bool(host(a[2]).item()):
        kept = F.dropout(kept, ratio, training=True)
    y = a[0] if a[2] is None or not bool(host(a[2]).item()) else a[0] * kept
    return (y, kept != 0) if a.outputs > 1 else y


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


@operator("Swish", "SwiGLU")
def _swish(a: Args) -> Any:
    y = a[0] * ops.sigmoid(a[0] * a.option("alpha", 1.0))
    return y * a[1] if a.kind == "SwiGLU" else y


@operator("Shrink")
def _shrink(a: Args) -> Any:
    x, width, bias = a[0], a.option("lambd", 0.5), a.option("bias", 0.0)
    y = ops.where(x > width, x - bias, ops.where(x < -width, x + bias, 0.0))
    return ops.cast(y, x.dtype)


@operator("ThresholdedRelu")
def _thresholded_relu(a: Args) -> Any:
    return F.threshold(a[0], a.option("alpha", 1.0), 0.0)


@operator("Gelu")
def _gelu(a: Args) -> Any:
    return F.gelu(a[0], approximate=text(a.option("approximate", b"none")))


@operator("Softmax", "LogSoftmax")
def _softmax(a: Args) -> Any:
    function = ops.log_softmax if a.kind == "LogSoftmax" else ops.softmax
    if a.opset >= 13:
        return function(a[0], a.option("axis", -1))
    axis = a.option("axis", 1) % max(1, a[0].ndim)  # of old: all axes from this one on are one
    seen = (math.prod(a[0].shape[:axis]), math.prod(a[0].shape[axis:]))
    return function(a[0].reshape(seen), 1).reshape(a[0].shape)


def text(value: Any) -> str:
    return bytes(value).decode("utf-8", "replace")
