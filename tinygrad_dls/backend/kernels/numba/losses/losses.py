"""Softmax and the losses from logits, row by row; the rows may be the channels of images."""

from typing import Any

import numpy as np

from ...reference import losses as reference
from ..allocate import Running
from ..compile import inlined, kernel
from ..elementwise import sums
from ..elementwise.functions import ONE, exp32, log1p_of_exp32, sigmoid32
from ..layout import F32, F64, NOTHING, flat, like

Array = Any


@inlined
def row_max(z: Array, i: int) -> Any:
    """The largest of row i; four at a time, since each comparison waits for the one before."""
    n = z.shape[1]
    a = b = c = d = z[i, 0]
    for j in range(0, n - 3, 4):
        a, b = max(a, z[i, j]), max(b, z[i, j + 1])
        c, d = max(c, z[i, j + 2]), max(d, z[i, j + 3])
    for j in range(n - n % 4, n):
        a = max(a, z[i, j])
    return max(max(a, b), max(c, d))


@inlined
def row_sum(y: Array, i: int) -> Any:
    """The sum of row i; four at a time, since each addition waits for the one before.

    Of 4096 numbers first: in one running sum many small numbers lose their digits.
    """
    n = y.shape[1]
    whole = y.dtype.type(0)
    for start in range(0, n, 4096):
        stop = min(start + 4096, n)
        a = b = c = d = y.dtype.type(0)
        for j in range(start, stop - 3, 4):
            a, b, c, d = a + y[i, j], b + y[i, j + 1], c + y[i, j + 2], d + y[i, j + 3]
        for j in range(stop - (stop - start) % 4, stop):
            a += y[i, j]
        whole += (a + b) + (c + d)
    return whole


@inlined
def rows_at_once(n: int) -> int:
    """Return how many rows of n pass through exp in one loop: short rows would leave lanes empty.
    """
    return int(max(1, 2048 // n))


@inlined
def exp_of(x: Array) -> None:
    """x = exp(x), in place; x is flat."""
    for k in range(x.size):
        x[k] = exp32(x[k])


@kernel
def softmax_rows(z: Array, y: Array) -> None:
    n, flat_y = z.shape[1], y.reshape(y.size)
    block = rows_at_once(n)
    for start in range(0, z.shape[0], block):
        stop = min(start + block, z.shape[0])
        for i in range(start, stop):
            top = row_max(z, i)
            for j in range(n):
                y[i, j] = z[i, j] - top
        exp_of(flat_y[start * n : stop * n])
        for i in range(start, stop):
            scale = ONE / row_sum(y, i)
            for j in range(n):
                y[i, j] *= scale


@kernel
def log_softmax_rows(z: Array, y: Array) -> None:
    n = z.shape[1]
    block = rows_at_once(n)
    e, tops = np.empty((block, n), z.dtype), np.empty(block, z.dtype)
    flat_e = e.reshape(e.size)
    for start in range(0, z.shape[0], block):
        rows = min(block, z.shape[0] - start)
        for i in range(rows):
            top = row_max(z, start + i)
            tops[i] = top
            for j in range(n):
                e[i, j] = z[start + i, j] - top
        exp_of(flat_e[: rows * n])
        for i in range(rows):
            whole, top = np.log(row_sum(e, i)), tops[i]
            for j in range(n):  # top first: their difference is exact where both are large
                y[start + i, j] = (z[start + i, j] - top) - whole


@kernel
def softmax_backward_rows(dy: Array, y: Array, dz: Array) -> None:
    for i in range(y.shape[0]):
        for j in range(y.shape[1]):
            dz[i, j] = dy[i, j] * y[i, j]
        mean = row_sum(dz, i)
        for j in range(y.shape[1]):
            dz[i, j] -= y[i, j] * mean


@kernel
def log_softmax_backward_rows(dy: Array, y: Array, dz: Array) -> None:
    n, flat_dz = y.shape[1], dz.reshape(dz.size)
    block = rows_at_once(n)
    for start in range(0, y.shape[0], block):
        stop = min(start + block, y.shape[0])
        for i in range(start, stop):
            for j in range(n):
                dz[i, j] = y[i, j]
        exp_of(flat_dz[start * n : stop * n])
        for i in range(start, stop):
            total = row_sum(dy, i)
            for j in range(n):
                dz[i, j] = dy[i, j] - dz[i, j] * total


@kernel
def any_outside_loop(x: Array, low: float, high: float) -> bool:
    found = 0
    for i in range(x.size):
        found |= (x[i] < low) | (x[i] > high)
    return found != 0


@kernel
def binary_cross_entropy_loop(z: Array, t: Array, losses: Array) -> None:
    for i in range(z.size):
        losses[i] = max(z[i], z.dtype.type(0)) - z[i] * t[i] + log1p_of_exp32(-abs(z[i]))


@kernel
def binary_cross_entropy_backward_loop(
    d: Array, part: float, z: Array, t: Array, dz: Array
) -> None:
    """`d` has one element for each of z, or none: then each is 1."""
    factor = z.dtype.type(part)
    if d.size == 0:
        for i in range(z.size):
            dz[i] = factor * (sigmoid32(z[i]) - t[i])
    else:
        for i in range(z.size):
            dz[i] = factor * d[i] * (sigmoid32(z[i]) - t[i])


class Losses(Running, reference.Losses):
    """Those of the reference that compiled loops beat."""

    def softmax(self, z: Any, axis: int) -> Any:
        y = np.empty_like(z)
        rows = _rows(axis, z, y)
        if rows is None:
            return super().softmax(z, axis)
        softmax_rows(*rows)
        return y

    def softmax_backward(self, dy: Any, y: Any, axis: int) -> Any:
        dz = np.empty_like(y)
        rows = _rows(axis, like(dy, y), y, dz)
        if rows is None:
            return super().softmax_backward(dy, y, axis)
        softmax_backward_rows(*rows)
        return dz

    def log_softmax(self, z: Any, axis: int) -> Any:
        y = np.empty_like(z)
        rows = _rows(axis, z, y)
        if rows is None:
            return super().log_softmax(z, axis)
        log_softmax_rows(*rows)
        return y

    def log_softmax_backward(self, dy: Any, y: Any, axis: int) -> Any:
        dz = np.empty_like(y)
        rows = _rows(axis, like(dy, y), y, dz)
        if rows is None:
            return super().log_softmax_backward(dy, y, axis)
        log_softmax_backward_rows(*rows)
        return dz

    def any_outside(self, x: Any, low: float, high: float) -> bool:
        views = flat(x)
        if views is None:
            return super().any_outside(x, low, high)
        return bool(any_outside_loop(*views, low, high))

    def squared_distance(self, a: Any, b: Any) -> Any:
        found = sums.squared_distance(a, b)
        return super().squared_distance(a, b) if found is None else found

    def scaled_difference(self, a: Any, b: Any, factor: Any) -> Any:
        found = sums.scaled_difference(a, b, float(factor))
        return super().scaled_difference(a, b, factor) if found is None else found

    def binary_cross_entropy(self, z: Any, t: Any) -> Any:
        losses = self.empty_like(z)
        views = flat(z, t, losses) if z.dtype is F32 and hasattr(t, "shape") else None
        if views is None:
            return super().binary_cross_entropy(z, t)
        self.run(binary_cross_entropy_loop, *views)
        return losses

    def binary_cross_entropy_backward(self, d: Any, z: Any, t: Any, part: float) -> Any:
        if z.dtype is not F32 or d.dtype is not F32 or not hasattr(t, "shape"):
            return super().binary_cross_entropy_backward(d, z, t, part)
        dz = self.empty_like(z)
        views = flat(z, t, dz) if d.size == 1 else flat(d, z, t, dz)
        if views is None:
            return super().binary_cross_entropy_backward(d, z, t, part)
        if d.size == 1:
            views, part = [NOTHING[F32], *views], d.item() * part
        self.run(binary_cross_entropy_backward_loop, views[0], float(part), *views[1:])
        return dz

    def total(self, x: Any, part: float) -> Any:
        if (x.dtype is not F32 and x.dtype is not F64) or not x.flags.c_contiguous:
            return super().total(x, part)
        return sums.total(x, part, self)


def _rows(axis: int, *arrays: Any) -> list[Any] | None:
    """The arrays as (rows, n) with `axis` last; None unless float32, with that axis innermost."""
    first = arrays[0]
    if first.dtype is not F32 or not first.size or not first.ndim:
        return None
    axis %= first.ndim
    last = axis == first.ndim - 1
    order = () if last else (*(i for i in range(first.ndim) if i != axis), axis)
    rows = []
    for a in arrays:
        view = a if last else a.transpose(order)
        if not view.flags.c_contiguous or a.shape != first.shape or a.dtype is not F32:
            return None
        rows.append(view.reshape(-1, view.shape[-1]))
    return rows
