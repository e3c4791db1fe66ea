"""Modules that hold modules: one after the other, as a list, as a dictionary."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, overload

from ..errors import DataError, DtypeError
from .module import Module
from .parameter import Parameter


class _Listed(Module):
    """Children under the names "0", "1", "2" ..., in that order."""

    def _held(self) -> list[Module]:
        return [value for value in vars(self).values() if isinstance(value, Module)]

    def __len__(self) -> int:
        return len(self._held())

    def __iter__(self) -> Iterator[Module]:
        return iter(self._held())

    def _place(self, index: int) -> str:
        names = [name for name, value in vars(self).items() if isinstance(value, Module)]
        if not -len(names) <= index < len(names):
            raise IndexError(f"{type(self).__name__} of {len(names)} modules has no number {index}")
        return names[index]

    def __setitem__(self, index: int, module: Module) -> None:
        setattr(self, self._place(index), module)

    def append(self, module: Module) -> Any:
        """Put `module` at the end; returns the container."""
        setattr(self, str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Any:
        """Put all of `modules` at the end; returns the container."""
        for module in modules:
            self.append(module)
        return self


class Sequential(_Listed):
    """Modules one after the other: the output of each is the input of the next.

    Takes the modules, or one dictionary that names them.
    """

    def __init__(self, *modules: Any) -> None:
        if len(modules) == 1 and isinstance(modules[0], Mapping):
            for name, module in modules[0].items():
                setattr(self, name, _checked(module))
        else:
            for i, module in enumerate(modules):
                setattr(self, str(i), _checked(module))

    def forward(self, x: Any) -> Any:
        for module in self._held():
            x = module(x)
        return x

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> Sequential: ...
    def __getitem__(self, index: int | slice) -> Module | Sequential:
        if isinstance(index, slice):
            return Sequential(*self._held()[index])
        found: Module = vars(self)[self._place(index)]
        return found


class ModuleList(_Listed):
    """A list of modules whose parameters are found; it has no forward of its own."""

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        self.extend(map(_checked, modules))

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> ModuleList: ...
    def __getitem__(self, index: int | slice) -> Module | ModuleList:
        if isinstance(index, slice):
            return ModuleList(self._held()[index])
        found: Module = vars(self)[self._place(index)]
        return found


class ModuleDict(Module):
    """A dictionary of modules whose parameters are found; it has no forward of its own."""

    def __init__(self, modules: Mapping[str, Module] | None = None) -> None:
        self.update(modules or {})

    def update(self, modules: Mapping[str, Module]) -> None:
        """Add or replace modules by name."""
        for name, module in modules.items():
            self[name] = module

    def __getitem__(self, name: str) -> Module:
        found = vars(self).get(name)
        if not isinstance(found, Module):
            raise KeyError(name)
        return found

    def __setitem__(self, name: str, module: Module) -> None:
        _check_name(name, "module")
        setattr(self, name, _checked(module))

    def __delitem__(self, name: str) -> None:
        self[name]
        delattr(self, name)

    def __len__(self) -> int:
        return len(self.keys())

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __contains__(self, name: str) -> bool:
        return isinstance(vars(self).get(name), Module)

    def keys(self) -> list[str]:
        """The names."""
        return [name for name, value in vars(self).items() if isinstance(value, Module)]

    def values(self) -> list[Module]:
        """The modules."""
        return [self[name] for name in self.keys()]

    def items(self) -> list[tuple[str, Module]]:
        """Pairs of name and module."""
        return [(name, self[name]) for name in self.keys()]


class ParameterList(Module):
    """A list of parameters, under the names "0", "1" ...; tensors and arrays become parameters."""

    def __init__(self, values: Iterable[Any] = ()) -> None:
        self.extend(values)

    def _held(self) -> list[Parameter]:
        return [value for value in vars(self).values() if isinstance(value, Parameter)]

    def append(self, value: Any) -> ParameterList:
        """Put a parameter at the end; returns the list."""
        setattr(self, str(len(self)), _parameter(value))
        return self

    def extend(self, values: Iterable[Any]) -> ParameterList:
        """Put all of `values` at the end; returns the list."""
        for value in values:
            self.append(value)
        return self

    def __len__(self) -> int:
        return len(self._held())

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self._held())

    @overload
    def __getitem__(self, index: int) -> Parameter: ...
    @overload
    def __getitem__(self, index: slice) -> ParameterList: ...
    def __getitem__(self, index: int | slice) -> Parameter | ParameterList:
        held = self._held()[index]
        return ParameterList(held) if isinstance(held, list) else held

    def __setitem__(self, index: int, value: Any) -> None:
        names = [name for name, v in vars(self).items() if isinstance(v, Parameter)]
        setattr(self, names[index], _parameter(value))

    def extra_repr(self) -> str:
        return ", ".join(str(p.shape) for p in self)


class ParameterDict(Module):
    """A dictionary of parameters; tensors and arrays become parameters."""

    def __init__(self, values: Mapping[str, Any] | None = None) -> None:
        self.update(values or {})

    def update(self, values: Mapping[str, Any]) -> None:
        """Add or replace parameters by name."""
        for name, value in values.items():
            self[name] = value

    def __getitem__(self, name: str) -> Parameter:
        found = vars(self).get(name)
        if not isinstance(found, Parameter):
            raise KeyError(name)
        return found

    def __setitem__(self, name: str, value: Any) -> None:
        _check_name(name, "parameter")
        setattr(self, name, _parameter(value))

    def __delitem__(self, name: str) -> None:
        self[name]
        delattr(self, name)

    def __len__(self) -> int:
        return len(self.keys())

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __contains__(self, name: str) -> bool:
        return isinstance(vars(self).get(name), Parameter)

    def keys(self) -> list[str]:
        """The names."""
        return [name for name, value in vars(self).items() if isinstance(value, Parameter)]

    def values(self) -> list[Parameter]:
        """The parameters."""
        return [self[name] for name in self.keys()]

    def items(self) -> list[tuple[str, Parameter]]:
        """Pairs of name and parameter."""
        return [(name, self[name]) for name in self.keys()]

    def extra_repr(self) -> str:
        return ", ".join(f"{name}: {p.shape}" for name, p in self.items())


def _parameter(value: Any) -> Parameter:
    return value if isinstance(value, Parameter) else Parameter(value)


def _check_name(name: Any, what: str) -> None:
    """DataError unless something can be held under this name."""
    if not isinstance(name, str) or not name or "." in name:
        raise DataError(f"a {what} is held under a name without dots, not {name!r}")
    if hasattr(Module, name):
        raise DataError(f"a module has an attribute {name!r} of its own: choose another name")


def _checked(module: Any) -> Module:
    if isinstance(module, Module):
        return module
    what = f"the class {module.__name__}: write {module.__name__}(...)" if isinstance(
        module, type) else f"a {type(module).__name__}"
    raise DtypeError(f"a container holds modules, and this is {what}")
