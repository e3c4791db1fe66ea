"""Recurrent layers: RNN, LSTM, GRU (Course 5, week 1), in layers upon layers and both directions.

One step of each stands, as the course writes it, in `backend/kernels/reference/recurrent.py`.
"""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import DTypeLike

from .. import ops
from .._util.arguments import is_whole
from .._util.callers import users_frame, warn_at
from ..backend.device import Device
from ..backend.dtypes import default_dtype, float_dtype
from ..errors import DataError, ShapeError
from ..ops.call import operand
from ..random import Generator
from ..tensors import Tensor
from . import functional as F
from . import init
from .functional.dropout import probability
from .module import Module
from .packing import PackedSequence
from .parameter import Parameter


class RNNBase(Module):
    """Base of RNN, LSTM and GRU: parameters for each layer and direction, and the order of
    computation.

    Of layer k, and with `_reverse` behind the name of the other direction: weight_ih_lk (gates *
    hidden, inputs), weight_hh_lk (gates * hidden, hidden), bias_ih_lk and bias_hh_lk (gates *
    hidden,), all uniform in +-1 / sqrt(hidden_size) at first.
    """

    gates = 1
    with_cell = False
    if TYPE_CHECKING:  # the output is of the kind of the input

        @overload
        def __call__(
            self, input: PackedSequence, hx: Any = None
        ) -> tuple[PackedSequence, Tensor]: ...
        @overload
        def __call__(self, input: Tensor, hx: Any = None) -> tuple[Tensor, Tensor]: ...
        def __call__(self, input: Any, hx: Any = None) -> Any: ...

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True,
        batch_first: bool = False, dropout: float = 0.0, bidirectional: bool = False,
        proj_size: int = 0, device: str | Device | None = None, dtype: DTypeLike | None = None,
        generator: Generator | None = None,
    ) -> None:
        kind = type(self).__name__
        for name, value in (("input_size", input_size), ("hidden_size", hidden_size),
                            ("num_layers", num_layers)):
            if not is_whole(value, 1):
                raise ShapeError(f"{kind}: {name} is a whole number from 1, not {value!r}")
        if not is_whole(proj_size) or proj_size >= hidden_size:
            raise ShapeError(
                f"{kind}: proj_size is a whole number below hidden_size {hidden_size}, or 0 for "
                f"none, not {proj_size!r}"
            )
        if probability(dropout) and num_layers == 1:
            warn_at(users_frame(sys._getframe()), f"{kind}: dropout acts between layers, and with "
                    "num_layers=1 there is no between", UserWarning)
        self.input_size, self.hidden_size = int(input_size), int(hidden_size)
        self.num_layers, self.proj_size = int(num_layers), int(proj_size)
        self.bias, self.batch_first = bias, batch_first
        self.dropout, self.bidirectional = float(dropout), bidirectional
        self.generator = generator
        number = float_dtype(dtype or default_dtype())
        for name, shape in self._shapes().items():
            setattr(self, name, Parameter(np.empty(shape, number), device=device))
        self.reset_parameters(generator)

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        rows, out = self.gates * self.hidden_size, self.proj_size or self.hidden_size
        shapes: dict[str, tuple[int, ...]] = {}
        for layer, end in self._places():
            width = self.input_size if layer == 0 else out * (1 + self.bidirectional)
            shapes[f"weight_ih_{end}"] = rows, width
            shapes[f"weight_hh_{end}"] = rows, out
            if self.bias:
                shapes[f"bias_ih_{end}"] = shapes[f"bias_hh_{end}"] = (rows,)
            if self.proj_size:
                shapes[f"weight_hr_{end}"] = out, self.hidden_size
        return shapes

    def _places(self) -> list[tuple[int, str]]:
        """(layer, end of its parameters' names), direction by direction."""
        ends = ("", "_reverse")[: 1 + self.bidirectional]
        return [(k, f"l{k}{end}") for k in range(self.num_layers) for end in ends]

    def reset_parameters(self, generator: Generator | None = None) -> None:
        """Re-initialize all weights and biases."""
        bound = 1 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound, generator)

    def flatten_parameters(self) -> None:
        """Nothing to do: for programs that call it, as PyTorch on a GPU asks them to."""

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters of each layer and direction."""
        kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")
        found = [[vars(self).get(f"{kind}_{end}") for kind in kinds] for _, end in self._places()]
        return [[p for p in parameters if p is not None] for parameters in found]

    def forward(self, input: Any, hx: Any = None) -> Any:
        """(output, h_n), of an LSTM (output, (h_n, c_n)).

        input (steps, sequences, input_size), with batch_first (sequences, steps, input_size),
        one sequence (steps, input_size), or a PackedSequence; hx: h_0, of an LSTM (h_0, c_0), each
        (layers * directions, sequences, hidden), or None for zeros. Output as input, with
        directions * hidden columns.
        """
        packed = input if isinstance(input, PackedSequence) else None
        x, sizes = (input, None) if packed is None else (packed.data, packed.sizes)
        if not isinstance(x, Tensor):
            x = operand(x, next(self.parameters()).device)
        self._check_input(x, packed is not None)
        alone = packed is None and x.ndim == 2
        if alone:
            x = x[:, None]
        elif packed is None and self.batch_first:
            x = x.swapaxes(0, 1).contiguous()  # once for both directions, forward and back
        sequences = sizes[0] if sizes else x.shape[1]
        states = self._states(hx, sequences, alone)
        if packed is not None and packed.sorted_indices is not None:
            states = [None if s is None else ops.take(s, packed.sorted_indices, 1) for s in states]
        output, last = self._through(x, states, sizes)
        if packed is not None:
            output = packed._replace(data=output)
            if packed.unsorted_indices is not None:
                last = [ops.take(s, packed.unsorted_indices, 1) for s in last]
        elif alone:
            output, last = output[:, 0], [s[:, 0] for s in last]
        elif self.batch_first:
            output = output.swapaxes(0, 1)
        return output, (tuple(last) if self.with_cell else last[0])

    def _through(self, x: Any, states: list[Any], sizes: Any) -> tuple[Any, list[Any]]:
        """All layers: the output, and the last states, stacked."""
        directions = 1 + self.bidirectional
        last: list[list[Any]] = [[] for _ in states]
        for place in range(self.num_layers * directions):
            layer, way = divmod(place, directions)
            if way == 0:
                if layer and self.dropout and self.training:
                    x = F.dropout(x, self.dropout, generator=self.generator)
                made = []
            output, *ends = self._layer(
                x, [None if s is None else s[place] for s in states],
                self._parameters_of(f"l{layer}{'_reverse' * way}"), sizes, bool(way),
            )
            made.append(output)
            for kept, end in zip(last, ends):
                kept.append(end)
            if way == directions - 1:
                x = made[0] if directions == 1 else ops.concatenate(made, -1)
        return x, [kept[0][None] if len(kept) == 1 else ops.stack(kept, 0) for kept in last]

    def _layer(
        self, x: Any, states: list[Any], parameters: list[Any], sizes: Any, reverse: bool
    ) -> Any:
        """(output, last states) of one layer in one direction; each class has its own."""
        raise NotImplementedError

    def _parameters_of(self, end: str) -> list[Any]:
        kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        return [vars(self).get(f"{kind}_{end}") for kind in kinds]

    def _check_input(self, x: Any, packed: bool) -> None:
        name = type(self).__name__
        if x.ndim not in ((2,) if packed else (2, 3)):
            order = "sequences, steps" if self.batch_first else "steps, sequences"
            raise ShapeError(
                f"{name} takes ({order}, {self.input_size}), or one sequence (steps, "
                f"{self.input_size}), not\n  {x.shape}"
            )
        if x.shape[-1] != self.input_size:
            raise ShapeError(
                f"{name} was made for {self.input_size} inputs at each step, these are "
                f"{x.shape[-1]}:\n  input  {x.shape}"
            )
        if not x.shape[1 if self.batch_first and x.ndim == 3 else 0]:
            raise ShapeError(f"{name}: a sequence has at least one step, not\n  input  {x.shape}")

    def _states(self, hx: Any, sequences: int, alone: bool) -> list[Any]:
        """[h_0], or [h_0, c_0], each (layers * directions, sequences, width), or None for zeros."""
        widths = [self.proj_size or self.hidden_size, *[self.hidden_size] * self.with_cell]
        if hx is None:
            return [None] * len(widths)
        name = type(self).__name__
        given = list(hx) if self.with_cell and isinstance(hx, (tuple, list)) else [hx]
        if len(given) != len(widths):
            raise DataError(f"{name} starts from a pair (h_0, c_0), or None for zeros")
        places = self.num_layers * (1 + self.bidirectional)
        for what, state, width in zip(("h_0", "c_0"), given, widths):
            wanted = (places, width) if alone else (places, sequences, width)
            found = getattr(state, "shape", f"a {type(state).__name__}")
            if found != wanted:
                raise ShapeError(
                    f"{name}: {what} has shape (layers * directions{'' if alone else ', sequences'}"
                    f", hidden):\n  wanted  {wanted}\n  given   {found}"
                )
        return [state[:, None] for state in given] if alone else given

    def extra_repr(self) -> str:
        said = [f"{self.input_size}, {self.hidden_size}"]
        plain = {"proj_size": 0, "num_layers": 1, "bias": True, "batch_first": False,
                 "dropout": 0.0, "bidirectional": False}
        said += [f"{k}={vars(self)[k]}" for k, v in plain.items() if vars(self)[k] != v]
        return ", ".join(said)


class RNN(RNNBase):
    """Recurrent layer: h<t> = tanh(W_ih x<t> + b_ih + W_hh h<t-1> + b_hh) at each step.

    Returns (output, h_n). Shape: input (steps, m, input_size), with `batch_first` (m, steps,
    input_size), one sequence (steps, input_size), or a PackedSequence; output (steps, m,
    directions * hidden_size); h_n and h_0 (num_layers * directions, m, hidden_size), h_0 zeros
    unless given.

    `nonlinearity`: "tanh" or "relu". `num_layers` of them upon each other, with `dropout` between;
    `bidirectional` adds a second run from the end, its output beside that of the first. See
    `RNNBase` for the parameters.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> rnn = nn.RNN(3, 5, num_layers=2, bidirectional=True, batch_first=True)
    >>> output, h_n = rnn(dls.zeros(4, 7, 3))  # 4 sequences of 7 steps
    >>> output.shape, h_n.shape
    ((4, 7, 10), (4, 4, 5))
    """

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, nonlinearity: str = "tanh",
        bias: bool = True, batch_first: bool = False, dropout: float = 0.0,
        bidirectional: bool = False, device: str | Device | None = None,
        dtype: DTypeLike | None = None, generator: Generator | None = None,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise DataError(f"nonlinearity is 'tanh' or 'relu', not {nonlinearity!r}")
        self.nonlinearity = nonlinearity
        super().__init__(input_size, hidden_size, num_layers, bias, batch_first, dropout,
                         bidirectional, 0, device, dtype, generator)

    def _layer(
        self, x: Any, states: list[Any], parameters: list[Any], sizes: Any, reverse: bool
    ) -> Any:
        w_ih, w_hh, b_ih, b_hh = parameters
        return ops.rnn(
            x, states[0], w_ih, w_hh, b_ih, b_hh, self.nonlinearity, sizes, reverse
        )

    def extra_repr(self) -> str:
        way = "" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity!r}"
        return super().extra_repr() + way


class LSTM(RNNBase):
    """Long short-term memory (Hochreiter and Schmidhuber 1997): gates i, f, g, o and a cell c.

    i, f, o = sigmoid(W_ih x<t> + b_ih + W_hh h<t-1> + b_hh), g = tanh(the same, own weights),
    c<t> = f c<t-1> + i g,  h<t> = o tanh(c<t>). With `proj_size`, weight_hr_lk (proj_size,
    hidden_size) makes h of that (Sak et al. 2014).

    Returns (output, (h_n, c_n)), and takes (input, (h_0, c_0)). Shapes and options as `RNN`;
    W_ih (4 hidden_size, input_size), W_hh (4 hidden_size, hidden_size), rows in order i, f, g, o.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> lstm = nn.LSTM(3, 5)
    >>> output, (h_n, c_n) = lstm(dls.zeros(7, 4, 3))  # 7 steps of 4 sequences
    >>> output.shape, h_n.shape, c_n.shape
    ((7, 4, 5), (1, 4, 5), (1, 4, 5))
    """

    gates = 4
    with_cell = True
    if TYPE_CHECKING:

        @overload  # type: ignore[override]
        def __call__(
            self, input: PackedSequence, hx: Any = None
        ) -> tuple[PackedSequence, tuple[Tensor, Tensor]]: ...
        @overload
        def __call__(
            self, input: Tensor, hx: Any = None
        ) -> tuple[Tensor, tuple[Tensor, Tensor]]: ...
        def __call__(self, input: Any, hx: Any = None) -> Any: ...

    def _layer(
        self, x: Any, states: list[Any], parameters: list[Any], sizes: Any, reverse: bool
    ) -> Any:
        w_ih, w_hh, b_ih, b_hh, w_hr = parameters
        h0, c0 = states
        return ops.lstm(x, h0, c0, w_ih, w_hh, b_ih, b_hh, w_hr, sizes, reverse)

    def _parameters_of(self, end: str) -> list[Any]:
        return [*super()._parameters_of(end), vars(self).get(f"weight_hr_{end}")]


class GRU(RNNBase):
    """Gated recurrent unit (Cho et al. 2014): gates r (reset) and z (keep), candidate n.

    r, z = sigmoid(W_ih x<t> + b_ih + W_hh h<t-1> + b_hh),
    n = tanh(W_ih x<t> + b_ih + r (W_hh h<t-1> + b_hh)),  h<t> = (1 - z) n + z h<t-1>.

    Returns (output, h_n). Shapes and options as `RNN`; W_ih (3 hidden_size, input_size), rows in
    order r, z, n.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> gru = nn.GRU(3, 5)
    >>> output, h_n = gru(dls.zeros(7, 4, 3))
    >>> output.shape, h_n.shape, gru.weight_ih_l0.shape
    ((7, 4, 5), (1, 4, 5), (15, 3))
    """

    gates = 3

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True,
        batch_first: bool = False, dropout: float = 0.0, bidirectional: bool = False,
        device: str | Device | None = None, dtype: DTypeLike | None = None,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, num_layers, bias, batch_first, dropout,
                         bidirectional, 0, device, dtype, generator)

    def _layer(
        self, x: Any, states: list[Any], parameters: list[Any], sizes: Any, reverse: bool
    ) -> Any:
        w_ih, w_hh, b_ih, b_hh = parameters
        return ops.gru(x, states[0], w_ih, w_hh, b_ih, b_hh, sizes, reverse)
