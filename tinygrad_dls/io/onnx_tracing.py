"""Tracing of a model as a list of operations: it is run, and the engine reports each one.

It is run twice, the second time on other values and one example more. What differs between the
two runs depends on the number of examples; what then does not follow from shapes was computed
behind the engine's back, in NumPy say, and would be frozen into the file: that is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from .._util.callers import calling_line
from ..backend.device import Device
from ..engine import modes, versions
from ..engine.autograd import TensorBase, as_tensor
from ..errors import DataError, DeviceError, DtypeError, GraphError
from ..nn import Module
from .reading import Array


class Call(NamedTuple):
    """One operation that ran: `arrays` are its operands, cast; `given` as they were before."""

    op: Any
    given: tuple[Any, ...]
    arrays: tuple[Any, ...]
    out: Array
    path: str  # of the module it ran in
    line: str  # "file.py:12" that asked for it

    @property
    def kind(self) -> str:
        """The class of the operation, or of the module that counts as one."""
        return str(self.op.name) if isinstance(self.op, Layer) else type(self.op).__name__

    @property
    def where(self) -> str:
        """For messages: what, in which module, from which line."""
        inside = f" in module {self.path}" if self.path else ""
        return f"{self.op.label()}{inside}, from {self.line}"


class Run(NamedTuple):
    """One run of a model."""

    inputs: list[Array]
    calls: list[Call]
    outputs: list[Array]
    names: list[str]  # of outputs that come in a dict, else ""
    batch: int | None


class Layer:
    """A module whose whole call is one operation of the trace; stands where an op does."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.name = type(module).__name__
        self.parameters: dict[str, Any] = {}

    def label(self) -> str:
        return f"{self.name}({self.module.extra_repr()})"


def run(
    model: Module, examples: Sequence[Any], batch: int | None, whole: tuple[str, ...]
) -> Run:
    """Run the model in evaluation and list its operations.

    Modules of the classes named in `whole` are one operation each. GraphError for a write in place
    to a value of the trace: the file could not tell the value before from that after.
    """
    calls: list[Call] = []
    path: list[tuple[str, int]] = []
    inputs = [as_tensor(np.array(a), Device("cpu")) for a in examples]

    def listen(op: Any, given: Sequence[Any], arrays: Sequence[Any], out: Array) -> None:
        raw = tuple(x._data if isinstance(x, TensorBase) else x for x in given)
        calls.append(Call(op, raw, tuple(arrays), out, path[-1][0] if path else "",
                          calling_line()))

    def leave(module: Module, given: Sequence[Any], output: Any) -> None:
        name, start = path.pop()
        if any(kind.__name__ in whole for kind in type(module).__mro__) and isinstance(
                output, TensorBase) and all(isinstance(x, TensorBase) for x in given):
            del calls[start:]
            raw = tuple(x._data for x in given)
            calls.append(Call(Layer(module), raw, raw, output._data, name, "its forward"))

    born = versions.next_number()
    with _hooked(model, path, calls, leave), modes.listening(listen):
        result = model(*inputs)
    outputs = list(_flat(result, ""))
    known = [x._data for x in inputs] + [a for c in calls for a in (*c.arrays, c.out)]
    for array in known:
        place = versions.written_after(array, born) if isinstance(array, np.ndarray) else None
        if place is not None:
            raise GraphError(f"the model writes into its values ({place}): ONNX has no writes in "
                             "place. Make a new tensor: dls.where, dls.concatenate, index_put")
    return Run([x._data for x in inputs], calls, [a for _, a in outputs],
               [n for n, _ in outputs], batch)


@contextmanager
def _hooked(model: Module, path: list[tuple[str, int]], calls: list[Call],
            leave: Any) -> Iterator[None]:
    """All modules in evaluation and saying when they are entered and left; then as before."""
    handles, training = [], {module: module.training for module in model.modules()}

    def entering(name: str) -> Any:
        return lambda module, given: path.append((name, len(calls)))

    try:
        for name, module in model.named_modules():
            handles.append(module.register_forward_pre_hook(entering(name)))
            handles.append(module.register_forward_hook(leave))
        model.eval()
        yield
    finally:
        for handle in handles:
            handle.remove()
        for module, was in training.items():
            module.training = was


def _flat(result: Any, name: str) -> Iterator[tuple[str, Array]]:
    if isinstance(result, TensorBase):
        yield name, result._data
    elif isinstance(result, dict):
        for key, part in result.items():
            yield from _flat(part, f"{name}.{key}" if name else str(key))
    elif isinstance(result, (tuple, list)):
        for part in result:
            yield from _flat(part, name)
    elif result is not None:
        raise DtypeError(f"a model for ONNX returns tensors, tuples or dicts of them, not a "
                         f"{type(result).__name__}")


def examples_of(given: Sequence[Any]) -> list[Array]:
    """Example inputs as arrays; errors for what cannot be an input."""
    if not given:
        raise DataError("export_onnx takes an example of each input of the model, such as "
                        "dls.zeros((1, 3, 32, 32)), after the path")
    arrays = []
    for example in given:
        if isinstance(example, TensorBase) and example.device is not Device("cpu"):
            raise DeviceError(f"an example input is on {example.device}: give one on the CPU")
        array = np.asarray(example._data if isinstance(example, TensorBase) else example)
        if array.dtype.kind not in "fiub":
            raise DtypeError(f"an example input holds {array.dtype}, no numbers")
        if not isinstance(example, (TensorBase, np.ndarray)):
            array = np.asarray(as_tensor(array, Device("cpu"))._data)
            array = array.astype(np.float32) if array.dtype == np.float64 else array
        arrays.append(array)
    return arrays


def one_more(examples: Sequence[Array], axis: int) -> list[Array]:
    """The same examples the other way round, and one more of them, along the batch axis."""
    return [np.concatenate([np.flip(a, axis), a.take([0], axis)], axis) for a in examples]


def batch_of(examples: Sequence[Array], axis: int) -> int:
    """Return the number of examples; DataError if the inputs disagree."""
    if any(a.ndim <= axis or a.shape[axis] < 1 for a in examples) or len(
            {a.shape[axis] for a in examples}) > 1:
        shapes = "".join(f"\n  {a.shape}" for a in examples)
        raise DataError(f"dynamic_batch: axis {axis} of each input counts the examples, at least "
                        f"one, as many in each:{shapes}\nFor other models dynamic_batch=False")
    return int(examples[0].shape[axis])


def align(a: Run, b: Run) -> None:
    """GraphError where two runs did not run the same operations."""
    for one, other in zip(a.calls, b.calls):
        if type(one.op) is not type(other.op) or one.path != other.path:
            raise GraphError(
                "the model computes one thing for some inputs and another for others, and a file "
                f"holds one of them:\n  {one.where}\n  {other.where}\n"
                "If it is the number of examples that decides: dynamic_batch=False"
            )
    if len(a.calls) != len(b.calls) or len(a.outputs) != len(b.outputs):
        raise GraphError(
            f"the model runs {len(a.calls)} operations for {a.batch} examples and {len(b.calls)} "
            f"for {b.batch}, and a file holds one of them: dynamic_batch=False"
        )
