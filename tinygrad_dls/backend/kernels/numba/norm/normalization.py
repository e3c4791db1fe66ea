"""Normalization layers on the loops of `loops.py`, on all cores."""

from typing import Any

import numpy as np

from ...reference import normalization as reference
from ..copying import contiguous, pixels_of
from ..layout import F32, F64
from ..threads import threads_for
from .groups import normalize_groups, normalize_groups_backward
from .loops import (
    column_moments,
    column_products,
    combine_columns,
    normalize_rows,
    normalize_rows_backward,
    scale_columns,
)


class Normalization(reference.Normalization):
    """Those of the reference that compiled loops beat: all of them."""

    def normalize(
        self, x: Any, weight: Any | None, bias: Any | None, axes: tuple[int, ...], eps: float,
        centered: bool,
    ) -> tuple[Any, Any, Any]:
        if not _fit(x, weight, bias) or not (centered or x.ndim == 2):
            return super().normalize(x, weight, bias, axes, eps, centered)
        if x.ndim == 2:
            x = contiguous(x)
            m = x.shape[0]
            y, mean, var = np.empty_like(x), np.empty(m, x.dtype), np.empty(m, x.dtype)
            normalize_rows(_parts(x), x, _row(weight, 1, x), _row(bias, 0, x), eps, centered, y,
                           mean, var)
            return y, mean.reshape(m, 1), var.reshape(m, 1)
        if x.ndim == 4 and x.flags.c_contiguous:
            return _groups(x, weight, bias, eps)
        rows = as_rows(x)
        sets, m, c = rows.shape
        span = x.shape[2] if x.ndim == 4 else 1  # columns with one mean together
        mean, square = moments(rows, span)
        var = square * (1.0 / (m * span))
        scale = np.repeat((var + eps) ** -0.5, span, axis=1)
        if weight is not None:
            scale *= weight.reshape(c)
        y = np.empty_like(rows)
        scale_columns(
            _parts(rows), rows, *_columns(rows, np.repeat(mean, span, axis=1), scale,
                            0.0 if bias is None else bias.reshape(c)), y)
        kept = (*((sets,) if x.ndim == 4 else (1,)), c // span, *(1,) * (x.ndim - 2))
        return as_images(y, x.shape), *(v.astype(x.dtype).reshape(kept) for v in (mean, var))

    def normalize_backward(
        self, dy: Any, x: Any, weight: Any | None, mean: Any, var: Any, axes: tuple[int, ...],
        eps: float, centered: bool, needs: tuple[bool, ...],
    ) -> tuple[Any | None, ...]:
        if not _fit(x, dy, weight, mean) or not (centered or x.ndim == 2):
            return super().normalize_backward(
                dy, x, weight, mean, var, axes, eps, centered, needs)
        if x.ndim == 2:
            dy, x = contiguous(dy), contiguous(x)
            n = x.shape[1]
            parts, dx = _parts(x), np.empty_like(x)
            sums, products = np.empty((2, parts, n))
            normalize_rows_backward(
                parts, dy, x, _row(weight, 1, x), mean.reshape(-1), var.reshape(-1), eps, centered,
                dx, products, sums)
            return _needed(needs, dx, products.sum(axis=0), sums.sum(axis=0), (1, n), x.dtype)
        if x.ndim == 4 and x.flags.c_contiguous:
            return _groups_backward(dy, x, weight, mean, var, eps, needs)
        d, rows = as_rows(dy), as_rows(x)
        sets, m, c = rows.shape
        span = x.shape[2] if x.ndim == 4 else 1
        (mean,) = _columns(rows, np.repeat(mean.reshape(sets, -1), span, axis=1))
        inverse = np.repeat((var.reshape(sets, -1).astype(F64) + eps) ** -0.5, span, axis=1)
        sums, products = _products(d, rows, mean)
        products *= inverse  # now of dy and the normalized x
        dx = None
        if needs[0]:
            w = 1.0 if weight is None else weight.reshape(c)
            g1, g2 = (s * w for s in (sums, products))  # the sums of g and of g n
            if span > 1:
                g1, g2 = (np.repeat(g.reshape(sets, -1, span).sum(axis=2), span, axis=1)
                          for g in (g1, g2))
            slope, shift = (inverse * g * (-1.0 / (m * span)) for g in (g2 * inverse, g1))
            dx = np.empty_like(rows)
            values = _columns(rows, inverse * w, slope, shift)
            combine_columns(_parts(rows), d, rows, mean, *values, dx)
            dx = as_images(dx, x.shape)
        kept = (1, c, 1) if x.ndim == 3 else (1, *x.shape[1:3], 1)
        return _needed(needs, dx, products.sum(axis=0), sums.sum(axis=0), kept, x.dtype)

    def scale_shift(self, x: Any, scale: Any, shift: Any) -> Any:
        if not _fit(x, scale, shift):
            return super().scale_shift(x, scale, shift)
        rows = as_rows(x)
        y = np.empty_like(rows)
        scale_columns(_parts(rows), rows, *_columns(rows, 0.0, scale, shift), y)
        return as_images(y, x.shape)


# --- images in C order, a group after the other ---------------------------------------------------


def _groups(x: Any, weight: Any | None, bias: Any | None, eps: float) -> tuple[Any, Any, Any]:
    m, groups, c, size = x.shape
    y = np.empty_like(x)
    mean, var = np.empty((2, m * groups), x.dtype)
    normalize_groups(_parts(x), x.reshape(-1, c, size), _of_groups(weight, 1.0, x),
                     _of_groups(bias, 0.0, x), eps, y, mean, var)
    return y, *(v.reshape(m, groups, 1, 1) for v in (mean, var))


def _groups_backward(
    dy: Any, x: Any, weight: Any | None, mean: Any, var: Any, eps: float, needs: tuple[bool, ...]
) -> tuple[Any | None, ...]:
    groups, c, size = x.shape[1:]
    parts, dx = _parts(x), np.empty_like(x)
    products, sums = np.empty((2, parts, groups, c))
    normalize_groups_backward(
        parts, contiguous(dy), x.reshape(-1, c, size), _of_groups(weight, 1.0, x),
        mean.reshape(-1), var.reshape(-1), eps, dx, products, sums)
    return _needed(needs, dx, products.sum(axis=0), sums.sum(axis=0), (1, groups, c, 1), x.dtype)


def _of_groups(values: Any | None, otherwise: float, x: Any) -> Any:
    """Weight or bias as (groups, c); as many times `otherwise` where there is none."""
    if values is None:
        return np.full(x.shape[1:3], otherwise, x.dtype)
    return np.ascontiguousarray(values).reshape(x.shape[1:3])


# --- images as rows ------------------------------------------------------------------------------


def as_rows(x: Any) -> Any:
    """x (m, c, s) as (1, m * s, c), x (m, groups, c, s) as (m, s, groups * c); contiguous.

    A view if x is channels-last, else a copy.
    """
    if x.ndim == 3:
        return pixels_of(x).reshape(1, -1, x.shape[1])
    rows = contiguous(x.transpose(0, 3, 1, 2))
    return rows.reshape(x.shape[0], x.shape[3], -1)


def as_images(rows: Any, shape: tuple[int, ...]) -> Any:
    """The way back, to a channels-last view of `shape`."""
    if len(shape) == 3:
        return rows.reshape(shape[0], shape[2], shape[1]).transpose(0, 2, 1)
    return rows.reshape(shape[0], shape[3], shape[1], shape[2]).transpose(0, 2, 3, 1)


def moments(rows: Any, span: int) -> tuple[Any, Any]:
    """Mean and sum of squared deviations (n, c / span), of `span` columns each together."""
    n, m, c = rows.shape
    parts, split = _split(rows)
    mean, square = np.empty((2, len(split), c))
    column_moments(parts, split, mean, square)
    if len(split) > n:  # join the statistics of the parts of one set
        joint = mean.mean(axis=0, keepdims=True)
        square = (square + (mean - joint) ** 2 * split.shape[1]).sum(axis=0, keepdims=True)
        mean = joint
    if span == 1:
        return mean, square
    mean, square = mean.reshape(n, -1, span), square.reshape(n, -1, span)
    whole = mean.mean(axis=2, keepdims=True)
    return whole.reshape(n, -1), (square + (mean - whole) ** 2 * m).sum(axis=2)


def _products(d: Any, rows: Any, mean: Any) -> tuple[Any, Any]:
    """Of each column: the sums of d and of d * (rows - mean), (n, c) in float64."""
    n, _, c = rows.shape
    parts, split = _split(rows)
    sums, products = np.empty((2, len(split), c))
    mean = mean if len(split) == n else np.repeat(mean, len(split), axis=0)
    column_products(parts, d.reshape(split.shape), split, mean, sums, products)
    if len(split) > n:
        return sums.sum(axis=0, keepdims=True), products.sum(axis=0, keepdims=True)
    return sums, products


def _split(rows: Any) -> tuple[int, Any]:
    """(threads, rows (n, m, c) with one set taken apart for them, if it can be)."""
    n, m, c = rows.shape
    parts = _parts(rows)
    if n == 1 and m % parts == 0:
        return parts, rows.reshape(parts, m // parts, c)
    return min(parts, n), rows


def _parts(x: Any) -> int:
    """Return how many threads pay off: a number costs about as much as four multiplications."""
    return threads_for(24 * x.size)


def _fit(x: Any, *others: Any) -> bool:
    """Return whether the loops can take them: not empty, and of one float dtype."""
    dtype = x.dtype
    return x.size > 0 and (dtype is F32 or dtype is F64) and all(
        a is None or a.dtype is dtype for a in others)


def _columns(rows: Any, *values: Any) -> list[Any]:
    """Values for the columns of rows (n, m, c) as arrays (n, c) of its dtype."""
    shape = (rows.shape[0], rows.shape[2])
    made = np.empty((len(values), *shape), rows.dtype)
    for array, value in zip(made, values):
        array[...] = value
    return list(made)


def _needed(
    needs: tuple[bool, ...], dx: Any, dweight: Any, dbias: Any, shape: tuple[int, ...], dtype: Any
) -> tuple[Any | None, ...]:
    """Those gradients that were asked for; dweight and dbias in `shape` and dtype."""
    sums = [v.astype(dtype).reshape(shape) if need else None
            for v, need in zip((dweight, dbias), needs[1:])]
    return dx if needs[0] else None, *sums


def _row(values: Any | None, otherwise: float, x: Any) -> Any:
    """Values (1, n) as (n,), or as many times `otherwise` where there are none."""
    if values is None:
        return np.full(x.shape[1], otherwise, x.dtype)
    return np.ascontiguousarray(values).reshape(-1)
