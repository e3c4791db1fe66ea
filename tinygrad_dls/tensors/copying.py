"""Copies of a tensor: copy, deepcopy and pickle."""

from __future__ import annotations

from typing import Any

from ..backend.dtypes import tensor_dtype
from ..engine.autograd import TensorBase
from ..errors import GraphError


class Copying:
    """A tensor's state: values and gradient, no hooks; leaves only."""

    __slots__ = ()

    def __getstate__(self: Any) -> object:
        if self._node is not None:
            raise GraphError(
                f"a tensor made by '{self._node.op.name}' is not copied or pickled, its graph "
                "would be too: x.clone() is part of the graph, x.detach() has the values alone"
            )
        names = [name for name in TensorBase.__slots__ if name not in ("__weakref__", "_sharing")]
        state = {name: getattr(self, name) for name in names}
        return None, state | {"_hooks": None}

    def __setstate__(self: Any, state: Any) -> None:
        for name, value in state[1].items():
            setattr(self, name, value)
        dtype = tensor_dtype(self._data.dtype)
        if self._data.dtype is not dtype:  # equal, but kernels ask which object it is
            self._data = self._data.astype(dtype)
