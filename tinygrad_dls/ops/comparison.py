"""Comparisons and selection. Comparisons give bools, and no gradient."""

import operator
from typing import Any

import numpy as np

from ..autograd import Array, TensorBase
from ..errors import DtypeError
from .call import function
from .op import Op
from .samples import Rng, Sample, binary_samples


class _Comparison(Op):
    """Base of the comparisons."""

    broadcasts = True
    differentiable = False


class Less(_Comparison):
    """y = a < b."""

    numpy = operator.lt
    samples = binary_samples()

    def forward(self, a: Array, b: Array) -> Array:
        return a < b


class LessEqual(_Comparison):
    """y = a <= b."""

    numpy = operator.le
    samples = binary_samples()

    def forward(self, a: Array, b: Array) -> Array:
        return a <= b


class Greater(_Comparison):
    """y = a > b."""

    numpy = operator.gt
    samples = binary_samples()

    def forward(self, a: Array, b: Array) -> Array:
        return a > b


class GreaterEqual(_Comparison):
    """y = a >= b."""

    numpy = operator.ge
    samples = binary_samples()

    def forward(self, a: Array, b: Array) -> Array:
        return a >= b


class Equal(_Comparison):
    """y = a == b."""

    numpy = operator.eq
    samples = binary_samples()

    def forward(self, a: Array, b: Array) -> Array:
        return a == b


class NotEqual(_Comparison):
    """y = a != b."""

    numpy = operator.ne
    samples = binary_samples()

    def forward(self, a: Array, b: Array) -> Array:
        return a != b


def _bools(*operands: Any) -> None:
    """DtypeError unless all operands are bools: of integers & | ~ mean bits, in NumPy."""
    for x in operands:
        dtype = getattr(x, "dtype", np.dtype(type(x)))
        if dtype.kind != "b":
            raise DtypeError(f"'and', 'or' and 'not' are of bools, not of {dtype}: write x != 0")


class LogicalNot(Op):
    """y = not x, of bools."""

    differentiable = False
    numpy = np.logical_not
    samples = staticmethod(lambda rng: [Sample((rng.uniform(size=(2, 3)) > 0.5,))])

    def forward(self, x: Array) -> Array:
        _bools(x)
        return self.xp.logical_not(x)


class LogicalAnd(_Comparison):
    """y = a and b, of bools."""

    numpy = np.logical_and
    samples = staticmethod(lambda rng: [Sample((rng.uniform(size=(2, 3)) > 0.5, np.bool_(True)))])

    def forward(self, a: Array, b: Array) -> Array:
        _bools(a, b)
        return self.xp.logical_and(a, b)


class LogicalOr(_Comparison):
    """y = a or b, of bools."""

    numpy = np.logical_or
    samples = staticmethod(lambda rng: [Sample((rng.uniform(size=(2, 3)) > 0.5, np.bool_(False)))])

    def forward(self, a: Array, b: Array) -> Array:
        _bools(a, b)
        return self.xp.logical_or(a, b)


def _where_samples(rng: Rng) -> list[Sample]:
    shapes = [((2, 3), (2, 3), (2, 3)), ((2, 1), (3,), ()), ((), (2,), (2,)), ((0, 2), (2,), (1,))]
    return [
        Sample((rng.uniform(size=c) > 0.5, rng.standard_normal(a), rng.standard_normal(b)))
        for c, a, b in shapes
    ]


class Where(Op):
    """y = a where the condition holds, else b.    dL/dy goes to the one chosen, 0 to the other."""

    broadcasts = True
    numpy = np.where
    samples = staticmethod(_where_samples)

    def forward(self, condition: Array, a: Array, b: Array) -> Array:
        return self.xp.where(condition, a, b)

    def backward_a(self, dy: Any, condition: Any) -> Any:
        return self.xp.where(condition, dy, 0.0)

    def backward_b(self, dy: Any, condition: Any) -> Any:
        return self.xp.where(condition, 0.0, dy)


less = function(Less())
less_equal = function(LessEqual())
greater = function(Greater())
greater_equal = function(GreaterEqual())
equal = function(Equal())
not_equal = function(NotEqual())
logical_not = function(LogicalNot())
logical_and = function(LogicalAnd())
logical_or = function(LogicalOr())
_where = function(Where())


def where(condition: Any, a: Any, b: Any) -> Any:
    """a where the condition holds (is not 0), else b; all three broadcast."""
    if condition is None or a is None or b is None:
        raise DtypeError("where takes a condition and two values; one of them is None")
    if isinstance(condition, TensorBase) and condition._data.dtype.kind != "b":
        condition = not_equal(condition, 0)
    return _where(condition, a, b)
