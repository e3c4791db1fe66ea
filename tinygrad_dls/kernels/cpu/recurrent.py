"""Recurrent layers: for each step one product by BLAS, and all gates in one compiled loop.

Only the states and the step's own rows are touched between two products, and they stay in the
cache. The loop goes through the units of an example a vector register at a time.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..reference import recurrent as reference
from ..reference.recurrent import of_inputs, parts, steps
from ..simd import lanes, load_some, sigmoid, store_some, tanh
from .compile import inlined, kernel
from .layout import F32, F64

Array = Any


@inlined
def sum_of(gates: Array, z: int, product: Array, p: int, bias: Array, b: int, m: int) -> Any:
    """W_ih x + W_hh h + b of m units of a gate; the places of their first ones are z, p and b."""
    return load_some(gates, z, m) + load_some(product, p, m) + load_some(bias, b, m)


@kernel
def lstm_step(
    gates: Array, product: Array, bias: Array, h: Array, c: Array, h_before: Array,
    c_before: Array, tanh_c: Array, output: Array, first: int, rows: int,
) -> None:
    """Step on: `gates` holds W_ih x and becomes the gates, `product` is W_hh h."""
    H = c.shape[1]
    n = lanes(c)
    for row in range(rows):
        s, p = H * row, 4 * H * row  # where this example starts in the states, and in the product
        a, z = H * (first + row), 4 * H * (first + row)  # in the rows of all steps, in the gates
        for j in range(0, H, n):
            m = min(n, H - j)
            k = H + j
            update = sigmoid(sum_of(gates, z + j, product, p + j, bias, j, m))
            forget = sigmoid(sum_of(gates, z + k, product, p + k, bias, k, m))
            k += H
            candidate = tanh(sum_of(gates, z + k, product, p + k, bias, k, m))
            k += H
            out = sigmoid(sum_of(gates, z + k, product, p + k, bias, k, m))
            old = load_some(c, s + j, m)
            new = update * candidate + forget * old
            tanh_new = tanh(new)
            store_some(gates, z + j, update, m)
            store_some(gates, z + H + j, forget, m)
            store_some(gates, z + 2 * H + j, candidate, m)
            store_some(gates, z + k, out, m)
            store_some(h_before, a + j, load_some(h, s + j, m), m)
            store_some(c_before, a + j, old, m)
            store_some(c, s + j, new, m)
            store_some(tanh_c, a + j, tanh_new, m)
            store_some(h, s + j, out * tanh_new, m)
            store_some(output, a + j, out * tanh_new, m)


@kernel
def lstm_step_back(
    d_output: Array, dh: Array, dc: Array, gates: Array, c_before: Array, tanh_c: Array,
    dz: Array, first: int, rows: int,
) -> None:
    """Step back: dz of the step's rows, and dc of the step before."""
    H = dc.shape[1]
    n = lanes(dc)
    for row in range(rows):
        s, a, z = H * row, H * (first + row), 4 * H * (first + row)
        for j in range(0, H, n):
            m = min(n, H - j)
            update, forget = load_some(gates, z + j, m), load_some(gates, z + H + j, m)
            candidate = load_some(gates, z + 2 * H + j, m)
            out = load_some(gates, z + 3 * H + j, m)
            t = load_some(tanh_c, a + j, m)
            d = load_some(dh, s + j, m) + load_some(d_output, a + j, m)
            d_c = load_some(dc, s + j, m) + d * out * (1 - t * t)
            old = load_some(c_before, a + j, m)
            store_some(dz, z + j, d_c * candidate * update * (1 - update), m)
            store_some(dz, z + H + j, d_c * old * forget * (1 - forget), m)
            store_some(dz, z + 2 * H + j, d_c * update * (1 - candidate * candidate), m)
            store_some(dz, z + 3 * H + j, d * t * out * (1 - out), m)
            store_some(dc, s + j, d_c * forget, m)


@kernel
def gru_step(
    gates: Array, product: Array, bias: Array, bias_n: Array, h: Array, h_n: Array,
    h_before: Array, output: Array, first: int, rows: int,
) -> None:
    """Step on: `gates` holds W_ih x and becomes the gates, `product` is W_hh h."""
    H = h.shape[1]
    n = lanes(h)
    for row in range(rows):
        s, p, a, z = H * row, 3 * H * row, H * (first + row), 3 * H * (first + row)
        for j in range(0, H, n):
            m = min(n, H - j)
            k = H + j
            reset = sigmoid(sum_of(gates, z + j, product, p + j, bias, j, m))
            keep = sigmoid(sum_of(gates, z + k, product, p + k, bias, k, m))
            k += H
            inner = load_some(product, p + k, m) + load_some(bias_n, j, m)
            candidate = tanh(load_some(gates, z + k, m) + load_some(bias, k, m) + reset * inner)
            old = load_some(h, s + j, m)
            new = (1 - keep) * candidate + keep * old
            store_some(gates, z + j, reset, m)
            store_some(gates, z + H + j, keep, m)
            store_some(gates, z + k, candidate, m)
            store_some(h_n, a + j, inner, m)
            store_some(h_before, a + j, old, m)
            store_some(h, s + j, new, m)
            store_some(output, a + j, new, m)


@kernel
def gru_step_back(
    d_output: Array, dh: Array, gates: Array, h_n: Array, h_before: Array, d_of_x: Array,
    d_of_h: Array, first: int, rows: int,
) -> None:
    """Step back: the gradients of the step's rows, and dh z for the step before."""
    H = dh.shape[1]
    n = lanes(dh)
    for row in range(rows):
        s, a, z = H * row, H * (first + row), 3 * H * (first + row)
        for j in range(0, H, n):
            m = min(n, H - j)
            reset, keep = load_some(gates, z + j, m), load_some(gates, z + H + j, m)
            candidate = load_some(gates, z + 2 * H + j, m)
            d = load_some(dh, s + j, m) + load_some(d_output, a + j, m)
            d_n = d * (1 - keep) * (1 - candidate * candidate)
            d_z = d * (load_some(h_before, a + j, m) - candidate) * keep * (1 - keep)
            d_r = d_n * load_some(h_n, a + j, m) * reset * (1 - reset)
            store_some(d_of_x, z + j, d_r, m)
            store_some(d_of_h, z + j, d_r, m)
            store_some(d_of_x, z + H + j, d_z, m)
            store_some(d_of_h, z + H + j, d_z, m)
            store_some(d_of_x, z + 2 * H + j, d_n, m)
            store_some(d_of_h, z + 2 * H + j, d_n * reset, m)
            store_some(dh, s + j, d * keep, m)


class Recurrent(reference.Recurrent):
    """Arrays of one float dtype, without projection; all else by the reference."""

    def rnn(
        self, x: Any, h0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, activation: str,
        sizes: Sequence[int], reverse: bool,
    ) -> tuple[Any, ...]:
        if not _alike(x, h0, w_ih, w_hh, b_ih, b_hh):
            return super().rnn(x, h0, w_ih, w_hh, b_ih, b_hh, activation, sizes, reverse)
        z = x @ w_ih.T
        z += _bias(w_ih, b_ih, b_hh)
        joined, (output, h) = _room(x, sizes[0], w_hh.shape[1])
        h[:], h_before = h0, np.empty_like(output)
        product, to_product = np.empty_like(h), _columns(w_hh, sizes)
        for first, n in steps(sizes, reverse):
            rows, state = slice(first, first + n), h[:n]
            now = z[rows]
            h_before[rows] = state
            now += np.matmul(state, to_product, out=product[:n])
            if activation == "tanh":
                np.tanh(now, out=state)
            else:
                np.maximum(now, 0.0, out=state)
            output[rows] = state
        return joined, h_before

    def lstm(
        self, x: Any, h0: Any, c0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, w_hr: Any,
        sizes: Sequence[int], reverse: bool,
    ) -> tuple[Any, ...]:
        if w_hr is not None or not _alike(x, h0, c0, w_ih, w_hh, b_ih, b_hh):
            return super().lstm(x, h0, c0, w_ih, w_hh, b_ih, b_hh, w_hr, sizes, reverse)
        width = w_hh.shape[1]
        gates = x @ w_ih.T
        bias = _bias(w_ih, b_ih, b_hh)
        joined, (output, h, c) = _room(x, sizes[0], width, width)
        h[:], c[:] = h0, c0
        h_before, c_before, tanh_c = (np.empty_like(output) for _ in range(3))
        product, to_product = np.empty((len(h), 4 * width), x.dtype), _columns(w_hh, sizes)
        for first, n in steps(sizes, reverse):
            np.matmul(h[:n], to_product, out=product[:n])
            lstm_step(gates, product, bias, h, c, h_before, c_before, tanh_c, output, first, n)
        return joined, gates, c_before, tanh_c, h_before

    def lstm_backward(
        self, dy: Any, x: Any, w_ih: Any, w_hh: Any, w_hr: Any, gates: Any, c_before: Any,
        tanh_c: Any, h_before: Any, sizes: Sequence[int], reverse: bool, needs: Sequence[bool],
    ) -> tuple[Any | None, ...]:
        saved = (gates, c_before, tanh_c, h_before)
        if w_hr is not None or not _alike(dy, w_hh, *saved) or not _contiguous(*saved):
            return super().lstm_backward(
                dy, x, w_ih, w_hh, w_hr, *saved, sizes, reverse, needs
            )
        d_output, dh, dc = _gradients(dy, h_before.shape, sizes[0], c_before.shape[1])
        dz, w_hh = np.empty_like(gates), np.ascontiguousarray(w_hh)
        for first, n in reversed(steps(sizes, reverse)):
            lstm_step_back(d_output, dh, dc, gates, c_before, tanh_c, dz, first, n)
            np.matmul(dz[first : first + n], w_hh, out=dh[:n])
        dx, *of_weights = of_inputs(dz, dz, x, w_ih, h_before, (needs[0], *needs[3:7]))
        return dx, dh, dc, *of_weights, None

    def gru(
        self, x: Any, h0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any,
        sizes: Sequence[int], reverse: bool,
    ) -> tuple[Any, ...]:
        if not _alike(x, h0, w_ih, w_hh, b_ih, b_hh):
            return super().gru(x, h0, w_ih, w_hh, b_ih, b_hh, sizes, reverse)
        width = w_hh.shape[1]
        gates = x @ w_ih.T
        bias, bias_n = _bias(w_ih, b_ih), _bias(w_hh, b_hh)[2 * width :].copy()
        if b_hh is not None:
            bias[: 2 * width] += b_hh[: 2 * width]
        joined, (output, h) = _room(x, sizes[0], width)
        h[:], h_before, h_n = h0, np.empty_like(output), np.empty_like(output)
        product, to_product = np.empty((len(h), 3 * width), x.dtype), _columns(w_hh, sizes)
        for first, n in steps(sizes, reverse):
            np.matmul(h[:n], to_product, out=product[:n])
            gru_step(gates, product, bias, bias_n, h, h_n, h_before, output, first, n)
        return joined, gates, h_n, h_before

    def gru_backward(
        self, dy: Any, x: Any, w_ih: Any, w_hh: Any, gates: Any, h_n: Any, h_before: Any,
        sizes: Sequence[int], reverse: bool, needs: Sequence[bool],
    ) -> tuple[Any | None, ...]:
        if not _alike(dy, w_hh, gates, h_n, h_before) or not _contiguous(gates, h_n, h_before):
            return super().gru_backward(
                dy, x, w_ih, w_hh, gates, h_n, h_before, sizes, reverse, needs
            )
        d_output, dh = _gradients(dy, h_before.shape, sizes[0])
        d_of_x, d_of_h = np.empty_like(gates), np.empty_like(gates)
        w_hh = np.ascontiguousarray(w_hh)
        through = np.empty_like(dh)
        for first, n in reversed(steps(sizes, reverse)):
            gru_step_back(d_output, dh, gates, h_n, h_before, d_of_x, d_of_h, first, n)
            dh[:n] += np.matmul(d_of_h[first : first + n], w_hh, out=through[:n])
        dx, *of_weights = of_inputs(d_of_x, d_of_h, x, w_ih, h_before, (needs[0], *needs[2:]))
        return dx, dh, *of_weights


def _alike(*arrays: Any) -> bool:
    """Have all one dtype, float32 or float64?"""
    dtype = arrays[0].dtype
    return (dtype is F32 or dtype is F64) and all(a is None or a.dtype is dtype for a in arrays)


def _contiguous(*arrays: Any) -> bool:
    return all(a.flags.c_contiguous for a in arrays)


def _columns(w_hh: Array, sizes: Sequence[int]) -> Array:
    """W_hh with its columns as rows; copied where it is used often enough to be worth it."""
    return w_hh.T.copy() if len(sizes) > 4 else w_hh.T


def _bias(weight: Array, *biases: Any) -> Array:
    """The sum of those biases that there are, in an array of its own."""
    total = np.zeros(weight.shape[0], weight.dtype)
    for bias in biases:
        if bias is not None:
            total += bias
    return total


def _room(x: Array, sequences: int, width: int, cells: int = 0) -> tuple[Any, tuple[Any, ...]]:
    """A vector for what comes out, and its parts to write into."""
    joined = np.empty((len(x) + sequences) * width + sequences * cells, x.dtype)
    return joined, parts(joined, (len(x), width), sequences, cells)


def _gradients(dy: Array, rows: tuple[int, ...], sequences: int, cells: int = 0) -> Any:
    """The parts of dy; those of the states as arrays of their own, to be carried back."""
    d_output, *of_states = parts(np.ascontiguousarray(dy), rows, sequences, cells)
    return d_output, *(d.copy() for d in of_states)
