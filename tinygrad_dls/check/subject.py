"""The subject of a check: a function or a model, run in float64 as often as needed, and left
unchanged.
"""

import copy
import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..backend.dtypes import default_dtype, set_default_dtype
from ..engine import autograd
from ..engine.autograd import Node, TensorBase
from ..engine.collector import Collector
from ..engine.modes import enable_grad, no_grad, tracing
from ..errors import DataError, DtypeError, GraphError
from ..random import Generator, default_generator
from ..tensors import Tensor
from .numeric import Array, index_of, on_host


class Subject:
    """A function of tensors at one point, with everything its value depends on.

    `leaves` are the tensors whose gradients are checked: float inputs, a model's parameters, and
    what a function finds outside of itself. While `prepared` they hold float64.
    """

    def __init__(
        self, function: Callable[..., Any], inputs: Sequence[Any], names: Sequence[str] | None
    ) -> None:
        self.notes: list[str] = []
        self.leaves: dict[str, Any] = {}
        self.generators: list[Generator] = [default_generator]
        self.around: list[Any] = []  # other tensors that take part: buffers, data
        self.held: dict[int, tuple[Any, Any]] = {}  # tensors of the user with their own arrays
        self.outside: dict[int, str] = {}  # names of tensors that the function finds by itself
        if is_model(function):
            self.function: Callable[..., Any] = _copied(function)
            self._take_model(self.function, "", checked=True)
        elif callable(function):
            self.function = function
            self._look_around(function)
        else:
            raise DtypeError(
                "gradcheck takes a function of tensors or a model, then its inputs; this is a "
                f"{type(function).__name__}"
            )
        called = list(names) if names is not None else _parameter_names(function, len(inputs))
        if len(called) != len(inputs):
            raise DataError(f"{len(inputs)} inputs take as many names, not {len(called)}")
        others = [*self.leaves.values(), *(t for t in self.around if t.requires_grad)]
        wanted = not any(_is_float(x) for x in _flat(inputs)) and not others
        self.inputs = tuple(self._input(x, n, wanted) for x, n in zip(inputs, called))

    # --- what is there ---------------------------------------------------------------------------

    def _input(self, value: Any, name: str, cast: bool) -> Any:
        """`value` as the function gets it: floats as new leaves in float64, the rest untouched."""
        if isinstance(value, (list, tuple)) and not _is_numbers(value):
            inner = [self._input(v, f"{name}[{i}]", cast) for i, v in enumerate(value)]
            return type(value)(inner)
        device = value.device if isinstance(value, TensorBase) else None
        kind = _kind(value)
        if kind == "f" or (cast and kind in "iu"):
            tensor = Tensor(value, dtype="float64", device=device, requires_grad=True, name=name)
            _refuse_nan(tensor, name)
            if kind != "f":
                self.notes.append(f"{name} holds integers, which have no gradient: checked at the "
                                  "same values as floats")
            self.leaves[name] = tensor
            return tensor
        return Tensor(value) if isinstance(value, np.ndarray) else value

    def _take_model(self, model: Any, prefix: str, checked: bool) -> None:
        for name, parameter in model.named_parameters():
            if checked and parameter.requires_grad:
                _refuse_nan(parameter, name)
                self.leaves[name] = parameter
            else:
                self.around.append(parameter)
            self.outside[id(parameter)] = f"{prefix}{name}"
        buffers = model.named_buffers() if hasattr(model, "named_buffers") else ()
        self.around += [tensor for _, tensor in buffers]
        modules = model.modules() if hasattr(model, "modules") else ()
        for module in modules:
            self.generators += [v for v in vars(module).values() if isinstance(v, Generator)]

    def _look_around(self, function: Any) -> None:
        """Names and states of what a function uses from outside: tensors, models, generators."""
        try:
            found = inspect.getclosurevars(function)
        except TypeError:  # a built-in or a callable object
            return
        for name, value in {**found.globals, **found.nonlocals}.items():
            if isinstance(value, TensorBase):
                self.outside[id(value)] = name
                self.around.append(value)
            elif isinstance(value, Generator):
                self.generators.append(value)
            elif is_model(value):
                self._take_model(value, f"{name}.", checked=False)

    # --- running it ------------------------------------------------------------------------------

    @contextmanager
    def prepared(self) -> Iterator[None]:
        """In here all is float64; afterwards the user's tensors and generators are as before."""
        before, states = default_dtype(), [g.get_state() for g in self.generators]
        self.states = states
        set_default_dtype("float64")
        try:
            for tensor in (*self.leaves.values(), *self.around):
                self._hold(tensor)
            with np.errstate(all="ignore"):
                yield
        finally:
            for tensor, array in self.held.values():
                tensor._data = array
            for generator, state in zip(self.generators, states):
                generator.set_state(state)
            set_default_dtype(before)

    def _hold(self, tensor: Any) -> None:
        if id(tensor) not in self.held:
            self.held[id(tensor)] = tensor, tensor._data
            tensor._data = _double(tensor.device, tensor._data)

    def record(self) -> tuple[list[Any], list[Node]]:
        """Run it once, recorded: its outputs, and the ops in forward order."""
        with enable_grad(), tracing(Collector()):
            outputs = self._run()
            self._adopt(outputs)
            outputs = self._run()
        return outputs, _nodes(outputs)

    def _adopt(self, outputs: list[Any]) -> None:
        """Check the leaves too that the function found outside of itself."""
        known = {id(tensor) for tensor in self.leaves.values()}
        for node in _nodes(outputs):
            for edge in node.edges:
                if isinstance(edge, TensorBase) and id(edge) not in known:
                    known.add(id(edge))
                    name = self.outside.get(id(edge)) or edge.name or f"leaf {len(self.leaves)}"
                    _refuse_nan(edge, name)
                    self.leaves[name] = edge
                    self._hold(edge)

    def values(self) -> Array:
        """Run it once, not recorded: all its outputs, one after the other, on the host."""
        with no_grad():
            return np.concatenate([on_host(y).ravel().astype(np.float64) for y in self._run()])

    def at(self, leaf: Any) -> Callable[[Array], Array]:
        """The values as a function of one leaf."""

        def f(x: Array) -> Array:
            before = leaf._data
            leaf._data = leaf.device.from_host(x.copy())
            try:
                return self.values()
            finally:
                leaf._data = before

        return f

    def _run(self) -> list[Any]:
        for generator, state in zip(self.generators, self.states):
            generator.set_state(state)  # the same dropout each time
        made = self.function(*self.inputs)
        tensors = [y for y in _flat((made,)) if isinstance(y, TensorBase)]
        outputs = [y for y in tensors if y._data.dtype.kind == "f"]
        if not outputs:
            raise DtypeError(
                f"gradcheck takes a function that returns a tensor; this one returned "
                f"{_described(made)}.\nReturn the loss itself: not float(loss), loss.item() or "
                "loss.numpy()"
            )
        return outputs


def is_model(value: Any) -> bool:
    """Return whether it has named parameters and can be called."""
    return callable(value) and hasattr(value, "named_parameters") and not isinstance(value, type)


def _copied(model: Any) -> Any:
    try:
        return copy.deepcopy(model)
    except Exception as error:  # what a model keeps is the user's
        raise GraphError(
            f"gradcheck works on a copy of the model, and it cannot be copied: {error}\n"
            "Does it keep a tensor of an earlier call? Keep x.detach(), or check a function of it"
        ) from error


def _nodes(outputs: list[Any]) -> list[Node]:
    """The recorded ops that made the outputs, in forward order."""
    roots = [y._node for y in outputs if y._node is not None]
    return autograd.topological_order(roots)[::-1]


def _double(device: Any, array: Any) -> Any:
    """A copy; of floats in float64."""
    host = np.array(device.to_host(array))
    return device.from_host(host.astype(np.float64) if host.dtype.kind == "f" else host)


def _flat(values: Any) -> Iterator[Any]:
    for value in values:
        if isinstance(value, (list, tuple)) and not _is_numbers(value):
            yield from _flat(value)
        elif isinstance(value, dict):
            yield from _flat(value.values())
        else:
            yield value


def _is_numbers(value: Any) -> bool:
    """Return whether it is a (nested) list of plain numbers, meant as one array."""
    return isinstance(value, list) and len(value) > 0 and all(
        isinstance(v, (int, float)) or _is_numbers(v) for v in value)


def _kind(value: Any) -> str:
    """ "f" for floats, "i" for integers, "" for what is not an array."""
    if isinstance(value, (bool, np.bool_)):
        return ""
    if isinstance(value, (int, float, np.ndarray, np.generic)) or _is_numbers(value):
        return str(np.asarray(value).dtype.kind)
    return str(value._data.dtype.kind) if isinstance(value, TensorBase) else ""


def _is_float(value: Any) -> bool:
    return _kind(value) == "f"


def _refuse_nan(tensor: Any, name: str) -> None:
    bad = ~np.isfinite(on_host(tensor))
    if bad.any():
        place = index_of(int(bad.argmax()), bad.shape)
        value = float(on_host(tensor)[tuple(place)])
        raise DataError(f"{name} holds {value} at {place}: there is no gradient to check there")


def _described(value: Any) -> str:
    if isinstance(value, TensorBase):
        return f"a tensor of {value._data.dtype}"
    return "None" if value is None else f"a {type(value).__name__}"


def _parameter_names(function: Any, count: int) -> list[str]:
    """Return the function's own names for its inputs, as far as it has any."""
    try:
        function = getattr(function, "forward", function)  # of a model
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        parameters = ()  # type: ignore[assignment]
    named = [p.name for p in parameters
             if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)][:count]
    return named + [f"input {i}" for i in range(len(named), count)]
