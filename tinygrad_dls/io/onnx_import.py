"""Reading ONNX files: a Module that runs the graph with our operations, and can be trained."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from .._util.keywords import near_names
from ..backend.device import Device
from ..engine.autograd import TensorBase
from ..errors import DataError, Error, FormatError, ShapeError
from ..nn import Module, Parameter
from ..ops.call import tensor_of
from ..tensors import Tensor
from .onnx_model import ModelProto, ValueInfo
from .onnx_operators import Args, host
from .onnx_steps import Branch, Step, arrays_of, checked_model, steps_of
from .protobuf import decode
from .reading import Array, as_path, reading, short, size_of


class OnnxModel(Module):
    """The computation of an ONNX file, as a module; made by `import_onnx`.

    Takes its inputs in the order of `input_names` and returns a tensor, or a tuple of them in the
    order of `output_names`. Weights are parameters under their names in the file, with modules
    for the dots: "fc1.weight" is `model.fc1.weight`.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import io, nn
    >>> io.export_onnx(nn.Linear(3, 2), "linear.onnx", dls.zeros(1, 3), output_names=["scores"])
    >>> model = io.import_onnx("linear.onnx")
    >>> model.output_names, sorted(model.state_dict())
    (('scores',), ['bias', 'weight'])
    """

    @near_names
    def __init__(self, steps: tuple[Step, ...], inputs: tuple[ValueInfo, ...],
                 outputs: tuple[str, ...], opset: int, metadata: dict[str, str]) -> None:
        self._steps, self._inputs, self._opset = steps, inputs, opset
        self.input_names = tuple(i.name for i in inputs)
        self.output_names = outputs
        self.metadata = metadata
        self._held: tuple[tuple[str, Module, str], ...] = ()
        self._constants: dict[str, Array] = {}

    @near_names
    def hold(self, weights: dict[str, Array], buffers: Iterable[str],
             constants: dict[str, Array]) -> None:
        """Take the file's arrays: weights as parameters, `buffers` of them as buffers."""
        held, still = [], set(buffers)
        for name, array in weights.items():
            holder, attribute = self._place(name)
            if name in still:
                holder.register_buffer(attribute, Tensor(array))
            else:
                setattr(holder, attribute, Parameter(array))
            held.append((name, holder, attribute))
        self._held = tuple(held)
        self._constants = constants

    def _place(self, name: str) -> tuple[Module, str]:
        """The module and the attribute for a name with dots."""
        *lead, last = [re.sub(r"\W", "_", part) or "_" for part in name.split(".")]
        holder: Module = self
        for part in lead:
            part = _free(holder, part, Module)
            if part not in vars(holder):
                setattr(holder, part, Module())
            holder = vars(holder)[part]
        return holder, _free(holder, last, None)

    def forward(self, *inputs: Any) -> Any:
        """The outputs for these inputs: one tensor, or a tuple."""
        values: dict[str, Any] = dict(self._constants)
        for name, holder, attribute in self._held:
            values[name] = getattr(holder, attribute)
        device = next((values[n].device for n, _, _ in self._held), None)
        values |= dict(zip(self.input_names, self._checked(inputs, device)))
        self._run_all(self._steps, values)
        found = tuple(v if isinstance(v, TensorBase) else Tensor(v, device=device)
                      for v in (values[n] for n in self.output_names))
        return found[0] if len(found) == 1 else found

    def _checked(self, inputs: Sequence[Any], device: Device | None) -> list[Any]:
        if len(inputs) != len(self._inputs):
            raise DataError(f"this model takes {len(self._inputs)} inputs, "
                            f"{', '.join(self.input_names)}, not {len(inputs)}")
        found = []
        for given, info in zip(inputs, self._inputs):
            x: Any = given if isinstance(given, TensorBase) else Tensor(given, device=device)
            wanted = _shape_of(info)
            if wanted is not None and (len(wanted) != x.ndim or any(
                    isinstance(n, int) and n != m for n, m in zip(wanted, x.shape))):
                shown = ", ".join(map(str, wanted))
                raise ShapeError(f"input {info.name!r} of this model has shape\n  ({shown}), not\n"
                                 f"  {x.shape}")
            found.append(x)
        return found

    def _run_all(self, steps: Iterable[Step], values: dict[str, Any]) -> None:
        """Run the steps on `values`; each adds its outputs, and drops what is not needed again."""
        for step in steps:
            try:
                made = self._run(step, values)
            except Error:
                raise
            except (ArithmeticError, AttributeError, LookupError, MemoryError, TypeError,
                    ValueError) as error:  # options and shapes that no valid file has
                raise FormatError(f"{step.what} cannot be run: {short(error)}") from error
            values |= dict(zip(step.outputs, made))
            for name in step.done:
                del values[name]

    def _run(self, step: Step, known: dict[str, Any]) -> tuple[Any, ...]:
        """The outputs of one node: on the host where all its inputs are."""
        values = [known[n] if n else None for n in step.inputs]
        given = [v for i, v in enumerate(values) if v is not None and i not in step.operator.host]
        tensors = [v for v in given if isinstance(v, TensorBase)]
        there = tensors[0].device if tensors else Device("cpu")
        if tensors or not step.what.startswith(("Constant", "Range")):
            numbers = tensors and step.operator.numbers
            values = [
                tensor_of(v, there) if isinstance(v, np.ndarray) and i not in step.operator.host
                and (v.ndim or not numbers) else v for i, v in enumerate(values)
            ]
        options = {name: self._ready(value, known) if isinstance(value, Branch) else value
                   for name, value in step.options.items()}
        made = step.operator.run(
            Args(values, options, self._opset, len(step.outputs), step.what, step.types))
        several = made if isinstance(made, tuple) else (made,)
        if given and not tensors:
            several = tuple(host(v) for v in several)
        if len(several) < len(step.outputs):
            raise FormatError(f"{step.what} gives {len(several)} outputs, not {len(step.outputs)}")
        return several

    def _ready(self, branch: Branch, known: dict[str, Any]) -> Callable[[], tuple[Any, ...]]:
        """A function that runs the branch on the values around it."""

        def run() -> tuple[Any, ...]:
            values = {**branch.constants, **{name: known[name] for name in branch.captured}}
            self._run_all(branch.steps, values)
            return tuple(values[name] for name in branch.outputs)

        return run

    def extra_repr(self) -> str:
        return (f"{', '.join(self.input_names)} -> {', '.join(self.output_names)}, "
                f"{len(self._steps)} nodes")


@near_names
def import_onnx(path: str | os.PathLike[str]) -> OnnxModel:
    """Read the model of an ONNX file as a module of our operations.

    Weights are its parameters, running statistics its buffers: it can be trained, saved and moved
    like any other. Batch norm and dropout do what the file says, in train() and eval() alike: as in
    evaluation, unless the node has `training_mode`. bfloat16 is computed in float32, and rounded
    by casts. FormatError, naming all operators that are not known, for files that cannot be run,
    and for broken ones.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import io, nn
    >>> model = nn.Linear(3, 2)
    >>> io.export_onnx(model, "linear.onnx", dls.zeros(1, 3))
    >>> again, x = io.import_onnx("linear.onnx"), dls.randn(5, 3)
    >>> dls.allclose(again(x), model(x), atol=1e-6)
    True
    """
    path = as_path(path)
    with reading(path):
        with path.open("rb") as file:
            size = size_of(file)
            data = file.read(size)
        model = decode(ModelProto, data)
        graph, opset = checked_model(model)
        arrays = arrays_of(graph, path.parent)
        steps = steps_of(graph, arrays, {})
        inputs = tuple(i for i in graph.input if i.name not in arrays)
        metadata = {e.key: e.value for e in model.metadata_props}
        made = OnnxModel(steps, inputs, tuple(o.name for o in graph.output), opset, metadata)
        weights = {n: a for n, a in arrays.items() if a.dtype.kind == "f" and a.ndim}
        made.hold(weights, {n for s in steps if s.what.startswith("BatchNormalization")
                            for n in s.inputs[3:5]},
                  {n: a for n, a in arrays.items() if n not in weights})
    return made


def _shape_of(info: ValueInfo) -> tuple[int | str, ...] | None:
    """The lengths of an input, names where they may be any; None where nothing is said."""
    kind = info.type.tensor_type if info.type is not None else None
    if kind is None or kind.shape is None:
        return None
    return tuple(d.dim_param or d.dim_value or "any" for d in kind.shape.dim)


def _free(holder: Module, name: str, kind: type | None) -> str:
    """`name`, or with underscores behind it, so that it hides nothing that is there."""
    while (name in vars(holder) or hasattr(type(holder), name)) and not (
            kind is not None and isinstance(vars(holder).get(name), kind)):
        name += "_"
    return name

