#!/usr/bin/env bash
# openvino 2026.4.1 (CPU), onnx 1.23.2, onnxruntime 1.32.0, numpy 2.4.6, Python 3.11.7 (2026-12-01).
# The ONNX text of DFT: since opset 20 the axis is the third input, -2 without it (the last axis of
# the signal). Seen: OpenVINO takes no account of that input and transforms along axis 1, whatever
# it says and without it too; 1 was the default of the attribute axis of opset 17, which is heeded.
# Nothing is said or raised, and the shape is right unless onesided or dft_length changes it.
# onnxruntime and NumPy's fft agree on every axis.
# Output: signal (1, 4, 6, 1), the axis along which NumPy's fft gives the same
#         opset 17, axis 1: onnxruntime 1, OpenVINO 1
#         opset 17, axis 2: onnxruntime 2, OpenVINO 2
#         opset 20, axis 1: onnxruntime 1, OpenVINO 1
#         opset 20, axis 2: onnxruntime 2, OpenVINO 1
#         opset 20, axis -2: onnxruntime 2, OpenVINO 1
#         opset 20, axis left out: onnxruntime 2, OpenVINO 1
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 onnx==1.23.2 onnxruntime==1.32.0 \
    openvino==2026.4.1
"$folder/venv/bin/python" - <<'END'
import sys

import numpy as np
import onnxruntime
import openvino
from onnx import TensorProto, helper, numpy_helper

x = np.random.default_rng(0).normal(size=(1, 4, 6, 1)).astype(np.float32)


def axes(opset, axis):
    names, constants, options = ["x"], [], {}
    if opset == 17:
        options["axis"] = axis
    elif axis is not None:
        names, constants = ["x", "", "axis"], [numpy_helper.from_array(np.array(axis), "axis")]
    graph = helper.make_graph(
        [helper.make_node("DFT", names, ["y"], **options)], "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4, 6, 2])], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    content, core = model.SerializeToString(), openvino.Core()
    for y in (onnxruntime.InferenceSession(content).run(None, {"x": x})[0],
              core.compile_model(core.read_model(content, b""), "CPU")([x])[0]):
        spectrum = y[..., 0] + 1j * y[..., 1]
        yield next((place for place in (1, 2)
                    if np.allclose(spectrum, np.fft.fft(x[..., 0], axis=place), atol=1e-4)), None)


print("signal (1, 4, 6, 1), the axis along which NumPy's fft gives the same")
for opset, axis in ((17, 1), (17, 2), (20, 1), (20, 2), (20, -2), (20, None)):
    theirs, seen = axes(opset, axis)
    if (theirs, seen) != (1 if axis == 1 else 2, 2 if (opset, axis) == (17, 2) else 1):
        sys.exit(f"opset {opset}, axis {axis}: onnxruntime {theirs}, OpenVINO {seen}")
    print(f"opset {opset}, axis {'left out' if axis is None else axis}: onnxruntime {theirs}, "
          f"OpenVINO {seen}")
END
