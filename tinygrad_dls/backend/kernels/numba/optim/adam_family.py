"""Steps of Adam and its variants, in place: one pass over weights and state (LAMB: two)."""

from typing import Any

import numpy as np

from ...reference import adam_family as reference
from ...reference.optimizers import Arrays
from ..compile import inlined, kernel, task
from ..layout import F32, F64
from ..parallel import parallel_for
from ..simd.intrinsics import smallest_normal
from ..threads import threads_for

Array = Any


@inlined
def flush_denormal(a: Any) -> Any:
    """a, or 0 where it is denormal.

    An average that nothing feeds any more, that of a dead unit, shrinks down to the smallest number
    there is and stays there (0.9 of it is rounded up to it); processors compute with such numbers a
    hundred times as slowly.
    """
    return a * 0 if abs(a) < smallest_normal(a) else a


@task
def adam_chunk(
    chunk: int, chunks: int, w: Array, g: Array, m: Array, v: Array, step: float, beta1: float,
    beta2: float, eps: float, keep: float, decay: float, sign: float, root: float,
) -> None:
    """w = keep w - step m / (root sqrt(v) + eps): the corrections are in `step` and `root`."""
    kind = w.dtype.type
    rate, small, stay, scale = kind(step), kind(eps), kind(keep), kind(root)
    shrink, direction = kind(decay), kind(sign)
    b1, b2, new1, new2 = kind(beta1), kind(beta2), kind(1.0 - beta1), kind(1.0 - beta2)
    mine = slice(chunk * w.size // chunks, (chunk + 1) * w.size // chunks)
    w, g, m, v = w[mine], g[mine], m[mine], v[mine]
    for i in range(w.size):
        d = direction * g[i] + shrink * w[i]
        a = b1 * m[i] + new1 * d
        b = b2 * v[i] + new2 * d * d
        m[i] = flush_denormal(a)
        v[i] = flush_denormal(b)
        w[i] = w[i] * stay - rate * a / (np.sqrt(b) * scale + small)


@kernel
def adam_step(
    chunks: int, w: Array, g: Array, m: Array, v: Array, step: float, beta1: float, beta2: float,
    eps: float, keep: float, decay: float, sign: float, root: float,
) -> None:
    parallel_for(adam_chunk, chunks,
                 (w, g, m, v, step, beta1, beta2, eps, keep, decay, sign, root))


@kernel
def amsgrad_loop(
    w: Array, g: Array, m: Array, v: Array, largest: Array, step: float, beta1: float,
    beta2: float, eps: float, keep: float, decay: float, sign: float, root: float,
) -> None:
    kind = w.dtype.type
    rate, small, stay, scale = kind(step), kind(eps), kind(keep), kind(root)
    shrink, direction = kind(decay), kind(sign)
    b1, b2, new1, new2 = kind(beta1), kind(beta2), kind(1.0 - beta1), kind(1.0 - beta2)
    for i in range(w.size):
        d = direction * g[i] + shrink * w[i]
        a = b1 * m[i] + new1 * d
        b = b2 * v[i] + new2 * d * d
        m[i] = flush_denormal(a)
        v[i] = flush_denormal(b)
        c = largest[i] if largest[i] > b else b
        largest[i] = c
        w[i] = w[i] * stay - rate * a / (np.sqrt(c) * scale + small)


@kernel
def adamax_loop(
    w: Array, g: Array, m: Array, u: Array, step: float, beta1: float, beta2: float, eps: float,
    decay: float, sign: float,
) -> None:
    kind = w.dtype.type
    rate, small, shrink, direction = kind(step), kind(eps), kind(decay), kind(sign)
    b1, new1, b2 = kind(beta1), kind(1.0 - beta1), kind(beta2)
    for i in range(w.size):
        d = direction * g[i] + shrink * w[i]
        a = b1 * m[i] + new1 * d
        old, new = b2 * u[i], abs(d) + small
        b = old if old > new else new
        m[i] = flush_denormal(a)
        u[i] = flush_denormal(b)
        w[i] -= rate * a / b


@kernel
def nadam_loop(
    w: Array, g: Array, m: Array, v: Array, of_g: float, of_m: float, beta1: float, beta2: float,
    eps: float, keep: float, decay: float, sign: float, root: float,
) -> None:
    kind = w.dtype.type
    now, then, small, stay, scale = kind(of_g), kind(of_m), kind(eps), kind(keep), kind(root)
    shrink, direction = kind(decay), kind(sign)
    b1, b2, new1, new2 = kind(beta1), kind(beta2), kind(1.0 - beta1), kind(1.0 - beta2)
    for i in range(w.size):
        d = direction * g[i] + shrink * w[i]
        a = b1 * m[i] + new1 * d
        b = b2 * v[i] + new2 * d * d
        m[i] = flush_denormal(a)
        v[i] = flush_denormal(b)
        w[i] = w[i] * stay - (now * d + then * a) / (np.sqrt(b) * scale + small)


@kernel
def radam_loop(
    w: Array, g: Array, m: Array, v: Array, step: float, beta1: float, beta2: float, eps: float,
    keep: float, decay: float, sign: float, plain: float,
) -> None:
    """w = keep w - step m / (sqrt(v) + eps), or without the divisor if `plain` is 1 (else 0)."""
    kind = w.dtype.type
    rate, small, stay, one = kind(step), kind(eps), kind(keep), kind(plain)
    shrink, direction = kind(decay), kind(sign)
    b1, b2, new1, new2 = kind(beta1), kind(beta2), kind(1.0 - beta1), kind(1.0 - beta2)
    for i in range(w.size):
        d = direction * g[i] + shrink * w[i]
        a = b1 * m[i] + new1 * d
        b = b2 * v[i] + new2 * d * d
        m[i] = flush_denormal(a)
        v[i] = flush_denormal(b)
        w[i] = w[i] * stay - rate * a / (one if one > 0 else np.sqrt(b) + small)


@kernel
def lamb_loop(
    w: Array, g: Array, m: Array, v: Array, lr: float, beta1: float, beta2: float, eps: float,
    decay: float, sign: float, correct: float, root: float,
) -> None:
    """The norms in float64; the step of each element is computed a second time, not kept."""
    kind = w.dtype.type
    small, shrink, direction = kind(eps), kind(decay), kind(sign)
    first, scale = kind(correct), kind(root)
    b1, b2, new1, new2 = kind(beta1), kind(beta2), kind(1.0 - beta1), kind(1.0 - beta2)
    long, short = 0.0, 0.0
    for i in range(w.size):
        d = direction * g[i]
        a = b1 * m[i] + new1 * d
        b = b2 * v[i] + new2 * d * d
        m[i] = flush_denormal(a)
        v[i] = flush_denormal(b)
        u = first * a / (np.sqrt(b) * scale + small) + shrink * w[i]
        long += float(w[i]) * float(w[i])
        short += float(u) * float(u)
    ratio = np.sqrt(long / short) if long > 0 and short > 0 else 1.0
    if np.isnan(long) or np.isnan(short):
        ratio = np.nan
    rate = kind(lr * ratio)
    for i in range(w.size):
        w[i] -= rate * (first * m[i] / (np.sqrt(v[i]) * scale + small) + shrink * w[i])


class AdamFamily(reference.AdamFamily):
    """Those of the reference that compiled loops beat: all of them."""

    def adam(
        self, ws: Arrays, gs: Arrays, ms: Arrays, vs: Arrays, largest: Arrays | None, lr: float,
        beta1: float, beta2: float, eps: float, decay: float, decoupled: bool, maximize: bool,
        correct1: float, correct2: float,
    ) -> None:
        rows = lines(ws, gs, ms, vs) if largest is None else lines(ws, gs, ms, vs, largest)
        if rows is None:
            super().adam(ws, gs, ms, vs, largest, lr, beta1, beta2, eps, decay, decoupled,
                         maximize, correct1, correct2)
            return
        keep, added, sign = _factors(lr, decay, decoupled, maximize)
        step, root = lr / correct1, correct2**-0.5
        options = (step, beta1, beta2, eps, keep, added, sign, root)
        for row in rows:
            if largest is not None:
                amsgrad_loop(*row, *options)
            else:
                adam_step(threads_for(45 * row[0].size), *row, *options)

    def adamax(
        self, ws: Arrays, gs: Arrays, ms: Arrays, us: Arrays, lr: float, beta1: float,
        beta2: float, eps: float, decay: float, maximize: bool, correct1: float,
    ) -> None:
        rows = lines(ws, gs, ms, us)
        if rows is None:
            super().adamax(ws, gs, ms, us, lr, beta1, beta2, eps, decay, maximize, correct1)
            return
        for row in rows:
            adamax_loop(*row, lr / correct1, beta1, beta2, eps, decay, -1.0 if maximize else 1.0)

    def nadam(
        self, ws: Arrays, gs: Arrays, ms: Arrays, vs: Arrays, lr: float, beta1: float,
        beta2: float, eps: float, decay: float, decoupled: bool, maximize: bool, of_g: float,
        of_m: float, correct2: float,
    ) -> None:
        rows = lines(ws, gs, ms, vs)
        if rows is None:
            super().nadam(ws, gs, ms, vs, lr, beta1, beta2, eps, decay, decoupled, maximize, of_g,
                          of_m, correct2)
            return
        keep, added, sign = _factors(lr, decay, decoupled, maximize)
        for row in rows:
            nadam_loop(*row, of_g, of_m, beta1, beta2, eps, keep, added, sign, correct2**-0.5)

    def radam(
        self, ws: Arrays, gs: Arrays, ms: Arrays, vs: Arrays, lr: float, beta1: float,
        beta2: float, eps: float, decay: float, decoupled: bool, maximize: bool, correct1: float,
        rectify: float,
    ) -> None:
        rows = lines(ws, gs, ms, vs)
        if rows is None:
            super().radam(ws, gs, ms, vs, lr, beta1, beta2, eps, decay, decoupled, maximize,
                          correct1, rectify)
            return
        keep, added, sign = _factors(lr, decay, decoupled, maximize)
        step, plain = lr / correct1 * (rectify or 1.0), 0.0 if rectify else 1.0
        for row in rows:
            radam_loop(*row, step, beta1, beta2, eps, keep, added, sign, plain)

    def lamb(
        self, ws: Arrays, gs: Arrays, ms: Arrays, vs: Arrays, lr: float, beta1: float,
        beta2: float, eps: float, decay: float, maximize: bool, correct1: float, correct2: float,
    ) -> None:
        rows = lines(ws, gs, ms, vs)
        if rows is None:
            super().lamb(ws, gs, ms, vs, lr, beta1, beta2, eps, decay, maximize, correct1,
                         correct2)
            return
        sign = -1.0 if maximize else 1.0
        for row in rows:
            lamb_loop(*row, lr, beta1, beta2, eps, decay, sign, 1.0 / correct1, correct2**-0.5)


def _factors(lr: float, decay: float, decoupled: bool, maximize: bool) -> tuple[float, ...]:
    """Return the factor of w, the share of w that is added to the gradient, and its sign."""
    sign = -1.0 if maximize else 1.0
    return (1.0 - lr * decay, 0.0, sign) if decoupled else (1.0, decay, sign)


def lines(*columns: Arrays) -> list[tuple[Array, ...]] | None:
    """Rows of arrays, one of each column, as one-dimensional views: of each parameter its arrays.

    None unless all have one float dtype and are C-contiguous. The arrays of a row have one shape:
    the optimizer sees to that.
    """
    dtype = columns[0][0].dtype if columns[0] else F32
    if dtype is not F32 and dtype is not F64:
        return None
    rows = []
    for row in zip(*columns):
        for a in row:
            if a.dtype is not dtype or not a.flags.c_contiguous:
                return None
        rows.append(row if row[0].ndim == 1 else tuple([a.ravel() for a in row]))
    return rows
