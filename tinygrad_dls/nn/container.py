"""Modules that hold modules: one after the other, as a list, as a dictionary."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, Generic, TypeAlias, TypeVar, overload

from ..errors import DataError, DtypeError
from ..tensors import Tensor
from .module import Module
from .parameter import Parameter

T = TypeVar("T")
Named: TypeAlias = Mapping[str, T] | Iterable[tuple[str, T]]


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
        if isinstance(index, bool) or not hasattr(index, "__index__"):
            raise DtypeError(f"{type(self).__name__} is indexed by a number, not by {index!r}")
        if not -len(names) <= index < len(names):
            raise IndexError(f"{type(self).__name__} of {len(names)} modules has no number {index}")
        return names[index]

    def __setitem__(self, index: int, module: Module) -> None:
        setattr(self, self._place(index), _checked(module))

    def __delitem__(self, index: int | slice) -> None:
        kept = self._held()
        if not isinstance(index, slice):
            self._place(index)
        del kept[index]
        self._hold(kept)

    def _hold(self, modules: list[Module]) -> None:
        """These modules alone, renumbered."""
        for name in [name for name, value in vars(self).items() if isinstance(value, Module)]:
            delattr(self, name)
        for i, module in enumerate(modules):
            setattr(self, str(i), module)

    def append(self, module: Module) -> Any:
        """Put `module` at the end; returns the container."""
        number = len(self)
        while str(number) in vars(self):  # beside names of another kind
            number += 1
        setattr(self, str(number), _checked(module))
        return self

    def extend(self, modules: Iterable[Module]) -> Any:
        """Put all of `modules` at the end; returns the container."""
        for module in [_checked(module) for module in _listed(modules)]:
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> Any:
        """Put `module` before number `index`; those after it move on. Returns the container."""
        held = self._held()
        held.insert(index, _checked(module))
        self._hold(held)
        return self

    def pop(self, index: int = -1) -> Module:
        """Take number `index` out, and return it; those after it move up."""
        found: Module = vars(self)[self._place(index)]
        del self[index]
        return found

    def __add__(self, others: Iterable[Module]) -> Any:
        return type(self)().extend([*self, *_listed(others)])


class Sequential(_Listed):
    """Chain of modules: the output of each is the input of the next.

    Takes the modules, or one dictionary that names them. Supports len(), [i], slices, append,
    extend, insert and pop.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    >>> model(dls.zeros(5, 4)).shape, model[0]
    ((5, 2), Linear(in_features=4, out_features=8, bias=True))
    """

    def __init__(self, *modules: Any) -> None:
        if len(modules) == 1 and isinstance(modules[0], Mapping):
            for name, module in modules[0].items():
                setattr(self, name, _checked(module))
        else:
            for i, module in enumerate(modules):
                setattr(self, str(i), _checked(module))

    def forward(self, input: Any) -> Tensor:
        held = self._held()
        done = None  # by the module before it
        for module, after in zip(held, [*held[1:], None]):
            if module is done:
                done = None
            elif after is not None and module.takes_along(after, input):
                input, done = module(input, then=after), after
            else:
                input = module(input)
        return input  # type: ignore[no-any-return]

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
    """List of modules whose parameters are found; it has no forward of its own.

    A plain list would hide them from `parameters()`.

    >>> from tinygrad_dls import nn
    >>> layers = nn.ModuleList([nn.Linear(4, 4) for _ in range(3)])
    >>> len(layers), len(list(layers.parameters()))
    (3, 6)
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        self.extend(() if modules is None else modules)

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> ModuleList: ...
    def __getitem__(self, index: int | slice) -> Module | ModuleList:
        if isinstance(index, slice):
            return ModuleList(self._held()[index])
        found: Module = vars(self)[self._place(index)]
        return found


class _Dict(Module, Generic[T]):
    """Base of the dictionaries: what they hold are attributes of one class, by name."""

    _held: ClassVar[type[Any]]
    _what: ClassVar[str]

    def _fill(self, values: Named[Any]) -> None:
        for name, value in _named(values):
            self[name] = value

    def _made(self, value: Any) -> T:
        """The object to hold for a value; DtypeError if there is none."""
        raise NotImplementedError

    def __getitem__(self, name: str) -> T:
        found = vars(self).get(name)
        if not isinstance(found, self._held):
            raise KeyError(name)
        return found  # type: ignore[no-any-return]

    def __setitem__(self, name: str, value: Any) -> None:
        _check_name(name, self._what, type(self))
        setattr(self, name, self._made(value))

    def __delitem__(self, name: str) -> None:
        self[name]
        delattr(self, name)

    def pop(self, name: str) -> T:
        """Take out what has this name, and return it."""
        found = self[name]
        delattr(self, name)
        return found

    def clear(self) -> None:
        """Take all out."""
        for name in self.keys():
            delattr(self, name)

    def get(self, name: str, default: Any = None) -> Any:
        """Return what has this name, or `default`."""
        return self[name] if name in self else default

    def __len__(self) -> int:
        return len(self.keys())

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __contains__(self, name: str) -> bool:
        return isinstance(vars(self).get(name), self._held)

    def keys(self) -> list[str]:
        """The names."""
        return [name for name, value in vars(self).items() if isinstance(value, self._held)]

    def values(self) -> list[T]:
        """The values, in the order of their names."""
        return [self[name] for name in self.keys()]

    def items(self) -> list[tuple[str, T]]:
        """Pairs of name and value."""
        return [(name, self[name]) for name in self.keys()]


class ModuleDict(_Dict[Module]):
    """Dictionary of modules whose parameters are found; it has no forward of its own.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> heads = nn.ModuleDict({"age": nn.Linear(8, 1), "kind": nn.Linear(8, 5)})
    >>> heads["kind"](dls.zeros(2, 8)).shape, heads.keys()
    ((2, 5), ['age', 'kind'])
    """

    _held, _what = Module, "module"

    def __init__(self, modules: Named[Module] | None = None) -> None:
        self.update(() if modules is None else modules)

    def update(self, modules: Named[Module]) -> None:
        """Add or replace modules by name."""
        self._fill(modules)

    def _made(self, value: Any) -> Module:
        return _checked(value)


class ParameterList(Module):
    """List of parameters, under the names "0", "1" ...; tensors and arrays become parameters.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> scales = nn.ParameterList([dls.ones(2), dls.zeros(3)])
    >>> [(name, p.shape) for name, p in scales.named_parameters()]
    [('0', (2,)), ('1', (3,))]
    """

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        self.extend(() if values is None else values)

    def _held(self) -> list[Parameter]:
        return [value for value in vars(self).values() if isinstance(value, Parameter)]

    def append(self, value: Any) -> ParameterList:
        """Put a parameter at the end; returns the list."""
        setattr(self, str(len(self)), _parameter(value))
        return self

    def extend(self, values: Iterable[Any]) -> ParameterList:
        """Put all of `values` at the end; returns the list."""
        for value in _listed(values):
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


class ParameterDict(_Dict[Parameter]):
    """Dictionary of parameters; tensors and arrays become parameters.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> scales = nn.ParameterDict({"gain": dls.ones(2), "shift": dls.zeros(2)})
    >>> scales["gain"] * 3 + scales["shift"]
    Tensor([3., 3.], made by add)
    """

    _held, _what = Parameter, "parameter"

    def __init__(self, parameters: Named[Any] | None = None) -> None:
        self.update(() if parameters is None else parameters)

    def update(self, parameters: Named[Any]) -> None:
        """Add or replace parameters by name."""
        self._fill(parameters)

    def _made(self, value: Any) -> Parameter:
        return _parameter(value)

    def extra_repr(self) -> str:
        return ", ".join(f"{name}: {p.shape}" for name, p in self.items())


def _parameter(value: Any) -> Parameter:
    return value if isinstance(value, Parameter) else Parameter(value)


def _listed(modules: Any) -> list[Any]:
    """Return the items of a list or similar container."""
    if isinstance(modules, (str, Mapping)) or not (
        hasattr(modules, "__iter__") or hasattr(modules, "__getitem__")
    ):
        raise DtypeError(f"a list of them is wanted, not a {type(modules).__name__}")
    return list(modules)


def _named(values: Any) -> list[tuple[Any, Any]]:
    """The pairs of a dictionary, or of a list of pairs."""
    if hasattr(values, "items"):
        return list(values.items())
    pairs = _listed(values)
    if not all(isinstance(pair, (tuple, list)) and len(pair) == 2 for pair in pairs):
        raise DtypeError("a dictionary is wanted, or a list of pairs (name, value)")
    return [(name, value) for name, value in pairs]


def _check_name(name: Any, what: str, holder: type[Module]) -> None:
    """DataError unless something can be held under this name."""
    if not isinstance(name, str) or not name or "." in name:
        raise DataError(f"a {what} is held under a name without dots, not {name!r}")
    if hasattr(holder, name):
        raise DataError(f"{holder.__name__} has an attribute {name!r} of its own: choose another "
                        "name")


def _checked(module: Any) -> Module:
    if isinstance(module, Module):
        return module
    what = f"the class {module.__name__}: write {module.__name__}(...)" if isinstance(
        module, type) else f"a {type(module).__name__}"
    raise DtypeError(f"a container holds modules, and this is {what}")
