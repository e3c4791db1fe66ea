"""Single steps of recurrent layers, for loops of one's own: attention, sampling, decoding."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ..arguments import is_whole
from ..device import Device
from ..dtypes import default_dtype, float_dtype
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
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or relu; x (m, input_size) or (input_size,).

    `nonlinearity`: "tanh" or "relu". hx None starts from zeros.
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
    """(h', c') of one step of an `LSTM`, from x (m, input_size) or (input_size,) and (h, c).

    hx None starts from zeros.
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
    """h' of one step of a `GRU`, from x (m, input_size) or (input_size,) and h.

    hx None starts from zeros.
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True,
        device: str | Device | None = None, dtype: DTypeLike | None = None,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device, dtype, generator)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        return F.gru_cell(input, hx, *self._weights)
