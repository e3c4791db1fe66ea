"""The core's layers as layers of this namespace: real classes, made from one list."""

from __future__ import annotations

import functools
import inspect
from typing import Any

from ... import nn as core
from ... import ops
from ...engine.autograd import TensorBase
from ...errors import DtypeError
from ...nn import lazy, normalization
from .functional import _reduction
from .module import Layer, Module

CONTAINERS = ("Sequential", "ModuleList", "ModuleDict")  # which hold what users give them
LEFT_TO_OTHERS = ("Module", "Parameter", *CONTAINERS)


def layer(of: type[core.Module], module: str) -> type[core.Module]:
    """A subclass of a layer of the core whose parameters are tensors of this namespace."""
    attributes: dict[str, Any] = {"__module__": module, "__doc__": of.__doc__,
                                  "__qualname__": of.__name__}
    made = type(of.__name__, (of, Layer), attributes)
    Layer._layers[of] = made
    if of in normalization.ACTIVATIONS:
        normalization.ACTIVATIONS[made] = normalization.ACTIVATIONS[of]
    return made


def _linear(self: Any, input: Any) -> Any:
    """y = x @ weight.T + bias, of one dtype throughout."""
    weight = self.weight
    if isinstance(input, TensorBase) and input._data.dtype is not weight._data.dtype:
        raise DtypeError(
            f"mat1 and mat2 must have the same dtype: the input is {input._data.dtype}, the "
            f"weight {weight._data.dtype}. Write x.to({weight._data.dtype.name!r}), or net.double()"
        )
    return ops.linear(input, weight, self.bias)


def _with_inplace(kind: Any) -> Any:
    """extra_repr with inplace where it is set; of dropouts always."""

    def extra_repr(self: Any) -> str:
        options = super(kind, self).extra_repr()
        if not self.inplace and "Dropout" not in kind.__name__:
            return str(options)
        return ", ".join([*([options] if options else []), f"inplace={self.inplace}"])

    return extra_repr


def _with_legacy(init: Any) -> Any:
    """`__init__` of a loss, which takes size_average= and reduce= of old scripts."""

    @functools.wraps(init)
    def __init__(
        self: Any, *args: Any, size_average: Any = None, reduce: Any = None, **options: Any
    ) -> None:
        if size_average is not None or reduce is not None:
            options["reduction"] = _reduction(size_average, reduce)
        init(self, *args, **options)

    return __init__


def all_layers(module: str) -> dict[str, type[core.Module]]:
    """name -> class, for all layers of the core."""
    found = {name: kind for name, kind in vars(core).items()
             if isinstance(kind, type) and issubclass(kind, core.Module)
             and name not in LEFT_TO_OTHERS}
    made: dict[str, Any] = {name: layer(kind, module) for name, kind in found.items()}
    made["Linear"].forward = _linear
    for kind in made.values():
        names = inspect.signature(kind).parameters
        if "inplace" in names:
            kind.extra_repr = _with_inplace(kind)
        if "reduction" in names:
            kind.__init__ = _with_legacy(kind.__init__)
        if issubclass(kind, lazy.Lazy):
            kind.becomes = Layer._layers[kind.becomes]
    return made


class Sequential(core.Sequential, Module):
    """Chain of modules: the output of each is the input of the next."""

    def __init__(self, *modules: Any) -> None:
        Module.__init__(self)
        super().__init__(*modules)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            names = list(self._modules.items())[index]
            return type(self)(dict(names)) if type(self) is Sequential else Sequential(dict(names))
        return super().__getitem__(index)


class ModuleList(core.ModuleList, Module):
    """List of modules whose parameters are found."""

    def __init__(self, modules: Any = None) -> None:
        Module.__init__(self)
        super().__init__(modules)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return ModuleList(self._held()[index])
        return super().__getitem__(index)


class ModuleDict(core.ModuleDict, Module):
    """Dictionary of modules whose parameters are found."""

    def __init__(self, modules: Any = None) -> None:
        Module.__init__(self)
        super().__init__(modules)


for _ours in (Sequential, ModuleList, ModuleDict):
    Layer._layers[getattr(core, _ours.__name__)] = _ours
