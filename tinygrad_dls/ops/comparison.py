"""Comparisons and selection. Comparisons give bools, and no gradient."""

import operator
from typing import Any

import numpy as np

from ..backend.device import default_device
from ..engine.autograd import Array, TensorBase
from ..errors import DtypeError
from .call import function, function_of, operand
from .op import Op, kernel
from .samples import PAIRS, Rng, Sample, binary_samples, unary_samples


class _Comparison(Op):
    """Base of the comparisons."""

    broadcasts = True
    differentiable = False


class Less(_Comparison):
    """y = a < b.

    >>> dls.less(dls.tensor([1, 2]), 2)
    Tensor([ True, False])
    """

    numpy = operator.lt
    samples = binary_samples()

    def forward(self, a: Array, b: Array) -> Array:
        return a < b


class LessEqual(_Comparison):
    """y = a <= b.

    >>> dls.less_equal(dls.tensor([1, 2]), 1)
    Tensor([ True, False])
    """

    numpy = operator.le
    samples = binary_samples()

    def forward(self, a: Array, b: Array) -> Array:
        return a <= b


class Greater(_Comparison):
    """y = a > b.

    >>> dls.greater(dls.tensor([1, 2]), 1)
    Tensor([False,  True])
    """

    numpy = operator.gt
    samples = binary_samples()

    def forward(self, a: Array, b: Array) -> Array:
        return a > b


class GreaterEqual(_Comparison):
    """y = a >= b.

    >>> dls.greater_equal(dls.tensor([1, 2]), 2)
    Tensor([False,  True])
    """

    numpy = operator.ge
    samples = binary_samples()

    def forward(self, a: Array, b: Array) -> Array:
        return a >= b


class Equal(_Comparison):
    """y = a == b.

    >>> dls.equal(dls.tensor([1, 2]), dls.tensor([1, 3]))
    Tensor([ True, False])
    """

    numpy = operator.eq
    samples = binary_samples()

    def forward(self, a: Array, b: Array) -> Array:
        return a == b


class NotEqual(_Comparison):
    """y = a != b.

    >>> dls.not_equal(dls.tensor([1, 2]), dls.tensor([1, 3]))
    Tensor([False,  True])
    """

    numpy = operator.ne
    samples = binary_samples()

    def forward(self, a: Array, b: Array) -> Array:
        return a != b


class Isclose(_Comparison):
    """y = |a - b| <= atol + rtol * |b|; equal infinities are close, NaN is only if equal_nan."""

    numpy = staticmethod(lambda a, b, **parameters: np.isclose(a, b, **parameters))
    samples = staticmethod(
        lambda rng: [
            Sample((s.inputs[0], s.inputs[0] * 1.001 + (s.inputs[1] > 0) * 0.01), p)
            for s in binary_samples()(rng)
            for p in ({"rtol": 1e-2, "atol": 0.0}, {"rtol": 0.0, "atol": 1e-2, "equal_nan": True})
        ]
    )

    def __init__(self, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> None:
        self.rtol, self.atol, self.equal_nan = rtol, atol, equal_nan

    def forward(self, a: Array, b: Array) -> Array:
        return self.xp.isclose(a, b, rtol=self.rtol, atol=self.atol, equal_nan=self.equal_nan)


def _odd_numbers(rng: Rng) -> list[Sample]:
    odd = np.array([np.nan, np.inf, -np.inf, 0.0, -1.5])
    return [*unary_samples()(rng), Sample((odd,)), Sample((odd.reshape(5, 1),))]


class Isnan(Op):
    """y = x is not a number, element-wise.

    >>> dls.isnan(dls.tensor([1.0, float("nan")]))
    Tensor([False,  True])
    """

    differentiable = False
    numpy = np.isnan
    samples = staticmethod(_odd_numbers)

    def forward(self, x: Array) -> Array:
        return self.xp.isnan(x)


class Isinf(Op):
    """y = x is infinite, element-wise.

    >>> dls.isinf(dls.tensor([1.0, float("inf")]))
    Tensor([False,  True])
    """

    differentiable = False
    numpy = np.isinf
    samples = staticmethod(_odd_numbers)

    def forward(self, x: Array) -> Array:
        return self.xp.isinf(x)


class Isfinite(Op):
    """y = x is a number, and not infinite, element-wise.

    >>> dls.isfinite(dls.tensor([1.0, float("inf")]))
    Tensor([ True, False])
    """

    differentiable = False
    numpy = np.isfinite
    samples = staticmethod(_odd_numbers)

    def forward(self, x: Array) -> Array:
        return self.xp.isfinite(x)


class LogicalNot(Op):
    """y = not x; a number holds if it is not 0.

    >>> dls.logical_not(dls.tensor([True, False]))
    Tensor([False,  True])
    """

    differentiable = False
    numpy = np.logical_not
    samples = staticmethod(lambda rng: [Sample((rng.uniform(size=(2, 3)) > 0.5,))])

    def forward(self, x: Array) -> Array:
        return self.xp.logical_not(x)


def _truths(rng: Rng) -> list[Sample]:
    return [Sample((rng.uniform(size=a) > 0.5, rng.uniform(size=b) > 0.5)) for a, b in PAIRS]


class LogicalAnd(_Comparison):
    """y = a and b; a number holds if it is not 0.

    >>> dls.logical_and(dls.tensor([True, False]), dls.tensor([True, True]))
    Tensor([ True, False])
    """

    numpy = np.logical_and
    samples = staticmethod(_truths)

    def forward(self, a: Array, b: Array) -> Array:
        return self.xp.logical_and(a, b)


class LogicalOr(_Comparison):
    """y = a or b, or both; a number holds if it is not 0.

    >>> dls.logical_or(dls.tensor([True, False]), dls.tensor([False, False]))
    Tensor([ True, False])
    """

    numpy = np.logical_or
    samples = staticmethod(_truths)

    def forward(self, a: Array, b: Array) -> Array:
        return self.xp.logical_or(a, b)


class LogicalXor(_Comparison):
    """y = either a or b, not both; a number holds if it is not 0.

    >>> dls.logical_xor(dls.tensor([True, False]), dls.tensor([True, True]))
    Tensor([False,  True])
    """

    numpy = np.logical_xor
    samples = staticmethod(_truths)

    def forward(self, a: Array, b: Array) -> Array:
        return self.xp.logical_xor(a, b)


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

    forward = kernel("where")

    def backward_a(self, dy: Any, condition: Any) -> Any:
        return self.kernels.where(condition, dy, 0.0)

    def backward_b(self, dy: Any, condition: Any) -> Any:
        return self.kernels.where(condition, 0.0, dy)


less = function(Less())
greater = function(Greater())
equal = function(Equal())
not_equal = function(NotEqual())
logical_and = function(LogicalAnd())
isnan = function(Isnan())
_where = function(Where())


def where(condition: Any, a: Any, b: Any) -> Any:
    """a where the condition holds (is not 0), else b; all three broadcast.

    >>> x = dls.tensor([-1.0, 2.0])
    >>> dls.where(x > 0, x, 0.0)
    Tensor([0., 2.])
    """
    if condition is None or a is None or b is None:
        raise DtypeError("where takes a condition and two values; one of them is None")
    if isinstance(condition, TensorBase) and condition._data.dtype.kind != "b":
        condition = not_equal(condition, 0)
    return _where(condition, a, b)


def isclose(
    a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Any:
    """Return whether |a - b| <= atol + rtol * |b|, element-wise.

    >>> dls.isclose(dls.tensor([1.0, 2.0]), dls.tensor([1.000001, 3.0]))
    Tensor([ True, False])
    """
    return function_of(Isclose, float(rtol), float(atol), bool(equal_nan))(a, b)


def allclose(
    a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> bool:
    """Return whether all elements are close, as `isclose` defines it. A Python bool, so a device is
    waited for.

    >>> dls.allclose(dls.tensor([1.0]), dls.tensor([1.000001]))
    True
    """
    close = isclose(a, b, rtol, atol, equal_nan)
    return bool(close._data.all())


def array_equal(a: Any, b: Any, equal_nan: bool = False) -> bool:
    """Return whether a and b have one shape and equal elements. A Python bool, so a device is
    waited for.

    >>> dls.array_equal(dls.tensor([1, 2]), dls.tensor([1, 2]))
    True
    """
    device = a.device if isinstance(a, TensorBase) else getattr(b, "device", default_device())
    a, b = operand(a, device), operand(b, device)
    if a.shape != b.shape:
        return False
    same = equal(a, b)._data
    if equal_nan:
        same = same | logical_and(isnan(a), isnan(b))._data
    return bool(same.all())
