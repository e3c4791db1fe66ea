"""Softmax and the losses from logits, row by row."""

from typing import Any

import numpy as np

from ..reference import losses as reference
from .compile import inlined, kernel
from .functions import exp32, log1p_of_exp32, sigmoid32
from .layout import F32, flat

Array = Any


@inlined
def row_max(z: Array, i: int) -> Any:
    """The largest of row i; four at a time, since each comparison waits for the one before."""
    n = z.shape[1]
    a = b = c = d = z[i, 0]
    for j in range(0, n - 3, 4):
        a, b = max(a, z[i, j]), max(b, z[i, j + 1])
        c, d = max(c, z[i, j + 2]), max(d, z[i, j + 3])
    for j in range(n - n % 4, n):
        a = max(a, z[i, j])
    return max(max(a, b), max(c, d))


@inlined
def row_sum(y: Array, i: int) -> Any:
    """The sum of row i; four at a time, since each addition waits for the one before."""
    n = y.shape[1]
    a = b = c = d = y.dtype.type(0)
    for j in range(0, n - 3, 4):
        a, b, c, d = a + y[i, j], b + y[i, j + 1], c + y[i, j + 2], d + y[i, j + 3]
    for j in range(n - n % 4, n):
        a += y[i, j]
    return (a + b) + (c + d)


@kernel
def softmax_rows(z: Array, y: Array) -> None:
    for i in range(z.shape[0]):
        top = row_max(z, i)
        for j in range(z.shape[1]):
            y[i, j] = exp32(z[i, j] - top)
        scale = z.dtype.type(1) / row_sum(y, i)
        for j in range(z.shape[1]):
            y[i, j] *= scale


@kernel
def cross_entropy_rows(z: Array, labels: Array, losses: Array) -> bool:
    """False if a label is out of range; the gradient's kernel then never runs."""
    e = np.empty((1, z.shape[1]), z.dtype)
    for i in range(z.shape[0]):
        top = row_max(z, i)
        for j in range(z.shape[1]):
            e[0, j] = exp32(z[i, j] - top)
        if labels[i] < 0 or labels[i] >= z.shape[1]:
            return False
        losses[i] = np.log(row_sum(e, 0)) + top - z[i, labels[i]]
    return True


@kernel
def cross_entropy_backward_rows(d: Array, z: Array, labels: Array, dz: Array) -> None:
    """`d` has one element for each row, or one for all."""
    one = d.size == 1
    for i in range(z.shape[0]):
        d_i = d[0] if one else d[i]
        top = row_max(z, i)
        for j in range(z.shape[1]):
            dz[i, j] = exp32(z[i, j] - top)
        scale = d_i / row_sum(dz, i)
        for j in range(z.shape[1]):
            dz[i, j] *= scale
        dz[i, labels[i]] -= d_i


@kernel
def any_outside_loop(x: Array, low: float, high: float) -> bool:
    found = 0
    for i in range(x.size):
        found |= (x[i] < low) | (x[i] > high)
    return found != 0


@kernel
def binary_cross_entropy_loop(z: Array, t: Array, losses: Array) -> None:
    for i in range(z.size):
        losses[i] = max(z[i], z.dtype.type(0)) - z[i] * t[i] + log1p_of_exp32(-abs(z[i]))


@kernel
def binary_cross_entropy_backward_loop(d: Array, z: Array, t: Array, dz: Array) -> None:
    """`d` has one element for each of z, or one for all."""
    if d.size == 1:
        for i in range(z.size):
            dz[i] = d[0] * (sigmoid32(z[i]) - t[i])
    else:
        for i in range(z.size):
            dz[i] = d[i] * (sigmoid32(z[i]) - t[i])


class Losses(reference.Losses):
    """Those of the reference that compiled loops beat."""

    def softmax(self, z: Any, axis: int) -> Any:
        if not (z.dtype is F32 and z.flags.c_contiguous and axis == z.ndim - 1 and z.size):
            return super().softmax(z, axis)
        y = np.empty_like(z)
        softmax_rows(z.reshape(-1, z.shape[-1]), y.reshape(-1, z.shape[-1]))
        return y

    def cross_entropy(self, z: Any, labels: Any) -> Any:
        if not (z.dtype is F32 and z.flags.c_contiguous and z.size
                and labels.shape == z.shape[:1]):
            return super().cross_entropy(z, labels)
        losses = np.empty(z.shape[0], z.dtype)
        if not cross_entropy_rows(z, _int64(labels), losses):
            raise IndexError(f"a label is out of range: there are {z.shape[1]} classes")
        return losses

    def cross_entropy_backward(self, d: Any, z: Any, labels: Any) -> Any:
        if not (z.dtype is F32 and z.flags.c_contiguous and d.dtype is F32 and z.size
                and d.flags.c_contiguous):
            return super().cross_entropy_backward(d, z, labels)
        dz = np.empty_like(z)
        cross_entropy_backward_rows(d.reshape(-1), z, _int64(labels), dz)
        return dz

    def any_outside(self, x: Any, low: float, high: float) -> bool:
        views = flat(x)
        if views is None:
            return super().any_outside(x, low, high)
        return bool(any_outside_loop(*views, low, high))

    def binary_cross_entropy(self, z: Any, t: Any) -> Any:
        losses = np.empty_like(z)
        views = flat(z, t, losses) if isinstance(t, np.ndarray) and z.dtype is F32 else None
        if views is None:
            return super().binary_cross_entropy(z, t)
        binary_cross_entropy_loop(*views)
        return losses

    def binary_cross_entropy_backward(self, d: Any, z: Any, t: Any) -> Any:
        if not isinstance(t, np.ndarray) or z.dtype is not F32 or d.dtype is not F32:
            return super().binary_cross_entropy_backward(d, z, t)
        dz = np.empty_like(z)
        views = flat(z, t, dz) if d.size == 1 else flat(d, z, t, dz)
        if views is None:
            return super().binary_cross_entropy_backward(d, z, t)
        binary_cross_entropy_backward_loop(*([d.reshape(-1)] if d.size == 1 else []), *views)
        return dz


def _int64(labels: Any) -> Any:
    return np.ascontiguousarray(labels, dtype=np.int64)
