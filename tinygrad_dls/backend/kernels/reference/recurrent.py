"""Recurrent layers over whole sequences: RNN, LSTM and GRU (Course 5, week 1), and the way back.

All sequences lie below each other, step by step: the rows of the first step of every sequence,
then those of the second, and so on; `sizes[t]` sequences have a step t, the longest come first.
So x is (rows, n_in), rows = sum(sizes), and without padding nothing is computed in vain. The
states h and c have one row for each sequence; at step t the first `sizes[t]` rows move on.

Only operators and functions of `xp` are used, nothing is written into: on tensors, with the
operations as `xp`, these are differentiable functions.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

from .base import Family, sigmoid, summed

Steps: TypeAlias = "list[tuple[int, int]]"  # (first row, number of rows), in the order they run


class Recurrent(Family):
    """rnn, lstm, gru, and their gradients.

    Weights are PyTorch's: w_ih (gates * n, n_in), w_hh (gates * n, n_h), one block of n rows for
    each gate; biases (gates * n,) or None. `reverse` runs from the last step to the first.
    """

    def rnn(
        self, x: Any, h0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, activation: str,
        sizes: Sequence[int], reverse: bool,
    ) -> tuple[Any, ...]:
        """h<t> = g(W_ih x<t> + W_hh h<t-1> + b), g tanh or relu. Returns [h of all rows; last h]
        in one vector, and h<t-1> of all rows."""
        z_x = _with(_with(x @ w_ih.T, b_ih), b_hh)
        order, h, kept = steps(sizes, reverse), h0, []
        for first, n in order:
            before = h[:n]
            z = z_x[first : first + n] + before @ w_hh.T
            now = self.xp.tanh(z) if activation == "tanh" else self.xp.maximum(z, 0.0)
            kept.append((now, before))
            h = self._moved(h, now)
        output, h_before = self._in_rows(kept, reverse)
        return self._joined(output, h), h_before

    def rnn_backward(
        self, dy: Any, x: Any, w_ih: Any, w_hh: Any, y: Any, h_before: Any, activation: str,
        sizes: Sequence[int], reverse: bool, needs: Sequence[bool],
    ) -> tuple[Any | None, ...]:
        """dz = dh (1 - h^2), or dh where h > 0; dh<t-1> = dz W_hh. Gradients of rnn's inputs."""
        d_output, dh = parts(dy, h_before.shape, sizes[0])
        output, _ = parts(y, h_before.shape, sizes[0])
        kept = []
        for first, n in reversed(steps(sizes, reverse)):
            h = output[first : first + n]
            d = dh[:n] + d_output[first : first + n]
            dz = d * (1 - h * h) if activation == "tanh" else self.xp.where(h > 0, d, 0.0)
            kept.append((dz,))
            dh = self._moved(dh, dz @ w_hh)
        (dz,) = self._in_rows(kept, not reverse)
        dx, *of_weights = of_inputs(dz, dz, x, w_ih, h_before, (needs[0], *needs[2:]))
        return dx, dh, *of_weights

    def lstm(
        self, x: Any, h0: Any, c0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, w_hr: Any,
        sizes: Sequence[int], reverse: bool,
    ) -> tuple[Any, ...]:
        """Long short-term memory (Hochreiter and Schmidhuber 1997), gates in the order u f c~ o:

        Gamma_u = sigmoid(z_u)    Gamma_f = sigmoid(z_f)    Gamma_o = sigmoid(z_o)
        c~ = tanh(z_c)            z = W_ih x<t> + W_hh h<t-1> + b
        c<t> = Gamma_u c~ + Gamma_f c<t-1>
        h<t> = Gamma_o tanh(c<t>), or W_hr of that (a projection; Sak et al. 2014)

        Returns [h of all rows; last h; last c] in one vector, and of all rows the gates, c<t-1>,
        tanh(c<t>) and h<t-1>.
        """
        z_x = _with(_with(x @ w_ih.T, b_ih), b_hh)
        order, h, c, kept = steps(sizes, reverse), h0, c0, []
        for first, n in order:
            h_before, c_before = h[:n], c[:n]
            z_u, z_f, z_c, z_o = _blocks(z_x[first : first + n] + h_before @ w_hh.T, 4)
            update, forget, output = map(self._sigmoid, (z_u, z_f, z_o))
            candidate = self.xp.tanh(z_c)
            c_now = update * candidate + forget * c_before
            tanh_c = self.xp.tanh(c_now)
            h_now = output * tanh_c
            if w_hr is not None:
                h_now = h_now @ w_hr.T
            gates = self.xp.concatenate([update, forget, candidate, output], axis=1)
            kept.append((h_now, gates, c_before, tanh_c, h_before))
            h, c = self._moved(h, h_now), self._moved(c, c_now)
        of_rows, *saved = self._in_rows(kept, reverse)
        return self._joined(of_rows, h, c), *saved

    def lstm_backward(
        self, dy: Any, x: Any, w_ih: Any, w_hh: Any, w_hr: Any, gates: Any, c_before: Any,
        tanh_c: Any, h_before: Any, sizes: Sequence[int], reverse: bool, needs: Sequence[bool],
    ) -> tuple[Any | None, ...]:
        """The gradients of lstm's inputs, in their order; w_hr's is None if there is none.

        dc += dh Gamma_o (1 - tanh(c)^2);  dc<t-1> = dc Gamma_f;  dh<t-1> = dz W_hh
        dz_u = dc c~ Gamma_u (1 - Gamma_u)        dz_f = dc c<t-1> Gamma_f (1 - Gamma_f)
        dz_c = dc Gamma_u (1 - c~^2)              dz_o = dh tanh(c) Gamma_o (1 - Gamma_o)
        """
        d_output, dh, dc = parts(dy, h_before.shape, sizes[0], c_before.shape[1])
        kept = []
        for first, n in reversed(steps(sizes, reverse)):
            rows = slice(first, first + n)
            update, forget, candidate, output = _blocks(gates[rows], 4)
            d_h = dh[:n] + d_output[rows]
            d = d_h if w_hr is None else d_h @ w_hr
            d_c = dc[:n] + d * output * (1 - tanh_c[rows] * tanh_c[rows])
            dz = self.xp.concatenate([
                d_c * candidate * update * (1 - update),
                d_c * c_before[rows] * forget * (1 - forget),
                d_c * update * (1 - candidate * candidate),
                d * tanh_c[rows] * output * (1 - output),
            ], axis=1)
            kept.append((dz, d_h))
            dh, dc = self._moved(dh, dz @ w_hh), self._moved(dc, d_c * forget)
        dz, d_h = self._in_rows(kept, not reverse)
        dx, *of_weights = of_inputs(dz, dz, x, w_ih, h_before, (needs[0], *needs[3:7]))
        dw_hr = None
        if w_hr is not None and needs[7]:
            dw_hr = d_h.T @ (_blocks(gates, 4)[3] * tanh_c)
        return dx, dh, dc, *of_weights, dw_hr

    def gru(
        self, x: Any, h0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any,
        sizes: Sequence[int], reverse: bool,
    ) -> tuple[Any, ...]:
        """Gated recurrent unit (Cho et al. 2014), gates in the order r z n:

        Gamma_r = sigmoid(W_ih x<t> + W_hh h<t-1> + b)      reset
        z = sigmoid(W_ih x<t> + W_hh h<t-1> + b)            keep: 1 - Gamma_u of the course
        h~ = tanh(W_ih x<t> + b_ih + Gamma_r (W_hh h<t-1> + b_hh))
        h<t> = (1 - z) h~ + z h<t-1>

        Returns [h of all rows; last h] in one vector, and of all rows the gates [r, z, h~], what
        Gamma_r multiplies, and h<t-1>.
        """
        z_x = _with(x @ w_ih.T, b_ih)
        order, h, kept = steps(sizes, reverse), h0, []
        for first, n in order:
            h_before = h[:n]
            x_r, x_z, x_n = _blocks(z_x[first : first + n], 3)
            h_r, h_z, h_n = _blocks(_with(h_before @ w_hh.T, b_hh), 3)
            reset, keep = self._sigmoid(x_r + h_r), self._sigmoid(x_z + h_z)
            candidate = self.xp.tanh(x_n + reset * h_n)
            now = (1 - keep) * candidate + keep * h_before
            gates = self.xp.concatenate([reset, keep, candidate], axis=1)
            kept.append((now, gates, h_n, h_before))
            h = self._moved(h, now)
        output, *saved = self._in_rows(kept, reverse)
        return self._joined(output, h), *saved

    def gru_backward(
        self, dy: Any, x: Any, w_ih: Any, w_hh: Any, gates: Any, h_n: Any, h_before: Any,
        sizes: Sequence[int], reverse: bool, needs: Sequence[bool],
    ) -> tuple[Any | None, ...]:
        """The gradients of gru's inputs, in their order.

        d_n = dh (1 - z) (1 - h~^2)               through W_hh: d_n Gamma_r
        d_z = dh (h<t-1> - h~) z (1 - z)          d_r = d_n h_n Gamma_r (1 - Gamma_r)
        dh<t-1> = dh z + [d_r, d_z, d_n Gamma_r] W_hh
        """
        d_output, dh = parts(dy, h_before.shape, sizes[0])
        kept = []
        for first, n in reversed(steps(sizes, reverse)):
            rows = slice(first, first + n)
            reset, keep, candidate = _blocks(gates[rows], 3)
            d = dh[:n] + d_output[rows]
            d_n = d * (1 - keep) * (1 - candidate * candidate)
            d_z = d * (h_before[rows] - candidate) * keep * (1 - keep)
            d_r = d_n * h_n[rows] * reset * (1 - reset)
            d_of_x = self.xp.concatenate([d_r, d_z, d_n], axis=1)
            d_of_h = self.xp.concatenate([d_r, d_z, d_n * reset], axis=1)
            kept.append((d_of_x, d_of_h))
            dh = self._moved(dh, d * keep + d_of_h @ w_hh)
        d_of_x, d_of_h = self._in_rows(kept, not reverse)
        dx, *of_weights = of_inputs(d_of_x, d_of_h, x, w_ih, h_before, (needs[0], *needs[2:]))
        return dx, dh, *of_weights

    def _sigmoid(self, z: Any) -> Any:
        return sigmoid(self.xp, z)

    def _moved(self, state: Any, now: Any) -> Any:
        """The state of all sequences, of which the first ones have moved on."""
        n = now.shape[0]
        return now if n == state.shape[0] else self.xp.concatenate([now, state[n:]], axis=0)

    def _in_rows(self, kept: list[tuple[Any, ...]], backwards: bool) -> list[Any]:
        """Stack what each step kept, from the first step to the last."""
        ordered = reversed(kept) if backwards else kept
        return [self.xp.concatenate(list(of_steps), axis=0) for of_steps in zip(*ordered)]

    def _joined(self, *arrays: Any) -> Any:
        """All elements in one vector: an op has one output. `parts` takes it apart."""
        return self.xp.concatenate([a.reshape(-1) for a in arrays], axis=0)


def steps(sizes: Sequence[int], reverse: bool) -> Steps:
    """(first row, number of rows) of each step, in the order they run."""
    found, first = [], 0
    for n in sizes:
        found.append((first, n))
        first += n
    return found[::-1] if reverse else found


def parts(joined: Any, rows: tuple[int, ...], sequences: int, width: int = 0) -> tuple[Any, ...]:
    """(h of all rows, last h) of a vector; with `width`, that of c, the last c as well."""
    total, n = rows
    a, b = total * n, (total + sequences) * n
    h = joined[:a].reshape(total, n), joined[a:b].reshape(sequences, n)
    return (*h, joined[b:].reshape(sequences, width)) if width else h


def of_inputs(
    d_of_x: Any, d_of_h: Any, x: Any, w_ih: Any, h_before: Any, needs: Sequence[bool]
) -> tuple[Any | None, ...]:
    """(dx, dw_ih, dw_hh, db_ih, db_hh), where z = w_ih x + b_ih and w_hh h + b_hh got d_of_x and
    d_of_h: one product over all steps for each."""
    return (
        d_of_x @ w_ih if needs[0] else None,
        d_of_x.T @ x if needs[1] else None,
        d_of_h.T @ h_before if needs[2] else None,
        summed(d_of_x, 0) if needs[3] else None,
        summed(d_of_h, 0) if needs[4] else None,
    )


def _with(z: Any, bias: Any) -> Any:
    return z if bias is None else z + bias


def _blocks(z: Any, count: int) -> list[Any]:
    """The `count` gates that lie side by side in the columns of z."""
    n = z.shape[1] // count
    return [z[:, i * n : (i + 1) * n] for i in range(count)]
