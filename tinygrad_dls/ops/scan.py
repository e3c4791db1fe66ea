"""Running sums and products along an axis, and the product of all; right where factors are 0.

No gradient here divides by x. What goes back through a running product is a recurrence,
s_t = dy_t + x_(t+1) s_(t+1), walked from the end; an operation itself, it is its own way back.
"""

import math
from typing import Any

import numpy as np

from ..engine.autograd import Array
from ..errors import DataError, ShapeError
from .call import function_of, operand
from .comparison import not_equal
from .joining import concatenate
from .op import Op
from .reduction import Axis, Reduction, normal_axis
from .samples import Rng, Sample
from .shape import reshape, transpose

Index = tuple[slice, ...]


def along(axis: int, part: slice) -> Index:
    """The index that takes `part` along an axis, and all along those before it."""
    return (*(slice(None),) * axis, part)


FIRST, BUT_LAST, REVERSED = slice(None, 1), slice(None, -1), slice(None, None, -1)


def delayed(xp: Any, x: Any, axis: int, first: str) -> Any:
    """x moved on by one place along the axis; at the first stands a 0 or a 1 ("zeros", "ones")."""
    start = (xp.zeros_like if first == "zeros" else xp.ones_like)(x[along(axis, FIRST)])
    return xp.concatenate([start, x[along(axis, BUT_LAST)]], axis=axis)


class Recurrence(Op):
    """y_t = a_t y_(t-1) + b_t along an axis, from y = 0 before the first.

    With s_t = dL/dy_t + a_(t+1) s_(t+1):  dL/da_t = s_t y_(t-1),  dL/db_t = s_t
    """

    numpy = staticmethod(lambda a, b, axis: _recurrence(a, b, axis))
    samples = staticmethod(
        lambda rng: [
            Sample((rng.standard_normal(shape), rng.standard_normal(shape)), {"axis": axis})
            for shape, axis in (((5,), 0), ((1,), 0), ((3, 4), 0), ((2, 9), 1), ((2, 3, 2), 1),
                                ((0, 3), 0), ((0, 3), 1))
        ]
    )

    def __init__(self, axis: int) -> None:
        self.axis = axis

    def forward(self, a: Array, b: Array) -> Array:
        return self.kernels.recurrence(a, b, self.axis)

    def backward(self, dy: Any, a: Any, y: Any, needs: Any) -> Any:
        s = from_the_end(self, a, dy, self.axis)
        return (s * delayed(self.xp, y, self.axis, "zeros") if needs[0] else None), s


def from_the_end(op: Op, a: Any, dy: Any, axis: int) -> Any:
    """s_t = dy_t + a_(t+1) s_(t+1)."""
    back = along(axis, REVERSED)
    factors = delayed(op.xp, a[back], axis, "zeros")
    return op.kernels.recurrence(factors, dy[back], axis)[back]


def _recurrence(a: Any, b: Any, axis: int) -> Any:
    y = np.array(np.moveaxis(b, axis, 0))
    for t, factor in enumerate(np.moveaxis(a, axis, 0)[1:], start=1):
        y[t] += factor * y[t - 1]
    return np.moveaxis(y, 0, axis)


def _scans(rng: Rng) -> list[Sample]:
    cases: list[tuple[tuple[int, ...], int]] = [
        ((4,), 0), ((1,), 0), ((2, 3), 0), ((2, 5), 1), ((2, 3, 2), 1), ((0, 3), 0), ((2, 0), 1)
    ]
    return [Sample((rng.standard_normal(shape),), {"axis": axis}) for shape, axis in cases]


def _with_zeros(rng: Rng) -> list[Sample]:
    x = rng.standard_normal((3, 5))
    x[0, 2] = x[1, 0] = x[1, 3] = x[2] = 0.0
    return [*_scans(rng), Sample((x,), {"axis": 1}), Sample((x,), {"axis": 0})]


class Cumsum(Op):
    """y_t = x_0 + ... + x_t along an axis.    dL/dx_t = the sum of dL/dy from t to the end"""

    in_float32 = True
    numpy = staticmethod(lambda x, axis: np.cumsum(x, axis=axis))
    samples = staticmethod(_scans)

    def __init__(self, axis: int) -> None:
        self.axis = axis

    def forward(self, x: Array) -> Array:
        return self.kernels.cumsum(x, self.axis)

    def backward(self, dy: Any) -> Any:
        back = along(self.axis, REVERSED)
        return self.kernels.cumsum(dy[back], self.axis)[back]


class Cumprod(Op):
    """y_t = x_0 * ... * x_t along an axis.

    dL/dx_t = y_(t-1) s_t  with  s_t = dL/dy_t + x_(t+1) s_(t+1), also where x has zeros
    """

    numpy = staticmethod(lambda x, axis: np.cumprod(x, axis=axis))
    samples = staticmethod(_with_zeros)

    def __init__(self, axis: int) -> None:
        self.axis = axis

    def forward(self, x: Array) -> Array:
        return x.cumprod(axis=self.axis)

    def backward(self, dy: Any, x: Any, y: Any) -> Any:
        s = from_the_end(self, x, dy, self.axis)
        return delayed(self.xp, y, self.axis, "ones") * s


class Prod(Reduction):
    """y = product of x along an axis.    dL/dx_t = dL/dy * product of all x but x_t"""

    numpy = staticmethod(lambda x, axis, keepdims=False: np.prod(x, axis=axis, keepdims=keepdims))
    samples = staticmethod(
        lambda rng: [Sample(s.inputs, {**s.parameters, "keepdims": keepdims})
                     for s in _with_zeros(rng) for keepdims in (False, True)]
    )

    def forward(self, x: Array) -> Array:
        return x.prod(axis=self.axis, keepdims=self.keepdims)

    def backward(self, dy: Any, x: Any) -> Any:
        xp = self.xp
        axis: Any = self.axis  # one, never several
        back = along(axis, REVERSED)
        before = delayed(xp, x, axis, "ones").cumprod(axis=axis)
        after = delayed(xp, x[back], axis, "ones").cumprod(axis=axis)[back]
        return self.spread(dy, x.shape) * before * after


def one_axis(x: Any, axis: Any, name: str) -> tuple[Any, int]:
    """x and the axis to walk along; without one the flattened x, and 0."""
    found = normal_axis(axis, x.ndim, name)
    if found is None or x.ndim == 0:
        return reshape(x, (-1,)), 0
    if not isinstance(found, int):
        raise ShapeError(f"{name} goes along one axis, not along {axis}")
    return x, found


def _shaped(y: Any, x: Any, axis: int | None) -> Any:
    """Along an axis the shape stays, that of a single number, too."""
    return y if axis is None else reshape(y, x.shape)


def cumsum(x: Any, axis: int | None = None) -> Any:
    """Running sum of x along `axis` (None: of the flattened tensor).

    >>> dls.cumsum(dls.tensor([1.0, 2.0, 3.0]))
    Tensor([1., 3., 6.])
    """
    row, place = one_axis(x, axis, "cumsum")
    return _shaped(function_of(Cumsum, place)(row), x, axis)


def cumprod(x: Any, axis: int | None = None) -> Any:
    """Running product of x along `axis` (None: of the flattened tensor).

    >>> dls.cumprod(dls.tensor([1.0, 2.0, 3.0]))
    Tensor([1., 2., 6.])
    """
    row, place = one_axis(x, axis, "cumprod")
    return _shaped(function_of(Cumprod, place)(row), x, axis)


def prod(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Product of x along `axis` (an int, several, or None: all); its gradient is right at 0 too.

    >>> dls.prod(dls.tensor([2.0, 3.0]))
    Tensor(6.)
    """
    found = normal_axis(axis, x.ndim, "prod")
    if isinstance(found, int) and x.ndim:
        return function_of(Prod, found, bool(keepdims))(x)
    axes = range(x.ndim) if found is None else found if isinstance(found, tuple) else ()
    kept = [i for i in range(x.ndim) if i not in axes]
    last = transpose(x, (*kept, *axes)) if x.ndim > 1 else x
    flat = reshape(last, (*(x.shape[i] for i in kept), math.prod(x.shape[i] for i in axes)))
    y = function_of(Prod, len(kept), False)(flat)
    shape = tuple(1 if i in axes else n for i, n in enumerate(x.shape))
    return reshape(y, shape) if keepdims else y


def recurrence(a: Any, b: Any, axis: int) -> Any:
    """y_t = a_t y_(t-1) + b_t along `axis`; a and b have one shape."""
    return function_of(Recurrence, axis)(a, b)


def diff(x: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Any:
    """Return the differences of neighbours along `axis`, taken `n` times; for bools, whether they
    differ.

    `prepend` and `append` are put before and behind x first.

    >>> dls.diff(dls.tensor([1.0, 4.0, 9.0]))
    Tensor([3., 5.])
    """
    if not isinstance(n, int) or n < 0:
        raise DataError(f"diff is taken n times, n a whole number of at least 0, not {n!r}")
    if x.ndim == 0:
        raise ShapeError("diff of one number: it has no neighbours, the tensor has shape ()")
    axis = normal_axis(axis, x.ndim, "diff")  # type: ignore[assignment]
    ends = [None if end is None else operand(end, x.device) for end in (prepend, append)]
    if n and ends != [None, None]:
        one = (*x.shape[:axis], 1, *x.shape[axis + 1:])
        ends = [end if end is None or end.ndim else end.broadcast_to(one) for end in ends]
        x = concatenate([p for p in (ends[0], x, ends[1]) if p is not None], axis=axis)
    for _ in range(n):
        later, sooner = x[along(axis, slice(1, None))], x[along(axis, BUT_LAST)]
        x = not_equal(later, sooner) if x.dtype.kind == "b" else later - sooner
    return x
