"""ONNX's operators between types, by functions of ours: casts, bits, quantized numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import ops
from ..errors import FormatError
from ..nn import functional as F
from ..ops.call import tensor_of
from .onnx_conv_operators import pads_of
from .onnx_model import BFLOAT16, dtype_of
from .onnx_operators import Args, dtype_option, host, operator, spatial, text


@operator("Cast", "CastLike")
def _cast(a: Args) -> Any:
    if a.kind == "Cast":
        code = a.option("to", 0)
    else:
        code = a.types[1] if len(a.types) > 1 else 0
    dtype = dtype_of(code, a.what) if code else a[1].dtype
    y = ops.cast(a[0], dtype)
    return rounded_to_bfloat16(y) if code == BFLOAT16 else y


def rounded_to_bfloat16(x: Any) -> Any:
    """float32 x rounded to the 8 bits of a bfloat16, ties to even; the gradient passes through."""
    values = host(x)
    bits = values.view(np.uint32)
    bits = (bits + (bits >> np.uint32(16) & np.uint32(1)) + np.uint32(0x7FFF)) & np.uint32(
        0xFFFF0000)
    with np.errstate(invalid="ignore"):
        change = np.where(np.isfinite(values), bits.view(np.float32) - values, np.float32(0))
    return x + tensor_of(change, x.device)


# --- bits -----------------------------------------------------------------------------------------


@operator("BitShift")
def _bit_shift(a: Args) -> Any:
    """Bits moved to the left or right; those that are moved out are gone, a sign stays."""
    x, places = np.broadcast_arrays(host(a[0]), host(a[1]))
    bits = 8 * x.dtype.itemsize
    inside = (places >= 0) & (places < bits)
    by = np.where(inside, places, 0).astype(x.dtype)
    if text(a.option("direction", b"")) == "LEFT":
        y = np.where(inside, x << by, 0)
    else:
        y = np.where(inside, x >> by, np.where(x < 0, -1, 0) if x.dtype.kind == "i" else 0)
    return tensor_of(y.astype(x.dtype), a[0].device)


@operator("BitCast")
def _bit_cast(a: Args) -> Any:
    """The same bits as another type of as many bits."""
    x, wanted = host(a[0]), dtype_of(a.option("to", 0), a.what)
    if x.dtype.itemsize != wanted.itemsize or BFLOAT16 in (a.option("to"), *a.types):
        raise a.refuse(f"the bits of {x.dtype} as {wanted}")
    return tensor_of(x.view(wanted), a[0].device)


# --- whole numbers that stand for floats: (x - zero point) * scale --------------------------------


def _spread(a: Args, value: Any, x: Any) -> Any:
    """A scale or zero point for each element, for each of an axis, or for blocks of an axis."""
    if value is None or value.ndim == 0 or (value.ndim == 1 and value.shape[0] == 1):
        return None if value is None else value.reshape(())
    axis, block = a.option("axis", 1) % x.ndim, a.option("block_size", 0)
    if block:
        if value.ndim != x.ndim:
            raise FormatError(f"{a.what}: scales {value.shape} are not for blocks of {x.shape}")
        wide = ops.repeat(value, block, axis)
        return wide[(*[slice(None)] * axis, slice(x.shape[axis]))]
    return value.reshape([-1 if i == axis else 1 for i in range(x.ndim)])


def _quantized(x: Any, scale: Any, zero: Any, dtype: Any) -> Any:
    info = np.iinfo(dtype)
    whole = ops.round(x / scale, 0)
    whole = whole if zero is None else whole + ops.cast(zero, whole.dtype)
    return ops.cast(ops.clip(whole, float(info.min), float(info.max)), dtype)


def _whole_type(a: Args, place: int, option: str) -> Any:
    """The type of quantized numbers: that of the zero point, else the option's, else uint8."""
    dtype = dtype_option(a, option, 2) if a[place] is None else a[place].dtype
    if dtype.kind not in "iu":
        raise a.refuse(f"numbers quantized to {dtype}")
    return dtype


@operator("QuantizeLinear")
def _quantize(a: Args) -> Any:
    x = ops.cast(a[0], a[1].dtype) if a[0].dtype.kind != "f" else a[0]
    return _quantized(x, _spread(a, a[1], x), _spread(a, a[2], x),
                      _whole_type(a, 2, "output_dtype"))


@operator("DequantizeLinear")
def _dequantize(a: Args) -> Any:
    scale, zero = _spread(a, a[1], a[0]), _spread(a, a[2], a[0])
    return ops.cast(_away(a[0], zero) * ops.cast(scale, np.float32),
                    dtype_option(a, "output_dtype", 0, a[1].dtype))


def _away(x: Any, zero: Any, dtype: Any = np.float32) -> Any:
    """x - zero, in floats that hold it exactly."""
    x = ops.cast(x, dtype)
    return x if zero is None else x - ops.cast(zero, dtype)


@operator("DynamicQuantizeLinear")
def _dynamic_quantize(a: Args) -> Any:
    """(y, scale, zero point) with which all of x and 0 fit into uint8."""
    low, high = ops.minimum(ops.min(a[0]), 0.0), ops.maximum(ops.max(a[0]), 0.0)
    scale = ops.where(high == low, 1.0, high - low) / 255.0
    zero = ops.cast(ops.clip(ops.round(-low / scale, 0), 0.0, 255.0), np.uint8)
    return _quantized(a[0], scale, zero, np.dtype(np.uint8)), scale, zero


@operator("MatMulInteger")
def _matmul_integer(a: Args) -> Any:
    return ops.cast(ops.matmul(_rows_away(a[0], a[2]), _away(a[1], a[3], np.float64)), np.int32)


def _rows_away(x: Any, zero: Any) -> Any:
    """x - zero, with one zero point for all or for each row."""
    zero = zero if zero is None or zero.ndim != 1 or len(zero) == 1 else ops.expand_dims(zero, 1)
    return _away(x, zero, np.float64)


@operator("QLinearMatMul")
def _qlinear_matmul(a: Args) -> Any:
    product = ops.matmul(_rows_away(a[0], a[2]), _away(a[3], a[5], np.float64))
    scale = ops.cast(a[6], np.float64) / (ops.cast(a[1], np.float64) * ops.cast(a[4], np.float64))
    return _quantized(product, scale, a[7], _whole_type(a, 7, ""))


@operator("ConvInteger")
def _conv_integer(a: Args) -> Any:
    return ops.cast(_whole_convolution(a, a[0], a[2], a[1], a[3]), np.int32)


@operator("QLinearConv")
def _qlinear_conv(a: Args) -> Any:
    y = _whole_convolution(a, a[0], a[2], a[3], a[5])
    each = (-1, *[1] * (a[0].ndim - 2))  # one number for each channel
    y = y if a[8] is None else y + ops.cast(a[8], np.float64).reshape(each)
    scale = ops.cast(a[6], np.float64) / (ops.cast(a[1], np.float64) * ops.cast(a[4], np.float64))
    scale = scale.reshape(each) if scale.ndim and scale.shape[0] > 1 else scale.reshape(())
    return _quantized(y, scale, a[7], _whole_type(a, 7, ""))


def _whole_convolution(a: Args, x: Any, x_zero: Any, weight: Any, zero: Any) -> Any:
    """A convolution of whole numbers, in float64, which holds its sums exactly."""
    axes = weight.ndim - 2
    if axes not in (1, 2, 3):
        raise a.refuse(f"a convolution over {axes} axes")
    if zero is not None and zero.ndim == 1 and zero.shape[0] > 1:
        zero = zero.reshape((-1, *[1] * (axes + 1)))
    strides = spatial(a.option("strides"), axes, 1, a)
    dilations = spatial(a.option("dilations"), axes, 1, a)
    pads = pads_of(a, x.shape[2:], weight.shape[2:], strides, dilations)
    x = ops.pad(_away(x, x_zero, np.float64), ((0, 0), (0, 0), *pads), "constant", 0.0)
    convolve: Callable[..., Any] = (F.conv1d, F.conv2d, F.conv3d)[axes - 1]
    return convolve(x, _away(weight, zero, np.float64), None, tuple(strides), 0, tuple(dilations),
                    a.option("group", 1))
