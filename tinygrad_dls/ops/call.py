"""Calling an op on tensors: check, run forward, and leave a node behind where gradients flow.

`function(op)` builds the caller once, for the op's number of inputs: everything common to all calls
is computed once, so that a call costs about a microsecond over its kernel.
"""

import inspect
from collections.abc import Callable, Sequence
from functools import lru_cache
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from .._util.keywords import wrong_keyword
from ..backend.device import Device, default_device
from ..backend.dtypes import default_dtype
from ..engine import autograd
from ..engine.autograd import ABSENT, KEPT_FOR_PICTURES, Node, TensorBase, new
from ..engine.conversion import host_array
from ..engine.modes import mode, traces
from ..engine.versions import next_number, owner_of, share
from ..errors import DeviceError
from .cards import explain
from .op import BackwardRule, Needs, Op

NUMBERS = (bool, int, float)
SCALARS = (*NUMBERS, np.generic)
F16 = np.dtype("float16")
REFUSALS = (ValueError, TypeError, IndexError, OverflowError)  # what arrays raise of operands
Function = Callable[..., Any]


class Bound(NamedTuple):
    """An op on one device, and what calling it there takes."""

    op: Op
    forward: Callable[..., Any]
    array_type: type
    plans: list[BackwardRule | None]  # where the first input wants a gradient, the second, both


def function(op: Op) -> Function:
    """A function of tensors that runs `op`; its docstring is the op's."""
    variadic = op.inputs[0].startswith("*")
    build = _of_many if variadic or len(op.inputs) > 2 or op.extras else (_of_one, _of_two)[
        len(op.inputs) - 1
    ]
    call = build(op)
    call.__name__ = call.__qualname__ = op.name
    call.__doc__ = type(op).__doc__
    vars(call)["__signature__"] = SIGNATURES[build]  # without `wrong`
    return call


@lru_cache(maxsize=4096, typed=True)  # 1 and 1.0 are equal, but not the same to an integer
def function_of(op: type[Op], *parameters: Any) -> Function:
    """The function of an op with hashable parameters, built once for each set of them."""
    return function(op(*parameters))


def _bind(op: Op, device: Device, bound: dict[Device, Bound]) -> Bound:
    there = op.on(device)
    bound[device] = Bound(there, there.forward, device.array_type, [None, None, None])
    return bound[device]


def _of_one(op: Op) -> Function:
    bound: dict[Device, Bound] = {}
    floats, differentiable, in_float32 = op.floats, op.differentiable, op.in_float32
    views = op.views

    def call(x: Any, **wrong: Any) -> Any:
        if wrong:
            raise wrong_keyword(function(op), wrong)  # `call` here would be a cycle
        if not isinstance(x, TensorBase):
            x = tensor_of(x, default_device())
        device = x.device
        bound_op, forward, array_type, plans = bound.get(device) or _bind(op, device, bound)
        data = x._data
        if in_float32 and data.dtype is F16:
            return _called_in_float32(op, x)
        if floats and data.dtype.kind != "f":
            data = data.astype(default_dtype())
        began = perf_counter() if traces.active else None
        try:
            out = forward(data)
        except REFUSALS as error:
            raise explain(bound_op, (x,), error) from error
        if out.__class__ is not array_type:
            out = device.asarray(out)
        result = new(x._kind)
        result._data = out
        result.device = device
        result._grad = result._hooks = result.name = None
        if views and mode.grad and out.base is not None:
            share(x, result)
        if x.requires_grad and differentiable and mode.grad:
            result.requires_grad = True
            result._node = node = Node()
            node.seq = next_number()
            plan = plans[0]
            if plan is None:
                plan = plans[0] = bound_op.plan((True,))
            node.plan = plan
            node.saved = plan.keep(data, out, plan.needs)
            node.edges = (x._node or x,)
            node.shape = out.shape
            node.dtype = out.dtype
            node.value = kept(out) if out.size <= KEPT_FOR_PICTURES else None
            node.grad = node.hooks = node.scope = node.trace = None
            if traces.active:
                note(node, (x,), (data,), (out,), began)
        else:
            result.requires_grad = False
            result._node = None
            if traces.active:
                tell(bound_op, (x,), (data,), (out,), began)
        return result

    return call


def _of_two(op: Op) -> Function:
    bound: dict[Device, Bound] = {}
    floats, differentiable, broadcasts = op.floats, op.differentiable, op.broadcasts
    in_float32 = op.in_float32

    def call(a: Any, b: Any, **wrong: Any) -> Any:
        if wrong:
            raise wrong_keyword(function(op), wrong)  # `call` here would be a cycle
        if isinstance(a, TensorBase):
            device, kind, x, needs_a = a.device, a._kind, a._data, a.requires_grad
            if isinstance(b, TensorBase):
                y, needs_b = b._data, b.requires_grad
                if b.device is not device:
                    raise _two_devices(op, a, b)
                if b._kind is not kind and issubclass(b._kind, kind):
                    kind = b._kind
                if x.dtype is not y.dtype and broadcasts:
                    x, y = kind._promote(x, y)
            else:
                x, y = _with_constant(x, b, a, broadcasts)
                needs_b = False
        else:
            if not isinstance(b, TensorBase):
                b = tensor_of(b, default_device())
            device, kind, needs_a, needs_b = b.device, b._kind, False, b.requires_grad
            y, x = _with_constant(b._data, a, b, broadcasts)
        if in_float32 and x.__class__ not in NUMBERS and x.dtype is F16:
            return _called_in_float32(op, a, b)
        if floats and (x.__class__ in NUMBERS or x.dtype.kind != "f"):
            x, y = _to_floats(x, y)
        bound_op, forward, array_type, plans = bound.get(device) or _bind(op, device, bound)
        began = perf_counter() if traces.active else None
        try:
            out = forward(x, y)
        except REFUSALS as error:
            raise explain(bound_op, (a, b), error) from error
        if out.__class__ is not array_type:
            out = device.asarray(out)
        result = new(kind)
        result._data = out
        result.device = device
        result._grad = result._hooks = result.name = None
        if (needs_a or needs_b) and differentiable and mode.grad:
            result.requires_grad = True
            result._node = node = Node()
            node.seq = next_number()
            which = 2 if needs_a and needs_b else 0 if needs_a else 1
            plan = plans[which]
            if plan is None:
                plan = plans[which] = bound_op.plan((needs_a, needs_b))
            node.plan = plan
            node.saved = plan.keep(x, y, out, plan.needs)
            node.edges = (
                (a._node or a) if needs_a else x if x.__class__ in NUMBERS else None,
                (b._node or b) if needs_b else y if y.__class__ in NUMBERS else None,
            )
            node.shape = out.shape
            node.dtype = out.dtype
            node.value = kept(out) if out.size <= KEPT_FOR_PICTURES else None
            node.grad = node.hooks = node.scope = node.trace = None
            if traces.active:
                note(node, (a, b), (x, y), (out,), began)
        else:
            result.requires_grad = False
            result._node = None
            if traces.active:
                tell(bound_op, (a, b), (x, y), (out,), began)
        return result

    return call


def _of_many(op: Op) -> Function:
    bound: dict[Device, Op] = {}
    plans: dict[tuple[Device, Needs], BackwardRule] = {}
    differentiable, in_float32 = op.differentiable, op.in_float32
    promotes = op.broadcasts or op.inputs[0].startswith("*")

    def call(*inputs: Any, **wrong: Any) -> Any:
        if wrong:
            raise wrong_keyword(function(op), wrong)  # `call` here would be a cycle
        device: Any = None
        kind = autograd.Tensor
        arrays: list[Any] = []
        needs: list[bool] = []
        constants = False
        for x in inputs:
            if isinstance(x, TensorBase):
                if device is not x.device:
                    if device is not None:
                        raise _two_devices(op, *inputs)
                    device = x.device
                if x._kind is not kind and issubclass(x._kind, kind):
                    kind = x._kind
                arrays.append(x._data)
                needs.append(x.requires_grad)
            else:
                arrays.append(x)
                needs.append(False)
                constants = constants or x is not None
        if constants:
            device = device or default_device()
            arrays = _as_arrays(arrays, device)
        if promotes:
            arrays = list(kind._promote(*arrays))
        if in_float32 and arrays[0].dtype is F16:
            return _called_in_float32(op, *inputs)
        bound_op = bound.get(device) or bound.setdefault(device, op.on(device))
        began = perf_counter() if traces.active else None
        try:
            out = bound_op.forward(*arrays)
        except REFUSALS as error:
            raise explain(bound_op, inputs, error) from error
        made = out if op.extras else (out,)
        if made[0].__class__ is not device.array_type:
            made = (device.asarray(made[0]), *made[1:])
        result = autograd.as_tensor(made[0], device, None, kind)
        if True in needs and differentiable and mode.grad:
            result.requires_grad = True
            key = device, tuple(needs)
            plan = plans.get(key) or plans.setdefault(key, bound_op.plan(key[1]))
            result._node = record(plan, inputs, arrays, made, began)
        elif traces.active:
            tell(bound_op, inputs, arrays, made, began)
        return result

    return call


def _signature(*names: str) -> inspect.Signature:
    """The signature that users see: inputs, without `wrong`."""
    many, usual = inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.POSITIONAL_OR_KEYWORD
    return inspect.Signature([
        inspect.Parameter(name.lstrip("*"), many if name.startswith("*") else usual, annotation=Any)
        for name in names
    ], return_annotation=Any)


SIGNATURES = {
    _of_one: _signature("x"), _of_two: _signature("a", "b"), _of_many: _signature("*inputs"),
}


def _called_in_float32(op: Op, *inputs: Any) -> Any:
    """`op` on inputs of float16 (but those it writes to) as float32, its result as float16.

    A caller of its own: one that called itself would be a reference cycle.
    """
    wide = [
        x.astype("float32")  # type: ignore[attr-defined]
        if isinstance(x, TensorBase) and x._data.dtype is F16
        and op.input_name(i) not in op.written else x
        for i, x in enumerate(inputs)
    ]
    return function(op)(*wide).astype("float16")


def call_once(op: Op, x: Any) -> Any:
    """`op` on one tensor: for parameters of this call alone, where no caller is worth building."""
    device, data = x.device, x._data
    bound = op.on(device)
    began = perf_counter() if traces.active else None
    try:
        out = bound.forward(data)
    except REFUSALS as error:
        raise explain(bound, (x,), error) from error
    if out.__class__ is not device.array_type:
        out = device.asarray(out)
    result = autograd.as_tensor(out, device, None, x._kind)
    if op.views and mode.grad and out.base is not None:
        share(x, result)
    if x.requires_grad and op.differentiable and mode.grad:
        result.requires_grad = True
        result._node = record(bound.plan((True,)), (x,), (data,), (out,), began)
    elif traces.active:
        tell(bound, (x,), (data,), (out,), began)
    return result


def record(
    plan: BackwardRule, tensors: Sequence[Any], arrays: Sequence[Any], made: tuple[Any, ...],
    began: float | None = None,
) -> Node:
    """The node of a call: the plan's op made `made` (the output, then extras) of `arrays`."""
    node, out = Node(), made[0]
    node.seq = next_number()
    node.plan = plan
    node.saved = plan.keep(*arrays, *made, plan.needs)
    node.edges = tuple([
        (x._node or x) if need else None if x is not None else ABSENT
        for x, need in zip(tensors, plan.needs)
    ])
    node.shape, node.dtype = out.shape, out.dtype
    node.value = kept(out) if out.size <= KEPT_FOR_PICTURES else None
    node.grad = node.hooks = node.scope = node.trace = None
    if traces.active:
        note(node, tensors, tuple(arrays), made, began)
    return node


def kept(out: Any) -> Any:
    """A tiny output for pictures; a view is copied, so that its base can be freed."""
    return out if out.base is None or owner_of(out).size <= KEPT_FOR_PICTURES else out.copy()


def note(
    node: Node, inputs: Sequence[Any], arrays: tuple[Any, ...], made: tuple[Any, ...],
    began: float | None,
) -> None:
    """Report an operation that left a node to the active recorder and trace."""
    if mode.recorder is not None:
        mode.recorder.operation(node.op, inputs, arrays, made, node)
    if mode.trace is not None:
        mode.trace.operation(node, inputs, arrays, made, began)


def tell(
    op: Op, inputs: Sequence[Any], arrays: Sequence[Any], made: tuple[Any, ...],
    began: float | None,
) -> None:
    """Report an operation without a node to the active observers: `arrays` are its operands."""
    if mode.recorder is not None:
        mode.recorder.operation(op, inputs, arrays, made, None)
    if mode.listener is not None:
        mode.listener(op, inputs, arrays, made[0])
    if mode.trace is not None:
        node = unrecorded(op, len(arrays), made[0])
        mode.trace.operation(node, inputs, tuple(arrays), made, began)


def unrecorded(op: Op, count: int, out: Any) -> Node:
    """The node of an operation through which no gradient flows: for pictures alone."""
    node = Node()
    node.seq = next_number()
    node.plan = op.plan((False,) * count)
    node.edges = (None,) * count
    node.shape, node.dtype = out.shape, out.dtype
    node.saved = node.grad = node.hooks = node.scope = None
    return node


# --- operands that are not tensors ----------------------------------------------------------------


def tensor_of(value: Any, device: Device) -> Any:
    """A constant tensor of a Python scalar, a list or a NumPy array, on `device`."""
    if isinstance(value, device.array_type) and device.array_type is not np.ndarray:
        return autograd.as_tensor(value, device)
    return autograd.as_tensor(device.from_host(host_array(value)), device)


def operand(x: Any, device: Device) -> Any:
    """`x` if it is a tensor, else a constant tensor of it on `device`."""
    return x if isinstance(x, TensorBase) else tensor_of(x, device)


def _as_arrays(inputs: list[Any], device: Device) -> list[Any]:
    """Constants among `inputs` as arrays; a number takes the float dtype of the others."""
    floats = [x.dtype for x in inputs if not isinstance(x, SCALARS) and is_float(x)]
    arrays: list[Any] = []
    for x in inputs:
        if isinstance(x, (float, np.floating)) and floats:
            x = np.asarray(x, np.result_type(*floats))
        same = x is None or isinstance(x, device.array_type)
        arrays.append(x if same else tensor_of(x, device)._data)
    return arrays


def is_float(x: Any) -> bool:
    """Return whether x is an array of floats."""
    return hasattr(x, "dtype") and x.dtype.kind == "f"


def _with_constant(x: Any, constant: Any, tensor: Any, promotes: bool) -> tuple[Any, Any]:
    """`x`, the array of `tensor`, and a constant operand for it.

    A number never promotes; an array follows the rules.
    """
    if isinstance(constant, np.generic):
        constant = constant.item()
    if isinstance(constant, NUMBERS):
        if constant.__class__ is float and x.dtype.kind != "f":
            x = x.astype(default_dtype())
        return x, constant
    device = tensor.device
    if isinstance(constant, np.ndarray) and device.array_type is not np.ndarray:
        raise DeviceError(
            f"a NumPy array met a tensor on {device}: move it there first, dls.Tensor(a).to"
            f"({str(device)!r})"
        )
    array = tensor_of(constant, device)._data
    return tensor._promote(x, array) if promotes else (x, array)


def _to_floats(x: Any, y: Any) -> tuple[Any, Any]:
    """Operands of an op whose result is a float, where they are integers: cast to the default."""
    floats = [v.dtype for v in (x, y) if is_float(v)]
    dtype = floats[0] if floats else default_dtype()
    return tuple(  # type: ignore[return-value]
        float(v) if v.__class__ in NUMBERS else v if v.dtype.kind == "f" else v.astype(dtype)
        for v in (x, y)
    )


def _two_devices(op: Op, *inputs: Any) -> DeviceError:
    """Names the first operand and the first that lies elsewhere."""
    names = op.inputs if len(op.inputs) == len(inputs) else [f"inputs[{i}]" for i in range(
        len(inputs))]
    (a, x), *rest = [(n, t) for n, t in zip(names, inputs) if isinstance(t, TensorBase)]
    b, y = next((n, t) for n, t in rest if t.device is not x.device)
    return DeviceError(
        f"'{op.name}' got operands on two devices: {a} on {x.device} and {b} on {y.device}.\n"
        f"Move one of them: {b}.to({str(x.device)!r}), or {a}.to({str(y.device)!r})"
    )
