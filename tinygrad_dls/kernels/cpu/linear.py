"""The linear layer where plain loops beat BLAS, and the sum of rows."""

from typing import Any

import numpy as np

from ..reference import linear as reference
from .compile import kernel
from .layout import F32, F64

Array = Any


@kernel
def sum_rows_loop(x: Array, total: Array) -> None:
    """The sum of the rows of x (m, n)."""
    total[:] = 0
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            total[j] += x[i, j]


@kernel
def linear_small(x: Array, weight: Array, bias: Array, y: Array) -> None:
    """y = x @ weight.T + bias for a few inputs and outputs, where BLAS is all preparation."""
    for i in range(x.shape[0]):
        for j in range(weight.shape[0]):
            total = bias[j]
            for k in range(x.shape[1]):
                total += x[i, k] * weight[j, k]
            y[i, j] = total


@kernel
def linear_small_backward(
    dy: Array, x: Array, weight: Array, dx: Array, dweight: Array, dbias: Array
) -> None:
    """All three gradients in one pass over the examples; an empty dx is not wanted."""
    dweight[:] = 0
    dbias[:] = 0
    wants_dx = dx.size > 0
    for i in range(x.shape[0]):
        for j in range(weight.shape[0]):
            d = dy[i, j]
            dbias[j] += d
            for k in range(x.shape[1]):
                dweight[j, k] += d * x[i, k]
        if wants_dx:
            for k in range(x.shape[1]):
                total = dy[i, 0] * weight[0, k]
                for j in range(1, weight.shape[0]):
                    total += dy[i, j] * weight[j, k]
                dx[i, k] = total


class Linear(reference.Linear):
    """Small layers in one loop; others by BLAS, as in the reference."""

    def linear(self, x: Any, weight: Any, bias: Any | None) -> Any:
        if bias is None or not _small(weight, x, bias) or bias.shape != weight.shape[:1]:
            return super().linear(x, weight, bias)
        y = np.empty((x.shape[0], weight.shape[0]), x.dtype)
        linear_small(x, weight, bias, y)
        return y

    def linear_backward(
        self, dy: Any, x: Any, weight: Any, needs: tuple[bool, ...]
    ) -> tuple[Any | None, ...]:
        if (needs[1:] != (True, True) or not _small(weight, x, dy)
                or dy.shape != (x.shape[0], weight.shape[0])):
            return super().linear_backward(dy, x, weight, needs)
        dx = np.empty(x.shape if needs[0] else (0, 0), x.dtype)
        dweight, dbias = np.empty_like(weight), np.empty(weight.shape[0], x.dtype)
        linear_small_backward(dy, x, weight, dx, dweight, dbias)
        return dx if needs[0] else None, dweight, dbias

    def sum_rows(self, x: Any) -> Any:
        if not x.flags.c_contiguous or (x.dtype is not F32 and x.dtype is not F64):
            return super().sum_rows(x)
        total = np.empty(x.shape[1], x.dtype)
        sum_rows_loop(x, total)
        return total


def _small(weight: Any, x: Any, other: Any) -> bool:
    """Is this a linear layer of so few weights that plain loops beat BLAS?"""
    dtype = weight.dtype
    return (
        0 < weight.size <= 16
        and (dtype is F32 or dtype is F64)
        and x.ndim == weight.ndim == 2
        and x.shape[1] == weight.shape[1]
        and x.dtype is dtype
        and other.dtype is dtype
        and x.flags.c_contiguous
        and weight.flags.c_contiguous
        and other.flags.c_contiguous
    )
