"""Arithmetic with PyTorch's signatures: alpha=, rounding_mode=, `equal` as one bool."""

from __future__ import annotations

import builtins
import math
from typing import Any

import numpy as np

from .. import ops
from ..backend.dtypes import default_dtype
from ..engine.autograd import TensorBase
from ..errors import DataError, ShapeError
from .operands import array_of, promote, tensor_like

_ZERO = np.zeros(())


def add(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    """input + alpha * other."""
    return ops.add(input, other if alpha == 1 else ops.mul(other, alpha))


def sub(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    """input - alpha * other."""
    return ops.sub(input, other if alpha == 1 else ops.mul(other, alpha))


def rsub(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    """other - alpha * input."""
    return ops.sub(other, input if alpha == 1 else ops.mul(input, alpha))


def mul(input: Any, other: Any) -> Any:
    """input * other."""
    return ops.mul(input, other)


def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Any:
    """input / other; rounding_mode "floor" or "trunc"."""
    if rounding_mode is None:
        return ops.div(input, other)
    if rounding_mode == "floor":
        return ops.floor_divide(input, other)
    if rounding_mode != "trunc":
        raise DataError(f"rounding_mode is None, 'floor' or 'trunc', not {rounding_mode!r}")
    quotient = ops.trunc(ops.div(input, other))
    kinds = [x._data.dtype for x in (input, other) if hasattr(x, "_data")]
    whole = all(k.kind != "f" for k in kinds) and not isinstance(other, builtins.float)
    return ops.cast(quotient, np.result_type(*kinds)) if whole else quotient


def power(input: Any, exponent: Any) -> Any:
    """input ** exponent; bools are counted as whole numbers."""
    if getattr(input, "_data", _ZERO).dtype.kind == "b":
        if isinstance(exponent, builtins.bool):
            return ops.cast(ops.power(input, exponent), np.dtype("bool"))
        input = ops.cast(input, np.dtype("int64")) if isinstance(exponent, builtins.int) else input
    return ops.power(input, exponent)


def square(input: Any) -> Any:
    """input * input; bools are counted as whole numbers."""
    return power(input, 2) if input._data.dtype.kind == "b" else ops.square(input)


def sign(input: Any) -> Any:
    """-1, 0 or 1, and 0 of NaN."""
    if input._data.dtype.kind != "f":
        return input if input._data.dtype.kind == "b" else ops.sign(input)
    return ops.nan_to_num(ops.sign(input), 0.0)


def fmax(input: Any, other: Any) -> Any:
    """The larger of two, of NaN and a number the number."""
    return ops.where(ops.isnan(input), other, ops.where(
        ops.isnan(other), input, ops.maximum(input, other)))


def fmin(input: Any, other: Any) -> Any:
    """The smaller of two, of NaN and a number the number."""
    return ops.where(ops.isnan(input), other, ops.where(
        ops.isnan(other), input, ops.minimum(input, other)))


def float_power(input: Any, exponent: Any) -> Any:
    """input ** exponent in float64."""
    doubles = [ops.cast(x, np.dtype("float64")) if isinstance(x, TensorBase) else float(x)
               for x in (input, exponent)]
    return ops.power(*doubles)


def ldexp(input: Any, other: Any) -> Any:
    """input * 2**other."""
    return ops.mul(floats_of(input), ops.power(2.0, floats_of(other)))


def logaddexp2(input: Any, other: Any) -> Any:
    """log2(2**input + 2**other), without overflow."""
    scale, kind = math.log(2), promote(input._data, other._data)[0].dtype
    x, y = (ops.mul(ops.cast(part, kind), scale) for part in (input, other))
    return ops.div(ops.logaddexp(x, y), scale)


def isposinf(input: Any) -> Any:
    """Return whether each is plus infinity."""
    return ops.equal(input, math.inf)


def isneginf(input: Any) -> Any:
    """Return whether each is minus infinity."""
    return ops.equal(input, -math.inf)


def isreal(input: Any) -> Any:
    """True of each: there are no complex numbers here."""
    return ops.cast(ops.ones_like(input), np.dtype("bool"))


def real(input: Any) -> Any:
    """The tensor itself: there are no complex numbers here."""
    return input


def floats_of(x: Any) -> Any:
    """Whole numbers and bools as floats of the default dtype."""
    whole = isinstance(x, TensorBase) and x._data.dtype.kind != "f"
    return ops.cast(x, default_dtype()) if whole else x


def equal(input: Any, other: Any) -> bool:
    """Return whether both have the same shape and elements: one bool."""
    return bool(input.shape == other.shape and (array_of(input) == array_of(other)).all())


def clamp(input: Any, min: Any = None, max: Any = None) -> Any:
    """Held between min and max, numbers or tensors."""
    if min is None and max is None:
        raise DataError("clamp takes min, max or both")
    if not isinstance(min, TensorBase) and not isinstance(max, TensorBase):
        return ops.clip(input, min, max)
    input = input if min is None else ops.maximum(input, min)
    return input if max is None else ops.minimum(input, max)


def clamp_min(input: Any, min: Any) -> Any:
    """Not below min."""
    return clamp(input, min)


def clamp_max(input: Any, max: Any) -> Any:
    """Not above max."""
    return clamp(input, None, max)


def addcmul(input: Any, tensor1: Any, tensor2: Any, *, value: float = 1) -> Any:
    """input + value * tensor1 * tensor2."""
    return ops.add(input, ops.mul(ops.mul(tensor1, tensor2), value))


def addcdiv(input: Any, tensor1: Any, tensor2: Any, *, value: float = 1) -> Any:
    """input + value * tensor1 / tensor2."""
    return ops.add(input, ops.mul(ops.div(tensor1, tensor2), value))


def lerp(input: Any, end: Any, weight: Any) -> Any:
    """input + weight * (end - input)."""
    return ops.lerp(input, end, weight)


def frac(input: Any) -> Any:
    """The part behind the point."""
    return ops.sub(input, ops.trunc(input))


def round(input: Any, *, decimals: int = 0) -> Any:
    """Rounded, halves to even."""
    return ops.round(input, decimals)


def logit(input: Any, eps: float | None = None) -> Any:
    """log(x / (1 - x)), x held eps away from 0 and 1."""
    x = floats_of(input)
    x = x if eps is None else ops.clip(x, eps, 1 - eps)
    return ops.log(ops.div(x, ops.sub(1, x)))


def nan_to_num(
    input: Any, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Any:
    """Finite numbers for NaN and infinities."""
    return ops.nan_to_num(input, nan, posinf, neginf)


def heaviside(input: Any, values: Any) -> Any:
    """0 below 0, 1 above, `values` at 0."""
    above = ops.cast(ops.greater(input, 0), input._data.dtype)
    return ops.where(ops.equal(input, 0), values, above)


def copysign(input: Any, other: Any) -> Any:
    """The size of input with the sign of other."""
    x, negative = floats_of(input), np.signbit(array_of(other).astype("float64"))
    if isinstance(other, TensorBase) and other._data.dtype.kind == "f":
        x = ops.cast(x, promote(x._data, other._data)[0].dtype)
    return ops.where(negative, ops.neg(ops.abs(x)), ops.abs(x))


def signbit(input: Any) -> Any:
    """Return whether each is below 0 (or -0)."""
    return ops.less(input, 0)


def deg2rad(input: Any) -> Any:
    """Degrees as radians."""
    return ops.mul(input, math.pi / 180)


def rad2deg(input: Any) -> Any:
    """Radians as degrees."""
    return ops.mul(input, 180 / math.pi)


def xlogy(input: Any, other: Any) -> Any:
    """input * log(other), 0 where input is 0."""
    zero = ops.equal(input, 0)
    return ops.where(zero, 0.0, ops.mul(input, ops.log(ops.where(zero, 1.0, other))))


def sinc(input: Any) -> Any:
    """sin(pi x) / (pi x), 1 at 0."""
    zero = ops.equal(input, 0)
    x = ops.mul(ops.where(zero, 1.0, input), math.pi)
    return ops.where(zero, 1.0, ops.div(ops.sin(x), x))


# --- products ------------------------------------------------------------------------------------


def mv(input: Any, vec: Any) -> Any:
    """A matrix times a vector."""
    return ops.matmul(input, vec)


def addmm(input: Any, mat1: Any, mat2: Any, *, beta: float = 1, alpha: float = 1) -> Any:
    """beta * input + alpha * (mat1 @ mat2)."""
    return ops.add(_times(input, beta), _times(ops.matmul(mat1, mat2), alpha))


def addmv(input: Any, mat: Any, vec: Any, *, beta: float = 1, alpha: float = 1) -> Any:
    """beta * input + alpha * (mat @ vec)."""
    return addmm(input, mat, vec, beta=beta, alpha=alpha)


def baddbmm(input: Any, batch1: Any, batch2: Any, *, beta: float = 1, alpha: float = 1) -> Any:
    """beta * input + alpha * (batch1 @ batch2), of batches of matrices."""
    return addmm(input, batch1, batch2, beta=beta, alpha=alpha)


def addbmm(input: Any, batch1: Any, batch2: Any, *, beta: float = 1, alpha: float = 1) -> Any:
    """beta * input + alpha * the sum of batch1 @ batch2 over the batch."""
    total = ops.sum(ops.matmul(batch1, batch2), 0)
    return ops.add(_times(input, beta), _times(total, alpha))


def addr(input: Any, vec1: Any, vec2: Any, *, beta: float = 1, alpha: float = 1) -> Any:
    """beta * input + alpha * the outer product."""
    return ops.add(_times(input, beta), _times(ops.outer(vec1, vec2), alpha))


def _times(x: Any, number: float) -> Any:
    return x if number == 1 else ops.mul(x, number)


def einsum(equation: str, *operands: Any) -> Any:
    """Products and sums by the names of axes; operands one by one or in a list."""
    if len(operands) == 1 and isinstance(operands[0], list | tuple):
        operands = tuple(operands[0])
    return ops.einsum(equation, *operands)


def tensordot(a: Any, b: Any, dims: Any = 2) -> Any:
    """Products summed over pairs of axes."""
    return ops.tensordot(a, b, tuple(map(tuple, dims)) if isinstance(dims, list | tuple) else dims)


def kron(input: Any, other: Any) -> Any:
    """Kronecker product."""
    n = max(input.ndim, other.ndim)
    a = ops.reshape(input, (*(1,) * (n - input.ndim), *input.shape))
    b = ops.reshape(other, (*(1,) * (n - other.ndim), *other.shape))
    left = ops.reshape(a, [k for m in a.shape for k in (m, 1)])
    right = ops.reshape(b, [k for m in b.shape for k in (1, m)])
    return ops.reshape(ops.mul(left, right), [m * k for m, k in zip(a.shape, b.shape)])


def linalg_cross(input: Any, other: Any, *, dim: int = -1) -> Any:
    """Cross product of vectors of three along `dim`."""
    return cross(input, other, dim)


def cross(input: Any, other: Any, dim: int | None = None) -> Any:
    """Cross product of vectors of three along `dim`."""
    if dim is None:
        dim = next((i for i, n in enumerate(input.shape) if n == 3), None)
    if dim is None or input.shape[dim] != 3:
        raise ShapeError(f"cross takes vectors of 3, not a tensor of {input.shape}")
    (a, b, c), (d, e, f) = ops.unstack(input, dim), ops.unstack(other, dim)
    return ops.stack([b * f - c * e, c * d - a * f, a * e - b * d], dim)


def cdist(
    x1: Any, x2: Any, p: float = 2.0,
    compute_mode: str | None = "use_mm_for_euclid_dist_if_necessary",
) -> Any:
    """Distance of each row of x1 from each row of x2, in the p-norm.

    As in PyTorch, Euclidean distances among more than 25 rows are taken from one matrix product,
    |a - b|^2 = |a|^2 - 2 a b + |b|^2: fast, but close rows far from 0 lose digits. Write
    compute_mode="donot_use_mm_for_euclid_dist" to subtract instead.
    """
    if compute_mode is not None and compute_mode not in _CDIST_MODES:
        raise DataError(f"compute_mode is one of {', '.join(_CDIST_MODES)}, not {compute_mode!r}")
    rows = max(x1.shape[-2], x2.shape[-2])
    always, never = _CDIST_MODES[1:]
    if p == 2 and compute_mode != never and (rows > 25 or compute_mode == always):
        return _euclidean_distances(x1, x2)
    difference = ops.sub(ops.expand_dims(x1, -2), ops.expand_dims(x2, -3))
    return ops.vector_norm(difference, p, -1)


_CDIST_MODES = ("use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist",
                "donot_use_mm_for_euclid_dist")


def _euclidean_distances(x1: Any, x2: Any) -> Any:
    """Those of rows (..., m, n) and (..., k, n): (..., m, k)."""
    squares = [ops.sum(ops.mul(x, x), -1, True) for x in (x1, x2)]  # (..., m, 1), (..., k, 1)
    squared = ops.add(ops.sub(squares[0], ops.mul(ops.matmul(x1, ops.swapaxes(x2, -1, -2)), 2)),
                      ops.swapaxes(squares[1], -1, -2))
    apart = ops.greater(squared, 0)  # a root has no slope at 0; rounding may end below it
    return ops.where(apart, ops.sqrt(ops.where(apart, squared, 1.0)), 0.0)


def chain_matmul(*matrices: Any) -> Any:
    """The product of all, one after the other."""
    found = matrices[0]
    for matrix in matrices[1:]:
        found = ops.matmul(found, matrix)
    return found


def matrix_power(input: Any, n: int) -> Any:
    """A square matrix, or a batch of them, to the n-th power; of its inverse where n is below 0."""
    if n < 0:
        return matrix_power(ops.linalg.inv(input), -n)
    one = np.eye(input.shape[-1], dtype=input._data.dtype)
    found = tensor_like(np.broadcast_to(one, input.shape).copy(), input)
    for _ in range(n):
        found = ops.matmul(found, input)
    return found
