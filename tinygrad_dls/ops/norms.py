"""Norms of vectors and matrices. Where a norm is 0 its gradient is 0."""

import math
from typing import Any

import numpy as np

from .._util.arguments import is_amount
from ..backend.dtypes import default_dtype
from ..backend.kernels.adding import summed
from ..engine.autograd import Array
from ..errors import DataError, ShapeError
from .call import function_of
from .decompositions import SingularValues
from .elementwise import abs_, cast, over
from .reduction import Axis, Reduction, count_nonzero, normal_axis
from .reduction import max as max_of
from .reduction import min as min_of
from .reduction import sum as sum_of
from .samples import Rng, Sample
from .shape import expand_dims, moveaxis


def _samples(rng: Rng) -> list[Sample]:
    cases: list[tuple[tuple[int, ...], Axis]] = [
        ((), None), ((3,), None), ((3,), 0), ((2, 3), None), ((2, 3), 1), ((2, 3, 4), (0, 2)),
        ((2, 1), 1), ((0, 3), 1), ((1, 1), 0),
    ]
    return [
        Sample((rng.standard_normal(shape) + 0.1,), {"axis": axis, "keepdims": keepdims})
        for shape, axis in cases
        for keepdims in (False, True)
    ]


class EuclideanNorm(Reduction):
    """y = sqrt(sum of x**2) along axes.    dL/dx = dL/dy * x / y, and 0 where y = 0"""

    in_float32 = True
    floats = True
    numpy = staticmethod(
        lambda x, axis, keepdims: np.sqrt(np.sum(x * x, axis=axis, keepdims=keepdims))
    )
    samples = staticmethod(_samples)

    def forward(self, x: Array) -> Array:
        return self.xp.sqrt(summed(x * x, self.axis, self.keepdims))

    def backward(self, dy: Any, x: Any, y: Any) -> Any:
        return self.spread(over(self.kernels, dy, y), x.shape) * x


def vector_norm(x: Any, ord: Any = 2, axis: Any = None, keepdims: bool = False) -> Any:
    """(sum of |x|**ord) ** (1 / ord) along `axis` (an int, several, or None: all).

    `ord`: 2; 1; math.inf, the largest |x|; -math.inf, the smallest; 0, how many are not 0; any p.

    >>> dls.vector_norm(dls.tensor([[3.0, 4.0], [6.0, 8.0]]), 2, axis=1)
    Tensor([ 5., 10.])
    """
    along = normal_axis(axis, x.ndim, "norm")
    if x.dtype.kind != "f":
        x = cast(x, default_dtype())
    if ord in (2, None):
        return function_of(EuclideanNorm, along, bool(keepdims))(x)
    if isinstance(ord, str) or not is_amount(abs(ord), infinite=True):
        raise DataError(f"the norm of a vector has a number as its order, not {ord!r}")
    if ord == 0:
        return cast(count_nonzero(x, along, keepdims), x.dtype)
    if x.dtype == "float16":  # powers of float16 overflow
        return cast(vector_norm(cast(x, "float32"), ord, axis, keepdims), "float16")
    size = abs_(x)
    if math.isinf(ord):
        return (max_of if ord > 0 else min_of)(size, along, keepdims)
    if ord == 1:
        return sum_of(size, along, keepdims)
    return sum_of(size ** float(ord), along, keepdims) ** (1.0 / ord)


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """NumPy's np.linalg.norm: of vectors along an axis, or of the matrices in two axes.

    Without `ord` the root of the sum of squares, of all elements if there is no `axis` either.
    Matrices (two axes, or a matrix without `axis`): "fro" the same, 1 (-1) and inf (-inf) the
    largest (smallest) sum of a column and of a row, 2 (-2) the largest (smallest) singular value,
    "nuc" the sum of all singular values.

    >>> dls.norm(dls.tensor([3.0, 4.0]))
    Tensor(5.)
    """
    found = normal_axis(axis, x.ndim, "norm")
    if ord is None:
        return vector_norm(x, 2, found, keepdims)
    if found is None and x.ndim > 2:
        raise ShapeError(
            f"norm with ord={ord!r} is of vectors and matrices, and the tensor has shape\n"
            f"  {x.shape}\nname one axis or two, or take all elements: dls.vector_norm(x, ord)"
        )
    several = tuple(range(x.ndim)) if found is None else found
    axes = several if isinstance(several, tuple) else (several,)
    if len(axes) < 2:
        return vector_norm(x, ord, axes or None, keepdims)
    if len(axes) > 2:
        raise ShapeError(f"norm along {axes}: one axis holds vectors, two hold matrices")
    return _matrix_norm(x, ord, axes, keepdims)


def _matrix_norm(x: Any, ord: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    if ord == "fro":
        return vector_norm(x, 2, axes, keepdims)
    if ord in (2, -2, "nuc"):
        return _norm_of_singular_values(x, ord, axes, keepdims)
    if ord not in (1, -1, math.inf, -math.inf):
        raise DataError(
            f"the norm of a matrix with ord={ord!r} is not here: there are 'fro', 'nuc', 1, -1, 2, "
            "-2, math.inf and -math.inf.\nOf all elements as one vector: dls.vector_norm(x, ord)"
        )
    summed, chosen = axes if abs(ord) == 1 else axes[::-1]
    sums = sum_of(abs_(x), summed, keepdims=True)
    y = (max_of if ord > 0 else min_of)(sums, chosen, keepdims=True)
    return y if keepdims else y.squeeze(axes)


def _norm_of_singular_values(x: Any, ord: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    x = x if x.dtype.kind == "f" else cast(x, default_dtype())
    if x.dtype == "float16":  # LAPACK has none
        found = _norm_of_singular_values(cast(x, "float32"), ord, axes, keepdims)
        return cast(found, "float16")
    values = function_of(SingularValues)(moveaxis(x, axes, (-2, -1)))
    y = (sum_of if ord == "nuc" else max_of if ord == 2 else min_of)(values, -1)
    return expand_dims(y, tuple(sorted(axes))) if keepdims else y
