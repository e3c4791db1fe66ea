"""Recurrent layers: for each time step a product in cuBLAS and one launch for all the gates."""

from collections.abc import Sequence
from typing import Any

from ..reference import recurrent as reference
from ..reference.recurrent import of_inputs, parts, steps
from .base import CudaFamily
from .layout import dense, real


class Recurrent(CudaFamily, reference.Recurrent):
    """Arrays of one float dtype; else the reference. Kernels write into rows made beforehand."""

    def rnn(
        self, x: Any, h0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, activation: str,
        sizes: Sequence[int], reverse: bool,
    ) -> tuple[Any, ...]:
        if not real(x, h0, w_ih, w_hh, b_ih, b_hh):
            return super().rnn(x, h0, w_ih, w_hh, b_ih, b_hh, activation, sizes, reverse)
        z_x = self._of_inputs(x, w_ih, b_ih, b_hh)
        joined, (output, h) = self._room(x, sizes[0], w_hh.shape[1])
        h[...] = h0
        h_before, back = self._like(output), w_hh.T
        for first, n in steps(sizes, reverse):
            now = h[:n]
            self._each("recurrent.rnn_step", x.dtype, now.size, z_x, dense(self.xp, now @ back),
                       now, h_before, output, first, w_hh.shape[1], activation != "tanh")
        return joined, h_before

    def rnn_backward(
        self, dy: Any, x: Any, w_ih: Any, w_hh: Any, y: Any, h_before: Any, activation: str,
        sizes: Sequence[int], reverse: bool, needs: Sequence[bool],
    ) -> tuple[Any | None, ...]:
        if not real(dy, x, w_ih, w_hh, y, h_before):
            return super().rnn_backward(
                dy, x, w_ih, w_hh, y, h_before, activation, sizes, reverse, needs)
        d_output, dh = self._gradients(dy, h_before.shape, sizes[0])
        output, _ = parts(dense(self.xp, y), h_before.shape, sizes[0])
        dz = self._like(output)
        for first, n in reversed(steps(sizes, reverse)):
            self._each("recurrent.rnn_step_back", dz.dtype, dh[:n].size, d_output, dh, output, dz,
                       first, w_hh.shape[1], activation != "tanh")
            dh[:n] = dz[first : first + n] @ w_hh
        dx, *of_weights = of_inputs(dz, dz, x, w_ih, h_before, (needs[0], *needs[2:]))
        return dx, dh, *of_weights

    def lstm(
        self, x: Any, h0: Any, c0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, w_hr: Any,
        sizes: Sequence[int], reverse: bool,
    ) -> tuple[Any, ...]:
        if not real(x, h0, c0, w_ih, w_hh, b_ih, b_hh, w_hr):
            return super().lstm(x, h0, c0, w_ih, w_hh, b_ih, b_hh, w_hr, sizes, reverse)
        xp, width, cells = self.xp, w_hh.shape[1], c0.shape[1]
        gates = self._of_inputs(x, w_ih, b_ih, b_hh)
        joined, (output, h, c) = self._room(x, sizes[0], width, cells)
        h[...], c[...] = h0, c0
        h_before, back = self._like(output), w_hh.T
        c_before, tanh_c = (xp.empty((len(x), cells), dtype=x.dtype) for _ in range(2))
        unprojected = output if w_hr is None else self._like(c_before)
        for first, n in steps(sizes, reverse):
            rows, now = slice(first, first + n), h[:n]
            h_before[rows] = now
            self._each("recurrent.lstm_step", x.dtype, n * cells, gates,
                       dense(xp, now @ back), c, c_before, tanh_c, unprojected, first, cells)
            if w_hr is not None:
                output[rows] = unprojected[rows] @ w_hr.T
            now[...] = output[rows]
        return joined, gates, c_before, tanh_c, h_before

    def lstm_backward(
        self, dy: Any, x: Any, w_ih: Any, w_hh: Any, w_hr: Any, gates: Any, c_before: Any,
        tanh_c: Any, h_before: Any, sizes: Sequence[int], reverse: bool, needs: Sequence[bool],
    ) -> tuple[Any | None, ...]:
        if not real(dy, x, w_ih, w_hh, w_hr, gates, c_before, tanh_c, h_before):
            return super().lstm_backward(dy, x, w_ih, w_hh, w_hr, gates, c_before, tanh_c,
                                         h_before, sizes, reverse, needs)
        xp, cells = self.xp, c_before.shape[1]
        gates, c_before, tanh_c = (dense(xp, a) for a in (gates, c_before, tanh_c))
        d_output, dh, dc = self._gradients(dy, h_before.shape, sizes[0], cells)
        dz = self._like(gates)
        d_h = self._like(d_output) if w_hr is not None else None
        for first, n in reversed(steps(sizes, reverse)):
            rows = slice(first, first + n)
            d = dh[:n] + d_output[rows]
            if d_h is not None:
                d_h[rows] = d
                d = dense(xp, d @ w_hr)
            self._each("recurrent.lstm_step_back", dz.dtype, n * cells, d, dc, gates, c_before,
                       tanh_c, dz, first, cells)
            dh[:n] = dz[rows] @ w_hh
        dx, *of_weights = of_inputs(dz, dz, x, w_ih, h_before, (needs[0], *needs[3:7]))
        dw_hr = None
        if d_h is not None and needs[7]:
            dw_hr = d_h.T @ (gates[:, 3 * cells :] * tanh_c)
        return dx, dh, dc, *of_weights, dw_hr

    def gru(
        self, x: Any, h0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any,
        sizes: Sequence[int], reverse: bool,
    ) -> tuple[Any, ...]:
        if not real(x, h0, w_ih, w_hh, b_ih, b_hh):
            return super().gru(x, h0, w_ih, w_hh, b_ih, b_hh, sizes, reverse)
        xp, width = self.xp, w_hh.shape[1]
        gates = self._of_inputs(x, w_ih, b_ih)
        joined, (output, h) = self._room(x, sizes[0], width)
        h[...] = h0
        h_before, h_n, back = self._like(output), self._like(output), w_hh.T
        bias = None if b_hh is None else dense(xp, b_hh)
        for first, n in steps(sizes, reverse):
            now = h[:n]
            self._each("recurrent.gru_step", x.dtype, now.size, gates, dense(xp, now @ back), bias,
                       now, h_n, h_before, output, first, width)
        return joined, gates, h_n, h_before

    def gru_backward(
        self, dy: Any, x: Any, w_ih: Any, w_hh: Any, gates: Any, h_n: Any, h_before: Any,
        sizes: Sequence[int], reverse: bool, needs: Sequence[bool],
    ) -> tuple[Any | None, ...]:
        if not real(dy, x, w_ih, w_hh, gates, h_n, h_before):
            return super().gru_backward(
                dy, x, w_ih, w_hh, gates, h_n, h_before, sizes, reverse, needs)
        gates, h_n, h_before = (dense(self.xp, a) for a in (gates, h_n, h_before))
        d_output, dh = self._gradients(dy, h_before.shape, sizes[0])
        d_of_x, d_of_h = self._like(gates), self._like(gates)
        for first, n in reversed(steps(sizes, reverse)):
            now = dh[:n]
            self._each("recurrent.gru_step_back", gates.dtype, now.size, d_output, now, gates, h_n,
                       h_before, d_of_x, d_of_h, first, w_hh.shape[1])
            now += d_of_h[first : first + n] @ w_hh
        dx, *of_weights = of_inputs(d_of_x, d_of_h, x, w_ih, h_before, (needs[0], *needs[2:]))
        return dx, dh, *of_weights

    def _of_inputs(self, x: Any, w_ih: Any, *biases: Any) -> Any:
        """W_ih x + b for all steps, in an array to be written into."""
        z = dense(self.xp, x @ w_ih.T)
        for bias in biases:
            if bias is not None:
                z += bias
        return z

    def _like(self, array: Any) -> Any:
        return self.xp.empty(array.shape, dtype=array.dtype)

    def _room(self, x: Any, sequences: int, width: int, cells: int = 0) -> tuple[Any, Any]:
        """A vector for what comes out, and its parts to write into."""
        length = (len(x) + sequences) * width + sequences * cells
        joined = self.xp.empty((length,), dtype=x.dtype)
        return joined, parts(joined, (len(x), width), sequences, cells)

    def _gradients(self, dy: Any, rows: tuple[int, ...], sequences: int, cells: int = 0) -> Any:
        """The parts of dy; those of the states as arrays of their own, to be carried back."""
        d_output, *of_states = parts(dense(self.xp, dy), rows, sequences, cells)
        return d_output, *(self.xp.array(d, order="C") for d in of_states)
