"""Tensors to and from other libraries without a copy: DLPack, and the back end for einops."""

from __future__ import annotations

import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

import numpy as np

from .. import ops
from .._util.keywords import near_names
from ..backend.device import Device
from ..backend.dtypes import tensor_dtype
from ..engine import versions
from ..engine.autograd import constant
from ..errors import DtypeError, GraphError
from .tensor import Tensor

CPU, CUDA = 1, 2  # kinds of devices in DLPack
EINOPS = "einops._backends"


@near_names
def from_dlpack(x: Any) -> Tensor:
    """A tensor that shares memory with `x`, of any library that speaks DLPack.

    Writes through `x` are seen, but not noticed. Where both are on a GPU it stays there.

    >>> import numpy as np
    >>> import tinygrad_dls as dls
    >>> array = np.zeros(2)
    >>> x = dls.from_dlpack(array)
    >>> array[0] = 5
    >>> x
    Tensor([5., 0.], dtype=float64)
    """
    if not hasattr(x, "__dlpack__") or not hasattr(x, "__dlpack_device__"):
        raise DtypeError(f"a {type(x).__name__} does not speak DLPack: dls.Tensor(x) copies it")
    kind, number = x.__dlpack_device__()
    device = Device("cuda", number) if kind == CUDA else Device("cpu")
    array = device.xp.from_dlpack(x)
    tensor_dtype(array.dtype)  # one that a tensor can hold
    made: Tensor = constant(array, device)
    return made


def to_dlpack(x: Tensor, options: dict[str, Any]) -> Any:
    """The memory of x, for another library: what `x.__dlpack__()` gives."""
    if x.requires_grad:
        raise GraphError("a tensor that requires grad would lose its history without a word: "
                         "hand over x.detach()")
    return versions.exposed(x._data).__dlpack__(**options)


def dlpack_device(x: Tensor) -> tuple[int, int]:
    """The device of x in DLPack's numbers: (kind, number)."""
    kind, number = x._data.__dlpack_device__()
    return int(kind), int(number)


# --- einops --------------------------------------------------------------------------------------


def register_with_einops(backends: ModuleType) -> None:
    """Tell einops, whose module of back ends this is, how to work on tensors."""

    class Backend(backends.AbstractBackend):  # type: ignore[misc, name-defined]
        framework_name = __name__.partition(".")[0]

        def is_appropriate_type(self, tensor: Any) -> bool:
            return isinstance(tensor, Tensor)

        def from_numpy(self, x: Any) -> Tensor:
            return Tensor(x)

        def to_numpy(self, x: Tensor) -> np.ndarray[Any, Any]:
            return x.numpy()

        def arange(self, start: int, stop: int) -> Tensor:
            return Tensor(np.arange(start, stop))

        def reduce(self, x: Tensor, operation: str, axes: Any) -> Any:
            for axis in sorted(axes, reverse=True):  # products go along one axis
                x = getattr(ops, operation)(x, axis=axis)  # a subclass has methods of its own
            return x

        def transpose(self, x: Tensor, axes: Any) -> Any:
            return ops.permute_dims(x, axes)

        def stack_on_zeroth_dimension(self, tensors: list[Any]) -> Any:
            return ops.stack(tensors)

        def add_axis(self, x: Tensor, new_position: int) -> Any:
            return ops.expand_dims(x, new_position)

        def add_axes(self, x: Tensor, n_axes: int, pos2len: dict[int, int]) -> Any:
            lengths = [-1] * n_axes
            for place, length in pos2len.items():
                x, lengths[place] = ops.expand_dims(x, place), length
            sizes = [n if n >= 0 else x.shape[i] for i, n in enumerate(lengths)]
            return ops.broadcast_to(x, tuple(sizes))

        def tile(self, x: Tensor, repeats: Any) -> Any:
            return ops.tile(x, repeats)

        def concat(self, tensors: list[Any], axis: int) -> Any:
            return ops.concatenate(tensors, axis)

        def is_float_type(self, x: Tensor) -> bool:
            return x.dtype.kind == "f"

        def einsum(self, pattern: str, *x: Any) -> Any:
            return ops.einsum(pattern, *x)

    backends.TinygradDls = Backend  # type: ignore[attr-defined]  # einops finds it as a subclass


class _WhenEinopsComes(MetaPathFinder):
    """Registers with einops at the moment when a program imports it."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name != EINOPS:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None:
            return None
        load = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            load(module)
            register_with_einops(module)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


if EINOPS in sys.modules:
    register_with_einops(sys.modules[EINOPS])
else:
    sys.meta_path.insert(0, _WhenEinopsComes())
