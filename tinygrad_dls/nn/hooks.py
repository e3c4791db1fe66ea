"""Functions that are called before and after a module, forward and backward."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from .. import ops
from .._util.handles import Handle
from .._util.keywords import NearNames
from ..engine.autograd import topological_order
from ..engine.modes import mode
from ..errors import DtypeError, GraphError
from ..tensors import Tensor

Function = Callable[..., Any]


class Hook(NamedTuple):
    """One hook of a module."""

    kind: str  # "forward_pre", "forward", "backward_pre", "backward"
    function: Function
    with_kwargs: bool


class Hooked(NearNames):
    """The part of a module that keeps its hooks and calls them."""

    _hooks: tuple[Hook, ...] = ()

    def register_forward_pre_hook(
        self, hook: Function, *, prepend: bool = False, with_kwargs: bool = False
    ) -> Handle:
        """Call `hook(module, inputs)` before forward; what it returns replaces the inputs.

        None leaves them as they are, one value stands for a tuple of it. `with_kwargs`:
        hook(module, inputs, options), which returns None or (inputs, options). `prepend`: before
        those that are there.
        """
        return self._register("forward_pre", hook, prepend, with_kwargs)

    def register_forward_hook(
        self, hook: Function, *, prepend: bool = False, with_kwargs: bool = False
    ) -> Handle:
        """Call `hook(module, inputs, output)` after forward; what it returns replaces the output.

        None leaves the output as it is. `with_kwargs`: hook(module, inputs, options, output).
        The result's `remove()` takes the hook off.
        """
        return self._register("forward", hook, prepend, with_kwargs)

    def register_full_backward_pre_hook(self, hook: Function, prepend: bool = False) -> Handle:
        """Call `hook(module, grad_output)` before the gradient goes back through the module.

        `grad_output` is a tuple, one for each output tensor; what the hook returns replaces it.
        """
        return self._register("backward_pre", hook, prepend)

    def register_full_backward_hook(self, hook: Function, prepend: bool = False) -> Handle:
        """Call `hook(module, grad_input, grad_output)` once gradients came through the module.

        Both are tuples, one for each tensor among inputs and outputs, None where there is no
        gradient; what the hook returns replaces grad_input. Without an input that requires grad
        it is called when the gradients of the outputs are there.
        """
        return self._register("backward", hook, prepend)

    def _register(
        self, kind: str, function: Function, prepend: bool, with_kwargs: bool = False
    ) -> Handle:
        if not callable(function):
            raise DtypeError(
                f"a {kind.split('_')[0]} hook is a function, not a {type(function).__name__}"
            )
        hook = Hook(kind, function, with_kwargs)
        self._hooks = (hook, *self._hooks) if prepend else (*self._hooks, hook)

        def remove() -> None:
            self._hooks = tuple(h for h in self._hooks if h is not hook)

        return Handle(remove)

    def _of_kind(self, kind: str) -> list[Hook]:
        return [hook for hook in self._hooks if hook.kind == kind]

    def _through_hooks(
        self, forward: Function, inputs: tuple[Any, ...], options: dict[str, Any]
    ) -> Any:
        """forward(*inputs, **options) with all hooks around it."""
        for hook in self._of_kind("forward_pre"):
            if hook.with_kwargs:
                inputs, options = hook.function(self, inputs, options) or (inputs, options)
            elif (replaced := hook.function(self, inputs)) is not None:
                inputs = replaced if isinstance(replaced, tuple) else (replaced,)
        watched = mode.grad and any(h.kind.startswith("backward") for h in self._hooks)
        gates = Gates(self) if watched else None
        if gates:
            inputs = gates.before(inputs)
        output = forward(*inputs, **options)
        for hook in self._of_kind("forward"):
            arguments = (inputs, options, output) if hook.with_kwargs else (inputs, output)
            replacement = hook.function(self, *arguments)
            output = output if replacement is None else replacement
        return gates.after(output) if gates else output


class Gates:
    """The points where gradients enter a module, at its outputs, and leave it, at its inputs."""

    def __init__(self, module: Hooked) -> None:
        self.module = module
        self.places: list[int] = []  # of the inputs that require grad, among all tensors
        self.count = 0  # of tensors among the inputs
        self.entries: list[Tensor] = []
        self.grad_output: tuple[Any, ...] = ()

    def before(self, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """The inputs, seen on their way back."""
        tensors = [i for i, x in enumerate(inputs) if isinstance(x, Tensor)]
        self.count = len(tensors)
        asking = [i for i in tensors if inputs[i].requires_grad]
        self.places = [tensors.index(i) for i in asking]
        self.entries = through_gate([inputs[i] for i in asking], self._leaving)
        found = dict(zip(asking, self.entries))
        return tuple(found.get(i, x) for i, x in enumerate(inputs))

    def after(self, output: Any) -> Any:
        """The output, seen on its way back."""
        several = isinstance(output, (tuple, list))
        parts = list(output) if several else [output]
        asking = [i for i, y in enumerate(parts) if isinstance(y, Tensor) and y.requires_grad]
        # Inputs that no output came from: then the way back ends at the outputs.
        nodes = topological_order([parts[i]._node for i in asking if parts[i]._node is not None])
        reached = {id(node) for node in nodes}
        if not any(id(x._node) in reached for x in self.entries):
            self.places = []
        self.entries = []
        for i, y in zip(asking, through_gate([parts[i] for i in asking], self._entering)):
            parts[i] = y
        if not several:
            return parts[0]
        return type(output)(parts) if type(output) in (tuple, list) else type(output)(*parts)

    def _entering(self, gradients: tuple[Any, ...]) -> tuple[Any, ...]:
        for hook in self.module._of_kind("backward_pre"):
            gradients = _replaced(hook.function(self.module, gradients), gradients)
        self.grad_output = gradients
        if not self.places:
            for hook in self.module._of_kind("backward"):
                hook.function(self.module, (None,) * self.count, gradients)
        return gradients

    def _leaving(self, gradients: tuple[Any, ...]) -> tuple[Any, ...]:
        whole: list[Any] = [None] * self.count
        for place, gradient in zip(self.places, gradients):
            whole[place] = gradient
        grad_input = tuple(whole)
        for hook in self.module._of_kind("backward"):
            replaced = hook.function(self.module, grad_input, self.grad_output)
            grad_input = _replaced(replaced, grad_input)
        self.grad_output = ()
        return tuple(grad_input[place] for place in self.places)


def through_gate(
    tensors: Sequence[Tensor], act: Callable[[tuple[Any, ...]], tuple[Any, ...]]
) -> list[Tensor]:
    """The same tensors; on the way back `act` sees all their gradients at once, may change them.

    Each goes through two nodes that compute nothing. Backward reaches all the newer ones before
    any of the older: there the gradients are collected, and at the first older one `act` is called.
    """
    collected: dict[int, Any] = {}
    changed: list[Any] = []

    def collect(place: int) -> Function:
        def note(gradient: Tensor) -> None:
            if changed:  # of a backward before this one
                changed.clear()
                collected.clear()
            collected[place] = gradient

        return note

    def change(place: int) -> Function:
        def replace(gradient: Tensor) -> Tensor | None:
            if not changed:
                changed.append(act(tuple(collected.get(i) for i in range(len(tensors)))))
            replaced: Tensor | None = changed[0][place]
            return replaced

        return replace

    older = [ops.reshape(x, x.shape) for x in tensors]
    newer = [ops.reshape(x, x.shape) for x in older]
    for i, (a, b) in enumerate(zip(older, newer)):
        a.register_hook(change(i))
        b.register_hook(collect(i))
    return newer


def _replaced(new: Any, before: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return a hook's replacement for the gradients, as a tuple of the same length; None changes
    nothing.
    """
    if new is None:
        return before
    gradients: tuple[Any, ...] = new if isinstance(new, tuple) else (new,)
    if len(gradients) != len(before):
        raise GraphError(
            f"a backward hook returned {len(gradients)} gradients in place of {len(before)}"
        )
    return gradients
