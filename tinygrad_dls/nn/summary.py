"""The table of a network: its layers, the shapes of their outputs, their parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike

from .._util.arguments import is_whole
from ..backend.device import default_device
from ..backend.dtypes import default_dtype
from ..engine.modes import no_grad
from ..errors import ShapeError
from ..tensors import Tensor

if TYPE_CHECKING:
    from .module import Module


@dataclass(frozen=True)
class Row:
    """One module: where it is, what it is, what came out, its own parameters."""

    name: str
    layer: str
    output: str
    parameters: int


@dataclass(frozen=True)
class Summary:
    """The rows of the table and the totals; shown as text."""

    rows: tuple[Row, ...]
    parameters: int
    trainable: int
    bytes: int

    def __str__(self) -> str:
        head = ("layer", "output shape", "parameters")
        body = [
            ("  " * row.name.count(".") + (f"{row.name.split('.')[-1]}: " if row.name else "")
             + row.layer, row.output, f"{row.parameters:,}" if row.parameters else "-")
            for row in self.rows
        ]
        widths = [max(len(line[i]) for line in [head, *body]) for i in range(3)]
        lines = [
            f"{line[0]:<{widths[0]}}  {line[1]:<{widths[1]}}  {line[2]:>{widths[2]}}"
            for line in [head, *body]
        ]
        rule = "-" * len(lines[0])
        total = (f"{self.parameters:,} parameters, {self.trainable:,} of them trained, "
                 f"{size_of(self.bytes)}")
        return "\n".join([lines[0], rule, *lines[1:], rule, total])

    __repr__ = __str__


def summarize(
    module: Module, input_shapes: Sequence[Sequence[int]], dtype: DTypeLike | None
) -> Summary:
    """Run `module` on zeros, in evaluation mode and without a graph, and note what comes out."""
    if not input_shapes or any(isinstance(shape, int) for shape in input_shapes):
        raise ShapeError("summary takes the shape of each input: model.summary((1, 784))")
    for shape in input_shapes:
        if not all(map(is_whole, shape)):
            raise ShapeError(f"a shape is made of lengths, the batch's too: (1, 784), not {shape}")
    first = next(module.parameters(), None)
    device = first.device if first is not None else default_device()
    kind = dtype or (first.dtype if first is not None else default_dtype())
    inputs = [Tensor(np.zeros(tuple(shape), kind), device=device) for shape in input_shapes]
    outputs: dict[int, str] = {}

    def note(layer: Module, _: Any, output: Any) -> None:
        outputs[id(layer)] = shapes_of(output)

    modes = [(part, part.training) for part in module.modules()]
    handles = [part.register_forward_hook(note) for part, _ in modes]
    try:
        with no_grad():
            module.eval()(*inputs)
    finally:
        for handle in handles:
            handle.remove()
        for part, training in modes:
            part.training = training
    rows = tuple(
        Row(name, layer_name(part), outputs.get(id(part), no_output(part)),
            sum(p.size for p in part.parameters(recurse=False)))
        for name, part in module.named_modules()
    )
    all_ = list(module.parameters())
    return Summary(
        rows,
        sum(p.size for p in all_),
        sum(p.size for p in all_ if p.requires_grad),
        sum(p._data.nbytes for p in all_),
    )


def no_output(module: Module) -> str:
    """Return the text for a module without an output: a list of modules is never called itself."""
    return "-" if type(module).forward.__qualname__ == "Module.forward" else "not called"


def layer_name(module: Module) -> str:
    has_children = next(module.children(), None) is not None
    return type(module).__name__ if has_children else repr(module)


def shapes_of(output: Any) -> str:
    if isinstance(output, (tuple, list)):
        return ", ".join(shapes_of(part) for part in output if part is not None)
    if isinstance(output, dict):
        return ", ".join(f"{name} {shapes_of(part)}" for name, part in output.items())
    return str(getattr(output, "shape", type(output).__name__))


def size_of(count: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} GB"
