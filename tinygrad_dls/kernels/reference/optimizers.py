"""One step of each optimizer, in place: w parameter, g gradient, the rest state, all of one shape.

Bias corrections are numbers that the optimizer computed; `g` is not changed.
"""

from typing import Any

from .base import Family


class Optimizers(Family):
    """sgd, rmsprop, adam."""

    def sgd(
        self, w: Any, g: Any, velocity: Any | None, lr: float, momentum: float, dampening: float,
        weight_decay: float, nesterov: bool, first: bool,
    ) -> None:
        """v = momentum v + (1 - dampening) g;  w -= lr v  (Nesterov: w -= lr (g + momentum v))."""
        if weight_decay:
            g = g + weight_decay * w
        if velocity is not None:
            if first:
                velocity[...] = g
            else:
                velocity *= momentum
                velocity += (1.0 - dampening) * g
            g = g + momentum * velocity if nesterov else velocity
        w -= lr * g

    def rmsprop(
        self, w: Any, g: Any, square: Any, mean: Any | None, velocity: Any | None, lr: float,
        alpha: float, eps: float, weight_decay: float, momentum: float,
    ) -> None:
        """s = alpha s + (1 - alpha) g^2;  w -= lr g / (sqrt(s) + eps), centered if `mean`."""
        if weight_decay:
            g = g + weight_decay * w
        square *= alpha
        square += (1.0 - alpha) * g * g
        spread = square
        if mean is not None:
            mean *= alpha
            mean += (1.0 - alpha) * g
            spread = square - mean * mean
        step = g / (self.xp.sqrt(spread) + eps)
        if velocity is not None:
            velocity *= momentum
            velocity += step
            step = velocity
        w -= lr * step

    def adam(
        self, w: Any, g: Any, m: Any, v: Any, lr: float, beta1: float, beta2: float, eps: float,
        weight_decay: float, decoupled: bool, correct1: float, correct2: float,
    ) -> None:
        """m, v: moving averages of g and g^2;  w -= lr (m / correct1) / (sqrt(v / correct2) + eps).

        Kingma and Ba 2015; `decoupled` weight decay is AdamW's (Loshchilov and Hutter 2019).
        """
        if weight_decay and decoupled:
            w *= 1.0 - lr * weight_decay
        elif weight_decay:
            g = g + weight_decay * w
        m *= beta1
        m += (1.0 - beta1) * g
        v *= beta2
        v += (1.0 - beta2) * g * g
        w -= (lr / correct1) * m / (self.xp.sqrt(v) / correct2**0.5 + eps)
