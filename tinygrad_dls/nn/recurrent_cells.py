"""Single steps of recurrent layers, for loops of one's own: attention, sampling, decoding."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from .._util.arguments import is_whole
from ..backend.device import Device
from ..backend.dtypes import default_dtype, float_dtype
from ..errors import DataError, ShapeError
from ..random import Generator
from ..tensors import Tensor
from . import functional as F
from . import init
from .module import Module
from .parameter import Parameter


class RNNCellBase(Module):
    """Base of the cells: weight_ih (gates * hidden, input), weight_hh (gates * hidden, hidden),
    bias_ih and bias_hh (gates * hidden,), all uniform in +-1 / sqrt(hidden_size) at first.
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, num_chunks: int = 1,
        device: str | Device | None = None, dtype: DTypeLike | None = None,
        generator: Generator | None = None,
    ) -> None:
        if not is_whole(input_size, 1) or not is_whole(hidden_size, 1):
            raise ShapeError(
                f"{type(self).__name__}({input_size!r}, {hidden_size!r}): sizes are whole numbers "
                "from 1"
            )
        self.input_size, self.hidden_size, self.bias = int(input_size), int(hidden_size), bias
        rows, kind = num_chunks * self.hidden_size, float_dtype(dtype or default_dtype())
        self.weight_ih = Parameter(np.empty((rows, self.input_size), kind), device=device)
        self.weight_hh = Parameter(np.empty((rows, self.hidden_size), kind), device=device)
        self.bias_ih = Parameter(np.empty(rows, kind), device=device) if bias else None
        self.bias_hh = Parameter(np.empty(rows, kind), device=device) if bias else None
        self.reset_parameters(generator)

    def reset_parameters(self, generator: Generator | None = None) -> None:
        """Re-initialize all weights and biases."""
        bound = 1 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound, generator)

    def extra_repr(self) -> str:
        sizes = f"{self.input_size}, {self.hidden_size}"
        return sizes if self.bias else f"{sizes}, bias=False"

    @property
    def _weights(self) -> tuple[Any, ...]:
        return self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh


class RNNCell(RNNCellBase):
    """One step of an `RNN`: h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or relu of that.

    Shape: x (m, input_size) or (input_size,), h and h' (m, hidden_size) or (hidden_size,); h
    None starts from zeros. `nonlinearity`: "tanh" or "relu".

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> cell, h = nn.RNNCell(3, 5), None
    >>> for x in dls.zeros(7, 4, 3):
    ...     h = cell(x, h)
    >>> h.shape
    (4, 5)
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh",
        device: str | Device | None = None, dtype: DTypeLike | None = None,
        generator: Generator | None = None,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise DataError(f"nonlinearity is 'tanh' or 'relu', not {nonlinearity!r}")
        self.nonlinearity = nonlinearity
        super().__init__(input_size, hidden_size, bias, 1, device, dtype, generator)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        cell = F.rnn_tanh_cell if self.nonlinearity == "tanh" else F.rnn_relu_cell
        return cell(input, hx, *self._weights)

    def extra_repr(self) -> str:
        way = "" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity!r}"
        return super().extra_repr() + way


class LSTMCell(RNNCellBase):
    """One step of an `LSTM`: (h', c') from x and (h, c).

    Shape: x (m, input_size) or (input_size,), the others (m, hidden_size) or (hidden_size,); None
    for (h, c) starts from zeros.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> cell = nn.LSTMCell(3, 5)
    >>> h, c = cell(dls.zeros(4, 3))
    >>> h, c = cell(dls.zeros(4, 3), (h, c))
    >>> h.shape, c.shape
    ((4, 5), (4, 5))
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True,
        device: str | Device | None = None, dtype: DTypeLike | None = None,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device, dtype, generator)

    def forward(
        self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        return F.lstm_cell(input, hx, *self._weights)


class GRUCell(RNNCellBase):
    """One step of a `GRU`: h' from x and h.

    Shape: x (m, input_size) or (input_size,), h and h' (m, hidden_size) or (hidden_size,); h
    None starts from zeros.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.GRUCell(3, 5)(dls.zeros(4, 3), dls.zeros(4, 5)).shape
    (4, 5)
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True,
        device: str | Device | None = None, dtype: DTypeLike | None = None,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device, dtype, generator)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        return F.gru_cell(input, hx, *self._weights)
