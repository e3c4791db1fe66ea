"""Softmax, the losses from logits, and the sum of losses.

Row by row; the rows may be the channels of images. Cross-entropy reads the logits once or twice
each way: with the largest logit of a row as `top` and exp_sum = sum(exp(z - top)) no exp overflows,
and nothing is rounded at the size of large logits. Forward keeps both numbers of each row, from
which going back has the softmax: exp(z - top) / exp_sum.
"""

import math
from typing import Any

import numpy as np

from ...reference import losses as reference
from ..allocate import Running
from ..compile import inlined, kernel, task
from ..elementwise import sums
from ..elementwise.functions import ONE, exp32, log1p_of_exp32, sigmoid32
from ..elementwise.sums import BLOCK
from ..layout import F32, F64, NOTHING, flat, like
from ..parallel import parallel_for
from ..simd import (
    exp,
    full,
    lane_numbers,
    lanes,
    largest,
    load,
    load_some,
    log,
    store,
    store_some,
    total,
    where,
)
from ..threads import threads_for

Array = Any
INT64 = np.dtype("int64")


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


@task
def softmax_chunk(chunk: int, chunks: int, z: Array, y: Array) -> None:
    first, end = chunk * len(y) // chunks, (chunk + 1) * len(y) // chunks
    z, y = z[first:end], y[first:end]
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
def softmax_rows(chunks: int, z: Array, y: Array) -> None:
    parallel_for(softmax_chunk, chunks, (z, y))


@task
def log_softmax_chunk(chunk: int, chunks: int, z: Array, y: Array) -> None:
    first, end = chunk * len(y) // chunks, (chunk + 1) * len(y) // chunks
    z, y = z[first:end], y[first:end]
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
def log_softmax_rows(chunks: int, z: Array, y: Array) -> None:
    parallel_for(log_softmax_chunk, chunks, (z, y))


@task
def softmax_backward_chunk(chunk: int, chunks: int, dy: Array, y: Array, dz: Array) -> None:
    first, end = chunk * len(dz) // chunks, (chunk + 1) * len(dz) // chunks
    dy, y, dz = dy[first:end], y[first:end], dz[first:end]
    for i in range(y.shape[0]):
        for j in range(y.shape[1]):
            dz[i, j] = dy[i, j] * y[i, j]
        mean = row_sum(dz, i)
        for j in range(y.shape[1]):
            dz[i, j] -= y[i, j] * mean


@kernel
def softmax_backward_rows(chunks: int, dy: Array, y: Array, dz: Array) -> None:
    parallel_for(softmax_backward_chunk, chunks, (dy, y, dz))


@task
def log_softmax_backward_chunk(chunk: int, chunks: int, dy: Array, y: Array, dz: Array) -> None:
    first, end = chunk * len(dz) // chunks, (chunk + 1) * len(dz) // chunks
    dy, y, dz = dy[first:end], y[first:end], dz[first:end]
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
def log_softmax_backward_rows(chunks: int, dy: Array, y: Array, dz: Array) -> None:
    parallel_for(log_softmax_backward_chunk, chunks, (dy, y, dz))


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


@task
def sums_chunk(chunk: int, chunks: int, x: Array, sums: Array) -> None:
    """The sum of x of each block; the same on any number of cores."""
    n, blocks = lanes(x), sums.size
    for block in range(chunk * blocks // chunks, (chunk + 1) * blocks // chunks):
        begin, end = block * BLOCK, min(x.size, (block + 1) * BLOCK)
        rest = (end - begin) % n
        s = full(x, 0.0)
        for i in range(begin, end - rest, n):
            s = s + load(x, i)
        if rest:
            s = s + load_some(x, end - rest, rest)
        sums[block] = total(s)


@kernel
def sum_of_all(parts: int, x: Array, part: float, sums: Array, y: Array) -> None:
    """y, of shape (), = part * the sum of x."""
    parallel_for(sums_chunk, parts, (x, sums))
    whole = 0.0
    for block in range(sums.size):
        whole += sums[block]
    y[()] = whole * part


@task
def forward_chunk(
    chunk: int, chunks: int, z: Array, labels: Array, losses: Array, tops: Array, exp_sums: Array,
    smoothing: float,
) -> None:
    m, n = z.shape
    width, rest, lane = lanes(z), n % lanes(z), lane_numbers(z)
    begin, end = chunk * m // chunks, (chunk + 1) * m // chunks
    for i in range(begin, end):
        first, last = i * n, (i + 1) * n - rest
        most, s = full(z, -np.inf), full(z, 0.0)
        for k in range(first, last, width):
            x = load(z, k)
            most = where(x > most, x, most)
        if rest:
            x = load_some(z, last, rest)
            most = where(lane < rest, where(x > most, x, most), most)
        top = largest(most)
        for k in range(first, last, width):
            s = s + exp(load(z, k) - top)
        if rest:
            s = s + where(lane < rest, exp(load_some(z, last, rest) - top), 0.0)
        exp_sums[i] = total(s)
        tops[i] = exp_sums[i] if np.isnan(exp_sums[i]) and top < np.inf else top  # a NaN among them
    for i in range(begin, end, width):
        count = min(width, end - i)
        store_some(losses, i, log(load_some(exp_sums, i, count)), count)
    for i in range(begin, end):
        hit = z[i, labels[i]]
        losses[i] += tops[i] - hit
        if smoothing != 0:
            even = 0.0
            for j in range(n):
                even += z[i, j]
            losses[i] += smoothing * (hit - even / n)


@kernel
def cross_entropy_rows(
    parts: int, z: Array, labels: Array, losses: Array, tops: Array, exp_sums: Array,
    smoothing: float,
) -> None:
    """IndexError if a label is out of range; the gradient's kernel then never runs."""
    for label in labels:
        if label < 0 or label >= z.shape[1]:
            raise IndexError("a label is out of range: labels are 0 to classes - 1")
    parallel_for(forward_chunk, parts, (z, labels, losses, tops, exp_sums, smoothing))


@task
def backward_chunk(
    chunk: int, chunks: int, d: Array, part: float, z: Array, labels: Array, tops: Array,
    exp_sums: Array, dz: Array, smoothing: float,
) -> None:
    """`d` has one element for each row, or none: then each is 1."""
    m, n = z.shape
    width, rest, each = lanes(z), n % lanes(z), smoothing / n
    for i in range(chunk * m // chunks, (chunk + 1) * m // chunks):
        first, last, top = i * n, (i + 1) * n - rest, tops[i]
        d_i = d[i] * part if d.size else part
        scale, shift = d_i / exp_sums[i], d_i * each
        for k in range(first, last, width):
            store(dz, k, exp(load(z, k) - top) * scale - shift)
        if rest:
            store_some(dz, last, exp(load_some(z, last, rest) - top) * scale - shift, rest)
        dz[i, labels[i]] -= d_i * (1.0 - smoothing)


@kernel
def cross_entropy_gradient(
    parts: int, d: Array, part: float, z: Array, labels: Array, tops: Array, exp_sums: Array,
    dz: Array, smoothing: float,
) -> None:
    parallel_for(backward_chunk, parts, (d, part, z, labels, tops, exp_sums, dz, smoothing))


class Losses(Running, reference.Losses):
    """Those of the reference that compiled loops beat."""

    def softmax(self, z: Any, axis: int) -> Any:
        y = _along(softmax_rows, axis, z)
        return super().softmax(z, axis) if y is None else y

    def softmax_backward(self, dy: Any, y: Any, axis: int) -> Any:
        dz = _along(softmax_backward_rows, axis, like(dy, y), y)
        return super().softmax_backward(dy, y, axis) if dz is None else dz

    def log_softmax(self, z: Any, axis: int) -> Any:
        y = _along(log_softmax_rows, axis, z)
        return super().log_softmax(z, axis) if y is None else y

    def log_softmax_backward(self, dy: Any, y: Any, axis: int) -> Any:
        dz = _along(log_softmax_backward_rows, axis, like(dy, y), y)
        return super().log_softmax_backward(dy, y, axis) if dz is None else dz

    def any_outside(self, x: Any, low: float, high: float) -> bool:
        views = flat(x)
        if views is None:
            return super().any_outside(x, low, high)
        return bool(any_outside_loop(*views, low, high))

    def squared_distance(self, a: Any, b: Any) -> Any:
        found = sums.squared_distance(a, b)
        return super().squared_distance(a, b) if found is None else found

    def scaled_difference(self, a: Any, b: Any, factor: Any) -> Any:
        found = sums.clamped_difference(a, b, math.inf, float(factor))
        return super().scaled_difference(a, b, factor) if found is None else found

    def huber_distance(self, a: Any, b: Any, bound: float) -> Any:
        found = sums.huber_distance(a, b, float(bound))
        return super().huber_distance(a, b, bound) if found is None else found

    def clamped_difference(self, a: Any, b: Any, bound: float, factor: Any) -> Any:
        found = sums.clamped_difference(a, b, float(bound), float(factor))
        return super().clamped_difference(a, b, bound, factor) if found is None else found

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
        y = self.empty((), x.dtype)
        of_blocks = self.empty(-(-x.size // BLOCK), F64)
        self.run(sum_of_all, threads_for(8 * x.size), x.ravel(), float(part), of_blocks, y)
        return y


def _along(rows_kernel: Any, axis: int, *arrays: Array) -> Array | None:
    """The result of a kernel of rows, in a new array like the last; None: not fit for it."""
    made = np.empty_like(arrays[-1])
    rows = _rows(axis, *arrays, made)
    if rows is None:
        return None
    rows_kernel(threads_for(32 * made.size), *rows)
    return made


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


class CrossEntropy(Running, reference.Losses):
    """Of rows of float32 or float64."""

    def cross_entropy(self, z: Any, labels: Any, smoothing: float) -> tuple[Any, Any, Any]:
        if not _fit(z) or labels.shape != z.shape[:1]:
            return super().cross_entropy(z, labels, smoothing)
        m, n = z.shape
        losses, tops, exp_sums = (self.empty(m, z.dtype) for _ in range(3))
        try:
            self.run(cross_entropy_rows, _parts(z), z, _int64(labels), losses, tops, exp_sums,
                     float(smoothing))
        except IndexError:
            raise IndexError(f"a label is out of range: there are {n} classes") from None
        return losses, tops, exp_sums

    def cross_entropy_backward(
        self, d: Any, z: Any, labels: Any, tops: Any, exp_sums: Any, smoothing: float, part: float
    ) -> Any:
        if not (_fit(z) and d.dtype is z.dtype and d.flags.c_contiguous
                and tops.flags.c_contiguous and exp_sums.flags.c_contiguous):
            return super().cross_entropy_backward(d, z, labels, tops, exp_sums, smoothing, part)
        dz = self.empty(z.shape, z.dtype)
        if d.size == 1:
            d, part = NOTHING[z.dtype], d.item() * part
        self.run(cross_entropy_gradient, _parts(z), d.reshape(-1), float(part), z, _int64(labels),
                 tops, exp_sums, dz, float(smoothing))
        return dz


def _fit(z: Any) -> bool:
    return ((z.dtype is F32 or z.dtype is F64) and z.ndim == 2 and z.size > 0
            and bool(z.flags.c_contiguous))


def _parts(z: Any) -> int:
    return min(len(z), threads_for(32 * z.size))


def _int64(labels: Any) -> Any:
    if labels.dtype is INT64 and labels.flags.c_contiguous:
        return labels
    return np.ascontiguousarray(labels, dtype=np.int64)
