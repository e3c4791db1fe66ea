"""Parameter, of the class of this namespace's tensors; and buffers."""
# mypy: disable-error-code="misc"

from __future__ import annotations

from typing import Any

from ... import nn as core
from ...engine.autograd import TensorBase
from ...errors import DtypeError
from ...nn import lazy
from ..tensor import Tensor


class Parameter(core.Parameter, Tensor):
    """Tensor that a module trains; it shares memory with the tensor it is made of."""

    __slots__ = ()

    def __init__(self, data: Any = None, requires_grad: bool = True, **options: Any) -> None:
        if isinstance(data, TensorBase):
            if requires_grad and data._data.dtype.kind != "f":
                raise DtypeError("Only Tensors of floating point dtype can require gradients")
            self._data, self.device = data._data, data.device
            self._grad = self._hooks = self._node = self.name = None
            self.requires_grad = requires_grad
        else:
            super(core.Parameter, self).__init__(*(() if data is None else (data,)), **options)
            self.__class__ = Parameter
            self.requires_grad_(requires_grad)


def Buffer(data: Any, *, persistent: bool = True) -> Any:
    """A tensor to be registered with `register_buffer`."""
    return data


class UninitializedParameter(lazy.UninitializedParameter, Parameter):
    """A parameter whose shape is not known yet; it becomes a `Parameter`, the same object."""

    __slots__ = ()


def adopt(tensor: Any) -> None:
    """Give a tensor that a layer of the core made for itself the class of this namespace."""
    if isinstance(tensor, Tensor):
        return
    if isinstance(tensor, lazy.UninitializedParameter):
        tensor.__class__ = UninitializedParameter
    else:
        tensor.__class__ = Parameter if isinstance(tensor, core.Parameter) else Tensor
