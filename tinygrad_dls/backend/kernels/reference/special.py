"""The error function and its complement, as quotients of polynomials, for any namespace.

W. J. Cody's method (1969), with coefficients of our own (least squares, reweighted until the
error is level): near 0 erf(x) = x P(x^2) / Q(x^2), beyond 1 erfc(x) = exp(-x^2) P(x) / Q(x). Both
quotients are right to 2e-17, so what is left is rounding: some 2e-16 in float64.
"""

from typing import Any

from .base import Family

NEAR_P = (1.94956644911751175e-4, 1.82729554396043276e-3, 4.53039242073901715e-2,
          1.42149264445282804e-1, 1.12837916709551257)
NEAR_Q = (2.02975013504192683e-5, 6.81216855507164905e-4, 1.05822174629643887e-2,
          9.32528371006198731e-2, 4.59309838918046986e-1, 1.0)
FAR_P = (5.70179570098346424e-4, 7.69273913430530218e-3, 5.34910538748027269e-2,
         2.3866673474373241e-1, 7.35136224709921984e-1, 1.58839313929370238,
         2.34921373603875654, 2.18794425586044346, 1.00000003029690693)
FAR_Q = (1.01061697472736299e-3, 1.36350251027780017e-2, 9.53157329053477879e-2,
         4.29843286098728925e-1, 1.34989492318905376, 3.02004916942898004,
         4.76922462592396917, 5.09128279215826362, 3.31632373592921617, 1.0)
LARGEST = 28.0  # where erfc is 0 in float64, and the second quotient ends
ROOT_HALF = 0.7071067811865476


class Special(Family):
    """erf, erfc."""

    def erf(self, x: Any) -> Any:
        """y = 2 / sqrt(pi) * (integral of exp(-t^2) from 0 to x)."""
        xp = self.xp
        a = xp.minimum(abs(x), LARGEST)
        far = 1.0 - xp.exp(-a * a) * _quotient(FAR_P, FAR_Q, a)
        return xp.where(a < 1, _near(xp, x), xp.copysign(far, x))

    def erfc(self, x: Any) -> Any:
        """y = 1 - erf(x), with all its digits where that is tiny."""
        return _complement(self.xp, x, gaussian(self.xp, x, 1.0))


def normal_cdf(xp: Any, x: Any) -> Any:
    """The normal distribution's share below x, erfc(-x / sqrt 2) / 2, with all its digits."""
    return 0.5 * _complement(xp, -ROOT_HALF * x, gaussian(xp, x, 0.5))


def gaussian(xp: Any, x: Any, rate: float) -> Any:
    """exp(-rate x^2), of an x^2 that is not rounded: at 26 its last bit is 1e-13 of the result."""
    a = xp.minimum(abs(x), 40.0)  # beyond, 0 in float64
    head = xp.floor(16.0 * a) * 0.0625  # its square is exact
    return xp.exp(-rate * head * head) * xp.exp(rate * (head - a) * (head + a))


def _complement(xp: Any, x: Any, e: Any) -> Any:
    """erfc(x), given e = exp(-x^2)."""
    a = xp.minimum(abs(x), LARGEST)
    far = e * _quotient(FAR_P, FAR_Q, a)
    return xp.where(a < 1, 1.0 - _near(xp, x), xp.where(x > 0, far, 2.0 - far))


def _near(xp: Any, x: Any) -> Any:
    """erf(x) where |x| <= 1."""
    held = xp.clip(x, -1.0, 1.0)
    return held * _quotient(NEAR_P, NEAR_Q, held * held)


def _quotient(p: tuple[float, ...], q: tuple[float, ...], x: Any) -> Any:
    """P(x) / Q(x), highest power first (Horner)."""
    top, bottom = p[0] * x + p[1], q[0] * x + q[1]
    for c in p[2:]:
        top = top * x + c
    for c in q[2:]:
        bottom = bottom * x + c
    return top / bottom
