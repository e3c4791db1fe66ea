"""`inplace=True`: the result is written into the input, as PyTorch does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...errors import DtypeError
from ...tensors import Tensor


def written(function: Callable[[Any], Any], input: Any, name: str) -> Tensor:
    """`input`, a tensor, which holds function(input) from now on.

    In a graph it is one more operation of it; GraphError for a leaf that requires grad, and where
    another tensor of the graph is a view of it. DtypeError for anything but a tensor.
    """
    if not isinstance(input, Tensor):
        raise DtypeError(f"{name}: inplace=True writes into a tensor, not into a "
                         f"{type(input).__name__}: leave it out")
    return input._in_place(lambda x, _: function(x), None, f"{name}(x, inplace=True)")
