"""torch.onnx: writing a model to an ONNX file."""

from __future__ import annotations

from typing import Any

from .. import io


def export(
    model: Any, args: Any = (), f: Any = None, *, input_names: Any = None,
    output_names: Any = None, opset_version: int | None = None, dynamic_axes: Any = None,
    export_params: bool = True, verbose: Any = None, do_constant_folding: bool = True, **_: Any,
) -> None:
    """Write `model`, run on `args`, to the file `f`; `io.export_onnx` says what it can hold.

    The first axis may have another length later where `dynamic_axes` names it.
    """
    inputs = args if isinstance(args, tuple) else (args,)
    free = any(0 in axes for axes in (dynamic_axes or {}).values())
    io.export_onnx(model, f, *inputs, input_names=input_names, output_names=output_names,
                   opset=opset_version or 17, dynamic_batch=free)
