"""The compiled table: the reference, with the kernels that beat it in their place.

A kernel takes contiguous arrays of one float dtype (those with exp: float32, where NumPy's
float64 is as fast); any other call goes on to the reference.
"""

from typing import Any

import numpy as np

from ..reference import ReferenceKernels
from . import loops

F32, F64 = np.dtype("float32"), np.dtype("float64")


def _flat(*arrays: Any) -> list[Any] | None:
    """The arrays as one-dimensional views; None unless contiguous and of one float dtype."""
    dtype, shape = arrays[0].dtype, arrays[0].shape
    if dtype is not F32 and dtype is not F64:
        return None
    for a in arrays:
        if a.dtype is not dtype or a.shape != shape or not a.flags.c_contiguous:
            return None
    return [a.reshape(-1) for a in arrays]


def _small(weight: Any, x: Any, other: Any) -> bool:
    """Is this a linear layer of so few weights that plain loops beat BLAS?"""
    dtype = weight.dtype
    return (
        0 < weight.size <= 16
        and (dtype is F32 or dtype is F64)
        and x.ndim == weight.ndim == 2
        and x.shape[1] == weight.shape[1]
        and x.dtype is dtype
        and other.dtype is dtype
        and x.flags.c_contiguous
        and weight.flags.c_contiguous
        and other.flags.c_contiguous
    )


class CompiledKernels(ReferenceKernels):
    """Kernels compiled by Numba, over those of the reference."""

    def sigmoid(self, x: Any) -> Any:
        if x.dtype is not F32 or not x.flags.c_contiguous:
            return super().sigmoid(x)
        y = np.empty_like(x)
        loops.sigmoid(x.reshape(-1), y.reshape(-1))
        return y

    def sigmoid_backward(self, dy: Any, y: Any) -> Any:
        return _backward(loops.sigmoid_backward, dy, y, super().sigmoid_backward)

    def tanh_backward(self, dy: Any, y: Any) -> Any:
        return _backward(loops.tanh_backward, dy, y, super().tanh_backward)

    def relu_backward(self, dy: Any, y: Any) -> Any:
        return _backward(loops.relu_backward, dy, y, super().relu_backward)

    def linear(self, x: Any, weight: Any, bias: Any | None) -> Any:
        if bias is None or not _small(weight, x, bias) or bias.shape != weight.shape[:1]:
            return super().linear(x, weight, bias)
        y = np.empty((x.shape[0], weight.shape[0]), x.dtype)
        loops.linear_small(x, weight, bias, y)
        return y

    def linear_backward(
        self, dy: Any, x: Any, weight: Any, needs: tuple[bool, ...]
    ) -> tuple[Any | None, ...]:
        if (needs[1:] != (True, True) or not _small(weight, x, dy)
                or dy.shape != (x.shape[0], weight.shape[0])):
            return super().linear_backward(dy, x, weight, needs)
        dx = np.empty(x.shape if needs[0] else (0, 0), x.dtype)
        dweight, dbias = np.empty_like(weight), np.empty(weight.shape[0], x.dtype)
        loops.linear_small_backward(dy, x, weight, dx, dweight, dbias)
        return dx if needs[0] else None, dweight, dbias

    def sum_rows(self, x: Any) -> Any:
        if not x.flags.c_contiguous or (x.dtype is not F32 and x.dtype is not F64):
            return super().sum_rows(x)
        total = np.empty(x.shape[1], x.dtype)
        loops.sum_rows(x, total)
        return total

    def softmax(self, z: Any, axis: int) -> Any:
        if not (z.dtype is F32 and z.flags.c_contiguous and axis == z.ndim - 1 and z.size):
            return super().softmax(z, axis)
        y = np.empty_like(z)
        loops.softmax_rows(z.reshape(-1, z.shape[-1]), y.reshape(-1, z.shape[-1]))
        return y

    def cross_entropy(self, z: Any, labels: Any) -> Any:
        if not (z.dtype is F32 and z.flags.c_contiguous and z.size
                and labels.shape == z.shape[:1]):
            return super().cross_entropy(z, labels)
        losses = np.empty(z.shape[0], z.dtype)
        if not loops.cross_entropy_rows(z, _int64(labels), losses):
            raise IndexError(f"a label is out of range: there are {z.shape[1]} classes")
        return losses

    def cross_entropy_backward(self, d: Any, z: Any, labels: Any) -> Any:
        if not (z.dtype is F32 and z.flags.c_contiguous and d.dtype is F32 and z.size
                and d.flags.c_contiguous):
            return super().cross_entropy_backward(d, z, labels)
        dz = np.empty_like(z)
        loops.cross_entropy_backward_rows(d.reshape(-1), z, _int64(labels), dz)
        return dz

    def any_outside(self, x: Any, low: float, high: float) -> bool:
        if _flat(x) is None:
            return super().any_outside(x, low, high)
        return bool(loops.any_outside(x.reshape(-1), low, high))

    def binary_cross_entropy(self, z: Any, t: Any) -> Any:
        flat = _flat(z, t) if isinstance(t, np.ndarray) and z.dtype is F32 else None
        if flat is None:
            return super().binary_cross_entropy(z, t)
        losses = np.empty_like(z)
        loops.binary_cross_entropy(*flat, losses.reshape(-1))
        return losses

    def binary_cross_entropy_backward(self, d: Any, z: Any, t: Any) -> Any:
        flat = _flat(z, t) if isinstance(t, np.ndarray) and z.dtype is F32 else None
        if flat is None or d.dtype is not F32 or not d.flags.c_contiguous:
            return super().binary_cross_entropy_backward(d, z, t)
        dz = np.empty_like(z)
        loops.binary_cross_entropy_backward(d.reshape(-1), *flat, dz.reshape(-1))
        return dz

    def spread(self, y: Any, shape: tuple[int, ...]) -> Any:
        if y.ndim:
            return super().spread(y, shape)
        y = np.asarray(y)
        return np.ndarray(shape, y.dtype, y, 0, (0,) * len(shape))  # np.broadcast_to takes 3 us

    def dropout(self, x: Any, p: float, seed: int) -> Any:
        if _flat(x) is None or p >= 1.0:
            return super().dropout(x, p, seed)
        y = np.empty_like(x)
        threshold = np.uint64(int(p * 2.0**64))
        start = np.uint64(seed & 0xFFFFFFFFFFFFFFFF)
        loops.dropout(x.reshape(-1), y.reshape(-1), threshold, 1.0 / (1.0 - p), start)
        return y

    def sgd(
        self, w: Any, g: Any, velocity: Any | None, lr: float, momentum: float, dampening: float,
        weight_decay: float, nesterov: bool, first: bool,
    ) -> None:
        flat = _flat(w, g) if velocity is None else _flat(w, g, velocity)
        if flat is None:
            super().sgd(w, g, velocity, lr, momentum, dampening, weight_decay, nesterov, first)
        elif velocity is None:
            loops.sgd(*flat, float(lr), float(weight_decay))
        else:  # the first velocity is the gradient itself: no dampening, nothing before
            keep, mu = (1.0, momentum) if first else (1.0 - dampening, momentum)
            if first:
                velocity[...] = 0
            loops.sgd_momentum(*flat, float(lr), float(mu), keep, float(weight_decay),
                               bool(nesterov))

    def rmsprop(
        self, w: Any, g: Any, square: Any, mean: Any | None, velocity: Any | None, lr: float,
        alpha: float, eps: float, weight_decay: float, momentum: float,
    ) -> None:
        flat = _flat(w, g, square) if mean is None and velocity is None else None
        if flat is None:
            super().rmsprop(w, g, square, mean, velocity, lr, alpha, eps, weight_decay, momentum)
        else:
            loops.rmsprop(*flat, float(lr), float(alpha), float(eps), float(weight_decay))

    def adam(
        self, w: Any, g: Any, m: Any, v: Any, lr: float, beta1: float, beta2: float, eps: float,
        weight_decay: float, decoupled: bool, correct1: float, correct2: float,
    ) -> None:
        flat = _flat(w, g, m, v)
        if flat is None:
            super().adam(w, g, m, v, lr, beta1, beta2, eps, weight_decay, decoupled, correct1,
                         correct2)
        else:
            loops.adam(*flat, float(lr), float(beta1), float(beta2), float(eps),
                       float(weight_decay), bool(decoupled), float(correct1), float(correct2))


def _backward(loop: Any, dy: Any, y: Any, otherwise: Any) -> Any:
    """dx of an activation from dy and y, by a compiled loop where both are fit for it."""
    flat = _flat(dy, y)
    if flat is None:
        return otherwise(dy, y)
    dx = np.empty_like(y)
    loop(*flat, dx.reshape(-1))
    return dx


def _int64(labels: Any) -> Any:
    return np.ascontiguousarray(labels, dtype=np.int64)
