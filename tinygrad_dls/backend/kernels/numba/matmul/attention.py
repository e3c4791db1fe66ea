"""Attention: products of many small matrices, and what stands between them in one pass over rows.

Heads are shared out among the threads, and so are the rows of the softmax. One query for each head,
as when a network writes a text token by token, is little work: there one kernel does all of it.
"""

from typing import Any

import numpy as np

from ...reference import attention as reference
from ..compile import inlined, kernel, task
from ..layout import F32, F64
from ..parallel import parallel_for
from ..simd import exp, full, lanes, largest, load, load_some, store, store_some, total, where
from ..simd.intrinsics import load_at
from ..threads import threads_for
from .batched import LOWER_A, LOWER_C, UPPER_A, WHOLE, fits, multiply

Array = Any


@inlined
def hides_all(scores: Array, row: int, count: int) -> bool:
    """Return whether the first `count` scores of a row are all -inf, with no NaN among them."""
    for j in range(count):
        if scores[row, j] != -np.inf:
            return False
    return True


@task
def softmax_chunk(chunk: int, chunks: int, scores: Array, length: int, causal: bool) -> None:
    """The softmax of each row of scores (m, n), in its place; a row of -inf becomes 0.

    `causal`: row i of every `length` rows keeps its first i + 1 numbers, the others become 0.
    """
    m, n = scores.shape
    width = lanes(scores)
    for row in range(chunk * m // chunks, (chunk + 1) * m // chunks):
        count = min(row % length + 1, n) if causal else n
        first, last = row * n, row * n + count
        rest = count % width
        most = full(scores, -np.inf)
        for i in range(first, last - width + 1, width):
            x = load(scores, i)
            most = where(x > most, x, most)
        top = largest(most)
        for j in range(count - rest, count):
            top = max(top, scores[row, j])
        if top == -np.inf and hides_all(scores, row, count):
            scores[row, :] = 0.0
            continue
        s = full(scores, 0.0)
        for i in range(first, last - width + 1, width):
            e = exp(load(scores, i) - top)
            store(scores, i, e)
            s = s + e
        if rest:
            store_some(scores, last - rest, exp(load_some(scores, last - rest, rest) - top), rest)
            s = s + load_some(scores, last - rest, rest)
        scale = 1.0 / total(s)
        for i in range(first, last - width + 1, width):
            store(scores, i, load(scores, i) * scale)
        for j in range(count - rest, count):
            scores[row, j] *= scale
        for j in range(count, n):
            scores[row, j] = 0.0 * scale  # NaN in a row of NaN


@task
def softmax_backward_chunk(
    chunk: int, chunks: int, dw: Array, w: Array, scale: float, length: int, causal: bool
) -> None:
    """scale * w * (dw - sum(dw * w)) of each row (m, n), in the place of dw.

    `causal`: of row i of every `length` rows the first i + 1 numbers, the others become 0.
    """
    m, n = w.shape
    width = lanes(w)
    for row in range(chunk * m // chunks, (chunk + 1) * m // chunks):
        count = min(row % length + 1, n) if causal else n
        first, last = row * n, row * n + count
        rest = count % width
        s = full(w, 0.0)
        for i in range(first, last - width + 1, width):
            s = s + load(dw, i) * load(w, i)
        if rest:
            s = s + load_some(dw, last - rest, rest) * load_some(w, last - rest, rest)
        mean = total(s)
        for i in range(first, last - width + 1, width):
            store(dw, i, (load(dw, i) - mean) * load(w, i) * scale)
        if rest:
            d = load_some(dw, last - rest, rest) - mean
            store_some(dw, last - rest, d * load_some(w, last - rest, rest) * scale, rest)
        for j in range(count, n):
            dw[row, j] = 0.0


@task
def one_query_chunk(
    chunk: int, chunks: int, q: Array, keys: Any, values: Any, sizes: Any, scale: float,
    weights: Array, y: Array,
) -> None:
    """y (m * heads, f) and weights (m * heads, s) of queries (m * heads, e), keys (m, heads, s, e)
    and values (m, heads, s, f): an address, and bytes along the first three axes."""
    (m, heads, s, e, f), width, size = sizes, lanes(q), q.itemsize
    begin, end = chunk * m * heads // chunks, (chunk + 1) * m * heads // chunks
    for i in range(begin, end):
        key = keys[0] + i // heads * keys[1] + i % heads * keys[2]
        for j in range(s):
            score = full(q, 0.0)
            for c in range(0, e, width):
                some = min(width, e - c)
                score = score + load_some(q, i * e + c, some) * load_at(q, key + size * c, some)
            weights[i, j] = scale * total(score)
            key += keys[3]
    softmax_chunk(chunk, chunks, weights, 1, False)
    for i in range(begin, end):
        first = values[0] + i // heads * values[1] + i % heads * values[2]
        for c in range(0, f, width):
            some = min(width, f - c)
            mean = full(q, 0.0)
            for j in range(s):
                mean = mean + weights[i, j] * load_at(q, first + j * values[3] + size * c, some)
            store_some(y, i * f + c, mean, some)


@kernel
def attention_of_one_query(
    chunks: int, q: Array, keys: Any, values: Any, sizes: Any, scale: float, weights: Array,
    y: Array,
) -> None:
    parallel_for(one_query_chunk, chunks, (q, keys, values, sizes, scale, weights, y))


@kernel
def attention_softmax(chunks: int, scores: Array, length: int, causal: bool) -> None:
    parallel_for(softmax_chunk, chunks, (scores, length, causal))


@kernel
def attention_softmax_backward(
    chunks: int, dw: Array, w: Array, scale: float, length: int, causal: bool
) -> None:
    parallel_for(softmax_backward_chunk, chunks, (dw, w, scale, length, causal))


class Attention(reference.Attention):
    """Both, with results that lie in memory as the inputs do: (m, l, heads, e), if so."""

    def attention(
        self, q: Any, k: Any, v: Any, mask: Any | None, scale: float, causal: bool, p: float,
        seed: int,
    ) -> tuple[Any, Any]:
        floats = mask is None or mask.dtype.kind == "b"
        if not _fit(q, k, v, q if floats else mask):
            return super().attention(q, k, v, mask, scale, causal, p, seed)
        weights = np.empty((*q.shape[:-1], k.shape[-2]), q.dtype)
        if q.shape[-2] == 1 and mask is None and not p and not causal:
            keys, values = _four_axes(k), _four_axes(v)
            if keys is not None and values is not None:
                y = np.empty((*q.shape[:-1], v.shape[-1]), q.dtype)
                attention_of_one_query(
                    threads_for(k.size + v.size), np.ascontiguousarray(q).reshape(-1, q.shape[-1]),
                    _place(keys), _place(values), (*keys.shape, v.shape[-1]), scale,
                    weights.reshape(-1, k.shape[-2]), y.reshape(-1, v.shape[-1]))
                return y, weights
        multiply(q * scale, k.swapaxes(-1, -2), weights,
                 LOWER_C if causal and mask is None else WHOLE)
        if mask is not None and floats:
            np.copyto(weights, -np.inf, where=~mask)
        elif mask is not None:
            weights += mask
        rows = weights.reshape(-1, k.shape[-2])
        attention_softmax(threads_for(60 * weights.size), rows, q.shape[-2], causal)
        y = _empty_like(q, (*q.shape[:-1], v.shape[-1]))
        seen = self.dropout(weights, p, seed) if p else weights
        return multiply(seen, v, y, LOWER_A if causal else WHOLE), weights

    def attention_backward(
        self, dy: Any, q: Any, k: Any, v: Any, weights: Any, scale: float, causal: bool, p: float,
        seed: int, needs: tuple[bool, ...],
    ) -> tuple[Any | None, ...]:
        if not _fit(dy, q, k, v, weights) or not weights.flags.c_contiguous:
            return super().attention_backward(
                dy, q, k, v, weights, scale, causal, p, seed, needs)
        c, lower, upper = (LOWER_C, LOWER_A, UPPER_A) if causal else (WHOLE, WHOLE, WHOLE)
        dq, dk, dv, dscores = None, None, None, None
        if needs[2]:
            dropped = self.dropout(weights, p, seed) if p else weights
            dv = multiply(dropped.swapaxes(-1, -2), dy, _empty_like(v, v.shape), upper)
        if needs[0] or needs[1] or needs[3]:
            dscores = multiply(dy, v.swapaxes(-1, -2), np.empty_like(weights), c)
            if p:
                dscores = self.dropout(dscores, p, seed)
            shape = (-1, weights.shape[-1])
            factor = 1.0 if needs[3] else scale
            attention_softmax_backward(threads_for(30 * weights.size), dscores.reshape(shape),
                                       weights.reshape(shape), factor, q.shape[-2], causal)
            if needs[0]:
                dq = multiply(dscores, k, _empty_like(q, q.shape), lower)
            if needs[1]:
                dk = multiply(dscores.swapaxes(-1, -2), q, _empty_like(k, k.shape), upper)
            for d in (dq, dk):
                if d is not None and factor != scale:
                    d *= scale / factor
        return dq, dk, dv, dscores if needs[3] else None


def _four_axes(x: Any) -> Any:
    """x as a view (m, heads, s, e) whose last axis is contiguous; None if there is none."""
    if x.ndim > 4:
        if not x.flags.c_contiguous:
            return None
        x = x.reshape(-1, *x.shape[-3:])
    x = x[(None,) * (4 - x.ndim)]
    return x if x.strides[3] == x.itemsize or x.shape[3] == 1 else None


def _place(x: Any) -> tuple[int, ...]:
    """The address of x (m, heads, s, e), and bytes along its first three axes."""
    return (x.__array_interface__["data"][0], *x.strides[:3])


def _empty_like(x: Any, shape: tuple[int, ...]) -> Any:
    """A new array of this shape that lies in memory as x does, if rows of it can be written."""
    y = np.empty_like(x, shape=shape)
    return y if fits(y) else np.empty(shape, x.dtype)


def _fit(*arrays: Any) -> bool:
    """Return whether the loops can take them: not empty, and of one float dtype."""
    dtype = arrays[0].dtype
    return (dtype is F32 or dtype is F64) and all(a.size and a.dtype is dtype for a in arrays)
