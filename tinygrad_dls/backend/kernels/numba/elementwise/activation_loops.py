"""Loops of activations other than clamps: one pass over memory each, on all cores."""

from typing import Any

from ..compile import inlined, kernel, task
from ..parallel import parallel_for
from ..simd import lanes, load, load_some, sigmoid, store, store_some
from .functions import (
    HALF,
    ONE,
    TWO,
    ZERO,
    begin,
    exp32,
    f32,
    gaussian32,
    log1p_of_exp32,
    mills32,
    sigmoid32,
)

Array = Any
NEAR, THREE, THIRD, SIXTH = f32(-0.4), f32(3), f32(1 / 3), f32(1 / 6)
MISH_TOP = f32(30)  # beyond, tanh(log(1 + e**x)) is 1 in float32
SLOPE, CUBIC = f32(2 * 0.7978845608028654), f32(0.044715)
DENSITY = f32(0.3989422804014327)  # of the normal distribution at 0


@inlined
def mish_tanh(x: Any) -> Any:
    """tanh(log(1 + e**x)) = n / (n + 2) with n = e**x (e**x + 2)."""
    e = exp32(min(x, MISH_TOP))
    n = e * (e + TWO)
    return n / (n + TWO)


@task
def sigmoid_chunk(chunk: int, chunks: int, x: Array, y: Array) -> None:
    first, end = begin(chunk, chunks, x), begin(chunk + 1, chunks, x)
    x, y = x[first:end], y[first:end]
    for i in range(x.size):
        y[i] = sigmoid32(x[i])


@kernel
def sigmoid_loop(chunks: int, x: Array, y: Array) -> None:
    parallel_for(sigmoid_chunk, chunks, (x, y))


@task
def sigmoid64_chunk(chunk: int, chunks: int, x: Array, y: Array) -> None:
    first, end = begin(chunk, chunks, x), begin(chunk + 1, chunks, x)
    width, rest = lanes(x), (end - first) % lanes(x)
    for i in range(first, end - rest, width):
        store(y, i, sigmoid(load(x, i)))
    if rest:
        i = end - rest
        store_some(y, i, sigmoid(load_some(x, i, rest)), rest)


@kernel
def sigmoid64_loop(chunks: int, x: Array, y: Array) -> None:
    parallel_for(sigmoid64_chunk, chunks, (x, y))


@task
def sigmoid_backward_chunk(chunk: int, chunks: int, dy: Array, y: Array, dx: Array) -> None:
    first, end = begin(chunk, chunks, dy), begin(chunk + 1, chunks, dy)
    dy, y, dx = dy[first:end], y[first:end], dx[first:end]
    for i in range(y.size):
        dx[i] = dy[i] * y[i] * (y.dtype.type(1) - y[i])


@kernel
def sigmoid_backward_loop(chunks: int, dy: Array, y: Array, dx: Array) -> None:
    parallel_for(sigmoid_backward_chunk, chunks, (dy, y, dx))


@task
def tanh_backward_chunk(chunk: int, chunks: int, dy: Array, y: Array, dx: Array) -> None:
    first, end = begin(chunk, chunks, dy), begin(chunk + 1, chunks, dy)
    dy, y, dx = dy[first:end], y[first:end], dx[first:end]
    for i in range(y.size):
        dx[i] = dy[i] * (y.dtype.type(1) - y[i] * y[i])


@kernel
def tanh_backward_loop(chunks: int, dy: Array, y: Array, dx: Array) -> None:
    parallel_for(tanh_backward_chunk, chunks, (dy, y, dx))


@task
def leaky_relu_chunk(chunk: int, chunks: int, x: Array, y: Array, slope: float) -> None:
    first, end = begin(chunk, chunks, x), begin(chunk + 1, chunks, x)
    x, y = x[first:end], y[first:end]
    a = x.dtype.type(slope)
    for i in range(x.size):
        y[i] = x[i] if x[i] > 0 else a * x[i]


@kernel
def leaky_relu_loop(chunks: int, x: Array, y: Array, slope: float) -> None:
    parallel_for(leaky_relu_chunk, chunks, (x, y, slope))


@task
def leaky_relu_backward_chunk(
    chunk: int, chunks: int, dy: Array, x: Array, dx: Array, slope: float
) -> None:
    first, end = begin(chunk, chunks, dy), begin(chunk + 1, chunks, dy)
    dy, x, dx = dy[first:end], x[first:end], dx[first:end]
    a = x.dtype.type(slope)
    for i in range(x.size):
        dx[i] = dy[i] if x[i] > 0 else a * dy[i]


@kernel
def leaky_relu_backward_loop(chunks: int, dy: Array, x: Array, dx: Array, slope: float) -> None:
    parallel_for(leaky_relu_backward_chunk, chunks, (dy, x, dx, slope))


@task
def hardsigmoid_chunk(chunk: int, chunks: int, x: Array, y: Array) -> None:
    first, end = begin(chunk, chunks, x), begin(chunk + 1, chunks, x)
    x, y = x[first:end], y[first:end]
    for i in range(x.size):
        y[i] = min(max(x[i] * SIXTH + HALF, ZERO), ONE)


@kernel
def hardsigmoid_loop(chunks: int, x: Array, y: Array) -> None:
    parallel_for(hardsigmoid_chunk, chunks, (x, y))


@task
def hardsigmoid_backward_chunk(chunk: int, chunks: int, dy: Array, x: Array, dx: Array) -> None:
    first, end = begin(chunk, chunks, dy), begin(chunk + 1, chunks, dy)
    dy, x, dx = dy[first:end], x[first:end], dx[first:end]
    for i in range(x.size):
        d = dy[i] * SIXTH
        dx[i] = d if abs(x[i]) < THREE else ZERO


@kernel
def hardsigmoid_backward_loop(chunks: int, dy: Array, x: Array, dx: Array) -> None:
    parallel_for(hardsigmoid_backward_chunk, chunks, (dy, x, dx))


@task
def hardswish_chunk(chunk: int, chunks: int, x: Array, y: Array) -> None:
    first, end = begin(chunk, chunks, x), begin(chunk + 1, chunks, x)
    x, y = x[first:end], y[first:end]
    for i in range(x.size):
        y[i] = x[i] * min(max(x[i] * SIXTH + HALF, ZERO), ONE)


@kernel
def hardswish_loop(chunks: int, x: Array, y: Array) -> None:
    parallel_for(hardswish_chunk, chunks, (x, y))


@task
def hardswish_backward_chunk(chunk: int, chunks: int, dy: Array, x: Array, dx: Array) -> None:
    first, end = begin(chunk, chunks, dy), begin(chunk + 1, chunks, dy)
    dy, x, dx = dy[first:end], x[first:end], dx[first:end]
    for i in range(x.size):
        slope = x[i] * THIRD + HALF
        slope = ONE if x[i] >= THREE else slope
        dx[i] = ZERO if x[i] <= -THREE else dy[i] * slope


@kernel
def hardswish_backward_loop(chunks: int, dy: Array, x: Array, dx: Array) -> None:
    parallel_for(hardswish_backward_chunk, chunks, (dy, x, dx))


@inlined
def expm1_32(x: Any) -> Any:
    """e**x - 1 for x <= 0 in float32; near 0 a series, where the subtraction would lose digits."""
    series = x + x * x * (f32(1 / 2) + x * (f32(1 / 6) + x * (f32(1 / 24) + x * (
        f32(1 / 120) + x * (f32(1 / 720) + x * f32(1 / 5040))))))
    return series if x > NEAR else exp32(x) - ONE


@task
def elu_chunk(
    chunk: int, chunks: int, x: Array, y: Array, alpha: float, scale: float, inner: float
) -> None:
    first, end = begin(chunk, chunks, x), begin(chunk + 1, chunks, x)
    x, y = x[first:end], y[first:end]
    low, high, b = f32(scale * alpha), f32(scale), f32(inner)
    for i in range(x.size):
        y[i] = high * x[i] if x[i] > ZERO else low * expm1_32(b * min(x[i], ZERO))


@kernel
def elu_loop(chunks: int, x: Array, y: Array, alpha: float, scale: float, inner: float) -> None:
    parallel_for(elu_chunk, chunks, (x, y, alpha, scale, inner))


@task
def elu_backward_chunk(
    chunk: int, chunks: int, dy: Array, x: Array, dx: Array, alpha: float, scale: float,
    inner: float,
) -> None:
    first, end = begin(chunk, chunks, dy), begin(chunk + 1, chunks, dy)
    dy, x, dx = dy[first:end], x[first:end], dx[first:end]
    low, high, b = f32(scale * alpha * inner), f32(scale), f32(inner)
    for i in range(x.size):
        dx[i] = dy[i] * (high if x[i] > ZERO else low * exp32(b * min(x[i], ZERO)))


@kernel
def elu_backward_loop(
    chunks: int, dy: Array, x: Array, dx: Array, alpha: float, scale: float, inner: float
) -> None:
    parallel_for(elu_backward_chunk, chunks, (dy, x, dx, alpha, scale, inner))


@task
def softplus_chunk(
    chunk: int, chunks: int, x: Array, y: Array, beta: float, threshold: float
) -> None:
    first, end = begin(chunk, chunks, x), begin(chunk + 1, chunks, x)
    x, y = x[first:end], y[first:end]
    b, back, top = f32(beta), f32(1.0 / beta), f32(threshold)
    for i in range(x.size):
        z = b * x[i]
        smooth = (max(z, ZERO) + log1p_of_exp32(-abs(z))) * back
        y[i] = x[i] if z > top else smooth


@kernel
def softplus_loop(chunks: int, x: Array, y: Array, beta: float, threshold: float) -> None:
    parallel_for(softplus_chunk, chunks, (x, y, beta, threshold))


@task
def softplus_backward_chunk(
    chunk: int, chunks: int, dy: Array, x: Array, dx: Array, beta: float, threshold: float
) -> None:
    first, end = begin(chunk, chunks, dy), begin(chunk + 1, chunks, dy)
    dy, x, dx = dy[first:end], x[first:end], dx[first:end]
    b, top = f32(beta), f32(threshold)
    for i in range(x.size):
        z = b * x[i]
        dx[i] = dy[i] if z > top else dy[i] * sigmoid32(z)


@kernel
def softplus_backward_loop(
    chunks: int, dy: Array, x: Array, dx: Array, beta: float, threshold: float
) -> None:
    parallel_for(softplus_backward_chunk, chunks, (dy, x, dx, beta, threshold))


@task
def silu_chunk(chunk: int, chunks: int, x: Array, y: Array) -> None:
    first, end = begin(chunk, chunks, x), begin(chunk + 1, chunks, x)
    x, y = x[first:end], y[first:end]
    for i in range(x.size):
        y[i] = x[i] * sigmoid32(x[i])


@kernel
def silu_loop(chunks: int, x: Array, y: Array) -> None:
    parallel_for(silu_chunk, chunks, (x, y))


@task
def silu_backward_chunk(chunk: int, chunks: int, dy: Array, x: Array, dx: Array) -> None:
    first, end = begin(chunk, chunks, dy), begin(chunk + 1, chunks, dy)
    dy, x, dx = dy[first:end], x[first:end], dx[first:end]
    for i in range(x.size):
        s = sigmoid32(x[i])
        dx[i] = dy[i] * (s * (ONE + x[i] * (ONE - s)))


@kernel
def silu_backward_loop(chunks: int, dy: Array, x: Array, dx: Array) -> None:
    parallel_for(silu_backward_chunk, chunks, (dy, x, dx))


@task
def mish_chunk(chunk: int, chunks: int, x: Array, y: Array) -> None:
    first, end = begin(chunk, chunks, x), begin(chunk + 1, chunks, x)
    x, y = x[first:end], y[first:end]
    for i in range(x.size):
        y[i] = x[i] * mish_tanh(x[i])


@kernel
def mish_loop(chunks: int, x: Array, y: Array) -> None:
    parallel_for(mish_chunk, chunks, (x, y))


@task
def mish_backward_chunk(chunk: int, chunks: int, dy: Array, x: Array, dx: Array) -> None:
    first, end = begin(chunk, chunks, dy), begin(chunk + 1, chunks, dy)
    dy, x, dx = dy[first:end], x[first:end], dx[first:end]
    for i in range(x.size):
        t = mish_tanh(x[i])
        dx[i] = dy[i] * (t + x[i] * sigmoid32(x[i]) * (ONE - t * t))


@kernel
def mish_backward_loop(chunks: int, dy: Array, x: Array, dx: Array) -> None:
    parallel_for(mish_backward_chunk, chunks, (dy, x, dx))


@task
def gelu_chunk(chunk: int, chunks: int, x: Array, y: Array) -> None:
    first, end = begin(chunk, chunks, x), begin(chunk + 1, chunks, x)
    x, y = x[first:end], y[first:end]
    for i in range(x.size):
        v, mills, e = x[i], mills32(x[i]), gaussian32(x[i])
        y[i] = v * mills * e if v < ZERO else v * (ONE - mills * e)


@kernel
def gelu_loop(chunks: int, x: Array, y: Array) -> None:
    parallel_for(gelu_chunk, chunks, (x, y))


@task
def gelu_backward_chunk(chunk: int, chunks: int, dy: Array, x: Array, dx: Array) -> None:
    first, end = begin(chunk, chunks, dy), begin(chunk + 1, chunks, dy)
    dy, x, dx = dy[first:end], x[first:end], dx[first:end]
    for i in range(x.size):
        v = x[i]
        e = gaussian32(v)
        tail = mills32(v) * e
        below = tail if v < ZERO else ONE - tail
        dx[i] = dy[i] * (below + v * DENSITY * e)


@kernel
def gelu_backward_loop(chunks: int, dy: Array, x: Array, dx: Array) -> None:
    parallel_for(gelu_backward_chunk, chunks, (dy, x, dx))


@task
def gelu_tanh_chunk(chunk: int, chunks: int, x: Array, y: Array) -> None:
    first, end = begin(chunk, chunks, x), begin(chunk + 1, chunks, x)
    x, y = x[first:end], y[first:end]
    for i in range(x.size):
        v = x[i]
        y[i] = v * sigmoid32(SLOPE * v * (ONE + CUBIC * v * v))


@kernel
def gelu_tanh_loop(chunks: int, x: Array, y: Array) -> None:
    parallel_for(gelu_tanh_chunk, chunks, (x, y))


@task
def gelu_tanh_backward_chunk(chunk: int, chunks: int, dy: Array, x: Array, dx: Array) -> None:
    first, end = begin(chunk, chunks, dy), begin(chunk + 1, chunks, dy)
    dy, x, dx = dy[first:end], x[first:end], dx[first:end]
    for i in range(x.size):
        v = x[i]
        cubed = CUBIC * v * v
        p = sigmoid32(SLOPE * v * (ONE + cubed))
        steep = SLOPE * (ONE + f32(3) * cubed)
        dx[i] = dy[i] * (p + v * p * (ONE - p) * steep)


@kernel
def gelu_tanh_backward_loop(chunks: int, dy: Array, x: Array, dx: Array) -> None:
    parallel_for(gelu_tanh_backward_chunk, chunks, (dy, x, dx))
