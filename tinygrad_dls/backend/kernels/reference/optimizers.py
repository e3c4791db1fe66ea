"""One step of each optimizer, in place, over lists of arrays: a parameter w, its gradient g, state.

Number i of every list belongs to parameter i; one call does a whole group of parameters. The
gradients are not changed. `decay` adds decay * w to g (L2), `maximize` climbs instead of
descending. The variants of Adam are in the file adams.py.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

from .base import Family

Arrays: TypeAlias = Sequence[Any]


class Optimizers(Family):
    """sgd, rmsprop, adagrad, adadelta, lion; blend for averages of weights."""

    def sgd(
        self, ws: Arrays, gs: Arrays, velocities: Arrays | None, lr: float, momentum: float,
        dampening: float, decay: float, nesterov: bool, maximize: bool, first: bool,
    ) -> None:
        """v = momentum v + (1 - dampening) g;  w -= lr v  (Nesterov: w -= lr (g + momentum v))."""
        for w, g, velocity in zip(ws, gs, velocities or [None] * len(ws)):
            g = downhill(w, g, decay, maximize)
            if velocity is not None:
                if first:
                    velocity[...] = g
                else:
                    velocity *= momentum
                    velocity += (1.0 - dampening) * g
                g = g + momentum * velocity if nesterov else velocity
            w -= lr * g

    def rmsprop(
        self, ws: Arrays, gs: Arrays, squares: Arrays, means: Arrays | None,
        velocities: Arrays | None, lr: float, alpha: float, eps: float, decay: float,
        momentum: float, maximize: bool,
    ) -> None:
        """s = alpha s + (1 - alpha) g^2;  w -= lr g / (sqrt(s) + eps), centered if `means`."""
        nothing = [None] * len(ws)
        for w, g, square, mean, velocity in zip(ws, gs, squares, means or nothing,
                                                velocities or nothing):
            g = downhill(w, g, decay, maximize)
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

    def adagrad(
        self, ws: Arrays, gs: Arrays, totals: Arrays, lr: float, eps: float, decay: float,
        maximize: bool,
    ) -> None:
        """s = s + g^2;  w -= lr g / (sqrt(s) + eps)."""
        for w, g, total in zip(ws, gs, totals):
            g = downhill(w, g, decay, maximize)
            total += g * g
            w -= lr * g / (self.xp.sqrt(total) + eps)

    def adadelta(
        self, ws: Arrays, gs: Arrays, squares: Arrays, steps: Arrays, lr: float, rho: float,
        eps: float, decay: float, maximize: bool,
    ) -> None:
        """s = rho s + (1 - rho) g^2;  d = g sqrt(u + eps) / sqrt(s + eps);  u likewise of d."""
        sqrt = self.xp.sqrt
        for w, g, square, moved in zip(ws, gs, squares, steps):
            g = downhill(w, g, decay, maximize)
            square *= rho
            square += (1.0 - rho) * g * g
            step = g * sqrt(moved + eps) / sqrt(square + eps)
            moved *= rho
            moved += (1.0 - rho) * step * step
            w -= lr * step

    def lion(
        self, ws: Arrays, gs: Arrays, ms: Arrays, lr: float, beta1: float, beta2: float,
        decay: float, maximize: bool,
    ) -> None:
        """w -= lr (sign(b1 m + (1 - b1) g) + decay w);  m = b2 m + (1 - b2) g."""
        for w, g, m in zip(ws, gs, ms):
            g = downhill(w, g, 0.0, maximize)
            step = self.xp.sign(beta1 * m + (1.0 - beta1) * g)
            w *= 1.0 - lr * decay
            w -= lr * step
            m *= beta2
            m += (1.0 - beta2) * g

    def blend(self, averages: Arrays, values: Arrays, share: float) -> None:
        """a += share (x - a): the moving average."""
        for a, x in zip(averages, values):
            a += share * (x - a)


def downhill(w: Any, g: Any, decay: float, maximize: bool) -> Any:
    """The gradient to descend: g (negated to climb), plus that of the weight decay."""
    g = -g if maximize else g
    return g + decay * w if decay else g
