"""Gradients as values: `grad`; and forward run again instead of remembered: `checkpoint`."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from .._util.keywords import near_names
from ..engine import autograd, versions
from ..engine.autograd import TensorBase, as_tensor
from ..engine.modes import enable_grad, mode, no_grad, traces
from ..errors import GraphError, ShapeError
from ..ops.call import record
from ..ops.op import Op
from ..random import default_generator
from .tensor import Tensor


@near_names
def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Any = None,
    create_graph: bool = False,
    retain_graph: bool | None = None,
    allow_unused: bool = False,
    only_inputs: bool = True,
) -> tuple[Tensor | None, ...]:
    """dL/dx for each x of `inputs`, L the sum of `outputs` (times `grad_outputs`); sets no `.grad`.

    With `create_graph` the results can be differentiated again. An input that no output was made
    from raises GraphError, or gives None with `allow_unused`. `only_inputs` is always True.

    >>> x = dls.tensor([1.0, 2.0], requires_grad=True)
    >>> dls.grad((x**3).sum(), x)  # 3 x**2
    (Tensor([ 3., 12.]),)
    """
    if not only_inputs:
        raise GraphError("grad sets no .grad: for those of all leaves call backward()")
    if traces.active and mode.recorder is not None:
        mode.recorder.refuse("dls.grad() is called in it")
    made = _listed(outputs, "outputs")
    given = grad_outputs if isinstance(grad_outputs, (list, tuple)) else [grad_outputs]
    given = list(given) * len(made) if grad_outputs is None else list(given)
    wanted = _listed(inputs, "inputs")
    if len(given) != len(made):
        count = f"{len(made)} outputs and {len(given)} grad_outputs"
        raise ShapeError(f"grad takes one of grad_outputs for each output, not {count}")
    for kind, tensors in (("output", made), ("input", wanted)):
        for i, tensor in enumerate(tensors):
            if not isinstance(tensor, Tensor) or not tensor.requires_grad:
                raise GraphError(f"grad: {kind} {i} does not require grad, so there is no gradient")
    roots = [(y, y._seed(dy, create_graph)) for y, dy in zip(made, given)]
    edges = [x if x._node is None else x._node for x in wanted]
    keep = create_graph if retain_graph is None else retain_graph
    with (enable_grad if create_graph else no_grad)():
        found, owned = autograd.propagate(roots, keep, create_graph, targets=edges)
        results: list[Tensor | None] = []
        for i, (x, edge) in enumerate(zip(wanted, edges)):
            share = found[edge]
            if share is None and not allow_unused:
                raise GraphError(
                    f"grad: no output was made from input {i}, of shape\n  {x.shape}\n"
                    "Pass allow_unused=True to get None for it"
                )
            if share is not None and x._node is None and x._hooks:
                share = autograd.through_hooks(x._hooks, share, x, create_graph)
                owned.discard(x)
            if share is not None and not create_graph:
                array = autograd.own(share, x.device, edge in owned)
                share = as_tensor(array, x.device, None, x._kind)
                owned.discard(edge)  # asked for twice, it is given in two copies
            results.append(share)
    return tuple(results)


def _listed(tensors: Any, what: str) -> list[Any]:
    if isinstance(tensors, Tensor):
        return [tensors]
    if not isinstance(tensors, Iterable):
        raise GraphError(f"grad: {what} are tensors, not a {type(tensors).__name__}")
    return list(tensors)


class Checkpoint(Op):
    """y = f(*inputs), of which nothing is kept: backward runs f again (Chen et al. 2016)."""

    samples = staticmethod(lambda rng: [])  # its inputs include a function; tested on its own
    once = "it runs its function again; differentiate the function without checkpoint"

    def __init__(self, f: Callable[..., Tensor], inputs: tuple[Any, ...]) -> None:
        self.f, self.arguments = f, inputs
        self.state = default_generator.get_state()
        self.born = versions.next_number()

    @classmethod
    def _rules(cls, needs: Sequence[bool]) -> list[tuple[str, Any]]:
        """Always the rule: parameters inside the function want gradients, whatever `needs` says."""
        return [("backward", cls.backward)]

    def label(self) -> str:
        return f"checkpoint({getattr(self.f, '__name__', type(self.f).__name__)})"

    def forward(self, *inputs: Any) -> Any:
        with no_grad():
            y = self.f(*self.arguments)
        if not isinstance(y, TensorBase):
            raise GraphError(f"checkpoint: the function returns one tensor, not {type(y).__name__}")
        return y._data

    def backward(self, dy: Any, needs: Any) -> Any:
        self.check_arguments()
        now = default_generator.get_state()
        default_generator.set_state(self.state)  # the same dropout as the first time
        try:
            fresh = [
                x.detach().requires_grad_() if isinstance(x, Tensor) and x.requires_grad else x
                for x in self.arguments
            ]
            with enable_grad():
                y = self.f(*fresh)
            if y.requires_grad:
                autograd.backward(y, dy, retain_graph=False, create_graph=False)
        finally:
            default_generator.set_state(now)
        return tuple(None if x._grad is None else x._grad._data
                     for x in fresh if isinstance(x, TensorBase))

    def check_arguments(self) -> None:
        """Raise if an argument was written in place: the function would be run on other values."""
        for x in self.arguments:
            place = isinstance(x, TensorBase) and versions.written_after(x._data, self.born)
            if place:
                raise GraphError(
                    f"an argument of {self.label()} was overwritten before backward ran it again:\n"
                    f"  argument:     {x.shape} {x.dtype}\n  overwritten:  by {place}\n"
                    "Write to a copy (x.clone()), or call backward() before the write."
                )


@near_names
def checkpoint(f: Callable[..., Tensor], *inputs: Any) -> Tensor:
    """f(*inputs), trading time for memory: backward computes it again instead of keeping values.

    >>> x = dls.tensor([1.0, 2.0], requires_grad=True)
    >>> dls.checkpoint(lambda x: x.exp().sin(), x).sum().backward()
    >>> x.grad.shape
    (2,)
    """
    op = Checkpoint(f, inputs)
    tensors = tuple(x for x in inputs if isinstance(x, TensorBase))
    if not tensors:
        raise GraphError("checkpoint(f, *inputs) takes at least one tensor")
    device = tensors[0].device
    bound = op.on(device)
    out = bound.forward(*tensors)
    result: Tensor = as_tensor(out, device, None, tensors[0]._kind)
    if mode.grad:
        needs = tuple(x.requires_grad for x in tensors)
        result.requires_grad = True
        result._node = record(bound.plan(needs), tensors, tensors, (out,))
    return result
