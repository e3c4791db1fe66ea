"""Steps of optimizers, in place: one pass over weights and state."""

from typing import Any

import numpy as np

from ..reference import optimizers as reference
from .compile import kernel
from .layout import flat

Array = Any


@kernel
def sgd_loop(w: Array, g: Array, lr: float, weight_decay: float) -> None:
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
def rmsprop_loop(
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
def adam_loop(
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


class Optimizers(reference.Optimizers):
    """Those of the reference that compiled loops beat."""

    def sgd(
        self, w: Any, g: Any, velocity: Any | None, lr: float, momentum: float, dampening: float,
        weight_decay: float, nesterov: bool, first: bool,
    ) -> None:
        views = flat(w, g) if velocity is None else flat(w, g, velocity)
        if views is None:
            super().sgd(w, g, velocity, lr, momentum, dampening, weight_decay, nesterov, first)
        elif velocity is None:
            sgd_loop(*views, float(lr), float(weight_decay))
        else:  # the first velocity is the gradient itself: no dampening, nothing before
            keep, mu = (1.0, momentum) if first else (1.0 - dampening, momentum)
            if first:
                velocity[...] = 0
            sgd_momentum(*views, float(lr), float(mu), keep, float(weight_decay),
                               bool(nesterov))

    def rmsprop(
        self, w: Any, g: Any, square: Any, mean: Any | None, velocity: Any | None, lr: float,
        alpha: float, eps: float, weight_decay: float, momentum: float,
    ) -> None:
        views = flat(w, g, square) if mean is None and velocity is None else None
        if views is None:
            super().rmsprop(w, g, square, mean, velocity, lr, alpha, eps, weight_decay, momentum)
        else:
            rmsprop_loop(*views, float(lr), float(alpha), float(eps), float(weight_decay))

    def adam(
        self, w: Any, g: Any, m: Any, v: Any, lr: float, beta1: float, beta2: float, eps: float,
        weight_decay: float, decoupled: bool, correct1: float, correct2: float,
    ) -> None:
        views = flat(w, g, m, v)
        if views is None:
            super().adam(w, g, m, v, lr, beta1, beta2, eps, weight_decay, decoupled, correct1,
                         correct2)
        else:
            adam_loop(*views, float(lr), float(beta1), float(beta2), float(eps),
                       float(weight_decay), bool(decoupled), float(correct1), float(correct2))
