"""Layers that compute nothing: the identity, flattening and its reverse."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .._util.arguments import is_whole
from ..errors import ShapeError
from ..ops import flatten, reshape
from ..ops.reduction import normal_axis
from ..tensors import Tensor
from .module import Module


class Identity(Module):
    """Return the input: y = x; takes the place of a layer. Arguments are accepted and ignored.

    Shape: any; y as x.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.Identity(10, whatever=True)(dls.tensor([1.0, 2.0]))
    Tensor([1., 2.])
    """

    def __init__(self, *_: Any, **__: Any) -> None:
        super().__init__()

    def forward(self, input: Any) -> Any:
        return input


class Flatten(Module):
    """Merge the axes from `start_dim` to `end_dim` into one; by default all but the first.

    Shape: x (m, n1, n2, ...), y (m, n1 n2 ...).

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.Flatten()(dls.zeros(5, 3, 8, 8)).shape
    (5, 192)
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, input: Tensor) -> Tensor:
        return flatten(input, self.start_dim, self.end_dim)  # type: ignore[no-any-return]

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Split the axis `dim` into several, of lengths `unflattened_size`.

    One of the lengths may be -1: whatever is left.
    Shape: x (..., n, ...), y (..., *unflattened_size, ...), whose product is n.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.Unflatten(1, (3, 8, 8))(dls.zeros(5, 192)).shape
    (5, 3, 8, 8)
    """

    def __init__(self, dim: int, unflattened_size: Sequence[int]) -> None:
        if not isinstance(unflattened_size, (tuple, list)) or not all(
            is_whole(n, -1) for n in unflattened_size
        ):
            raise ShapeError(f"Unflatten takes a tuple of lengths, not {unflattened_size!r}")
        self.dim, self.unflattened_size = dim, tuple(int(n) for n in unflattened_size)
        if not self.unflattened_size or self.unflattened_size.count(-1) > 1:
            raise ShapeError(f"Unflatten takes lengths, of which one may be -1, not "
                             f"{self.unflattened_size}")

    def forward(self, input: Tensor) -> Tensor:
        axis: Any = normal_axis(self.dim, input.ndim, "unflatten")
        size, length = math.prod(self.unflattened_size), input.shape[axis]
        if (size != length) if size >= 0 else (length % -size if size else length):
            raise ShapeError(
                f"an axis of {length} cannot be {self.unflattened_size}:\n  input  {input.shape}"
            )
        shape = (*input.shape[:axis], *self.unflattened_size, *input.shape[axis + 1 :])
        return reshape(input, shape)  # type: ignore[no-any-return]

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
