"""One step of Adam and its variants, in place, over lists of arrays (see optimizers.py).

m and v are moving averages of g and g^2. Bias corrections, and other numbers that depend on the
count of steps, are computed by the optimizer. `decoupled` weight decay shrinks w itself,
w -= lr decay w (Loshchilov and Hutter 2019); else decay * w is added to the gradient.
"""

from typing import Any

from .base import Family
from .optimizers import Arrays, downhill


class AdamFamily(Family):
    """adam, adamax, nadam, radam, lamb."""

    def adam(
        self, ws: Arrays, gs: Arrays, ms: Arrays, vs: Arrays, largest: Arrays | None, lr: float,
        beta1: float, beta2: float, eps: float, decay: float, decoupled: bool, maximize: bool,
        correct1: float, correct2: float,
    ) -> None:
        """w -= lr (m / correct1) / (sqrt(v / correct2) + eps)  (Kingma and Ba 2015).

        With `largest` the largest v so far takes its place (AMSGrad, Reddi et al. 2018).
        """
        for w, g, m, v, most in zip(ws, gs, ms, vs, largest or [None] * len(ws)):
            _moments(w, g, m, v, lr, beta1, beta2, decay, decoupled, maximize)
            if most is not None:
                most[...] = self.xp.maximum(most, v)
                v = most
            w -= (lr / correct1) * m / (self.xp.sqrt(v) / correct2**0.5 + eps)

    def adamax(
        self, ws: Arrays, gs: Arrays, ms: Arrays, us: Arrays, lr: float, beta1: float,
        beta2: float, eps: float, decay: float, maximize: bool, correct1: float,
    ) -> None:
        """u = max(b2 u, |g| + eps);  w -= lr (m / correct1) / u."""
        for w, g, m, u in zip(ws, gs, ms, us):
            g = downhill(w, g, decay, maximize)
            m *= beta1
            m += (1.0 - beta1) * g
            u *= beta2
            u[...] = self.xp.maximum(u, abs(g) + eps)
            w -= (lr / correct1) * m / u

    def nadam(
        self, ws: Arrays, gs: Arrays, ms: Arrays, vs: Arrays, lr: float, beta1: float,
        beta2: float, eps: float, decay: float, decoupled: bool, maximize: bool, of_g: float,
        of_m: float, correct2: float,
    ) -> None:
        """w -= (of_g g + of_m m) / (sqrt(v / correct2) + eps);  of_g, of_m hold lr."""
        for w, g, m, v in zip(ws, gs, ms, vs):
            g = _moments(w, g, m, v, lr, beta1, beta2, decay, decoupled, maximize)
            w -= (of_g * g + of_m * m) / (self.xp.sqrt(v) / correct2**0.5 + eps)

    def radam(
        self, ws: Arrays, gs: Arrays, ms: Arrays, vs: Arrays, lr: float, beta1: float,
        beta2: float, eps: float, decay: float, decoupled: bool, maximize: bool, correct1: float,
        rectify: float,
    ) -> None:
        """w -= lr (m / correct1) rectify / (sqrt(v) + eps);  w -= lr (m / correct1) if it is 0."""
        for w, g, m, v in zip(ws, gs, ms, vs):
            _moments(w, g, m, v, lr, beta1, beta2, decay, decoupled, maximize)
            if rectify:
                w -= (lr / correct1 * rectify) * m / (self.xp.sqrt(v) + eps)
            else:
                w -= (lr / correct1) * m

    def lamb(
        self, ws: Arrays, gs: Arrays, ms: Arrays, vs: Arrays, lr: float, beta1: float,
        beta2: float, eps: float, decay: float, maximize: bool, correct1: float, correct2: float,
    ) -> None:
        """u = m' / (sqrt(v') + eps) + decay w;  w -= lr (|w| / |u|) u, 1 for a norm of 0."""
        xp = self.xp
        for w, g, m, v in zip(ws, gs, ms, vs):
            _moments(w, g, m, v, lr, beta1, beta2, 0.0, False, maximize)
            u = (m / correct1) / (xp.sqrt(v) / correct2**0.5 + eps) + decay * w
            long, short = xp.sqrt((w * w).sum()), xp.sqrt((u * u).sum())
            nothing = (long == 0) | (short == 0)
            ratio = xp.where(nothing, 1.0, long / xp.where(nothing, 1.0, short))
            w -= lr * ratio.astype(w.dtype) * u


def _moments(
    w: Any, g: Any, m: Any, v: Any, lr: float, beta1: float, beta2: float, decay: float,
    decoupled: bool, maximize: bool,
) -> Any:
    """Bring m and v up to date, and decay the weights; the gradient that counts."""
    if decay and decoupled:
        w *= 1.0 - lr * decay
    g = downhill(w, g, 0.0 if decoupled else decay, maximize)
    m *= beta1
    m += (1.0 - beta1) * g
    v *= beta2
    v += (1.0 - beta2) * g * g
    return g
