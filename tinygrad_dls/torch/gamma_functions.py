"""lgamma, digamma and erfinv, which distributions need: computed on the host in float64."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any

import numpy as np

from .. import ops
from . import arithmetic
from .function import Function
from .operands import array_of, tensor_like

Array = np.ndarray[Any, Any]
# Bernoulli numbers B2 ... B14: digamma(x) ~ log x - 1/2x - sum of B2k / (2k x^2k)
BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6)
LARGE = 8.0  # from here on the series is exact in float64


def _log_gamma(x: float) -> float:
    return math.inf if x <= 0 and x == math.floor(x) else math.lgamma(x)


def _digamma(x: Array) -> Array:
    below = x <= 0
    z = np.where(below, 1 - x, x)
    small = np.zeros_like(z)
    while (z < LARGE).any():  # digamma(z) = digamma(z + 1) - 1 / z
        small -= np.where(z < LARGE, 1 / z, 0)
        z = np.where(z < LARGE, z + 1, z)
    found = small + np.log(z) - 0.5 / z
    for k, number in enumerate(BERNOULLI, 1):
        found -= number / (2 * k * z ** (2 * k))
    with np.errstate(divide="ignore", invalid="ignore"):
        mirrored = np.where(x == np.floor(x), np.nan, found - np.pi / np.tan(np.pi * x))
    mirrored = np.where(x == 0, -np.inf, mirrored)
    return np.where(below, mirrored, found)


def _trigamma(x: Array) -> Array:
    below = x <= 0
    z = np.where(below, 1 - x, x)
    small = np.zeros_like(z)
    while (z < LARGE).any():
        small += np.where(z < LARGE, 1 / z**2, 0)
        z = np.where(z < LARGE, z + 1, z)
    found = small + 1 / z + 0.5 / z**2
    for k, number in enumerate(BERNOULLI, 1):
        found += number / z ** (2 * k + 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        mirrored = (np.pi / np.sin(np.pi * x)) ** 2 - found
    return np.where(below, mirrored, found)


def _erfinv(p: float) -> float:
    if abs(p) >= 1:
        return math.copysign(math.inf, p) if abs(p) == 1 else math.nan
    return NormalDist().inv_cdf((1 + p) / 2) / math.sqrt(2)


def _computed(function: Any, x: Any) -> Any:
    host = array_of(x)
    return tensor_like(np.asarray(function(host.astype(np.float64)), dtype=host.dtype), x)


class _LogGamma(Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return _computed(np.vectorize(_log_gamma, otypes=[float]), x)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return grad * _Digamma.apply(ctx.saved_tensors[0])


class _Digamma(Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return _computed(_digamma, x)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return grad * _computed(_trigamma, ctx.saved_tensors[0])


class _ErrorInverse(Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        found = _computed(np.vectorize(_erfinv, otypes=[float]), x)
        ctx.save_for_backward(found)
        return found

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return grad * ops.exp(ctx.saved_tensors[0] ** 2) * (math.sqrt(math.pi) / 2)


def lgamma(input: Any) -> Any:
    """The logarithm of the absolute value of the gamma function."""
    return _LogGamma.apply(arithmetic.floats_of(input))


def digamma(input: Any) -> Any:
    """The derivative of lgamma."""
    return _Digamma.apply(arithmetic.floats_of(input))


def erfinv(input: Any) -> Any:
    """The inverse of erf: from -1 and 1 to the infinities."""
    return _ErrorInverse.apply(arithmetic.floats_of(input))
