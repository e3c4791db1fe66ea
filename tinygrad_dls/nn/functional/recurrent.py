"""Recurrent layers over sequences, and single steps of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ... import ops
from ..._util.keywords import near_names
from ...backend.device import default_device
from ...errors import DataError, ShapeError
from ...ops.call import operand
from ...tensors import Tensor

rnn: Callable[..., tuple[Tensor, Tensor]] = ops.rnn
lstm: Callable[..., tuple[Tensor, Tensor, Tensor]] = ops.lstm
gru: Callable[..., tuple[Tensor, Tensor]] = ops.gru


@near_names
def rnn_tanh_cell(
    input: Tensor, hx: Any, w_ih: Tensor, w_hh: Tensor, b_ih: Any = None, b_hh: Any = None
) -> Tensor:
    """tanh(input @ w_ih.T + b_ih + hx @ w_hh.T + b_hh): one step of an RNN; hx None: zeros.

    Shape: input (m, n_in) or (n_in,), hx and y (m, n) or (n,), w_ih (n, n_in), w_hh (n, n), biases
    (n,).

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.rnn_tanh_cell(dls.tensor([2.0]), None, dls.tensor([[0.5]]), dls.tensor([[1.0]]))
    Tensor([0.7616])
    """
    return _step(ops.rnn, input, [hx], w_ih, w_hh, b_ih, b_hh, "tanh")[0]


@near_names
def rnn_relu_cell(
    input: Tensor, hx: Any, w_ih: Tensor, w_hh: Tensor, b_ih: Any = None, b_hh: Any = None
) -> Tensor:
    """relu(input @ w_ih.T + b_ih + hx @ w_hh.T + b_hh): one step of an RNN; hx None: zeros.

    Shape: as `rnn_tanh_cell`.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.rnn_relu_cell(dls.tensor([2.0]), None, dls.tensor([[3.0]]), dls.tensor([[1.0]]))
    Tensor([6.])
    """
    return _step(ops.rnn, input, [hx], w_ih, w_hh, b_ih, b_hh, "relu")[0]


@near_names
def gru_cell(
    input: Tensor, hx: Any, w_ih: Tensor, w_hh: Tensor, b_ih: Any = None, b_hh: Any = None
) -> Tensor:
    """One step of a GRU: h' = (1 - z) n + z h, gates r, z, n (Cho et al. 2014); hx None: zeros.

    Shape: input (m, n_in) or (n_in,), hx and y (m, n) or (n,), w_ih (3n, n_in), w_hh (3n, n),
    biases (3n,), rows in the order r z n.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.gru_cell(dls.ones(4, 3), dls.zeros(4, 5), dls.zeros(15, 3), dls.zeros(15, 5)).shape
    (4, 5)
    """
    return _step(ops.gru, input, [hx], w_ih, w_hh, b_ih, b_hh)[0]


@near_names
def lstm_cell(
    input: Tensor, hx: Any, w_ih: Tensor, w_hh: Tensor, b_ih: Any = None, b_hh: Any = None
) -> tuple[Tensor, Tensor]:
    """(h', c'): one step of an LSTM, c' = f c + i g and h' = o tanh(c').

    `hx`: the pair (h, c), or None for zeros (Hochreiter and Schmidhuber 1997).

    Shape: input (m, n_in) or (n_in,), h and c (m, n) or (n,), w_ih (4n, n_in), w_hh (4n, n), biases
    (4n,), rows in the order i f g o.
    Raises: DataError if `hx` is not a pair, ShapeError if the shapes do not fit together.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> h, c = F.lstm_cell(dls.ones(4, 3), None, dls.zeros(20, 3), dls.zeros(20, 5))
    >>> h.shape, c.shape
    ((4, 5), (4, 5))
    """
    if hx is None:
        hx = (None, None)
    if not isinstance(hx, (tuple, list)) or len(hx) != 2:
        raise DataError("an LSTM's step starts from a pair (h, c), or None for zeros")
    h, c = _step(ops.lstm, input, list(hx), w_ih, w_hh, b_ih, b_hh)
    return h, c


def _step(
    layer: Any, x: Any, states: list[Any], w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, *options: Any
) -> list[Tensor]:
    """The states after one step: a sequence of length 1."""
    x = operand(x, default_device())
    if x.ndim not in (1, 2):
        raise ShapeError(f"one step takes input (m, n_in) or (n_in,), not\n  {x.shape}")
    alone = x.ndim == 1
    states = [None if s is None else operand(s, x.device) for s in states]
    wrong = [s.shape for s in states if s is not None and s.ndim != x.ndim]
    if wrong:
        raise ShapeError(
            f"input and state are both for one example, or both for many:\n"
            f"  input  {x.shape}\n  state  {wrong[0]}"
        )
    if alone:
        x, states = x[None], [None if s is None else s[None] for s in states]
    _, *last = layer(x[None], *states, w_ih, w_hh, b_ih, b_hh, *options)
    return [s[0] for s in last] if alone else last
