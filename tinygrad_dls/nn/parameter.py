"""Parameter: a tensor that a module trains."""

from __future__ import annotations

from typing import Any

from numpy.typing import DTypeLike

from .._util.keywords import near_names
from ..backend.device import Device
from ..tensors import Tensor


class Parameter(Tensor):
    """Leaf tensor that requires grad; as an attribute of a module it is one of its parameters.

    `data`: an array or a tensor, of floats; always copied. DtypeError for whole numbers.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> weight = nn.Parameter(dls.tensor([1.0, 2.0]))
    >>> (3 * weight).sum().backward()
    >>> weight.grad
    Tensor([3., 3.])
    """

    __slots__ = ()

    @near_names
    def __init__(
        self,
        data: Any,
        requires_grad: bool = True,
        dtype: DTypeLike | None = None,
        device: str | Device | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(data, requires_grad, dtype, device, name)

    def __repr__(self) -> str:
        return f"Parameter containing:\n{super().__repr__()}"
