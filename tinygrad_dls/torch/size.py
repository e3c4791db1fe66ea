"""Size: the shape of a tensor as PyTorch shows it, a tuple that knows its number of elements."""

from __future__ import annotations

import math
from typing import Any


class Size(tuple[int, ...]):
    """Shape of a tensor: a tuple of lengths.

    >>> import tinygrad_dls.torch as torch
    >>> torch.zeros(2, 3).shape, torch.zeros(2, 3).size().numel()
    (torch.Size([2, 3]), 6)
    """

    __slots__ = ()

    def numel(self) -> int:
        """The number of elements of a tensor of this shape."""
        return math.prod(self)

    def __repr__(self) -> str:
        return f"torch.Size({list(self)})"

    def __getitem__(self, index: Any) -> Any:
        part = tuple.__getitem__(self, index)
        return Size(part) if index.__class__ is slice else part

    def __add__(self, other: Any) -> Size:
        return Size(tuple.__add__(self, tuple(other)))

    def __radd__(self, other: Any) -> Size:
        return Size(tuple(other) + tuple(self))
