"""RNN, LSTM, GRU: functions, layers, cells and packed sequences."""

from typing import Any

import numpy as np
import pytest

import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import nn
from tinygrad_dls.nn.utils import rnn

from .harness import array, close, pick, random_cases, same_function, same_layer, torch

GATES = {"rnn": 1, "lstm": 4, "gru": 3}


def weights(case: np.random.Generator, name: str, n_in: int, n: int, dtype: str, p: int = 0
            ) -> list[np.ndarray]:
    """w_ih, w_hh, both biases, and the projection to p units if there is one."""
    rows = GATES[name] * n
    shapes = [(rows, n_in), (rows, p or n), (rows,), (rows,), *[(p, n)] * bool(p)]
    return [array(case, *shape, dtype=dtype) / np.sqrt(n).astype(dtype) for shape in shapes]


@random_cases(120)
def test_function(case: np.random.Generator) -> None:
    """One layer in one direction, all inputs with gradient; float64 twice differentiated."""
    name, dtype = pick(case, *GATES), pick(case, "float32", "float64")
    steps, many = int(pick(case, 1, 2, 5)), int(pick(case, 0, 1, 4))
    n_in, n = int(pick(case, 1, 3, 6)), int(pick(case, 1, 4, 17))
    p = int(case.integers(n)) if name == "lstm" else 0
    reverse, relu = bool(case.integers(2)), name == "rnn" and bool(case.integers(2))
    biases = bool(case.integers(4))
    first = [array(case, many, p or n, dtype=dtype)]
    if name == "lstm":
        first.append(array(case, many, n, dtype=dtype))
    made = weights(case, name, n_in, n, dtype, p)
    if not biases:
        del made[2:4]
    start = 1 + len(first)

    def ours(*xs: Any) -> Any:
        parameters = list(xs[start:])
        if not biases:
            parameters[2:2] = [None, None]
        options = {"nonlinearity": "relu"} if relu else {}
        return getattr(F, name)(*xs[:start], *parameters, reverse=reverse, **options)

    def theirs(*ts: Any) -> Any:
        layer = torch.rnn_relu if relu else torch.rnn_tanh if name == "rnn" else getattr(
            torch, name)
        state = [t[None] for t in ts[1:start]]
        x = ts[0].flip(0) if reverse else ts[0]
        output, *last = layer(x, state if name == "lstm" else state[0], list(ts[start:]), biases,
                              1, 0.0, True, False, False)
        return [output.flip(0) if reverse else output, *(s[0] for s in last)]

    x = array(case, steps, many, n_in, dtype=dtype)
    # relu's one step: PyTorch calls its gradient differentiable, though it is constant
    second = dtype == "float64" and many > 0 and bool(case.integers(2)) and not (relu and steps < 2)
    same_function(ours, theirs, [x, *first, *made], second=second, scale=2)


def layers(case: np.random.Generator, **fixed: Any) -> tuple[Any, Any, dict[str, Any]]:
    """The same layer on both sides, with options drawn."""
    kind = pick(case, "RNN", "LSTM", "GRU")
    options = {
        "input_size": int(pick(case, 1, 3, 5)), "hidden_size": int(pick(case, 1, 4, 7)),
        "num_layers": int(pick(case, 1, 1, 2, 3)), "bias": bool(case.integers(4)),
        "batch_first": bool(case.integers(2)), "bidirectional": bool(case.integers(2)), **fixed,
    }
    if kind == "RNN":
        options["nonlinearity"] = pick(case, "tanh", "relu")
    if kind == "LSTM" and options["hidden_size"] > 1 and case.integers(2):
        options["proj_size"] = int(case.integers(1, options["hidden_size"]))
    torch.manual_seed(int(case.integers(2**31)))  # the weights of its side go over to ours
    return getattr(nn, kind)(**options), getattr(torch.nn, kind)(**options), options


def rate(layer: Any) -> float:
    """A step at which no layer explodes: nothing holds a relu."""
    return 0.001 if getattr(layer, "nonlinearity", "") == "relu" else 0.02


def first_states(case: np.random.Generator, layer: Any, *many: int, dtype: str) -> list[Any]:
    """h_0 (and c_0), or nothing."""
    if case.integers(2):
        return []
    places = layer.num_layers * (1 + layer.bidirectional)
    h = array(case, places, *many, layer.proj_size or layer.hidden_size, dtype=dtype)
    if not isinstance(layer, nn.LSTM):
        return [h]
    return [h, array(case, places, *many, layer.hidden_size, dtype=dtype)]


def called(layer: Any, x: Any, *first: Any) -> Any:
    return layer(x, first if len(first) == 2 else first[0] if first else None)


@random_cases(90)
def test_layer(case: np.random.Generator) -> None:
    ours, theirs, options = layers(case)
    dtype, steps = pick(case, "float32", "float64"), int(pick(case, 1, 2, 6))
    many = pick(case, (), (1,), (3,), (0,))
    shape = [steps, *many]
    if options["batch_first"] and many:
        shape.reverse()
    x = array(case, *shape, options["input_size"], dtype=dtype)
    first = first_states(case, ours, *many, dtype=dtype)
    assert repr(ours).split("(")[0] == repr(theirs).split("(")[0]
    same_layer(ours, theirs, [x, *first], call=called, scale=2, rate=rate(ours))


@random_cases(10)
def test_dropout_between_layers(case: np.random.Generator) -> None:
    """Probability 1 drops all there is between the layers, on both sides, and only in training."""
    ours, theirs, options = layers(case, num_layers=2, dropout=1.0)
    x = array(case, 3, 4, options["input_size"])
    if case.integers(2):
        ours.eval()
        theirs.eval()
    same_layer(ours, theirs, [x], call=called, steps=2, rate=rate(ours))


def through_packing(utils: Any, lengths: Any, batch_first: bool, in_order: bool, total: Any) -> Any:
    def call(layer: Any, x: Any, *first: Any) -> Any:
        packed = utils.pack_padded_sequence(x, lengths, batch_first, in_order)
        output, last = called(layer, packed, *first)
        padded, _ = utils.pad_packed_sequence(output, batch_first, 0.5, total)
        return padded, last

    return call


@random_cases(60)
def test_packed_layer(case: np.random.Generator) -> None:
    ours, theirs, options = layers(case)
    dtype, many, steps = pick(case, "float32", "float64"), int(pick(case, 1, 2, 5)), 5
    lengths, in_order = case.integers(1, steps + 1, many), bool(case.integers(2))
    if in_order:
        lengths = np.sort(lengths)[::-1]
    shape = (many, steps) if options["batch_first"] else (steps, many)
    x = array(case, *shape, options["input_size"], dtype=dtype)
    first = first_states(case, ours, many, dtype=dtype)
    total = pick(case, None, 5, 8)
    given = (lengths.tolist(), options["batch_first"], in_order, total)
    same_layer(
        ours, theirs, [x, *first], call=through_packing(rnn, *given),
        call_theirs=through_packing(torch.nn.utils.rnn, *given), scale=2, rate=rate(ours),
    )


@random_cases(40)
def test_packing(case: np.random.Generator) -> None:
    """Packed rows, sizes and orders are PyTorch's; gradients go back to where rows came from."""
    them, many = torch.nn.utils.rnn, int(case.integers(1, 6))
    lengths, rest = case.integers(1, 6, many), pick(case, (), (2,), (2, 3))
    arrays = [array(case, n, *rest) for n in lengths]
    value, side = pick(case, 0.0, -1.5), pick(case, "right", "left")
    batch_first = bool(case.integers(2))

    def padded(utils: Any) -> Any:
        return lambda *xs: utils.pad_sequence(list(xs), batch_first, value, side)

    def packed(utils: Any) -> Any:
        return lambda *xs: utils.pack_sequence(list(xs), enforce_sorted=False).data

    def there_and_back(utils: Any) -> Any:
        def call(*xs: Any) -> Any:
            one = utils.pack_sequence(list(xs), enforce_sorted=False)
            return [*utils.unpack_sequence(one),
                    utils.pad_packed_sequence(one, batch_first, value)[0]]

        return call

    for way in (padded, packed, there_and_back):
        same_function(way(rnn), way(them), arrays, second=True)
    mine = rnn.pack_sequence([dls.from_numpy(a) for a in arrays], enforce_sorted=False)
    yours = them.pack_sequence([torch.from_numpy(a) for a in arrays], enforce_sorted=False)
    for name in ("batch_sizes", "sorted_indices", "unsorted_indices"):
        close(getattr(mine, name), getattr(yours, name), name)
    close(rnn.pad_packed_sequence(mine)[1], them.pad_packed_sequence(yours)[1], "lengths")


@random_cases(50)
def test_cell(case: np.random.Generator) -> None:
    """Three steps of a loop over a cell."""
    kind, bias = pick(case, "RNNCell", "LSTMCell", "GRUCell"), bool(case.integers(3))
    n_in, n, dtype = int(pick(case, 1, 4)), int(pick(case, 1, 5)), pick(case, "float32", "float64")
    lead = pick(case, (), (1,), (3,), (0,))
    options = {"nonlinearity": pick(case, "tanh", "relu")} if kind == "RNNCell" else {}
    torch.manual_seed(int(case.integers(2**31)))
    ours = getattr(nn, kind)(n_in, n, bias, **options)
    theirs = getattr(torch.nn, kind)(n_in, n, bias, **options)
    arrays = [array(case, *lead, n_in, dtype=dtype)]
    if case.integers(2):
        arrays += [array(case, *lead, n, dtype=dtype) for _ in range(1 + (kind == "LSTMCell"))]

    def loop(cell: Any, x: Any, *state: Any) -> Any:
        now = (state if kind == "LSTMCell" else state[0]) if state else None
        for _ in range(3):
            now = cell(x, now)
        return now

    same_layer(ours, theirs, arrays, call=loop, scale=2, rate=rate(ours))


@random_cases(30)
def test_cell_function(case: np.random.Generator) -> None:
    name = pick(case, "rnn_tanh_cell", "rnn_relu_cell", "lstm_cell", "gru_cell")
    gates = {"lstm_cell": "lstm", "gru_cell": "gru"}.get(name, "rnn")
    n_in, n, many = int(pick(case, 1, 3)), int(pick(case, 1, 4)), int(pick(case, 1, 3))
    states = [array(case, many, n) for _ in range(1 + (gates == "lstm"))]
    made = weights(case, gates, n_in, n, "float64")
    split = 1 + len(states)

    def call(library: Any) -> Any:
        return lambda *xs: getattr(library, name)(
            xs[0], xs[1:split] if gates == "lstm" else xs[1], *xs[split:])

    same_function(call(F), call(torch), [array(case, many, n_in), *states, *made],
                  second=name != "rnn_relu_cell")


@pytest.mark.torch
@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_what_pytorch_refuses_is_refused(kind: str) -> None:
    shapes = [(0, 2, 3), (5, 2, 4), (3,), (0, 3), (2, 3, 3, 3)]
    for shape in shapes:
        with pytest.raises((RuntimeError, ValueError)):
            getattr(torch.nn, kind)(3, 4)(torch.zeros(shape))
        with pytest.raises(dls.ShapeError):
            getattr(nn, kind)(3, 4)(dls.zeros(shape))
