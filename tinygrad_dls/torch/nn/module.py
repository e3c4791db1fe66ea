"""Module with PyTorch's rules: `super().__init__()` comes first, state_dict shares memory."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, ClassVar

from ... import nn as core
from ...engine.autograd import TensorBase, detached
from ..tensor import of_kind
from .parameter import adopt


class Module(core.Module):
    """Base class of networks, as in PyTorch.

    >>> import tinygrad_dls.torch as torch
    >>> import tinygrad_dls.torch.nn as nn
    >>> class Net(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.hidden, self.out = nn.Linear(4, 8), nn.Linear(8, 3)
    ...     def forward(self, x):
    ...         return self.out(torch.relu(self.hidden(x)))
    >>> values, places = Net()(torch.zeros(5, 4)).max(1)
    >>> places.size(0)
    5
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        self.__dict__["_ready"] = True

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, core.Module | core.Parameter) and "_ready" not in self.__dict__:
            what = "module" if isinstance(value, core.Module) else "parameter"
            raise AttributeError(
                f"cannot assign {what} before Module.__init__() call: begin __init__ with "
                "super().__init__()"
            )
        super().__setattr__(name, value)

    # --- its parts, as dictionaries --------------------------------------------------------------

    @property
    def _modules(self) -> dict[str, core.Module]:
        """The modules held by this one itself."""
        return _Parts(self, core.Module)

    @property
    def _parameters(self) -> dict[str, core.Parameter]:
        """The parameters held by this one itself."""
        return _Parts(self, core.Parameter)

    # --- its state -------------------------------------------------------------------------------

    def state_dict(self, *_: Any, prefix: str = "", keep_vars: bool = False, **__: Any) -> Any:
        """name -> each parameter and buffer, detached, sharing its memory."""
        return OrderedDict(
            (prefix + name, tensor if keep_vars else of_kind(detached(tensor)))
            for name, tensor in self._state().items()
        )

    def load_state_dict(
        self, state_dict: Any, strict: bool = True, assign: bool = False
    ) -> Any:
        """Copy values in by name."""
        return super().load_state_dict({
            n: detached(v) if isinstance(v, TensorBase) else v for n, v in state_dict.items()
        }, strict)

    def to(self, *places: Any, **options: Any) -> Any:
        """Move to a device, or cast floats to a dtype, in place."""
        options.pop("non_blocking", None)
        options.pop("memory_format", None)
        places = tuple(p for p in places if not isinstance(p, bool))
        if len(places) == 1 and isinstance(places[0], TensorBase):
            places = (places[0].device, places[0].dtype)  # type: ignore[attr-defined]
        return super().to(*places, **options)

    def half(self) -> Any:
        """All floats as float16."""
        return self.to("float16")

    def type(self, dst_type: Any) -> Any:
        """All floats in another dtype."""
        return self.to(dst_type)

    def share_memory(self) -> Any:
        """Itself."""
        return self

    def compile(self, *_: Any, **__: Any) -> None:
        """Nothing: the module runs as written; `torch.compile(step)` records a step."""


class _Parts(dict[str, Any]):
    """Attributes of a module that are modules, or parameters; writes go to the module."""

    def __init__(self, module: Any, kind: type) -> None:
        super().__init__((n, v) for n, v in vars(module).items() if isinstance(v, kind))
        self._of = module

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name, value)
        setattr(self._of, name, value)

    def __delitem__(self, name: str) -> None:
        super().__delitem__(name)
        delattr(self._of, name)

    def pop(self, name: str, *default: Any) -> Any:
        """Take one out."""
        if name in self:
            delattr(self._of, name)
        return super().pop(name, *default)


class Layer(Module):
    """Base of this namespace's layers: what the core's layer makes for itself gets its class."""

    _layers: ClassVar[dict[type, type]] = {}  # the core's classes -> ours

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, TensorBase):
            adopt(value)
        elif isinstance(value, core.Module):
            made = Layer._layers.get(type(value))
            if made is not None:
                take_over(value, made)
        core.Module.__setattr__(self, name, value)


def take_over(module: Any, kind: type) -> None:
    """Make a layer of the core, with all inside it, one of this namespace."""
    module.__class__ = kind
    module.__dict__["_ready"] = True
    for value in vars(module).values():
        if isinstance(value, TensorBase):
            adopt(value)
        elif isinstance(value, core.Module) and type(value) in Layer._layers:
            take_over(value, Layer._layers[type(value)])
