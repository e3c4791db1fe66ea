"""torch.autograd: gradients as values, functions with a backward of their own."""

from __future__ import annotations

from typing import Any

from ...check.gradcheck import gradcheck as check
from ...engine.autograd import TensorBase
from ...engine.modes import enable_grad as enable_grad
from ...engine.modes import inference_mode as inference_mode
from ...engine.modes import no_grad as no_grad
from ...engine.modes import set_grad_enabled as set_grad_enabled
from ...errors import GraphError
from ...tensors import gradients
from ..function import Function as Function
from ..modes import set_detect_anomaly as set_detect_anomaly
from ..tensor import of_kind
from . import functional as functional


def grad(
    outputs: Any, inputs: Any, grad_outputs: Any = None, retain_graph: bool | None = None,
    create_graph: bool = False, only_inputs: bool = True, allow_unused: bool | None = None,
    is_grads_batched: bool = False, materialize_grads: bool = False,
) -> tuple[Any, ...]:
    """dL/dx for each x of `inputs`, L the sum of outputs; sets no `.grad`."""
    found = gradients.grad(outputs, inputs, grad_outputs, create_graph, retain_graph,
                           bool(allow_unused or materialize_grads))
    if materialize_grads:
        wanted: Any = [inputs] if isinstance(inputs, TensorBase) else list(inputs)
        found = tuple(x * 0 if g is None else g for g, x in zip(found, wanted))
    return tuple(None if g is None else of_kind(g) for g in found)


def backward(
    tensors: Any, grad_tensors: Any = None, retain_graph: bool | None = None,
    create_graph: bool = False,
) -> None:
    """Call backward() on each tensor with its gradient."""
    roots: Any = [tensors] if isinstance(tensors, TensorBase) else list(tensors)
    given = [grad_tensors] if isinstance(grad_tensors, TensorBase) else grad_tensors
    for i, (root, g) in enumerate(zip(roots, given or [None] * len(roots))):
        last = i == len(roots) - 1
        root.backward(g, retain_graph if last else True, create_graph)


def Variable(data: Any, requires_grad: bool = False, volatile: bool = False) -> Any:
    """The tensor itself, since PyTorch 0.4."""
    if not isinstance(data, TensorBase):
        raise GraphError(f"Variable takes a tensor, not a {type(data).__name__}")
    if data.requires_grad or not requires_grad:
        return data
    return data.detach().requires_grad_()  # type: ignore[attr-defined]


def gradcheck(
    func: Any, inputs: Any, eps: float = 1e-6, atol: float = 1e-5, rtol: float = 1e-3,
    raise_exception: bool = True, **_: Any,
) -> bool:
    """Return True if the gradients of func are right; GraphError names the first wrong one."""
    report = check(func, *(inputs if isinstance(inputs, list | tuple) else (inputs,)))
    if not report.ok and raise_exception:
        raise GraphError(str(report))
    return bool(report.ok)
