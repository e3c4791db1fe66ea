"""Function: an operation with a backward of its own, in PyTorch's form with `ctx`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..engine.autograd import Node, TensorBase, as_tensor
from ..engine.modes import enable_grad, mode, no_grad
from ..ops.call import record
from ..ops.op import Op
from ..ops.shape import reshape
from .tensor import Tensor, of_kind


class Context:
    """Leaves things for backward: tensors by `save_for_backward`, all else as attributes."""

    saved_tensors: tuple[Any, ...] = ()
    needs_input_grad: tuple[bool, ...] = ()
    _places: Sequence[int] = ()  # of the tensors among the inputs
    _wanted: Sequence[int] = ()  # the outputs that have gradients
    _given: Sequence[Any] = ()  # the inputs that are not tensors, at their places
    _without: frozenset[int] = frozenset()

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep tensors for backward, where they are `saved_tensors`."""
        self.saved_tensors = tensors

    def mark_non_differentiable(self, *tensors: Any) -> None:
        """Say that outputs have no gradient."""
        self._without = frozenset(id(t) for t in tensors)

    def mark_dirty(self, *tensors: Any) -> None:
        """Say that inputs were written."""

    def set_materialize_grads(self, value: bool) -> None:
        """Taken: gradients that are missing are zeros."""


class Applied(Op):
    """A user's function of tensors: all float outputs, one after the other, as one vector."""

    samples = staticmethod(lambda rng: [])  # its parameter is a user's function
    once = "backward of a torch.autograd.Function runs once; write it of operations instead"

    def __init__(self, function: Any, context: Context, outputs: list[Any]) -> None:
        self.function, self.context, self.outputs = function, context, outputs

    @classmethod
    def _rules(cls, needs: Any) -> list[tuple[str, Any]]:
        return [("backward", cls.backward)]

    def label(self) -> str:
        return str(self.function.__name__)

    def forward(self, *inputs: Any) -> Any:
        """The outputs that there are; of other inputs (a gradient check's) those of a new call."""
        outputs = self._again(inputs) if inputs else self.outputs
        return outputs[0].device.xp.concatenate([y._data.reshape(-1) for y in outputs])

    def _again(self, inputs: tuple[Any, ...]) -> list[Any]:
        given, device = list(self.context._given), self.outputs[0].device
        for place, array in zip(self.context._places, inputs):
            given[place] = as_tensor(array, device, None, Tensor)
        with no_grad():
            made = _called(self.function, Context(), tuple(given), {})
        outputs = made if isinstance(made, tuple) else (made,)
        return [outputs[i] for i in self.context._wanted]

    def backward(self, dy: Any, needs: Any) -> Any:
        parts, start = [], 0
        for y in self.outputs:
            part = dy[start : start + y._data.size].reshape(y._data.shape)
            parts.append(as_tensor(part, y.device, None, Tensor))
            start += y._data.size
        with no_grad():
            found = self.function.backward(self.context, *parts)
        found = found if isinstance(found, tuple) else (found,)
        return tuple(
            None if found[place] is None else found[place]._data for place in self.context._places
        )


class Function:
    """Base of operations with a backward of their own: define `forward` and `backward`, apply.

    >>> import tinygrad_dls.torch as torch
    >>> class Cube(torch.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x ** 3
    ...     @staticmethod
    ...     def backward(ctx, g):
    ...         x, = ctx.saved_tensors
    ...         return 3 * x ** 2 * g
    >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> Cube.apply(x).sum().backward()
    >>> x.grad.tolist()
    [3.0, 12.0]
    """

    @classmethod
    def apply(cls, *inputs: Any, **options: Any) -> Any:
        """forward(ctx, *inputs), whose gradient is backward(ctx, ...)."""
        context = Context()
        context.needs_input_grad = tuple(getattr(x, "requires_grad", False) for x in inputs)
        with no_grad():
            made = _called(cls, context, inputs, options)
        several = isinstance(made, tuple)
        outputs = list(made) if several else [made]
        if mode.grad and any(context.needs_input_grad):
            outputs = _joined(cls, context, inputs, outputs)
        return tuple(outputs) if several else outputs[0]


def _called(
    function: Any, context: Context, inputs: tuple[Any, ...], options: dict[str, Any]
) -> Any:
    """Run forward, in the old form with ctx or in that with setup_context."""
    if not hasattr(function, "setup_context"):
        return function.forward(context, *inputs, **options)
    made = function.forward(*inputs, **options)
    function.setup_context(context, inputs, made)
    return made


def _joined(
    function: Any, context: Any, inputs: tuple[Any, ...], outputs: list[Any]
) -> list[Any]:
    """The outputs as parts of one node's vector, whose backward is the function's."""
    wanted = [i for i, y in enumerate(outputs) if isinstance(y, TensorBase)
              and y._data.dtype.kind == "f" and id(y) not in context._without]
    context._places = [i for i, x in enumerate(inputs) if isinstance(x, TensorBase)]
    context._given = [None if isinstance(x, TensorBase) else x for x in inputs]
    context._wanted = wanted
    tensors: list[Any] = [inputs[i] for i in context._places]
    values = [of_kind(outputs[i]).detach() for i in wanted]
    device = values[0].device
    op = Applied(function, context, values).on(device)
    whole = as_tensor(op.forward(), device, None, Tensor)
    needs = tuple(x.requires_grad for x in tensors)
    node: Node = record(op.plan(needs), tensors, [x._data for x in tensors], (whole._data,))
    whole.requires_grad, whole._node = True, node
    start = 0
    with enable_grad():
        for i, y in zip(wanted, values):
            part = whole[start : start + y._data.size]
            outputs[i] = reshape(part, y._data.shape)
            start += y._data.size
    return outputs
