"""exp, log1p, erf and the normal distribution in float32 as polynomials, for use inside loops.

A call of the C library's expf in a loop keeps the compiler from working on several numbers at a
time; these are plain arithmetic, 5 to 40 times faster. Cephes' method (Moshier): split off a
power of two, a polynomial for the rest. Measured error: exp 1.2e-7 relative, log 1.2e-7.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from ..compile import inlined

f32 = np.float32
LOG2E, LN2_HIGH, LN2_LOW = f32(1.4426950408889634), f32(0.693359375), f32(-2.12194440e-4)
LARGEST, SMALLEST = f32(88.72283), f32(-87.33654)  # beyond: inf, and 0
E0, E1, E2 = f32(1.9875691500e-4), f32(1.3981999507e-3), f32(8.3334519073e-3)
E3, E4, E5 = f32(4.1665795894e-2), f32(1.6666665459e-1), f32(5.0000001201e-1)
HALF, ONE, TWO, ZERO, INF = f32(0.5), f32(1.0), f32(2.0), f32(0.0), f32(np.inf)


@inlined
def begin(chunk: int, chunks: int, x: Any) -> Any:
    """The first place of a chunk of x; where the next chunk begins this one ends.

    Loops take the slice, not places of the whole: only of places from 0 on the compiler knows that
    none counts from the end, and works on several numbers at a time.
    """
    return chunk * x.size // chunks


@intrinsic
def float_from_bits(typing: Any, bits: Any) -> Any:
    """The float32 whose 32 bits are these."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.FloatType())

    return types.float32(types.int32), generate


_float_from_bits: Any = float_from_bits  # called from kernels with `bits` alone


@inlined
def exp32(x: Any) -> Any:
    """e**x in float32: inf above 88.72, 0 below -87.33, NaN of NaN."""
    clamped = min(max(x, SMALLEST), LARGEST)
    whole = np.floor(clamped * LOG2E + HALF)
    r = clamped - whole * LN2_HIGH
    r = r - whole * LN2_LOW
    p = ((((E0 * r + E1) * r + E2) * r + E3) * r + E4) * r + E5
    p = p * r * r + r + ONE
    half = np.int32(whole) >> np.int32(1)  # 2**whole in two factors: 2**128 has no float
    rest = np.int32(whole) - half
    y = p * _float_from_bits(np.int32((half + np.int32(127)) << np.int32(23)))
    y = y * _float_from_bits(np.int32((rest + np.int32(127)) << np.int32(23)))
    y = INF if x > LARGEST else y
    y = ZERO if x < SMALLEST else y
    return x if x != x else y


@inlined
def sigmoid32(x: Any) -> Any:
    """1 / (1 + e**-x) in float32."""
    return ONE / (ONE + exp32(-x))


@inlined
def log1p_of_exp32(x: Any) -> Any:
    """log(1 + e**x) for x <= 0, in float32: a series in s = e**x / (2 + e**x), 0 <= s <= 1/3."""
    e = exp32(x)
    s = e / (TWO + e)
    q = s * s
    series = ONE + q * (f32(1 / 3) + q * (f32(1 / 5) + q * (f32(1 / 7) + q * (
        f32(1 / 9) + q * (f32(1 / 11) + q * f32(1 / 13))))))
    return TWO * s * series


A0, A1, A2 = f32(2.046832847e-6), f32(2.848245582e-4), f32(3.770390305e-3)
A3, A4, A5 = f32(5.276270794e-2), f32(1.905395328e-1), f32(1.128379146)
B0, B1, B2 = f32(3.805512038e-5), f32(1.163389609e-3), f32(1.497883959e-2)
B3, B4, WIDE = f32(1.141608401e-1), f32(5.021940004e-1), f32(3.92)  # erf(3.92) rounds to 1


@inlined
def erf32(x: Any) -> Any:
    """erf(x) in float32, as x P(x^2) / Q(x^2) where |x| < 3.92; 3e-7 relative."""
    clamped = min(max(x, -WIDE), WIDE)
    t = clamped * clamped
    p = ((((A0 * t + A1) * t + A2) * t + A3) * t + A4) * t + A5
    q = ((((B0 * t + B1) * t + B2) * t + B3) * t + B4) * t + ONE
    y = min(max(clamped * p / q, -ONE), ONE)
    return x if x != x else y


# exp(a^2 / 2) times the normal distribution's share below -a, for a from 0 to 13.5: a fit of ours.
C0, C1, C2 = f32(4.036977887e-3), f32(4.009792954e-2), f32(1.816454530e-1)
C3, C4 = f32(4.361457527e-1), f32(5.000000000e-1)
D0, D1, D2 = f32(1.011906471e-2), f32(1.005178168e-1), f32(4.652742147e-1)
D3, D4 = f32(1.195894599), f32(1.670176387)
STEPS, STEP = f32(16), f32(1 / 16)
FAR = f32(13.215)  # beyond, e**(-x*x / 2) is not a normal number


@inlined
def gaussian32(x: Any) -> Any:
    """e**(-x*x / 2) in float32, 0 beyond 13.215; 2e-7 relative: a rounded x*x would lose 40 times
    that. Not for NaN."""
    a = abs(x) if abs(x) < FAR else FAR
    head = np.floor(a * STEPS) * STEP  # its square is exact
    whole = np.floor(HALF - HALF * LOG2E * (a * a))
    r = -HALF * (head * head) - whole * LN2_HIGH
    r = r - whole * LN2_LOW + HALF * (head - a) * (head + a)
    p = ((((E0 * r + E1) * r + E2) * r + E3) * r + E4) * r + E5
    y = (p * r * r + r + ONE) * _float_from_bits((np.int32(whole) + np.int32(127)) << np.int32(23))
    return y if a < FAR else ZERO


@inlined
def mills32(x: Any) -> Any:
    """The normal distribution's share below -|x|, over e**(-x*x / 2); 4e-7 relative to 13.215."""
    a = abs(x) if abs(x) < FAR else FAR
    p = (((C0 * a + C1) * a + C2) * a + C3) * a + C4
    q = ((((D0 * a + D1) * a + D2) * a + D3) * a + D4) * a + ONE
    return p / q
