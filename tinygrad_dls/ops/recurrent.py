"""Recurrent layers: one op runs one layer in one direction over whole sequences.

An op has one output, so the h of all steps, the last h (and the last c) come out as one vector;
`sequences.py` takes it apart. The mathematics of a step, forward and back, stand in
`backend/kernels/reference/recurrent.py`.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..backend.kernels.reference.recurrent import Recurrent, steps
from ..engine.autograd import Array
from .op import Op
from .samples import Rng, Sample


class OverSequences(Op):
    """Base: x (steps, sequences, n_in); or packed (rows, n_in) where `sizes` says how many
    sequences have a first step, a second, and so on."""

    def __init__(self, sizes: tuple[int, ...] | None = None, reverse: bool = False) -> None:
        self.sizes, self.reverse = sizes, reverse

    def label(self) -> str:
        how = ["packed"] * (self.sizes is not None) + ["reverse"] * self.reverse
        return f"{self.name}({', '.join(how)})" if how else self.name

    def rows(self, x: Any) -> tuple[Any, tuple[int, ...]]:
        """x as rows, step by step, and how many rows each step has."""
        if self.sizes is not None:
            return x, self.sizes
        count, sequences, width = x.shape
        return x.reshape(count * sequences, width), (sequences,) * count

    def shaped(self, gradients: Any, x: Any) -> Any:
        """The gradients with that of x, the first, in the shape of x."""
        dx, *others = gradients
        return None if dx is None else dx.reshape(x.shape), *others


def _one_by_one(step: Callable[..., Any]) -> Any:
    """The oracle: example by example, and `step(x, states, *weights)` on vectors."""

    def run(count: int, *inputs: Any, sizes: Any = None, reverse: bool = False, **options: Any
            ) -> Any:
        x, states, weights = inputs[0], inputs[1 : 1 + count], inputs[1 + count :]
        if sizes is None:
            sizes = (x.shape[1],) * x.shape[0]
        x = x.reshape(-1, x.shape[-1])
        output = np.zeros((len(x), states[0].shape[1]), x.dtype)
        last = [np.array(s) for s in states]
        for i in range(sizes[0]):
            for first, n in steps(sizes, reverse):
                if i < n:
                    now = step(x[first + i], [s[i] for s in last], *weights, **options)
                    output[first + i] = now[0]
                    for s, value in zip(last, now):
                        s[i] = value
        return np.concatenate([output.ravel(), *(s.ravel() for s in last)])

    return run


def _sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def _rnn_step(x: Any, states: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any,
              nonlinearity: str = "tanh") -> Any:
    z = w_ih @ x + b_ih + w_hh @ states[0] + b_hh
    return [np.tanh(z) if nonlinearity == "tanh" else np.maximum(z, 0)]


def _lstm_step(x: Any, states: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any,
               w_hr: Any = None) -> Any:
    i, f, g, o = np.split(w_ih @ x + b_ih + w_hh @ states[0] + b_hh, 4)
    c = _sigmoid(f) * states[1] + _sigmoid(i) * np.tanh(g)
    h = _sigmoid(o) * np.tanh(c)
    return [h if w_hr is None else w_hr @ h, c]


def _gru_step(x: Any, states: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any) -> Any:
    x_r, x_z, x_n = np.split(w_ih @ x + b_ih, 3)
    h_r, h_z, h_n = np.split(w_hh @ states[0] + b_hh, 3)
    z = _sigmoid(x_z + h_z)
    return [(1 - z) * np.tanh(x_n + _sigmoid(x_r + h_r) * h_n) + z * states[0]]


def _samples(gates: int, cell: bool = False, projected: bool = False) -> Any:
    """Sizes many, 1 and 0; both directions; packed."""

    def make(rng: Rng) -> list[Sample]:
        cases: list[Any] = [
            ((3, 2), 3, 2, {}), ((2, 2), 1, 2, {"reverse": True}), ((1, 1), 1, 1, {}),
            ((2, 0), 2, 2, {}), (6, 2, 2, {"sizes": (3, 2, 1)}),
            (5, 2, 1, {"sizes": (2, 2, 1), "reverse": True}),
        ]
        made = []
        for lead, n_in, n, options in cases[::2] if projected else cases:
            rows = lead if isinstance(lead, tuple) else (lead,)
            sequences = options["sizes"][0] if "sizes" in options else rows[1]
            out = n + 1 if projected else n
            shapes = [(*rows, n_in), (sequences, n), *[(sequences, out)] * cell,
                      (gates * out, n_in), (gates * out, n), (gates * out,), (gates * out,),
                      *[(n, out)] * projected]
            made.append(Sample(tuple(rng.standard_normal(s) for s in shapes), options))
        return made

    return make


class Rnn(OverSequences):
    """h[t] = tanh(W_ih x[t] + b_ih + W_hh h[t-1] + b_hh), or relu of that; y = [all h, last h].

    Back through time: dz = dh (1 - h^2), dh[t-1] = dz W_hh, dW = sum over t of dz[t] h[t-1]
    """

    extras = ("h_before",)
    numpy = staticmethod(lambda *a, **options: _one_by_one(_rnn_step)(1, *a, **options))
    samples = staticmethod(lambda rng: [
        *_samples(1)(rng),
        *(Sample(s.inputs, {**s.parameters, "nonlinearity": "relu"}) for s in _samples(1)(rng)[:2]),
    ])

    def __init__(
        self, sizes: tuple[int, ...] | None = None, reverse: bool = False,
        nonlinearity: str = "tanh",
    ) -> None:
        super().__init__(sizes, reverse)
        self.nonlinearity = nonlinearity

    def forward(
        self, x: Array, h0: Array, w_ih: Array, w_hh: Array, b_ih: Array, b_hh: Array
    ) -> Any:
        rows, sizes = self.rows(x)
        return self.kernels.rnn(
            rows, h0, w_ih, w_hh, b_ih, b_hh, self.nonlinearity, sizes, self.reverse
        )

    def backward(
        self, dy: Any, x: Any, h0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, y: Any,
        h_before: Any, needs: Any,
    ) -> Any:  # on tensors h[t-1] has lost its history: forward once more
        rules, (rows, sizes), way = Recurrent(self.xp), self.rows(x), self.nonlinearity
        y, h_before = rules.rnn(rows, h0, w_ih, w_hh, b_ih, b_hh, way, sizes, self.reverse)
        return self.shaped(rules.rnn_backward(
            dy, rows, w_ih, w_hh, y, h_before, way, sizes, self.reverse, needs), x)

    def backward_kernel(
        self, dy: Array, x: Array, h0: Array, w_ih: Array, w_hh: Array, b_ih: Array, b_hh: Array,
        y: Array, h_before: Array, needs: Any,
    ) -> Any:
        rows, sizes = self.rows(x)
        return self.shaped(self.kernels.rnn_backward(
            dy, rows, w_ih, w_hh, y, h_before, self.nonlinearity, sizes, self.reverse, needs), x)


class Lstm(OverSequences):
    """Long short-term memory, gates i f g o (update, forget, candidate, output);
    y = [all h, last h, last c].

    c[t] = f c[t-1] + i g,  h[t] = o tanh(c[t]);  back: dc[t-1] = dc f,  dh[t-1] = dz W_hh
    """

    extras = ("gates", "c_before", "tanh_c", "h_before")
    numpy = staticmethod(lambda *a, **options: _one_by_one(_lstm_step)(2, *a, **options))
    samples = staticmethod(_samples(4, cell=True))

    def forward(
        self, x: Array, h0: Array, c0: Array, w_ih: Array, w_hh: Array, b_ih: Array, b_hh: Array
    ) -> Any:
        return self.ahead(self.kernels, x, h0, c0, w_ih, w_hh, b_ih, b_hh, None)

    def backward(
        self, dy: Any, x: Any, h0: Any, c0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any,
        gates: Any, c_before: Any, tanh_c: Any, h_before: Any, needs: Any,
    ) -> Any:
        rules = Recurrent(self.xp)
        _, *again = self.ahead(rules, x, h0, c0, w_ih, w_hh, b_ih, b_hh, None)
        return self.back(rules, dy, x, w_ih, w_hh, None, again, needs)[:-1]

    def backward_kernel(
        self, dy: Array, x: Array, h0: Array, c0: Array, w_ih: Array, w_hh: Array, b_ih: Array,
        b_hh: Array, gates: Array, c_before: Array, tanh_c: Array, h_before: Array, needs: Any,
    ) -> Any:
        saved = gates, c_before, tanh_c, h_before
        return self.back(self.kernels, dy, x, w_ih, w_hh, None, saved, needs)[:-1]

    def ahead(self, kernels: Any, x: Any, *others: Any) -> Any:
        """(y, what `back` needs beside the inputs)."""
        rows, sizes = self.rows(x)
        return kernels.lstm(rows, *others, sizes, self.reverse)

    def back(
        self, kernels: Any, dy: Any, x: Any, w_ih: Any, w_hh: Any, w_hr: Any, saved: Sequence[Any],
        needs: Any,
    ) -> Any:
        """The gradients of all inputs, w_hr's last."""
        rows, sizes = self.rows(x)
        return self.shaped(kernels.lstm_backward(
            dy, rows, w_ih, w_hh, w_hr, *saved, sizes, self.reverse, needs), x)


class LstmProjected(Lstm):
    """`Lstm` whose h[t] = W_hr (o tanh(c[t])) has fewer units than its c (Sak et al. 2014)."""

    samples = staticmethod(_samples(4, cell=True, projected=True))

    def forward(  # type: ignore[override]
        self, x: Array, h0: Array, c0: Array, w_ih: Array, w_hh: Array, b_ih: Array, b_hh: Array,
        w_hr: Array,
    ) -> Any:
        return self.ahead(self.kernels, x, h0, c0, w_ih, w_hh, b_ih, b_hh, w_hr)

    def backward(  # type: ignore[override]
        self, dy: Any, x: Any, h0: Any, c0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any,
        w_hr: Any, gates: Any, c_before: Any, tanh_c: Any, h_before: Any, needs: Any,
    ) -> Any:
        rules = Recurrent(self.xp)
        _, *again = self.ahead(rules, x, h0, c0, w_ih, w_hh, b_ih, b_hh, w_hr)
        return self.back(rules, dy, x, w_ih, w_hh, w_hr, again, needs)

    def backward_kernel(  # type: ignore[override]
        self, dy: Array, x: Array, h0: Array, c0: Array, w_ih: Array, w_hh: Array, b_ih: Array,
        b_hh: Array, w_hr: Array, gates: Array, c_before: Array, tanh_c: Array, h_before: Array,
        needs: Any,
    ) -> Any:
        saved = gates, c_before, tanh_c, h_before
        return self.back(self.kernels, dy, x, w_ih, w_hh, w_hr, saved, needs)


class Gru(OverSequences):
    """Gated recurrent unit, gates r z n (reset, keep, candidate); y = [all h, last h].

    h[t] = (1 - z) n + z h[t-1];  back: dh[t-1] = dh z + [d_r, d_z, d_n r] W_hh
    """

    extras = ("gates", "h_n", "h_before")
    numpy = staticmethod(lambda *a, **options: _one_by_one(_gru_step)(1, *a, **options))
    samples = staticmethod(_samples(3))

    def forward(
        self, x: Array, h0: Array, w_ih: Array, w_hh: Array, b_ih: Array, b_hh: Array
    ) -> Any:
        rows, sizes = self.rows(x)
        return self.kernels.gru(rows, h0, w_ih, w_hh, b_ih, b_hh, sizes, self.reverse)

    def backward(
        self, dy: Any, x: Any, h0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, gates: Any,
        h_n: Any, h_before: Any, needs: Any,
    ) -> Any:
        rules, (rows, sizes) = Recurrent(self.xp), self.rows(x)
        _, gates, h_n, h_before = rules.gru(
            rows, h0, w_ih, w_hh, b_ih, b_hh, sizes, self.reverse)
        return self.shaped(rules.gru_backward(
            dy, rows, w_ih, w_hh, gates, h_n, h_before, sizes, self.reverse, needs), x)

    def backward_kernel(
        self, dy: Array, x: Array, h0: Array, w_ih: Array, w_hh: Array, b_ih: Array, b_hh: Array,
        gates: Array, h_n: Array, h_before: Array, needs: Any,
    ) -> Any:
        rows, sizes = self.rows(x)
        return self.shaped(self.kernels.gru_backward(
            dy, rows, w_ih, w_hh, gates, h_n, h_before, sizes, self.reverse, needs), x)
