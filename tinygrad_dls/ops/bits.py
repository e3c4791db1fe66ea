"""Bit by bit: and, or, exclusive or and not, of integers; of bools they are the logical ones."""

import operator
from typing import Any

import numpy as np

from ..engine.autograd import Array
from ..errors import DtypeError
from .op import Op
from .samples import PAIRS, Rng, Sample


def _check(*operands: Any) -> None:
    """DtypeError of floats: they have bits, but nobody means those."""
    for x in operands:
        dtype = getattr(x, "dtype", np.dtype(type(x)))
        if dtype.kind not in "iub":
            raise DtypeError(
                f"'&', '|', '^' and '~' are of bools and integers, not of {dtype}: write x != 0, "
                "or dls.logical_and, logical_or, logical_not.\n"
                "Comparisons beside them go in brackets: (x > 0) & (y > 0)"
            )


def _pairs(rng: Rng) -> list[Sample]:
    whole = [Sample((rng.integers(-9, 9, a), rng.integers(0, 9, b))) for a, b in PAIRS]
    return [*whole, *(Sample((s.inputs[0] > 0, s.inputs[1] > 4)) for s in whole)]


class BitwiseAnd(Op):
    """y = a & b, the bits that both have.

    >>> dls.bitwise_and(dls.tensor([6, 12]), 4)
    Tensor([4, 4])
    """

    broadcasts = True
    differentiable = False
    numpy = operator.and_
    samples = staticmethod(_pairs)

    def forward(self, a: Array, b: Array) -> Array:
        _check(a, b)
        return a & b


class BitwiseOr(Op):
    """y = a | b, the bits that one of them has, or both.

    >>> dls.bitwise_or(dls.tensor([6, 12]), 1)
    Tensor([ 7, 13])
    """

    broadcasts = True
    differentiable = False
    numpy = operator.or_
    samples = staticmethod(_pairs)

    def forward(self, a: Array, b: Array) -> Array:
        _check(a, b)
        return a | b


class BitwiseXor(Op):
    """y = a ^ b, the bits that only one of them has.

    >>> dls.bitwise_xor(dls.tensor([6, 12]), 4)
    Tensor([2, 8])
    """

    broadcasts = True
    differentiable = False
    numpy = operator.xor
    samples = staticmethod(_pairs)

    def forward(self, a: Array, b: Array) -> Array:
        _check(a, b)
        return a ^ b


class Invert(Op):
    """y = ~x, the bits that x does not have; of bools: not x.

    >>> dls.bitwise_not(dls.tensor([True, False]))
    Tensor([False,  True])
    """

    differentiable = False
    numpy = operator.invert
    samples = staticmethod(lambda rng: [Sample((s.inputs[0],)) for s in _pairs(rng)])

    def forward(self, x: Array) -> Array:
        _check(x)
        return ~x
