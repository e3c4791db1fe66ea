"""The loops themselves: one pass over memory each. Arrays are one-dimensional and contiguous,
or have rows (m, n); numbers come as Python floats and are cast to the arrays' dtype inside.
"""

from typing import Any

import numpy as np

from .compile import inlined, kernel
from .functions import exp32, log1p_of_exp32, sigmoid32

Array = Any


@kernel
def sigmoid(x: Array, y: Array) -> None:
    for i in range(x.size):
        y[i] = sigmoid32(x[i])


@kernel
def sigmoid_backward(dy: Array, y: Array, dx: Array) -> None:
    for i in range(y.size):
        dx[i] = dy[i] * y[i] * (y.dtype.type(1) - y[i])


@kernel
def tanh_backward(dy: Array, y: Array, dx: Array) -> None:
    for i in range(y.size):
        dx[i] = dy[i] * (y.dtype.type(1) - y[i] * y[i])


@kernel
def relu_backward(dy: Array, y: Array, dx: Array) -> None:
    for i in range(y.size):
        dx[i] = dy[i] if y[i] > 0 else y.dtype.type(0)


@kernel
def sum_rows(x: Array, total: Array) -> None:
    """The sum of the rows of x (m, n)."""
    total[:] = 0
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            total[j] += x[i, j]


@kernel
def linear_small(x: Array, weight: Array, bias: Array, y: Array) -> None:
    """y = x @ weight.T + bias for a few inputs and outputs, where BLAS is all preparation."""
    for i in range(x.shape[0]):
        for j in range(weight.shape[0]):
            total = bias[j]
            for k in range(x.shape[1]):
                total += x[i, k] * weight[j, k]
            y[i, j] = total


@kernel
def linear_small_backward(
    dy: Array, x: Array, weight: Array, dx: Array, dweight: Array, dbias: Array
) -> None:
    """All three gradients in one pass over the examples; an empty dx is not wanted."""
    dweight[:] = 0
    dbias[:] = 0
    wants_dx = dx.size > 0
    for i in range(x.shape[0]):
        for j in range(weight.shape[0]):
            d = dy[i, j]
            dbias[j] += d
            for k in range(x.shape[1]):
                dweight[j, k] += d * x[i, k]
        if wants_dx:
            for k in range(x.shape[1]):
                total = dy[i, 0] * weight[0, k]
                for j in range(1, weight.shape[0]):
                    total += dy[i, j] * weight[j, k]
                dx[i, k] = total


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
def any_outside(x: Array, low: float, high: float) -> bool:
    found = 0
    for i in range(x.size):
        found |= (x[i] < low) | (x[i] > high)
    return found != 0


@kernel
def binary_cross_entropy(z: Array, t: Array, losses: Array) -> None:
    for i in range(z.size):
        losses[i] = max(z[i], z.dtype.type(0)) - z[i] * t[i] + log1p_of_exp32(-abs(z[i]))


@kernel
def binary_cross_entropy_backward(d: Array, z: Array, t: Array, dz: Array) -> None:
    """`d` has one element for each of z, or one for all."""
    if d.size == 1:
        for i in range(z.size):
            dz[i] = d[0] * (sigmoid32(z[i]) - t[i])
    else:
        for i in range(z.size):
            dz[i] = d[i] * (sigmoid32(z[i]) - t[i])


@kernel
def dropout(x: Array, y: Array, threshold: np.uint64, scale: float, seed: np.uint64) -> None:
    factor = x.dtype.type(scale)
    for i in range(x.size):
        h = np.uint64(i + 1) * np.uint64(0x9E3779B97F4A7C15) + seed
        h = (h ^ (h >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        h = (h ^ (h >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        h = h ^ (h >> np.uint64(31))
        y[i] = x[i] * factor if h >= threshold else x.dtype.type(0)


@kernel
def sgd(w: Array, g: Array, lr: float, weight_decay: float) -> None:
    rate, decay = w.dtype.type(lr), w.dtype.type(weight_decay)
    for i in range(w.size):
        w[i] -= rate * (g[i] + decay * w[i])


@kernel
def sgd_momentum(
    w: Array, g: Array, velocity: Array, lr: float, momentum: float, keep: float,
    weight_decay: float, nesterov: bool,
) -> None:
    rate, decay = w.dtype.type(lr), w.dtype.type(weight_decay)
    mu, share = w.dtype.type(momentum), w.dtype.type(keep)
    for i in range(w.size):
        d = g[i] + decay * w[i]
        v = mu * velocity[i] + share * d
        velocity[i] = v
        w[i] -= rate * (d + mu * v if nesterov else v)


@kernel
def rmsprop(
    w: Array, g: Array, square: Array, lr: float, alpha: float, eps: float, weight_decay: float,
) -> None:
    rate, decay, small = w.dtype.type(lr), w.dtype.type(weight_decay), w.dtype.type(eps)
    old, fresh = w.dtype.type(alpha), w.dtype.type(1.0 - alpha)
    for i in range(w.size):
        d = g[i] + decay * w[i]
        s = old * square[i] + fresh * d * d
        square[i] = s
        w[i] -= rate * d / (np.sqrt(s) + small)


@kernel
def adam(
    w: Array, g: Array, m: Array, v: Array, lr: float, beta1: float, beta2: float, eps: float,
    weight_decay: float, decoupled: bool, correct1: float, correct2: float,
) -> None:
    step, small = w.dtype.type(lr / correct1), w.dtype.type(eps)
    root = w.dtype.type(1.0 / np.sqrt(correct2))
    b1, b2 = w.dtype.type(beta1), w.dtype.type(beta2)
    new1, new2 = w.dtype.type(1.0 - beta1), w.dtype.type(1.0 - beta2)
    shrink = w.dtype.type(1.0 - lr * weight_decay if decoupled else 1.0)
    decay = w.dtype.type(0.0 if decoupled else weight_decay)
    for i in range(w.size):
        d = g[i] + decay * w[i]
        a = b1 * m[i] + new1 * d
        b = b2 * v[i] + new2 * d * d
        m[i] = a
        v[i] = b
        w[i] = w[i] * shrink - step * a / (np.sqrt(b) * root + small)
