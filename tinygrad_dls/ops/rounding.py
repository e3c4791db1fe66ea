"""Functions with steps: sign, rounding, and division with a remainder.

Between the steps they are flat, so their gradient is 0 everywhere, at the steps too.
"""

import operator
from typing import Any

import numpy as np

from ..engine.autograd import Array
from ..errors import DtypeError
from .call import function, function_of
from .op import Op
from .samples import Rng, Sample, binary_samples, unary_samples


class _Flat(Op):
    """Base of functions of one operand whose slope is 0."""

    def backward(self, dy: Any) -> Any:
        return self.xp.zeros_like(dy)


def _between_steps(rng: Rng) -> list[Sample]:
    """Numbers at least 0.15 away from whole and half ones."""
    shapes: list[tuple[int, ...]] = [(), (3,), (2, 3), (0, 3), (1, 1)]
    return [
        Sample((rng.integers(-3, 3, s) + 0.5 * rng.integers(0, 2, s) + rng.uniform(0.15, 0.35, s),))
        for s in shapes
    ]


class Sign(_Flat):
    """y = -1, 0 or 1, the sign of x.    dL/dx = 0

    >>> dls.sign(dls.tensor([-2.0, 0.0, 3.0]))
    Tensor([-1.,  0.,  1.])
    """

    numpy = np.sign
    samples = unary_samples(away=0.0)

    def forward(self, x: Array) -> Array:
        return self.xp.sign(x)


class Floor(_Flat):
    """y = the largest whole number that is at most x.    dL/dx = 0

    >>> dls.floor(dls.tensor([-1.5, 1.2]))
    Tensor([-2.,  1.])
    """

    numpy = np.floor
    samples = staticmethod(_between_steps)

    def forward(self, x: Array) -> Array:
        return self.xp.floor(x)


class Ceil(_Flat):
    """y = the smallest whole number that is at least x.    dL/dx = 0

    >>> dls.ceil(dls.tensor([-1.5, 1.2]))
    Tensor([-1.,  2.])
    """

    numpy = np.ceil
    samples = staticmethod(_between_steps)

    def forward(self, x: Array) -> Array:
        return self.xp.ceil(x)


class Trunc(_Flat):
    """y = x without its fraction.    dL/dx = 0

    >>> dls.trunc(dls.tensor([-1.5, 1.2]))
    Tensor([-1.,  1.])
    """

    numpy = np.trunc
    samples = staticmethod(_between_steps)

    def forward(self, x: Array) -> Array:
        return self.xp.trunc(x)


class Round(_Flat):
    """y = x rounded to so many decimals, halves to the even one.    dL/dx = 0"""

    in_float32 = True
    numpy = staticmethod(lambda x, decimals=0: np.round(x, decimals))
    samples = staticmethod(
        lambda rng: [
            *_between_steps(rng),
            *(Sample((s.inputs[0] * 10.0**-d,), {"decimals": d})
              for d in (1, -1) for s in _between_steps(rng)),
        ]
    )

    def __init__(self, decimals: int = 0) -> None:
        self.decimals = decimals

    def forward(self, x: Array) -> Array:
        return x.round(self.decimals)


class FloorDivide(Op):
    """y = floor(a / b).    dL/da = 0,  dL/db = 0

    >>> dls.floor_divide(dls.tensor([7.0, -7.0]), 2.0)
    Tensor([ 3., -4.])
    """

    broadcasts = True
    numpy = operator.floordiv
    samples = binary_samples(low2=0.5, high2=2.0)

    def forward(self, a: Array, b: Array) -> Array:
        return a // b

    def backward_a(self, dy: Any) -> Any:
        return self.xp.zeros_like(dy)

    def backward_b(self, dy: Any) -> Any:
        return self.xp.zeros_like(dy)


class Remainder(Op):
    """y = a - floor(a / b) * b, with the sign of b.    dL/da = dL/dy,  dL/db = -dL/dy floor(a/b)

    >>> dls.remainder(dls.tensor([7.0, -7.0]), 4.0)
    Tensor([3., 1.])
    """

    broadcasts = True
    numpy = operator.mod
    samples = binary_samples(low2=0.5, high2=2.0)

    def forward(self, a: Array, b: Array) -> Array:
        return a % b

    def backward_a(self, dy: Any) -> Any:
        return dy

    def backward_b(self, dy: Any, a: Any, b: Any) -> Any:
        return -dy * (a // b)


class Fmod(Op):
    """y = a - trunc(a / b) * b, with the sign of a.    dL/da = dL/dy,  dL/db = -dL/dy trunc(a/b)

    >>> dls.fmod(dls.tensor([7.0, -7.0]), 4.0)
    Tensor([ 3., -3.])
    """

    broadcasts = True
    numpy = np.fmod
    samples = binary_samples(low2=0.5, high2=2.0)

    def forward(self, a: Array, b: Array) -> Array:
        return self.xp.fmod(a, b)

    def backward_a(self, dy: Any) -> Any:
        return dy

    def backward_b(self, dy: Any, a: Any, b: Any) -> Any:
        return -dy * self.xp.trunc(a / b)


floor_divide = function(FloorDivide())
remainder = function(Remainder())


def round(x: Any, decimals: int = 0) -> Any:
    """x rounded to `decimals` places after the point, halves to the even digit; gradient 0.

    >>> dls.round(dls.tensor([0.5, 1.5, 2.71]))
    Tensor([0., 2., 3.])
    """
    try:
        places = operator.index(decimals)
    except TypeError as error:
        raise DtypeError(f"round: decimals is a whole number, not {decimals!r}") from error
    return function_of(Round, places)(x)


def divmod(a: Any, b: Any) -> tuple[Any, Any]:
    """(a // b, a % b).

    >>> dls.divmod(dls.tensor([7.0, -7.0]), 2.0)
    (Tensor([ 3., -4.]), Tensor([1., 1.]))
    """
    return floor_divide(a, b), remainder(a, b)
