"""Reductions: sums, means and extremes along axes."""

import math
from typing import Any

import numpy as np

from .._util.arguments import number
from ..backend.kernels.adding import summed
from ..engine.autograd import Array, TensorBase
from ..errors import DataError, ShapeError
from .call import function_of
from .comparison import not_equal
from .elementwise import sqrt
from .op import Op
from .samples import Rng, Sample

Axis = int | tuple[int, ...] | None


def _reduction_samples(rng: Rng) -> list[Sample]:
    cases: list[tuple[tuple[int, ...], Axis]] = [
        ((), None), ((3,), None), ((3,), 0), ((2, 3), None), ((2, 3), 0), ((2, 3), -1),
        ((2, 3, 4), (0, 2)), ((2, 1, 2), 1), ((1, 1), 0),
    ]
    return [
        Sample((rng.permutation(math.prod(shape)).reshape(shape) * 0.37 - 1.0,),
               {"axis": axis, "keepdims": keepdims})
        for shape, axis in cases
        for keepdims in (False, True)
    ]


def count(shape: tuple[int, ...], axis: Axis) -> int:
    """Return how many elements of `shape` make one along `axis`."""
    if axis is None or not shape:
        return math.prod(shape)
    if isinstance(axis, int):
        return shape[axis]
    return math.prod(shape[i] for i in np.atleast_1d(axis))


class Reduction(Op):
    """Base of the reductions: axis and keepdims, and how to spread a result out again."""

    def __init__(self, axis: Axis = None, keepdims: bool = False) -> None:
        self.axis, self.keepdims = axis, keepdims

    def spread(self, y: Any, shape: tuple[int, ...]) -> Any:
        """`y`, shaped as the result, with the axes back that were reduced (length 1)."""
        if self.keepdims or y.ndim in (0, len(shape)):
            return y
        axes = range(len(shape)) if self.axis is None else np.atleast_1d(self.axis) % len(shape)
        return y.reshape(tuple(1 if i in axes else n for i, n in enumerate(shape)))


class Sum(Reduction):
    """y = sum of x along axes.    dL/dx = dL/dy, spread over what was summed"""

    in_float32 = True
    samples = staticmethod(
        lambda rng: [*_reduction_samples(rng), Sample((np.zeros((0, 3)),), {"axis": 0})]
    )
    numpy = staticmethod(lambda x, axis, keepdims=False: np.sum(x, axis=axis, keepdims=keepdims))

    def forward(self, x: Array) -> Array:
        return self.kernels.sum_along(x, self.axis, self.keepdims, 1.0)

    def backward(self, dy: Any, shapes: Any) -> Any:
        (shape,) = shapes
        return self.kernels.broadcast(self.spread(dy, shape), shape)

    def backward_kernel(self, dy: Array, shapes: Any) -> Array:
        return self.kernels.broadcast_along(dy, shapes[0], self.axis, 1.0)


class Mean(Reduction):
    """y = mean of x along axes.    dL/dx = dL/dy / n, spread over the n that were averaged"""

    in_float32 = True
    floats = True
    numpy = staticmethod(lambda x, axis, keepdims: np.mean(x, axis=axis, keepdims=keepdims))
    samples = staticmethod(_reduction_samples)

    def forward(self, x: Array) -> Array:
        return self.kernels.sum_along(x, self.axis, self.keepdims, self.part(x.shape))

    def part(self, shape: tuple[int, ...]) -> float:
        """Return the weight of each element."""
        return 1.0 / (count(shape, self.axis) or 1)

    def backward(self, dy: Any, shapes: Any) -> Any:
        (shape,) = shapes
        return self.kernels.broadcast(self.spread(dy * self.part(shape), shape), shape)

    def backward_kernel(self, dy: Array, shapes: Any) -> Array:
        return self.kernels.broadcast_along(dy, shapes[0], self.axis, self.part(shapes[0]))


class Var(Reduction):
    """y = sum of (x - mean)**2 along axes / (n - correction).

    dL/dx = dL/dy * 2 (x - mean) / (n - correction)
    """

    in_float32 = True
    floats = True
    numpy = staticmethod(
        lambda x, axis, keepdims, correction=0: np.var(
            x, axis=axis, keepdims=keepdims, ddof=correction
        )
    )
    samples = staticmethod(
        lambda rng: [
            *_reduction_samples(rng),
            Sample((rng.standard_normal((3, 4)),), {"axis": 1, "keepdims": False, "correction": 1}),
        ]
    )

    def __init__(
        self, axis: Axis = None, keepdims: bool = False, correction: float = 0
    ) -> None:
        super().__init__(axis, keepdims)
        self.correction = correction

    def forward(self, x: Array) -> Array:
        away = self._away(x)
        away *= away
        return summed(away, self.axis, self.keepdims) * self._share(x)

    def backward(self, dy: Any, x: Any) -> Any:
        return self.spread(dy * (2.0 * self._share(x)), x.shape) * self._away(x)

    def _away(self, x: Any) -> Any:
        total = summed(x, self.axis, keepdims=True)
        return x - total * (1.0 / count(x.shape, self.axis))

    def _share(self, x: Any) -> float:
        return 1.0 / (count(x.shape, self.axis) - self.correction)


class Logsumexp(Reduction):
    """y = log(sum of exp(x)) along axes, without overflow.    dL/dx = dL/dy * exp(x - y)

    Where y is infinite the gradient is 0.
    """

    in_float32 = True
    floats = True
    numpy = staticmethod(
        lambda x, axis, keepdims: np.logaddexp.reduce(
            x, axis=tuple(range(x.ndim)) if axis is None else axis, keepdims=keepdims
        )
    )
    samples = staticmethod(_reduction_samples)

    def forward(self, x: Array) -> Array:
        xp = self.xp
        top = x.max(axis=self.axis, keepdims=True)
        top = xp.where(xp.isinf(top), 0.0, top)
        total = summed(xp.exp(x - top), self.axis, self.keepdims)
        return xp.log(total) + top.reshape(total.shape)

    def backward(self, dy: Any, x: Any, y: Any) -> Any:
        xp, y = self.xp, self.spread(y, x.shape)
        infinite = xp.isinf(y)
        shares = xp.exp(x - xp.where(infinite, 0.0, y))
        total = summed(shares, self.axis, keepdims=True)  # 1 but for the rounding of a large y
        scale = self.spread(dy, x.shape) / xp.where(infinite, 1.0, total)
        return xp.where(infinite, 0.0, shares) * scale


class _Extreme(Reduction):
    """Base of max and min: the gradient is shared equally where several are the extreme."""

    def backward(self, dy: Any, x: Any, y: Any) -> Any:
        chosen = x == self.spread(y, x.shape)
        shares = chosen.sum(axis=self.axis, keepdims=True).astype(dy.dtype)
        return chosen * (self.spread(dy, x.shape) / shares)


class Max(_Extreme):
    """y = largest of x along axes.    dL/dy goes to it; ties share equally"""

    numpy = staticmethod(lambda x, axis, keepdims: np.max(x, axis=axis, keepdims=keepdims))
    samples = staticmethod(_reduction_samples)

    def forward(self, x: Array) -> Array:
        return x.max(axis=self.axis, keepdims=self.keepdims)


class Min(_Extreme):
    """y = smallest of x along axes.    dL/dy goes to it; ties share equally"""

    numpy = staticmethod(lambda x, axis, keepdims: np.min(x, axis=axis, keepdims=keepdims))
    samples = staticmethod(_reduction_samples)

    def forward(self, x: Array) -> Array:
        return x.min(axis=self.axis, keepdims=self.keepdims)


def _places(name: str) -> Any:
    def same(x: Any, axis: Axis, keepdims: bool) -> Any:
        return getattr(np, name)(x, axis=axis, keepdims=keepdims)

    return staticmethod(same)


def _one_axis_samples(rng: Rng) -> list[Sample]:
    return [s for s in _reduction_samples(rng) if not isinstance(s.parameters["axis"], tuple)]


class Argmax(Reduction):
    """y = place of the largest of x along an axis, the first one where several are."""

    differentiable = False
    numpy = _places("argmax")
    samples = staticmethod(_one_axis_samples)

    def forward(self, x: Array) -> Array:
        return x.argmax(axis=self.axis, keepdims=self.keepdims)


class Argmin(Reduction):
    """y = place of the smallest of x along an axis, the first one where several are."""

    differentiable = False
    numpy = _places("argmin")
    samples = staticmethod(_one_axis_samples)

    def forward(self, x: Array) -> Array:
        return x.argmin(axis=self.axis, keepdims=self.keepdims)


class Any_(Reduction):
    """y = at least one element along axes holds."""

    differentiable = False
    numpy = _places("any")
    samples = staticmethod(_reduction_samples)

    def forward(self, x: Array) -> Array:
        return x.any(axis=self.axis, keepdims=self.keepdims)


class All_(Reduction):
    """y = all elements along axes hold."""

    differentiable = False
    numpy = _places("all")
    samples = staticmethod(_reduction_samples)

    def forward(self, x: Array) -> Array:
        return x.all(axis=self.axis, keepdims=self.keepdims)


def normal_axis(axis: Any, ndim: int, name: str) -> Axis:
    """`axis` as an int, a tuple or None; ShapeError if the tensor has no such axis."""
    if axis is None:
        return None
    if isinstance(axis, TensorBase):
        raise ShapeError(
            f"{name} takes an axis, and got a tensor; element by element of two tensors are "
            "dls.maximum(a, b) and dls.minimum(a, b)"
        )
    several = isinstance(axis, (tuple, list))
    axes = tuple(axis) if several else (axis,)
    count = ndim or 1  # one number may be reduced along its only axis, 0, as in NumPy
    for i in axes:
        if not isinstance(i, (int, np.integer)):
            raise ShapeError(f"{name} along axis {i!r}: an axis is an integer")
        if not -count <= i < count:
            raise ShapeError(f"{name} along axis {i} of a tensor with {ndim} dimensions")
    found = tuple(int(i) % count for i in axes)
    if len(set(found)) < len(found):
        raise ShapeError(f"{name} along {axes} names an axis twice")
    return found if several and (ndim or not found) else found[0]  # of one number (0,) is 0


def _reduce(op: Any, x: Any, axis: Any, keepdims: bool, some: bool = False) -> Any:
    if axis is not None:
        axis = normal_axis(axis, x.ndim, op.__name__.lower().strip("_"))
    if some and x._data.size == 0:
        lengths = x.shape if axis is None else [x.shape[i] for i in np.atleast_1d(axis)]
        if 0 in lengths:
            raise DataError(
                f"{op.__name__.lower().strip('_')} of nothing: the tensor has shape\n  {x.shape}"
            )
    return function_of(op, axis, bool(keepdims))(x)


def sum(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Sum of x along `axis` (an int, several, or None: all).

    >>> dls.sum(dls.tensor([[1.0, 2.0], [3.0, 4.0]]), axis=1)
    Tensor([3., 7.])
    """
    return _reduce(Sum, x, axis, keepdims)


def max(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Largest of x along `axis`; values only, `argmax` has the places. Ties share the gradient.

    >>> dls.max(dls.tensor([[1.0, 2.0], [3.0, 4.0]]), axis=0)
    Tensor([3., 4.])
    """
    return _reduce(Max, x, axis, keepdims, some=True)


def min(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Smallest of x along `axis`; values only, `argmin` has the places. Ties share the gradient.

    >>> dls.min(dls.tensor([[1.0, 2.0], [3.0, 4.0]]), axis=0)
    Tensor([1., 2.])
    """
    return _reduce(Min, x, axis, keepdims, some=True)


def amax(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Largest of x along `axis`: NumPy's and PyTorch's other name of `max`.

    >>> dls.amax(dls.tensor([[1.0, 2.0], [3.0, 4.0]]), axis=0)
    Tensor([3., 4.])
    """
    return max(x, axis, keepdims)


def amin(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Smallest of x along `axis`: NumPy's and PyTorch's other name of `min`.

    >>> dls.amin(dls.tensor([[1.0, 2.0], [3.0, 4.0]]), axis=0)
    Tensor([1., 2.])
    """
    return min(x, axis, keepdims)


def argmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """Place of the largest of x along `axis` (None: in the flattened tensor); int64.

    >>> dls.argmax(dls.tensor([[1.0, 5.0], [7.0, 2.0]]), axis=1)
    Tensor([1, 0])
    """
    return _reduce(Argmax, x, axis, keepdims, some=True)


def argmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """Place of the smallest of x along `axis` (None: in the flattened tensor); int64.

    >>> dls.argmin(dls.tensor([[1.0, 5.0], [7.0, 2.0]]), axis=1)
    Tensor([0, 1])
    """
    return _reduce(Argmin, x, axis, keepdims, some=True)


def any(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Return whether any element along `axis` holds.

    >>> dls.any(dls.tensor([[True, False], [False, False]]), axis=1)
    Tensor([ True, False])
    """
    return _reduce(Any_, x, axis, keepdims)


def all(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Return whether all elements along `axis` hold.

    >>> dls.all(dls.tensor([[True, False], [True, True]]), axis=1)
    Tensor([False,  True])
    """
    return _reduce(All_, x, axis, keepdims)


def mean(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Mean of x along `axis`; of integers a float. DataError of an empty tensor.

    >>> dls.mean(dls.tensor([[1.0, 2.0], [3.0, 4.0]]), axis=0)
    Tensor([2., 3.])
    """
    return _reduce(Mean, x, axis, keepdims, some=True)


def var(x: Any, axis: Any = None, keepdims: bool = False, correction: float = 0) -> Any:
    """Variance along `axis`: sum of squared deviations / (n - correction); NumPy's correction 0.

    >>> dls.var(dls.tensor([1.0, 3.0]))
    Tensor(1.)
    """
    along, correction = normal_axis(axis, x.ndim, "var"), number("var: correction", correction)
    if count(x.shape, along) <= correction:
        raise DataError(f"var with correction={correction} of {count(x.shape, along)} elements")
    return function_of(Var, along, bool(keepdims), correction)(x)


def std(x: Any, axis: Any = None, keepdims: bool = False, correction: float = 0) -> Any:
    """Standard deviation, the root of `var`; its gradient is 0 where it is 0.

    >>> dls.std(dls.tensor([1.0, 3.0]))
    Tensor(1.)
    """
    return sqrt(var(x, axis, keepdims, correction))


def logsumexp(x: Any, axis: Any = -1, keepdims: bool = False) -> Any:
    """log(sum(exp(x))) along `axis` (an int, several, or None: all), without overflow.

    >>> dls.logsumexp(dls.tensor([0.0, 0.0]))
    Tensor(0.6931)
    """
    return _reduce(Logsumexp, x, axis, keepdims, some=True)


def count_nonzero(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Count the elements along `axis` that are not 0; int64.

    >>> dls.count_nonzero(dls.tensor([[1, 0], [2, 3]]), axis=1)
    Tensor([1, 2])
    """
    return sum(not_equal(x, 0), axis, keepdims)
