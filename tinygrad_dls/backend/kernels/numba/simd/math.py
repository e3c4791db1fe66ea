"""exp, log, tanh, sigmoid and erf of vectors, in float32 and float64.

A call of the C library works on one number. These are arithmetic, so they work on all lanes of a
vector at once. Each takes three steps: bring x into a small range, where a polynomial or a
quotient of two is exact to rounding; evaluate it; undo the first step. exp: x = k ln 2 + r, so
e**x = 2**k e**r, and 2**k is put together from bits. log: x = 2**e m with m near 1. The
coefficients of exp, log and tanh are those of Cephes (S. L. Moshier, 1989); those of erf are fits
at Chebyshev points. Infinities, NaN and denormal numbers come out right.

Largest errors, in units in the last place, over the whole range (tests/kernels/test_simd.py):
exp 2, log 2, tanh 4, sigmoid 4, erf 4.
"""

from typing import Any

import numpy as np
from numba import extending, types

from ..compile import OPTIONS, inlined
from . import operators as _operators  # noqa: F401  (Numba learns them)
from .intrinsics import absolute, exponent, fma, mantissa, nearest, power_of_two, where
from .types import Vector

LOG2_E, LN2_HIGH, LN2_LOW = 1.4426950408889634, 0.693359375, -2.12194440054690582e-4
LN2_HIGH64, LN2_LOW64 = 6.93145751953125e-1, 1.42860682030941723212e-6
ROOT_HALF, INF = 0.70710678118654752440, np.inf


def exp(x: Any) -> Any:
    """e**x."""
    raise NotImplementedError("for kernels")


def log(x: Any) -> Any:
    """Natural logarithm: -inf of 0, NaN of negative numbers."""
    raise NotImplementedError("for kernels")


def tanh(x: Any) -> Any:
    """Hyperbolic tangent."""
    raise NotImplementedError("for kernels")


def sigmoid(x: Any) -> Any:
    """1 / (1 + e**-x)."""
    raise NotImplementedError("for kernels")


def erf(x: Any) -> Any:
    """2 / sqrt(pi) times the integral of e**(-t*t) from 0 to x."""
    raise NotImplementedError("for kernels")


# --- exp -----------------------------------------------------------------------------------------


def exp32(x: Any) -> Any:
    """A polynomial for e**r."""
    clamped = where(x < 89.0, where(x > -104.0, x, -104.0), 89.0)
    k = nearest(clamped * LOG2_E)
    r = fma(k, -LN2_LOW, fma(k, -LN2_HIGH, clamped))
    p = fma(r, 1.9875691500e-4, 1.3981999507e-3)
    p = fma(p, r, 8.3334519073e-3)
    p = fma(p, r, 4.1665795894e-2)
    p = fma(p, r, 1.6666665459e-1)
    p = fma(p, r, 5.0000001201e-1)
    y = fma(p, r * r, r) + 1.0
    half = nearest(k * 0.5)  # 2**128 is not a float: in two factors
    y = y * power_of_two(half) * power_of_two(k - half)
    return where(x == x, y, x)


def exp64(x: Any) -> Any:
    """A quotient of polynomials: e**r = 1 + 2 rP(r*r) / (Q(r*r) - rP(r*r))."""
    clamped = where(x < 710.0, where(x > -746.0, x, -746.0), 710.0)
    k = nearest(clamped * LOG2_E)
    r = fma(k, -LN2_LOW64, fma(k, -LN2_HIGH64, clamped))
    s = r * r
    p = fma(s, 1.26177193074810590878e-4, 3.02994407707441961300e-2)
    p = r * fma(p, s, 9.99999999999999999910e-1)
    q = fma(s, 3.00198505138664455042e-6, 2.52448340349684104192e-3)
    q = fma(q, s, 2.27265548208155028766e-1)
    q = fma(q, s, 2.00000000000000000009)
    y = fma(2.0, p / (q - p), 1.0)
    half = nearest(k * 0.5)
    y = y * power_of_two(half) * power_of_two(k - half)
    return where(x == x, y, x)


# --- log -----------------------------------------------------------------------------------------


def log32(x: Any) -> Any:
    """With m = 1 + f: log m = f - f*f/2 + f**3 P(f)."""
    tiny = x < 1.17549435e-38
    scaled = where(tiny, x * 8388608.0, x)
    e, m = exponent(scaled), mantissa(scaled)  # m from 1/2 to 1
    e = where(tiny, e - 23.0, e)
    low = m < ROOT_HALF
    e, f = where(low, e - 1.0, e), where(low, m + m, m) - 1.0
    s = f * f
    p = fma(f, 7.0376836292e-2, -1.1514610310e-1)
    p = fma(p, f, 1.1676998740e-1)
    p = fma(p, f, -1.2420140846e-1)
    p = fma(p, f, 1.4249322787e-1)
    p = fma(p, f, -1.6668057665e-1)
    p = fma(p, f, 2.0000714765e-1)
    p = fma(p, f, -2.4999993993e-1)
    p = fma(p, f, 3.3333331174e-1)
    y = fma(e, LN2_LOW, p * f * s)
    y = fma(e, LN2_HIGH, f + fma(s, -0.5, y))
    return _log_ends(x, y)


def log64(x: Any) -> Any:
    """With m = 1 + f: log m = f - f*f/2 + f**3 P(f) / Q(f)."""
    tiny = x < 2.2250738585072014e-308
    scaled = where(tiny, x * 18014398509481984.0, x)
    e, m = exponent(scaled), mantissa(scaled)
    e = where(tiny, e - 54.0, e)
    low = m < ROOT_HALF
    e, f = where(low, e - 1.0, e), where(low, m + m, m) - 1.0
    s = f * f
    p = fma(f, 1.01875663804580931796e-4, 4.97494994976747001425e-1)
    p = fma(p, f, 4.70579119878881725854)
    p = fma(p, f, 1.44989225341610930846e1)
    p = fma(p, f, 1.79368678507819816313e1)
    p = fma(p, f, 7.70838733755885391666)
    q = f + 1.12873587189167450590e1
    q = fma(q, f, 4.52279145837532221105e1)
    q = fma(q, f, 8.29875266912776603211e1)
    q = fma(q, f, 7.11544750618563894466e1)
    q = fma(q, f, 2.31251620126765340583e1)
    y = fma(e, LN2_LOW, f * (s * p / q))
    y = fma(e, LN2_HIGH, f + fma(s, -0.5, y))
    return _log_ends(x, y)


@inlined
def _log_ends(x: Any, y: Any) -> Any:
    """log of 0, inf, negative numbers and NaN."""
    y = where(x == 0.0, -INF, where(x < INF, y, x))  # of inf and NaN themselves
    return where(x < 0.0, INF - INF, y)


# --- tanh and sigmoid ----------------------------------------------------------------------------


def tanh32(x: Any) -> Any:
    """x + x**3 P(x*x) for small x; 1 - 2 / (e**2x + 1) for others."""
    s = x * x
    p = fma(s, -5.70498872745e-3, 2.06390887954e-2)
    p = fma(p, s, -5.37397155531e-2)
    p = fma(p, s, 1.33314422036e-1)
    p = fma(p, s, -3.33332819422e-1)
    small = fma(p * s, x, x)
    size = absolute(x)
    large = 1.0 - 2.0 / (exp(size + size) + 1.0)
    return where(size < 0.625, small, where(x < 0.0, -large, large))


def tanh64(x: Any) -> Any:
    """x + x**3 P(x*x) / Q(x*x) for small x; 1 - 2 / (e**2x + 1) for others."""
    s = x * x
    p = fma(s, -9.64399179425052238628e-1, -9.92877231001918586564e1)
    p = fma(p, s, -1.61468768441708447952e3)
    q = s + 1.12811678491632931402e2
    q = fma(q, s, 2.23548839060100448583e3)
    q = fma(q, s, 4.84406305325125486048e3)
    small = fma(x * s, p / q, x)
    size = absolute(x)
    large = 1.0 - 2.0 / (exp(size + size) + 1.0)
    return where(size < 0.625, small, where(x < 0.0, -large, large))


def sigmoid_any(x: Any) -> Any:
    """From e**-|x|, which cannot overflow: 1 / (1 + e), or e / (1 + e) for negative x."""
    e = exp(-absolute(x))
    return where(x < 0.0, e, where(x == x, 1.0, x)) / (1.0 + e)


# --- erf -----------------------------------------------------------------------------------------


def erf32(x: Any) -> Any:
    """x P(x*x) up to 1; beyond 1 - e**(-x*x) Q(1 / (1 + x))."""
    s = x * x
    p = fma(s, 7.8824971100866635674e-5, -8.0188549927863869635e-4)
    p = fma(p, s, 5.1893119426866176811e-3)
    p = fma(p, s, -2.6854328796067244337e-2)
    p = fma(p, s, 1.1283597463488053138e-1)
    p = fma(p, s, -3.7612626903580438327e-1)
    small = x * fma(p, s, 1.1283791658815026333)
    size = absolute(x)
    t = 1.0 / (1.0 + size)
    q = fma(t, -0.633783187952, 1.37913151513)
    q = fma(q, t, -0.697620626083)
    q = fma(q, t, -0.584387979966)
    q = fma(q, t, 0.411810736481)
    q = fma(q, t, 0.538057213404)
    q = fma(q, t, 0.566865100624)
    q = fma(q, t, -0.00011222746277)
    large = 1.0 - exp(-s) * q
    return where(size < 1.0, small, where(x < 0.0, -large, large))


def erf64(x: Any) -> Any:
    """x P(x*x) up to 1; beyond 1 - e**(-x*x) Q(1 / (1 + x))."""
    s = x * x
    p = fma(s, -4.2320376764874592264e-12, 8.709755232851789716e-11)
    p = fma(p, s, -1.2164764337224505578e-9)
    p = fma(p, s, 1.4792435426962471013e-8)
    p = fma(p, s, -1.6364645854816387701e-7)
    p = fma(p, s, 1.6462045711013025157e-6)
    p = fma(p, s, -0.000014925647581008592978)
    p = fma(p, s, 0.00012055332903350668265)
    p = fma(p, s, -0.00085483270219454273153)
    p = fma(p, s, 0.0052239776254234543525)
    p = fma(p, s, -0.026866170645129854479)
    p = fma(p, s, 0.11283791670955120298)
    p = fma(p, s, -0.3761263890318375238)
    p = fma(p, s, 1.1283791670955125739)
    small = x * p
    size = absolute(x)
    t = 1.0 / (1.0 + size)
    q = fma(t, -88.850375818333147978, 594.65494792915483801)
    q = fma(q, t, -1861.0718370656929081)
    q = fma(q, t, 3605.9770966930358918)
    q = fma(q, t, -4820.7479529858742165)
    q = fma(q, t, 4682.7730485199769582)
    q = fma(q, t, -3382.2318073384008145)
    q = fma(q, t, 1823.0449432545792699)
    q = fma(q, t, -725.64093630548347025)
    q = fma(q, t, 211.82662246329676583)
    q = fma(q, t, -48.920853169831976417)
    q = fma(q, t, 11.14528551050883911)
    q = fma(q, t, -1.5451216900252308604)
    q = fma(q, t, -0.54348289530159632367)
    q = fma(q, t, -0.29636884641899650122)
    q = fma(q, t, 0.28302711500023351743)
    q = fma(q, t, 0.56414710568996782538)
    q = fma(q, t, 0.56419078875346825171)
    q = fma(q, t, -1.6028910969126438164e-8)
    large = 1.0 - exp(-s) * q
    return where(size < 1.0, small, where(x < 0.0, -large, large))


def _choose(name: Any, single: Any, double: Any) -> None:
    """Let kernels call `name` with vectors of either dtype."""

    options: Any = dict(OPTIONS, _nrt=False, forceinline=True)

    @extending.overload(name, jit_options=options, strict=False)
    def chosen(x: Any) -> Any:
        if not isinstance(x, Vector):
            return None
        return single if x.dtype == types.float32 else double


_choose(exp, exp32, exp64)
_choose(log, log32, log64)
_choose(tanh, tanh32, tanh64)
_choose(sigmoid, sigmoid_any, sigmoid_any)
_choose(erf, erf32, erf64)
