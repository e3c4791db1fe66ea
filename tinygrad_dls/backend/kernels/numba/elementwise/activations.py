"""Activations of float arrays without gaps. ReLU and its like are clamps, on all cores; the other
loops are in activation_loops.py.
"""

from math import nan
from typing import Any

import numpy as np

from ...reference import activations as reference
from ..allocate import Running
from ..compile import inlined, kernel, task
from ..layout import F32, F64, flat, like
from ..parallel import parallel_for
from ..simd import lanes, load, load_some, store, store_some, where
from ..threads import threads_for
from ..tuning import RELU_WORTH
from .activation_loops import (
    elu_backward_loop,
    elu_loop,
    gelu_backward_loop,
    gelu_loop,
    gelu_tanh_backward_loop,
    gelu_tanh_loop,
    hardsigmoid_backward_loop,
    hardsigmoid_loop,
    hardswish_backward_loop,
    hardswish_loop,
    leaky_relu_backward_loop,
    leaky_relu_loop,
    mish_backward_loop,
    mish_loop,
    sigmoid64_loop,
    sigmoid_backward_loop,
    sigmoid_loop,
    silu_backward_loop,
    silu_loop,
    softplus_backward_loop,
    softplus_loop,
    tanh_backward_loop,
)
from .gelu64 import gelu64_backward_loop, gelu64_loop

Array = Any


@inlined
def clamped(v: Any, low: Any, high: Any) -> Any:
    """v, but no less than low and no more than high; NaN passes."""
    v = where(v < low, low, v)
    return where(v > high, high, v)


@task
def clamp_chunk(
    chunk: int, chunks: int, x: Array, y: Array, low: float, high: float
) -> None:
    n = lanes(x)
    begin, end = chunk * x.size // chunks, (chunk + 1) * x.size // chunks
    rest = (end - begin) % n
    for i in range(begin, end - rest, n):
        store(y, i, clamped(load(x, i), low, high))
    if rest:
        i = end - rest
        store_some(y, i, clamped(load_some(x, i, rest), low, high), rest)


@inlined
def clamp_gradient(dy: Any, x: Any, low: Any, high: Any) -> Any:
    """dy where low < x < high, else 0."""
    inside = where(x > low, dy, 0.0)
    return where(x >= high, 0.0, inside)


@task
def clamp_backward_chunk(
    chunk: int, chunks: int, dy: Array, x: Array, dx: Array, low: float, high: float
) -> None:
    n = lanes(x)
    begin, end = chunk * x.size // chunks, (chunk + 1) * x.size // chunks
    rest = (end - begin) % n
    for i in range(begin, end - rest, n):
        store(dx, i, clamp_gradient(load(dy, i), load(x, i), low, high))
    if rest:
        i = end - rest
        store_some(dx, i, clamp_gradient(load_some(dy, i, rest), load_some(x, i, rest), low, high),
                   rest)


@kernel
def clamp(chunks: int, x: Array, y: Array, low: float, high: float) -> None:
    """y = x, but no less than low and no more than high; a high of NaN is not a bound."""
    parallel_for(clamp_chunk, chunks, (x, y, low, high))


@kernel
def clamp_backward(
    chunks: int, dy: Array, x: Array, dx: Array, low: float, high: float
) -> None:
    """dx = dy where low < x < high, else 0; a high of NaN is not a bound."""
    parallel_for(clamp_backward_chunk, chunks, (dy, x, dx, low, high))


def relu_in_place(y: Array) -> None:
    """Negative numbers of a contiguous y become 0."""
    flat = y.reshape(-1)
    clamp(threads_for(8 * y.size), flat, flat, 0.0, nan)


class Activations(Running, reference.Activations):
    """Those of the reference that compiled loops beat."""

    def sigmoid(self, x: Any) -> Any:
        y = self.empty_like(x)
        views = flat(x, y)
        if views is None:
            return super().sigmoid(x)
        self.run(sigmoid_loop if x.dtype is F32 else sigmoid64_loop, _chunks(x), *views)
        return y

    def sigmoid_backward(self, dy: Any, y: Any) -> Any:
        return self._backward(sigmoid_backward_loop, dy, y, super().sigmoid_backward)

    def tanh(self, x: Any) -> Any:
        if not x.flags.c_contiguous or (x.dtype is not F32 and x.dtype is not F64):
            return super().tanh(x)
        y = self.empty(x.shape, x.dtype)
        self.run(np.tanh, x, y)
        return y

    def tanh_backward(self, dy: Any, y: Any) -> Any:
        return self._backward(tanh_backward_loop, dy, y, super().tanh_backward)

    def relu(self, x: Any) -> Any:
        y = self.empty_like(x)
        # flat(x, y), without a call in the usual case
        usual = x.dtype is F32 and x.flags.c_contiguous
        views = [x.ravel(), y.ravel()] if usual else flat(x, y)
        if views is None:
            return super().relu(x)
        if x.size < RELU_WORTH:
            self.run(np.maximum, x, 0, out=y)
        else:
            self.run(clamp, threads_for(8 * x.size), *views, 0.0, np.inf)
        return y

    def relu_backward_in_place(self, dy: Any, y: Any) -> Any:
        views = flat(dy, y)
        if views is None:
            return super().relu_backward_in_place(dy, y)
        flat_dy, flat_y = views
        self.run(clamp_backward, threads_for(8 * dy.size), flat_dy, flat_y, flat_dy, 0.0, np.nan)
        return dy

    def relu_backward(self, dy: Any, y: Any) -> Any:
        dx = self._clamp_backward(dy, y, 0.0, np.nan)
        return super().relu_backward(dy, y) if dx is None else dx

    def leaky_relu(self, x: Any, slope: float) -> Any:
        y = self.empty_like(x)
        views = flat(x, y)
        if views is None:
            return super().leaky_relu(x, slope)
        self.run(leaky_relu_loop, _chunks(x), *views, float(slope))
        return y

    def leaky_relu_backward(self, dy: Any, x: Any, slope: float) -> Any:
        return self._backward(
            leaky_relu_backward_loop, dy, x, super().leaky_relu_backward, float(slope)
        )

    def hardtanh(self, x: Any, low: float, high: float) -> Any:
        y = self.empty_like(x)
        views = flat(x, y)
        if views is None:
            return super().hardtanh(x, low, high)
        self.run(clamp, threads_for(8 * x.size), *views, float(low), float(high))
        return y

    def hardtanh_backward(self, dy: Any, x: Any, low: float, high: float) -> Any:
        dx = self._clamp_backward(dy, x, float(low), float(high))
        return super().hardtanh_backward(dy, x, low, high) if dx is None else dx

    def hardsigmoid(self, x: Any) -> Any:
        return self._forward32(hardsigmoid_loop, x, super().hardsigmoid)

    def hardsigmoid_backward(self, dy: Any, x: Any) -> Any:
        return self._backward32(hardsigmoid_backward_loop, dy, x, super().hardsigmoid_backward)

    def hardswish(self, x: Any) -> Any:
        return self._forward32(hardswish_loop, x, super().hardswish)

    def hardswish_backward(self, dy: Any, x: Any) -> Any:
        return self._backward32(hardswish_backward_loop, dy, x, super().hardswish_backward)

    def elu(self, x: Any, alpha: float, scale: float, inner: float) -> Any:
        return self._forward32(elu_loop, x, super().elu, alpha, scale, inner)

    def elu_backward(self, dy: Any, x: Any, alpha: float, scale: float, inner: float) -> Any:
        return self._backward32(elu_backward_loop, dy, x, super().elu_backward, alpha, scale, inner)

    def softplus(self, x: Any, beta: float, threshold: float) -> Any:
        return self._forward32(softplus_loop, x, super().softplus, beta, threshold)

    def softplus_backward(self, dy: Any, x: Any, beta: float, threshold: float) -> Any:
        slow = super().softplus_backward
        return self._backward32(softplus_backward_loop, dy, x, slow, beta, threshold)

    def silu(self, x: Any) -> Any:
        return self._forward32(silu_loop, x, super().silu)

    def silu_backward(self, dy: Any, x: Any) -> Any:
        return self._backward32(silu_backward_loop, dy, x, super().silu_backward)

    def mish(self, x: Any) -> Any:
        return self._forward32(mish_loop, x, super().mish)

    def mish_backward(self, dy: Any, x: Any) -> Any:
        return self._backward32(mish_backward_loop, dy, x, super().mish_backward)

    def gelu(self, x: Any, approximate: str) -> Any:
        if approximate != "tanh" and x.dtype is F64:
            y = self.empty_like(x)
            if (views := flat(x, y)) is not None:
                self.run(gelu64_loop, _chunks(x), *views)
                return y
        loop = gelu_tanh_loop if approximate == "tanh" else gelu_loop
        slow = super().gelu
        return self._forward32(loop, x, lambda x: slow(x, approximate))

    def gelu_backward(self, dy: Any, x: Any, approximate: str) -> Any:
        slow = super().gelu_backward
        if approximate != "tanh" and x.dtype is F64:
            return self._backward(
                gelu64_backward_loop, dy, x, lambda dy, x: slow(dy, x, approximate))
        loop = gelu_tanh_backward_loop if approximate == "tanh" else gelu_backward_loop
        return self._backward32(loop, dy, x, lambda dy, x: slow(dy, x, approximate))

    def _forward32(self, loop: Any, x: Any, otherwise: Any, *options: float) -> Any:
        """y of an activation, by a compiled loop where x is float32 and fit for it."""
        y = self.empty_like(x)
        views = flat(x, y) if x.dtype is F32 else None
        if views is None:
            return otherwise(x, *options)
        self.run(loop, _chunks(x), *views, *options)
        return y

    def _backward32(self, loop: Any, dy: Any, x: Any, otherwise: Any, *options: float) -> Any:
        """The same for loops that work in float32 only."""
        if x.dtype is F32:
            return self._backward(loop, dy, x, otherwise, *options)
        return otherwise(dy, x, *options)

    def _backward(self, loop: Any, dy: Any, y: Any, otherwise: Any, *options: float) -> Any:
        """dx from dy and y (or x), by a compiled loop where both are fit for it."""
        dx = self.empty_like(y)
        views = flat(dy, y, dx) or flat(like(dy, y), y, dx)
        if views is None:
            return otherwise(dy, y, *options)
        self.run(loop, _chunks(y), *views, *options)
        return dx

    def _clamp_backward(self, dy: Any, x: Any, low: float, high: float) -> Any | None:
        """dy where low < x < high, else 0; a high of NaN is not a bound. None: not fit for it."""
        dx = self.empty_like(x)
        usual = (x.dtype is F32 and x.flags.c_contiguous and dy.dtype is F32
                 and dy.flags.c_contiguous and dy.shape == x.shape)
        views: Any = [dy.ravel(), x.ravel(), dx.ravel()] if usual else (
            flat(dy, x, dx) or flat(like(dy, x), x, dx))
        if views is None:
            return None
        self.run(clamp_backward, threads_for(8 * x.size), *views, low, high)
        return dx


def _chunks(x: Any) -> int:
    """Return how many threads pay off for a function of each number."""
    return threads_for(16 * x.size)
