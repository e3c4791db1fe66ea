"""Recurrent layers: a whole sequence in one kernel, each thread with sequences of its own.

The products with W_ih and the weights' gradients are one matrix product for all steps. What is
left is a loop over the steps: a product with W_hh on the sweep, added to what is there, then the
gates. Sequences know nothing of each other, so the threads share the batch and never wait.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...reference import recurrent as reference
from ...reference.recurrent import parts, steps
from ..compile import inlined, kernel, task
from ..elementwise.sums import sum_of_rows
from ..layout import F32, F64, NOTHING
from ..matmul.linear import times, transposed, transposed_times
from ..parallel import parallel_for
from ..simd.intrinsics import address_of, lanes
from ..simd.sweep import ADD, prepare, sweep
from ..threads import threads_for
from .gates import gru_gates, gru_gates_back, lstm_gates, lstm_gates_back, rnn_gates, rnn_gates_back

Array = Any


@inlined
def multiply(
    a: Array, a_row: int, first: int, rows: int, matrix: Array, begin: int, end: int, c: Array,
    to: int, c_row: int, bias: Array, flags: int,
) -> None:
    """Rows of c = rows of a, from `first` on, times columns `begin` ... `end` of the matrix (+ c
    with ADD). `to` is where the first result goes."""
    inner, width = matrix.shape
    panel = 2 * lanes(c)
    for j in range(begin, end, panel):
        sweep(c, address_of(a, first * a_row), address_of(matrix, j), address_of(c, to + j - begin),
              rows, min(panel, end - j), a_row, inner, 1, width, 1, 0, 0, c_row,
              address_of(bias, j - begin) if bias.size else 0, flags)


@inlined
def own(chunk: int, chunks: int, sequences: int) -> tuple[int, int]:
    """The sequences of a chunk: from the first to before the second number."""
    return chunk * sequences // chunks, (chunk + 1) * sequences // chunks


@task
def rnn_chunk(
    chunk: int, chunks: int, z: Array, transposed: Array, none: Array, h: Array, h_before: Array,
    output: Array, order: Array, rectified: bool,
) -> None:
    begin, end = own(chunk, chunks, h.shape[0])
    H = h.shape[1]
    for t in range(order.shape[0]):
        first, last = order[t, 0], min(end, order[t, 1])
        if last > begin:
            multiply(h, H, begin, last - begin, transposed, 0, H, z, (first + begin) * H, H, none,
                     ADD)
            rnn_gates(z, h, h_before, output, first, begin, last, rectified)


@task
def rnn_chunk_back(
    chunk: int, chunks: int, d_output: Array, dh: Array, output: Array, dz: Array, w_hh: Array,
    none: Array, order: Array, rectified: bool,
) -> None:
    begin, end = own(chunk, chunks, dh.shape[0])
    H = dh.shape[1]
    for t in range(order.shape[0] - 1, -1, -1):
        first, last = order[t, 0], min(end, order[t, 1])
        if last > begin:
            rnn_gates_back(d_output, dh, output, dz, first, begin, last, rectified)
            multiply(dz, H, first + begin, last - begin, w_hh, 0, H, dh, begin * H, H, none, 0)


@task
def lstm_chunk(
    chunk: int, chunks: int, gates: Array, transposed: Array, none: Array, h: Array, c: Array,
    h_before: Array, c_before: Array, tanh_c: Array, output: Array, order: Array,
) -> None:
    begin, end = own(chunk, chunks, h.shape[0])
    H = h.shape[1]
    for t in range(order.shape[0]):
        first, last = order[t, 0], min(end, order[t, 1])
        if last > begin:
            multiply(h, H, begin, last - begin, transposed, 0, 4 * H, gates,
                     (first + begin) * 4 * H, 4 * H, none, ADD)
            lstm_gates(gates, h, c, h_before, c_before, tanh_c, output, first, begin, last)


@task
def lstm_chunk_back(
    chunk: int, chunks: int, d_output: Array, dh: Array, dc: Array, gates: Array,
    c_before: Array, tanh_c: Array, dz: Array, w_hh: Array, none: Array, order: Array,
) -> None:
    begin, end = own(chunk, chunks, dh.shape[0])
    H = dh.shape[1]
    for t in range(order.shape[0] - 1, -1, -1):
        first, last = order[t, 0], min(end, order[t, 1])
        if last > begin:
            lstm_gates_back(d_output, dh, dc, gates, c_before, tanh_c, dz, first, begin, last)
            multiply(dz, 4 * H, first + begin, last - begin, w_hh, 0, H, dh, begin * H, H, none, 0)


@task
def gru_chunk(
    chunk: int, chunks: int, gates: Array, transposed: Array, none: Array, bias_n: Array, h: Array,
    h_n: Array, h_before: Array, output: Array, order: Array,
) -> None:
    begin, end = own(chunk, chunks, h.shape[0])
    H = h.shape[1]
    for t in range(order.shape[0]):
        first, last = order[t, 0], min(end, order[t, 1])
        if last > begin:
            multiply(h, H, begin, last - begin, transposed, 0, 2 * H, gates,
                     (first + begin) * 3 * H, 3 * H, none, ADD)
            multiply(h, H, begin, last - begin, transposed, 2 * H, 3 * H, h_n, (first + begin) * H,
                     H, bias_n, 0)
            gru_gates(gates, h, h_n, h_before, output, first, begin, last)


@task
def gru_chunk_back(
    chunk: int, chunks: int, d_output: Array, dh: Array, gates: Array, h_n: Array,
    h_before: Array, d_of_x: Array, d_of_h: Array, w_hh: Array, none: Array, order: Array,
) -> None:
    begin, end = own(chunk, chunks, dh.shape[0])
    H = dh.shape[1]
    for t in range(order.shape[0] - 1, -1, -1):
        first, last = order[t, 0], min(end, order[t, 1])
        if last > begin:
            gru_gates_back(d_output, dh, gates, h_n, h_before, d_of_x, d_of_h, first, begin, last)
            multiply(d_of_h, 3 * H, first + begin, last - begin, w_hh, 0, H, dh, begin * H, H,
                     none, ADD)


@kernel
def rnn_sequence(
    parts: int, z: Array, transposed: Array, none: Array, h: Array, h_before: Array, output:
    Array, order: Array, rectified: bool,
) -> None:
    parallel_for(rnn_chunk, parts, (z, transposed, none, h, h_before, output, order, rectified))


@kernel
def rnn_back_sequence(
    parts: int, d_output: Array, dh: Array, output: Array, dz: Array, w_hh: Array, none:
    Array, order: Array, rectified: bool,
) -> None:
    parallel_for(rnn_chunk_back, parts, (d_output, dh, output, dz, w_hh, none, order, rectified))


@kernel
def lstm_sequence(
    parts: int, gates: Array, transposed: Array, none: Array, h: Array, c: Array, h_before:
    Array, c_before: Array, tanh_c: Array, output: Array, order: Array,
) -> None:
    parallel_for(lstm_chunk, parts,
                 (gates, transposed, none, h, c, h_before, c_before, tanh_c, output, order))


@kernel
def lstm_back_sequence(
    parts: int, d_output: Array, dh: Array, dc: Array, gates: Array, c_before: Array,
    tanh_c: Array, dz: Array, w_hh: Array, none: Array, order: Array,
) -> None:
    parallel_for(lstm_chunk_back, parts,
                 (d_output, dh, dc, gates, c_before, tanh_c, dz, w_hh, none, order))


@kernel
def gru_sequence(
    parts: int, gates: Array, transposed: Array, none: Array, bias_n: Array, h: Array, h_n:
    Array, h_before: Array, output: Array, order: Array,
) -> None:
    parallel_for(gru_chunk, parts,
                 (gates, transposed, none, bias_n, h, h_n, h_before, output, order))


@kernel
def gru_back_sequence(
    parts: int, d_output: Array, dh: Array, gates: Array, h_n: Array, h_before: Array,
    d_of_x: Array, d_of_h: Array, w_hh: Array, none: Array, order: Array,
) -> None:
    parallel_for(gru_chunk_back, parts,
                 (d_output, dh, gates, h_n, h_before, d_of_x, d_of_h, w_hh, none,
              order))


class Recurrent(reference.Recurrent):
    """Arrays of one float dtype, without projection; all else by the reference."""

    def rnn(
        self, x: Any, h0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, activation: str,
        sizes: Sequence[int], reverse: bool,
    ) -> tuple[Any, ...]:
        if not _alike(x, h0, w_ih, w_hh, b_ih, b_hh):
            return super().rnn(x, h0, w_ih, w_hh, b_ih, b_hh, activation, sizes, reverse)
        z = _of_inputs(x, w_ih, _bias(w_ih, b_ih, b_hh))
        joined, (output, h) = _room(x, sizes[0], w_hh.shape[1])
        h[:], h_before = h0, np.empty_like(output)
        rnn_sequence(_chunks(w_hh, sizes), z, transposed(w_hh), NOTHING[x.dtype], h, h_before,
                     output, _order(sizes, reverse), activation == "relu")
        return joined, h_before

    def rnn_backward(
        self, dy: Any, x: Any, w_ih: Any, w_hh: Any, y: Any, h_before: Any, activation: str,
        sizes: Sequence[int], reverse: bool, needs: Sequence[bool],
    ) -> tuple[Any | None, ...]:
        if not _alike(dy, x, w_ih, w_hh, y, h_before) or not _contiguous(y, h_before):
            return super().rnn_backward(dy, x, w_ih, w_hh, y, h_before, activation, sizes, reverse,
                                        needs)
        d_output, dh = _gradients(dy, h_before.shape, sizes[0])
        output, _ = parts(y, h_before.shape, sizes[0])
        dz = np.empty_like(output)
        rnn_back_sequence(_chunks(w_hh, sizes), d_output, dh, output, dz, _plain(w_hh),
                          NOTHING[dy.dtype], _order(sizes, reverse), activation == "relu")
        dx, *of_weights = _back(dz, dz, x, w_ih, h_before, (needs[0], *needs[2:]))
        return dx, dh, *of_weights

    def lstm(
        self, x: Any, h0: Any, c0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, w_hr: Any,
        sizes: Sequence[int], reverse: bool,
    ) -> tuple[Any, ...]:
        if w_hr is not None or not _alike(x, h0, c0, w_ih, w_hh, b_ih, b_hh):
            return super().lstm(x, h0, c0, w_ih, w_hh, b_ih, b_hh, w_hr, sizes, reverse)
        width = w_hh.shape[1]
        gates = _of_inputs(x, w_ih, _bias(w_ih, b_ih, b_hh))
        joined, (output, h, c) = _room(x, sizes[0], width, width)
        h[:], c[:] = h0, c0
        h_before, c_before, tanh_c = (np.empty_like(output) for _ in range(3))
        lstm_sequence(_chunks(w_hh, sizes), gates, transposed(w_hh), NOTHING[x.dtype], h, c,
                      h_before, c_before, tanh_c, output, _order(sizes, reverse))
        return joined, gates, c_before, tanh_c, h_before

    def lstm_backward(
        self, dy: Any, x: Any, w_ih: Any, w_hh: Any, w_hr: Any, gates: Any, c_before: Any,
        tanh_c: Any, h_before: Any, sizes: Sequence[int], reverse: bool, needs: Sequence[bool],
    ) -> tuple[Any | None, ...]:
        saved = (gates, c_before, tanh_c, h_before)
        if w_hr is not None or not _alike(dy, x, w_ih, w_hh, *saved) or not _contiguous(*saved):
            return super().lstm_backward(
                dy, x, w_ih, w_hh, w_hr, *saved, sizes, reverse, needs
            )
        d_output, dh, dc = _gradients(dy, h_before.shape, sizes[0], c_before.shape[1])
        dz = np.empty_like(gates)
        lstm_back_sequence(_chunks(w_hh, sizes), d_output, dh, dc, gates, c_before, tanh_c, dz,
                           _plain(w_hh), NOTHING[dy.dtype], _order(sizes, reverse))
        dx, *of_weights = _back(dz, dz, x, w_ih, h_before, (needs[0], *needs[3:7]))
        return dx, dh, dc, *of_weights, None

    def gru(
        self, x: Any, h0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any,
        sizes: Sequence[int], reverse: bool,
    ) -> tuple[Any, ...]:
        if not _alike(x, h0, w_ih, w_hh, b_ih, b_hh):
            return super().gru(x, h0, w_ih, w_hh, b_ih, b_hh, sizes, reverse)
        width = w_hh.shape[1]
        bias, bias_n = _bias(w_ih, b_ih), _bias(w_hh, b_hh)[2 * width :].copy()
        if b_hh is not None:
            bias[: 2 * width] += b_hh[: 2 * width]
        gates = _of_inputs(x, w_ih, bias)
        joined, (output, h) = _room(x, sizes[0], width)
        h[:], h_before, h_n = h0, np.empty_like(output), np.empty_like(output)
        gru_sequence(_chunks(w_hh, sizes), gates, transposed(w_hh), NOTHING[x.dtype], bias_n, h,
                     h_n, h_before, output, _order(sizes, reverse))
        return joined, gates, h_n, h_before

    def gru_backward(
        self, dy: Any, x: Any, w_ih: Any, w_hh: Any, gates: Any, h_n: Any, h_before: Any,
        sizes: Sequence[int], reverse: bool, needs: Sequence[bool],
    ) -> tuple[Any | None, ...]:
        saved = (gates, h_n, h_before)
        if not _alike(dy, x, w_ih, w_hh, *saved) or not _contiguous(*saved):
            return super().gru_backward(dy, x, w_ih, w_hh, *saved, sizes, reverse, needs)
        d_output, dh = _gradients(dy, h_before.shape, sizes[0])
        d_of_x, d_of_h = np.empty_like(gates), np.empty_like(gates)
        gru_back_sequence(_chunks(w_hh, sizes), d_output, dh, gates, h_n, h_before, d_of_x, d_of_h,
                          _plain(w_hh), NOTHING[dy.dtype], _order(sizes, reverse))
        dx, *of_weights = _back(d_of_x, d_of_h, x, w_ih, h_before, (needs[0], *needs[2:]))
        return dx, dh, *of_weights


def _alike(*arrays: Any) -> bool:
    """Return whether all have one dtype, float32 or float64."""
    dtype = arrays[0].dtype
    return (dtype is F32 or dtype is F64) and all(a is None or a.dtype is dtype for a in arrays)


def _contiguous(*arrays: Any) -> bool:
    return all(a.flags.c_contiguous for a in arrays)


def _plain(a: Array) -> Array:
    return np.ascontiguousarray(a)


def _order(sizes: Sequence[int], reverse: bool) -> Array:
    """(first row, number of rows) of each step, in the order they run."""
    return np.array(steps(sizes, reverse), np.int64).reshape(-1, 2)


def _chunks(w_hh: Array, sizes: Sequence[int]) -> int:
    """On how many threads: at most as many as there are sequences."""
    prepare(w_hh.dtype)
    return min(sizes[0], threads_for(sum(sizes) * w_hh.size)) or 1


def _of_inputs(x: Array, w_ih: Array, bias: Array) -> Array:
    """x @ w_ih.T + bias, of all rows."""
    z = np.empty((len(x), len(w_ih)), x.dtype)
    times(_plain(x), transposed(w_ih), bias, z)
    return z


def _back(
    d_of_x: Array, d_of_h: Array, x: Array, w_ih: Array, h_before: Array, needs: Sequence[bool]
) -> tuple[Any | None, ...]:
    """(dx, dw_ih, dw_hh, db_ih, db_hh): one product over all steps for each."""
    dx: Any = None
    if needs[0]:
        dx = np.empty(x.shape, x.dtype)
        times(d_of_x, _plain(w_ih), NOTHING[x.dtype], dx)
    db_ih: Any = sum_of_rows(d_of_x) if needs[3] else None
    same = d_of_x is d_of_h and needs[3] and needs[4]
    return (
        dx,
        transposed_times(d_of_x, _plain(x)) if needs[1] else None,
        transposed_times(d_of_h, h_before) if needs[2] else None,
        db_ih,
        db_ih.copy() if same else sum_of_rows(d_of_h) if needs[4] else None,
    )


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
