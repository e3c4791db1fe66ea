"""Positions in a sequence: added to embeddings, or used to rotate queries and keys."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from .. import ops
from .._util.arguments import is_whole
from ..backend.device import Device
from ..backend.dtypes import default_dtype, float_dtype
from ..errors import ShapeError
from ..random import Generator
from ..tensors import Tensor
from . import init
from .dropout import Dropout
from .module import Module
from .parameter import Parameter


def positional_angles(positions: int, d_model: int) -> np.ndarray[Any, Any]:
    """angle[p, i] = p / 10000**(2 (i // 2) / d_model), in radians; (positions, d_model), float64.

    `get_angles` of Course 5, week 4.
    """
    i = np.arange(d_model)
    angles: np.ndarray[Any, Any] = np.arange(positions)[:, None] * 10000.0 ** (
        -2.0 * (i // 2) / max(1, d_model))
    return angles


def sinusoidal_positions(
    positions: int, d_model: int, dtype: DTypeLike | None = None,
    device: str | Device | None = None,
) -> Tensor:
    """Compute sine and cosine of each position at d_model / 2 frequencies.

    Column 2i of row p is sin(p / 10000**(2i / d_model)), column 2i + 1 the cosine of that (Vaswani
    et al. 2017, section 3.5; Course 5, week 4).
    Shape: y (positions, d_model).

    >>> from tinygrad_dls import nn
    >>> nn.sinusoidal_positions(2, 4)
    Tensor([[0.    , 1.    , 0.    , 1.    ],
            [0.8415, 0.5403, 0.01  , 0.9999]])
    """
    angles = positional_angles(positions, d_model)
    angles[:, 0::2] = np.sin(angles[:, 0::2])
    angles[:, 1::2] = np.cos(angles[:, 1::2])
    return Tensor(angles.astype(float_dtype(dtype or default_dtype())), device=device)


class _Positions(Module):
    """Base: x plus a row of a table (max_len, d_model) for each place."""

    batch_first: bool

    def _plus(self, x: Tensor, table: Tensor) -> Tensor:
        place = x.ndim - 2 if self.batch_first else 0
        if x.ndim < 2 or x.shape[-1] != table.shape[1]:
            raise ShapeError(f"{type(self).__name__} takes x (..., l, {table.shape[1]}), not\n"
                             f"  {x.shape}")
        if x.shape[place] > table.shape[0]:
            raise ShapeError(
                f"the sequence is longer than max_len={table.shape[0]}:\n  x  {x.shape}"
            )
        rows: Any = table[: x.shape[place]]
        if not self.batch_first and x.ndim > 2:
            rows = rows.reshape((x.shape[0], *[1] * (x.ndim - 2), x.shape[-1]))
        return x + rows  # type: ignore[no-any-return]


class SinusoidalPositionalEncoding(_Positions):
    """Fixed positions: y = dropout(x + `sinusoidal_positions`); Course 5, week 4.

    Shape: x (m, l, d_model) or (l, d_model), with `batch_first=False` (l, m, d_model); y likewise.
    l is at most `max_len`. Nothing is learned, and the table is not part of state_dict (Vaswani
    et al. 2017).

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.SinusoidalPositionalEncoding(4, max_len=10)(dls.zeros(2, 4))
    Tensor([[0.    , 1.    , 0.    , 1.    ],
            [0.8415, 0.5403, 0.01  , 0.9999]])
    """

    positions: Tensor

    def __init__(
        self, d_model: int, max_len: int = 5000, dropout: float = 0.0, batch_first: bool = True,
        device: str | Device | None = None, dtype: DTypeLike | None = None,
    ) -> None:
        _check_sizes(type(self).__name__, d_model, max_len)
        table = sinusoidal_positions(max_len, d_model, dtype, device)
        self.register_buffer("positions", table, persistent=False)
        self.dropout, self.batch_first = Dropout(dropout), batch_first

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout(self._plus(x, self.positions))

    def extra_repr(self) -> str:
        return f"{self.positions.shape[1]}, max_len={self.positions.shape[0]}"


class LearnedPositionalEncoding(_Positions):
    """Learned positions: y = dropout(x + weight[position]).

    Shape: x (m, l, d_model) or (l, d_model), with `batch_first=False` (l, m, d_model); y likewise.
    `weight` (max_len, d_model) starts normal with standard deviation .02.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> positions = nn.LearnedPositionalEncoding(4, max_len=10)
    >>> positions(dls.zeros(3, 6, 4)).shape, positions.weight.shape
    ((3, 6, 4), (10, 4))
    """

    def __init__(
        self, d_model: int, max_len: int = 512, dropout: float = 0.0, batch_first: bool = True,
        device: str | Device | None = None, dtype: DTypeLike | None = None,
        generator: Generator | None = None,
    ) -> None:
        _check_sizes(type(self).__name__, d_model, max_len)
        kind = float_dtype(dtype or default_dtype())
        self.weight = Parameter(np.empty((max_len, d_model), kind), device=device)
        self.dropout, self.batch_first = Dropout(dropout), batch_first
        init.normal_(self.weight, std=0.02, generator=generator)

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout(self._plus(x, self.weight))

    def extra_repr(self) -> str:
        return f"{self.weight.shape[1]}, max_len={self.weight.shape[0]}"


class RotaryPositionalEncoding(Module):
    """Rotation of pairs of features of queries or keys by the angle of their position.

    (x[2i], x[2i+1]) is turned by p / 10000**(2i / dim) at position p, so that a product of a query
    and a key depends on how far apart they are, not on where (Su et al. 2021). Shape: x (..., l,
    dim) with dim even, y likewise.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> y = nn.RotaryPositionalEncoding(2)(dls.tensor([[1.0, 0.0], [1.0, 0.0]]))
    >>> y  # position 1: cos 1, sin 1
    Tensor([[1.    , 0.    ],
            [0.5403, 0.8415]])
    """

    cos: Tensor
    sin: Tensor

    def __init__(
        self, dim: int, max_len: int = 4096, device: str | Device | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        _check_sizes(type(self).__name__, dim, max_len)
        if dim % 2:
            raise ShapeError(f"RotaryPositionalEncoding turns pairs: dim is even, not {dim}")
        angles = positional_angles(max_len, dim)
        kind = float_dtype(dtype or default_dtype())
        for name, values in (("cos", np.cos(angles)), ("sin", np.sin(angles))):
            self.register_buffer(name, Tensor(values.astype(kind), device=device), False)

    def forward(self, x: Tensor) -> Tensor:
        length, dim = self.cos.shape
        if x.ndim < 2 or x.shape[-1] != dim or x.shape[-2] > length:
            raise ShapeError(
                f"RotaryPositionalEncoding takes x (..., l, {dim}) with l at most {length}, not\n"
                f"  {x.shape}"
            )
        turned = ops.stack([-x[..., 1::2], x[..., 0::2]], axis=x.ndim).reshape(x.shape)
        places = slice(x.shape[-2])
        return x * self.cos[places] + turned * self.sin[places]  # type: ignore[no-any-return]

    def extra_repr(self) -> str:
        return f"{self.cos.shape[1]}, max_len={self.cos.shape[0]}"


def _check_sizes(name: str, d_model: int, max_len: int) -> None:
    if not is_whole(d_model, 1) or not is_whole(max_len, 1):
        raise ShapeError(f"{name}({d_model!r}, max_len={max_len!r}): whole numbers from 1")
