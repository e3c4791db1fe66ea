"""Steps of optimizers, in place: one pass over weights and state; the usual ones on all cores.

One compiled call for each parameter. A call for all of them, over a table of addresses, was
measured too: finding the addresses takes as long as the calls do.
"""

from typing import Any

import numpy as np

from ...reference import optimizers as reference
from ...reference.optimizers import Arrays
from ...sparse_rows import rows_of
from ..compile import kernel, task
from ..parallel import parallel_for
from ..threads import threads_for
from .adam_family import flush_denormal, lines

Array = Any


@task
def sgd_chunk(chunk: int, chunks: int, w: Array, g: Array, lr: float, decay: float) -> None:
    rate, shrink = w.dtype.type(lr), w.dtype.type(decay)
    mine = slice(chunk * w.size // chunks, (chunk + 1) * w.size // chunks)
    w, g = w[mine], g[mine]
    for i in range(w.size):  # from 0: of other ranges the compiler makes no vectors
        w[i] -= rate * (g[i] + shrink * w[i])


@kernel
def sgd_step(chunks: int, w: Array, g: Array, lr: float, decay: float) -> None:
    parallel_for(sgd_chunk, chunks, (w, g, lr, decay))


@kernel
def sgd_rows_loop(w: Array, g: Array, rows: Array, lr: float) -> None:
    """w -= lr g, where the other rows of g are zero."""
    rate = w.dtype.type(lr)
    for i in range(rows.size):
        weights, slopes = w[rows[i]], g[rows[i]]
        for j in range(weights.size):
            weights[j] -= rate * slopes[j]


@task
def sgd_momentum_chunk(
    chunk: int, chunks: int, w: Array, g: Array, velocity: Array, lr: float, momentum: float,
    part: float, sign: float, decay: float, nesterov: bool,
) -> None:
    kind = w.dtype.type
    rate, mu, new, direction, shrink = kind(lr), kind(momentum), kind(part), kind(sign), kind(decay)
    mine = slice(chunk * w.size // chunks, (chunk + 1) * w.size // chunks)
    w, g, velocity = w[mine], g[mine], velocity[mine]
    for i in range(w.size):
        d = direction * g[i] + shrink * w[i]
        v = mu * velocity[i] + new * d
        velocity[i] = flush_denormal(v)
        w[i] -= rate * (d + mu * v if nesterov else v)


@kernel
def sgd_momentum_step(
    chunks: int, w: Array, g: Array, velocity: Array, lr: float, momentum: float, part: float,
    sign: float, decay: float, nesterov: bool,
) -> None:
    parallel_for(sgd_momentum_chunk, chunks,
                 (w, g, velocity, lr, momentum, part, sign, decay, nesterov))


@kernel
def rmsprop_loop(
    w: Array, g: Array, square: Array, lr: float, alpha: float, eps: float, decay: float,
    sign: float,
) -> None:
    kind = w.dtype.type
    rate, small, shrink, direction = kind(lr), kind(eps), kind(decay), kind(sign)
    old, new = kind(alpha), kind(1.0 - alpha)
    for i in range(w.size):
        d = direction * g[i] + shrink * w[i]
        s = old * square[i] + new * d * d
        square[i] = flush_denormal(s)
        w[i] -= rate * d / (np.sqrt(s) + small)


@kernel
def rmsprop_full_loop(
    w: Array, g: Array, square: Array, mean: Array, velocity: Array, lr: float, alpha: float,
    eps: float, decay: float, momentum: float, sign: float, centered: bool,
) -> None:
    """With velocity, and centered or not; where it is not, `mean` is any array, left as it is."""
    kind = w.dtype.type
    rate, small, shrink, direction = kind(lr), kind(eps), kind(decay), kind(sign)
    old, new, mu = kind(alpha), kind(1.0 - alpha), kind(momentum)
    for i in range(w.size):
        d = direction * g[i] + shrink * w[i]
        s = old * square[i] + new * d * d
        square[i] = flush_denormal(s)
        if centered:
            a = old * mean[i] + new * d
            mean[i] = flush_denormal(a)
            s -= a * a
        b = mu * velocity[i] + d / (np.sqrt(s) + small)
        velocity[i] = flush_denormal(b)
        w[i] -= rate * b


@kernel
def adagrad_loop(
    w: Array, g: Array, total: Array, lr: float, eps: float, decay: float, sign: float
) -> None:
    kind = w.dtype.type
    rate, small, shrink, direction = kind(lr), kind(eps), kind(decay), kind(sign)
    for i in range(w.size):
        d = direction * g[i] + shrink * w[i]
        s = total[i] + d * d
        total[i] = s
        w[i] -= rate * d / (np.sqrt(s) + small)


@kernel
def adadelta_loop(
    w: Array, g: Array, square: Array, steps: Array, lr: float, rho: float, eps: float,
    decay: float, sign: float,
) -> None:
    kind = w.dtype.type
    rate, small, shrink, direction = kind(lr), kind(eps), kind(decay), kind(sign)
    old, new = kind(rho), kind(1.0 - rho)
    for i in range(w.size):
        d = direction * g[i] + shrink * w[i]
        s = old * square[i] + new * d * d
        u = steps[i]
        step = d * np.sqrt(u + small) / np.sqrt(s + small)
        square[i] = flush_denormal(s)
        steps[i] = flush_denormal(old * u + new * step * step)
        w[i] -= rate * step


@kernel
def lion_loop(
    w: Array, g: Array, m: Array, lr: float, beta1: float, beta2: float, decay: float, sign: float
) -> None:
    kind = w.dtype.type
    rate, direction, shrink = kind(lr), kind(sign), kind(1.0 - lr * decay)
    old1, new1 = kind(beta1), kind(1.0 - beta1)
    old2, new2 = kind(beta2), kind(1.0 - beta2)
    for i in range(w.size):
        d, a = direction * g[i], m[i]
        c = old1 * a + new1 * d
        w[i] = w[i] * shrink - rate * np.sign(c)
        m[i] = flush_denormal(old2 * a + new2 * d)


@kernel
def blend_loop(a: Array, x: Array, chunk: float) -> None:
    part = a.dtype.type(chunk)
    for i in range(a.size):
        a[i] += part * (x[i] - a[i])


class Optimizers(reference.Optimizers):
    """Those of the reference that compiled loops beat: all of them."""

    def sgd(
        self, ws: Arrays, gs: Arrays, velocities: Arrays | None, lr: float, momentum: float,
        dampening: float, decay: float, nesterov: bool, maximize: bool, first: bool,
    ) -> None:
        rows = lines(ws, gs) if velocities is None else lines(ws, gs, velocities)
        if rows is None:
            super().sgd(ws, gs, velocities, lr, momentum, dampening, decay, nesterov, maximize,
                        first)
        elif velocities is None:  # to climb is to descend by a negative rate
            lr, decay = (-lr, -decay) if maximize else (lr, decay)
            for (w, g), whole in zip(rows, gs):
                places = rows_of(whole) if decay == 0 else None
                if places is not None:
                    sgd_rows_loop(w.reshape(whole.shape), whole, places, lr)
                else:
                    sgd_step(threads_for(15 * w.size), w, g, lr, decay)
        else:  # the first velocity is the gradient itself: no dampening, nothing before
            chunk, sign = 1.0 if first else 1.0 - dampening, -1.0 if maximize else 1.0
            for row in rows:
                if first:
                    row[2][:] = 0
                sgd_momentum_step(threads_for(25 * row[0].size), *row, lr, momentum, chunk, sign,
                                      decay, nesterov)

    def rmsprop(
        self, ws: Arrays, gs: Arrays, squares: Arrays, means: Arrays | None,
        velocities: Arrays | None, lr: float, alpha: float, eps: float, decay: float,
        momentum: float, maximize: bool,
    ) -> None:
        sign = -1.0 if maximize else 1.0
        if velocities is None and means is None and (rows := lines(ws, gs, squares)) is not None:
            for row in rows:
                rmsprop_loop(*row, lr, alpha, eps, decay, sign)
        elif velocities is not None and (
            rows := lines(ws, gs, squares, means or squares, velocities)
        ) is not None:
            for row in rows:
                rmsprop_full_loop(*row, lr, alpha, eps, decay, momentum, sign, means is not None)
        else:
            super().rmsprop(ws, gs, squares, means, velocities, lr, alpha, eps, decay, momentum,
                            maximize)

    def adagrad(
        self, ws: Arrays, gs: Arrays, totals: Arrays, lr: float, eps: float, decay: float,
        maximize: bool,
    ) -> None:
        rows = lines(ws, gs, totals)
        if rows is None:
            super().adagrad(ws, gs, totals, lr, eps, decay, maximize)
            return
        for row in rows:
            adagrad_loop(*row, lr, eps, decay, -1.0 if maximize else 1.0)

    def adadelta(
        self, ws: Arrays, gs: Arrays, squares: Arrays, steps: Arrays, lr: float, rho: float,
        eps: float, decay: float, maximize: bool,
    ) -> None:
        rows = lines(ws, gs, squares, steps)
        if rows is None:
            super().adadelta(ws, gs, squares, steps, lr, rho, eps, decay, maximize)
            return
        for row in rows:
            adadelta_loop(*row, lr, rho, eps, decay, -1.0 if maximize else 1.0)

    def lion(
        self, ws: Arrays, gs: Arrays, ms: Arrays, lr: float, beta1: float, beta2: float,
        decay: float, maximize: bool,
    ) -> None:
        rows = lines(ws, gs, ms)
        if rows is None:
            super().lion(ws, gs, ms, lr, beta1, beta2, decay, maximize)
            return
        for row in rows:
            lion_loop(*row, lr, beta1, beta2, decay, -1.0 if maximize else 1.0)

    def blend(self, averages: Arrays, values: Arrays, chunk: float) -> None:
        rows = lines(averages, values)
        if rows is None:
            super().blend(averages, values, chunk)
            return
        for row in rows:
            blend_loop(*row, chunk)
