"""ONNX's RNN, LSTM and GRU: by our kernels where they are PyTorch's, else step by step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import ops
from ..errors import FormatError
from ..nn import functional as F
from .onnx_operators import Args, host, operator
from .reading import short

GATES = {"RNN": 1, "LSTM": 4, "GRU": 3}
ORDERS = {"LSTM": (0, 2, 3, 1), "GRU": (1, 0, 2), "RNN": (0,)}  # of ONNX's gates, as ours are
USUAL = {"LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"], "RNN": ["Tanh"]}
Function = Callable[[Any], Any]

# activation -> (function of x, alpha and beta; what those that it takes usually are)
ACTIVATIONS: dict[str, tuple[Callable[[Any, Any, Any], Any], float | None, float | None]] = {
    "sigmoid": (lambda x, a, b: ops.sigmoid(x), None, None),
    "tanh": (lambda x, a, b: ops.tanh(x), None, None),
    "relu": (lambda x, a, b: ops.relu(x), None, None),
    "affine": (lambda x, a, b: x * a + b, 1.0, 0.0),
    "leakyrelu": (lambda x, a, b: F.leaky_relu(x, a), 0.01, None),
    "thresholdedrelu": (lambda x, a, b: F.threshold(x, a, 0.0), 1.0, None),
    "scaledtanh": (lambda x, a, b: ops.tanh(x * b) * a, 1.0, 1.0),
    "hardsigmoid": (lambda x, a, b: ops.clip(x * a + b, 0.0, 1.0), 0.2, 0.5),
    "elu": (lambda x, a, b: F.elu(x, a), 1.0, None),
    "softsign": (lambda x, a, b: ops.softsign(x), None, None),
    "softplus": (lambda x, a, b: F.softplus(x), None, None),
}


@operator("RNN", "LSTM", "GRU", host=(4,))
def _recurrent(a: Args) -> Any:
    """(outputs, last states ...) over x (steps, sequences, n_in), one direction after the other."""
    kind, swap = a.kind, bool(a.option("layout", 0))
    x, w, r = (ops.swapaxes(a[0], 0, 1) if swap else a[0]), a[1], a[2]
    directions, hidden = w.shape[0], r.shape[2]
    way = bytes(a.option("direction", b"forward"))
    if directions != (2 if way == b"bidirectional" else 1) or w.shape[1] != GATES[kind] * hidden:
        raise FormatError(f"{a.what}: weights of shape {w.shape} are not {short(way)} weights for "
                          f"{hidden} units")
    named = [[n.lower() for n in names] for names in _activations(a, directions)]
    plain = a[4] is None and a[7] is None and not a.option("clip") and (
        not a.option("input_forget", 0)) and (kind != "GRU" or a.option("linear_before_reset", 0))
    outputs: list[Any] = []
    last: list[list[Any]] = [[], []]
    for i in range(directions):
        states = [None if s is None else s[:, i] if swap else s[i]
                  for s in (a[5], a[6])[: 1 + (kind == "LSTM")]]
        usual = [n.lower() for n in USUAL[kind]]
        run = _by_kernel if plain and (
            named[i] == usual or (kind == "RNN" and named[i] == ["relu"])) else _step_by_step
        output, *ends = run(a, i, x, states, way == b"reverse" or i == 1, named[i])
        outputs.append(output)
        for kept, end in zip(last, ends):
            kept.append(end)
    made = [ops.stack(outputs, 1), *[ops.stack(s, 0) for s in last if s]]
    if swap:  # (sequences, steps, directions, n), (sequences, directions, n)
        made = [ops.transpose(made[0], (2, 0, 1, 3)), *[ops.swapaxes(s, 0, 1) for s in made[1:]]]
    return tuple(made)


def _activations(a: Args, directions: int) -> list[list[str]]:
    """The names of the activations of each direction."""
    said = [bytes(s).decode("utf-8", "replace") for s in a.option("activations") or []]
    if not said:
        return [USUAL[a.kind]] * directions
    each = len(USUAL[a.kind])
    unknown = [name for name in said if name.lower() not in ACTIVATIONS]
    if unknown or len(said) != each * directions:
        raise a.refuse(f"the activations {short(said)}")
    return [said[i * each : (i + 1) * each] for i in range(directions)]


def _by_kernel(a: Args, i: int, x: Any, states: list[Any], reverse: bool, named: list[str]) -> Any:
    hidden = a[2].shape[2]
    order = np.concatenate([np.arange(g * hidden, (g + 1) * hidden) for g in ORDERS[a.kind]])
    weights = [_gates(v[i], order) for v in (a[1], a[2])]
    rows, bias = len(order), a[3]
    biases = [None, None] if bias is None else [
        _gates(bias[i, :rows], order), _gates(bias[i, rows:], order)]
    run: Any = {"RNN": ops.rnn, "LSTM": ops.lstm, "GRU": ops.gru}[a.kind]
    options = {"nonlinearity": named[0]} if a.kind == "RNN" else {}
    return run(x, *states, *weights, *biases, reverse=reverse, **options)


def _gates(value: Any, order: Any) -> Any:
    return ops.take(value, order, 0) if order.size and (np.diff(order) != 1).any() else value


# --- step by step: lengths, peepholes, clipped gates, other activations, ONNX's own GRU ----------


def _step_by_step(a: Args, i: int, x: Any, states: list[Any], reverse: bool, named: list[str]
                  ) -> Any:
    """(outputs, last states ...): a sequence that is over keeps its state, and puts out zeros."""
    hidden, count = a[2].shape[2], x.shape[1]
    zero = ops.zeros_like(x[0, :, :1]) * ops.zeros_like(a[2][i, 0])  # (sequences, hidden)
    now = [zero if s is None else s for s in states]
    lengths = None if a[4] is None else host(a[4]).reshape(-1)
    if lengths is not None and len(lengths) != count:
        raise FormatError(f"{a.what}: {len(lengths)} lengths for {count} sequences")
    step = {"RNN": _rnn_step, "LSTM": _lstm_step, "GRU": _gru_step}[a.kind]
    functions = _functions(a, i, named)
    outputs: list[Any] = [None] * x.shape[0]
    for t in range(x.shape[0])[:: -1 if reverse else 1]:
        then = step(a, i, x[t], now, functions, hidden)
        shown = then[0]
        if lengths is not None and not (lengths > t).all():
            lasting = (lengths > t)[:, None]
            then = [ops.where(lasting, new, old) for new, old in zip(then, now)]
            shown = ops.where(lasting, shown, 0.0)
        now, outputs[t] = then, shown
    return [ops.stack(outputs, 0), *now]


def _functions(a: Args, i: int, named: list[str]) -> list[Function]:
    """The activations of direction i, behind the clip.

    Alphas and betas are in one row for all directions, without a place for what takes none.
    """
    limit, found = a.option("clip"), list[Function]()
    alphas, betas = (iter(a.option(f"activation_{n}") or []) for n in ("alpha", "beta"))
    every = [name for names in _activations(a, a[1].shape[0]) for name in names]
    for place, name in enumerate(every):
        function, alpha, beta = ACTIVATIONS[name.lower()]
        alpha = None if alpha is None else next(alphas, alpha)
        beta = None if beta is None else next(betas, beta)
        j = place - i * len(named)
        bound = limit if j < 2 else None  # runtimes clip the gates, but not the cell

        def run(z: Any, function: Any = function, alpha: Any = alpha, beta: Any = beta,
                bound: float | None = bound) -> Any:
            return function(ops.clip(z, -bound, bound) if bound else z, alpha, beta)

        if 0 <= j < len(named):
            found.append(run)
    return found


def _products(a: Args, i: int, x: Any, h: Any, hidden: int) -> list[tuple[Any, Any]]:
    """For each gate what the input and what the state give it, with their biases."""
    rows, bias = a[1].shape[1], a[3]
    of_x, of_h = x @ a[1][i].T, h @ a[2][i].T
    if bias is not None:
        of_x, of_h = of_x + bias[i, :rows], of_h + bias[i, rows:]
    return [(of_x[:, g : g + hidden], of_h[:, g : g + hidden]) for g in range(0, rows, hidden)]


def _rnn_step(a: Args, i: int, x: Any, now: Any, f: list[Function], hidden: int) -> list[Any]:
    (of_x, of_h), = _products(a, i, x, now[0], hidden)
    return [f[0](of_x + of_h)]


def _lstm_step(a: Args, i: int, x: Any, now: Any, f: list[Function], hidden: int) -> list[Any]:
    h, c = now
    into, out, forget, cell = (x_part + h_part for x_part, h_part in _products(a, i, x, h, hidden))
    see = [0.0] * 3 if a[7] is None else [a[7][i, g * hidden : (g + 1) * hidden] for g in range(3)]
    gate = f[0](into + see[0] * c)
    kept = 1.0 - gate if a.option("input_forget", 0) else f[0](forget + see[2] * c)
    c = kept * c + gate * f[1](cell)
    return [f[0](out + see[1] * c) * f[2](c), c]


def _gru_step(a: Args, i: int, x: Any, now: Any, f: list[Function], hidden: int) -> list[Any]:
    """ONNX's own GRU resets the state before the product, PyTorch's behind it."""
    h, = now
    (z_x, z_h), (r_x, r_h), (n_x, n_h) = _products(a, i, x, h, hidden)
    update, reset = f[0](z_x + z_h), f[0](r_x + r_h)
    if a.option("linear_before_reset", 0):
        new = f[1](n_x + reset * n_h)
    else:
        new = n_x + (reset * h) @ a[2][i, 2 * hidden :].T
        new = f[1](new if a[3] is None else new + a[3][i, 5 * hidden :])
    return [(1.0 - update) * new + update * h]
