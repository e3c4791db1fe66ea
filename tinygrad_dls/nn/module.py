"""Module: a function with parameters; networks are modules made of modules.

    class Net(Module):
        def __init__(self):
            self.fc1, self.fc2 = Linear(4, 8), Linear(8, 3)
        def forward(self, x):
            return self.fc2(self.fc1(x).relu())

Parameters, buffers and children are plain attributes; their order is the order of assignment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import DTypeLike

from .._util.hints import RAW, misfit
from .._util.keywords import near_names
from .._util.namespaces import NoSuchName, is_ours
from ..backend.device import Device
from ..backend.dtypes import float_dtype
from ..engine.autograd import Scope, as_tensor
from ..engine.modes import mode, replayed, traces
from ..engine.versions import next_number
from ..errors import DataError, DtypeError, Error, GraphError
from ..tensors import Tensor
from ..tensors.tensor import dtype_or_none
from .copying import Copied
from .cost import Cost
from .counting import cost_of
from .hidden import warn_of_hidden
from .hooks import Hooked
from .parameter import Parameter
from .state import LoadResult, load
from .summary import Summary, summarize

P = ParamSpec("P")
Result = TypeVar("Result", covariant=True)


class HasForward(Protocol[P, Result]):
    """The type of a module as its calls see it: they take and return what `forward` does."""

    def forward(self, *inputs: P.args, **options: P.kwargs) -> Result:
        """Compute the output."""


class Module(Hooked, Copied):
    """Base class of all layers and networks: define `forward`, call the object.

    Its parts are found among its attributes, also without `super().__init__()`.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> class Net(nn.Module):
    ...     def __init__(self):
    ...         self.hidden, self.out = nn.Linear(4, 8), nn.Linear(8, 1)
    ...     def forward(self, x):
    ...         return self.out(self.hidden(x).relu())
    >>> net = Net()
    >>> net(dls.zeros(5, 4)).shape, [name for name, _ in net.named_parameters()]
    ((5, 1), ['hidden.weight', 'hidden.bias', 'out.weight', 'out.bias'])
    """

    training: bool = True
    _name: str = ""  # the attribute under which another module holds this one
    _buffers: Mapping[str, bool] = {}  # name -> is it part of state_dict?
    _computed: Mapping[str, Callable[[Any], Tensor]] = {}  # attributes made from parameters

    def forward(self, *inputs: Any, **options: Any) -> Any:
        """The output of the module; each class defines its own."""
        raise NotImplementedError(f"{type(self).__name__} does not define forward(self, x)")

    def takes_along(self, after: Module, input: Any) -> bool:
        """Return whether `forward(input, then=after)` can do the next module's work in the same
        pass.
        """
        return False

    def __call__(
        self: HasForward[P, Result], *inputs: P.args, **options: P.kwargs
    ) -> Result:
        module: Any = self  # whose type says how it is called, and nothing else
        start = next_number() if mode.grad else 0
        traced = None
        if traces.active:
            traced = mode.trace
            if mode.recorder is not None:
                mode.recorder.module(module)
            if traced is not None:
                traced.enter(module, start)
        try:
            output: Result
            if module._hooks:
                output = module._through_hooks(module.forward, inputs, options)
            else:
                output = module.forward(*inputs, **options)
        except Error as error:
            _say_where(error, module)
            raise
        except RecursionError as error:
            raise GraphError("calls of modules are nested too deeply for Python") from error
        except RAW as error:
            wrong = is_ours(type(module)) and misfit(
                module.forward, inputs, options, error, type(module).__name__)
            if not wrong:
                raise
            _say_where(wrong, module)
            raise wrong from error
        finally:
            if traced is not None:
                traced.leave()
        if start:
            _mark(output, module, start)
        return output

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Module):
            if value is self:
                raise DataError(f"a {type(self).__name__} cannot hold itself, as {name!r}")
            value.__dict__["_name"] = name
        elif isinstance(value, Parameter):
            if value.name is None:
                value.name = name
        elif isinstance(vars(self).get(name), Parameter) and isinstance(value, Tensor):
            raise DtypeError(
                f"{name} is a parameter: a plain tensor in its place would not be trained.\n"
                f"Write nn.Parameter(...), or set its values: with dls.no_grad(): {name}.copy_(v)"
            )
        object.__setattr__(self, name, value)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Resolve computed attributes, such as the weight of a weight-normed layer.

            `self.__getattr__(name)`, as PyTorch's programs write it, finds all others, too.
            """
            if name in vars(self):
                return vars(self)[name]
            if name in self._computed:
                return self._computed[name](self)
            owner = f"{type(self).__name__!r} object"
            raise NoSuchName(owner, name, () if name.startswith("_") else dir(self), False)

    # --- its parts -------------------------------------------------------------------------------

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules held by this one itself, with the attributes that hold them."""
        seen: set[int] = set()
        for name, value in list(vars(self).items()):
            if isinstance(value, Module) and id(value) not in seen:
                seen.add(id(value))
                yield name, value

    def children(self) -> Iterator[Module]:
        """The modules held by this one itself."""
        return (child for _, child in self.named_children())

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """This module and all inside it, each once, with dotted names ("" is this one)."""
        seen: set[int] = set()
        for name, module in self._walk(prefix):
            if id(module) not in seen:
                seen.add(id(module))
                yield name, module

    def modules(self) -> Iterator[Module]:
        """This module and all inside it, each once."""
        return (module for _, module in self.named_modules())

    def _walk(self, prefix: str) -> Iterator[tuple[str, Module]]:
        yield prefix, self
        for name, value in list(vars(self).items()):
            if isinstance(value, Module):
                yield from value._walk(_join(prefix, name))

    def named_parameters(
        self, prefix: str = "", recurse: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """All parameters, each once, with dotted names such as "fc1.weight".

        Warns, once, of those in a plain list or dict, which are not found.
        """
        if recurse:
            warn_of_hidden(self, Module)
        return _once(self._tensors(prefix, recurse, lambda m, n, v: isinstance(v, Parameter)))

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """All parameters, each once."""
        return (parameter for _, parameter in self.named_parameters(recurse=recurse))

    def named_buffers(self, prefix: str = "", recurse: bool = True) -> Iterator[tuple[str, Tensor]]:
        """All buffers, each once, with dotted names."""
        return _once(self._tensors(prefix, recurse, lambda m, n, v: n in m._buffers))

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """All buffers, each once."""
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def _tensors(
        self, prefix: str, recurse: bool, wanted: Callable[[Module, str, Any], bool]
    ) -> Iterator[tuple[str, Any]]:
        """Those attributes of each module that are tensors and `wanted`."""
        for path, module in self._walk(prefix) if recurse else [(prefix, self)]:
            for name, value in list(vars(module).items()):
                if isinstance(value, Tensor) and wanted(module, name, value):
                    yield _join(path, name), value

    @near_names
    def get_submodule(self, path: str) -> Module:
        """The module of a dotted name, such as "encoder.fc1"; "" is this one."""
        module: Module = self
        for name in path.split(".") if path else ():
            found = vars(module).get(name)
            if not isinstance(found, Module):
                names = ", ".join(child for child, _ in module.named_children()) or "none"
                raise AttributeError(
                    f"{type(module).__name__} has no module {name!r}; it has: {names}"
                )
            module = found
        return module

    @near_names
    def get_parameter(self, path: str) -> Parameter:
        """The parameter of a dotted name, such as "encoder.fc1.weight"."""
        found: Parameter = self._at(path, "parameter", lambda m, n, v: isinstance(v, Parameter))
        return found

    def get_buffer(self, path: str) -> Tensor:
        """The buffer of a dotted name, such as "bn1.running_mean"."""
        found: Tensor = self._at(path, "buffer", lambda m, n, v: n in m._buffers)
        return found

    def _at(self, path: str, what: str, wanted: Callable[[Module, str, Any], bool]) -> Any:
        holder, _, name = path.rpartition(".")
        there = dict(self.get_submodule(holder)._tensors("", False, wanted))
        if name not in there:
            names = ", ".join(there) or "none"
            raise AttributeError(f"there is no {what} {path!r}; its module has: {names}")
        return there[name]

    @near_names
    def add_module(self, name: str, module: Module | None) -> None:
        """Hold `module` as attribute `name`."""
        setattr(self, name, module)

    register_module = add_module

    @near_names
    def register_parameter(self, name: str, parameter: Parameter | None) -> None:
        """Hold `parameter` as attribute `name`."""
        if parameter is not None and not isinstance(parameter, Parameter):
            raise DtypeError(
                f"parameter {name!r} is an nn.Parameter or None, not a {type(parameter).__name__}"
            )
        setattr(self, name, parameter)

    @near_names
    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Hold a tensor that is not trained but moves with the module (a running mean, say).

        It is part of `state_dict` if `persistent`.
        """
        if tensor is not None and not isinstance(tensor, Tensor):
            raise DtypeError(f"buffer {name!r} is a tensor or None, not a {type(tensor).__name__}")
        self._buffers = {**self._buffers, name: persistent}
        setattr(self, name, tensor)

    # --- its state -------------------------------------------------------------------------------

    def _state(self) -> dict[str, Tensor]:
        """Parameters and persistent buffers under all their names, shared ones under each.

        In PyTorch's order: of each module the parameters, then the buffers.
        """
        return {
            _join(path, name): value
            for path, module in self._walk("")
            for buffers in (False, True)
            for name, value in list(vars(module).items())
            if isinstance(value, Tensor) and (
                module._buffers.get(name, False) if buffers else isinstance(value, Parameter))
        }

    def state_dict(self) -> dict[str, Tensor]:
        """name -> values of each parameter and buffer: a snapshot, detached and contiguous."""
        return {
            name: as_tensor(tensor.device.copy(tensor._data), tensor.device, None, tensor._kind)
            for name, tensor in self._state().items()
        }

    @near_names
    def load_state_dict(self, mapping: Mapping[str, Any], strict: bool = True) -> LoadResult:
        """Copy the values of `mapping` (tensors, arrays, anything with __array__) in, by name.

        All or nothing: DataError (names) or ShapeError (shapes) changes nothing, and proposes how
        to map the names. Not `strict`: names that only one side has are passed over, and returned.
        """
        if isinstance(mapping, Mapping):
            for path, module in list(self._walk("")):
                module._before_load(mapping, path)
        return load(type(self).__name__, self._state(), mapping, strict)

    def _before_load(self, mapping: Mapping[str, Any], prefix: str) -> None:
        """Make ready for values under names that begin with `prefix`: lazy layers do."""

    def train(self, mode: bool = True) -> Self:
        """Switch to training (dropout is on ...), this module and all inside it."""
        if not isinstance(mode, bool):
            raise DataError(f"train() takes True or False, not {mode!r}")
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Switch to evaluation: `train(False)`."""
        return self.train(False)

    @replayed
    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients: None, or zeros."""
        for parameter in self.parameters():
            parameter._grad = parameter._grad * 0 if (
                parameter._grad is not None and not set_to_none) else None

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Ask for gradients of all parameters, or freeze them."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    @near_names
    def apply(self, function: Callable[[Module], Any]) -> Self:
        """Call `function` on every module, the innermost first."""
        for child in self.children():
            child.apply(function)
        function(self)
        return self

    def to(
        self, *places: str | Device | DTypeLike, device: str | Device | None = None,
        dtype: DTypeLike | None = None, non_blocking: bool = False,
    ) -> Self:
        """Move to a device ("cuda"), or cast floats to a dtype ("float64"), in place.

        `non_blocking` changes nothing: copies are in order.
        """
        for place in places:
            kind = dtype_or_none(place)
            if kind is None:
                device = place  # type: ignore[assignment]
            else:
                dtype = kind
        where = None if device is None else Device(device)
        kind = None if dtype is None else float_dtype(dtype)
        for tensor in (*self.parameters(), *self.buffers()):
            for part in (tensor, tensor._grad):
                if part is not None:
                    _move(part, where, kind)
        return self

    def cpu(self) -> Self:
        """`to("cpu")`."""
        return self.to("cpu")

    def cuda(self, device: int | None = None) -> Self:
        """`to("cuda")`, or the CUDA device of this number."""
        return self.to("cuda" if device is None else f"cuda:{device}")

    def float(self) -> Self:
        """All floats as float32."""
        return self.to(dtype="float32")

    def double(self) -> Self:
        """All floats as float64."""
        return self.to(dtype="float64")

    def half(self) -> Self:
        """All floats as float16."""
        return self.to(dtype="float16")

    # --- how it looks ----------------------------------------------------------------------------

    def extra_repr(self) -> str:
        """Return the text inside the parentheses of `repr`: sizes and options."""
        return ""

    def __repr__(self) -> str:
        try:
            parts = [f"  ({name}): " + repr(child).replace("\n", "\n  ")
                     for name, child in list(vars(self).items()) if isinstance(child, Module)]
        except RecursionError:
            return f"{type(self).__name__}(...)"
        extra = self.extra_repr()
        if not parts:
            return f"{type(self).__name__}({extra})"
        inside = [f"  {line}" for line in extra.split("\n")] if extra else []
        return "\n".join([f"{type(self).__name__}(", *inside, *parts, ")"])

    @near_names
    def summary(
        self, *input_shapes: Sequence[int], dtype: DTypeLike | None = None
    ) -> Summary:
        """A table of layers, output shapes and numbers of parameters, for zeros as input.

        `input_shapes`: one shape for each input, batch included: `model.summary((1, 784))`.
        """
        return summarize(self, input_shapes, dtype)

    def cost(self, *inputs: Any, **named: Any) -> Cost:
        """Run the model once on `inputs` and count: arithmetic and memory, module by module.

        Parameters, multiplications and FLOPs forward and backward, bytes kept for backward and an
        estimate of the peak: a table when printed, `.to_json()` for programs, `.rolled(1)` by
        outer modules. Buffers and random streams stay as they are. The mode counts: training or
        evaluation, and under `dls.no_grad()` nothing is kept.

            print(models.resnet18().cost(dls.zeros(1, 3, 224, 224)))
        """
        return cost_of(self, inputs, named)


def _join(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix and name else prefix or name


def _once(pairs: Iterator[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Each tensor under its first name only."""
    seen: set[int] = set()
    for name, tensor in pairs:
        if id(tensor) not in seen:
            seen.add(id(tensor))
            yield name, tensor


def _mark(output: Any, module: Module, start: int) -> None:
    """Tell the graph that what was computed since `start` is the inside of one module."""
    if isinstance(output, Tensor):
        node = output._node
        if node is not None and node.seq > start:  # else: made elsewhere and handed through
            node.scope = Scope(module, start, node.scope)
    elif isinstance(output, (tuple, list)):
        for part in output:
            _mark(part, module, start)
    elif isinstance(output, dict):
        for part in output.values():
            _mark(part, module, start)


def _say_where(error: Error, module: Module) -> None:
    """Add "in module: Net.blocks.0.fc2 Linear(...)" to the message, one line however deep."""
    layer = f"{type(module).__name__}({module.extra_repr()})"
    message, inner, path, layer = getattr(error, "in_module", (str(error), module, "", layer))
    places = (place for place, part in module.named_modules() if part is inner)
    path = _join(next(places, inner._name), path)  # with the containers that were not called
    error.in_module = (message, module, path, layer)  # type: ignore[attr-defined]
    path = _join(module._name or (type(module).__name__ if module is not inner else ""), path)
    error.args = (f"{message}\nin module: {f'{path} {layer}'.strip()}",)


def _move(tensor: Tensor, device: Device | None, dtype: np.dtype[Any] | None) -> None:
    """Replace the values of a leaf by themselves elsewhere, or in another float dtype."""
    moved = tensor.detach()
    if dtype is not None and moved.dtype.kind == "f":
        moved = moved.astype(dtype)
    if device is not None:
        moved = moved.to(device)
    tensor._data, tensor.device = moved._data, moved.device
