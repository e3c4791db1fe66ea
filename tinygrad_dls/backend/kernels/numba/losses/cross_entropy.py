"""Cross-entropy from logits, row by row, and its gradient: each reads the logits once or twice.

With the largest logit of a row as `top` and exp_sum = sum(exp(z - top)) no exp overflows, and
nothing is rounded at the size of large logits. Forward keeps both numbers of each row, from which
going back has the softmax: exp(z - top) / exp_sum.
"""

from typing import Any

import numpy as np

from ...reference import losses as reference
from ..allocate import Running
from ..compile import inlined, kernel, task
from ..layout import F32, F64, NOTHING
from ..parallel import parallel_for
from ..simd import exp, full, lanes, largest, load, load_some, log, store, store_some, total, where
from ..threads import threads_for

Array = Any
INT64 = np.dtype("int64")


@inlined
def places(kind: Array) -> Any:
    """The vector (0, 1, 2 ...)."""
    numbers = np.empty(lanes(kind), kind.dtype)
    for i in range(numbers.size):
        numbers[i] = i
    return load(numbers, 0)


@task
def forward_chunk(
    chunk: int, chunks: int, z: Array, labels: Array, losses: Array, tops: Array, exp_sums: Array,
    smoothing: float,
) -> None:
    m, n = z.shape
    width, rest, lane = lanes(z), n % lanes(z), places(z)
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
            raise IndexError("a label is out of range")
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
        except IndexError as error:
            raise IndexError(f"{error}: there are {n} classes") from None
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
