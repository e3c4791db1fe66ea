#!/usr/bin/env bash
# openvino 2026.4.1 (CPU), onnx 1.23.2, onnxruntime 1.32.0, numpy 2.4.6, Python 3.11.7 (2026-11-30).
# The ONNX text of MaxPool with ceil_mode=1 (opset 22): a sliding window that would start in the
# padding on the right is left out. Seen: OpenVINO keeps such a window of an ONNX model, so
# the output has one place more, which holds the lowest float32, -3.4e38, and goes on as a value.
# onnxruntime, onnx.reference and PyTorch leave the window out; OpenVINO's AveragePool does too.
# Output: kernel 1, stride 2, pads 0: onnxruntime [1. 3. 5. 7.]
#         OpenVINO [1.0, 3.0, 5.0, 7.0, -3.4028234663852886e+38]
#         kernel 2, stride 3, pads 1: onnxruntime [1. 4. 7.]
#         OpenVINO [1.0, 4.0, 7.0, -3.4028234663852886e+38]
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
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

x = np.arange(1, 9, dtype=np.float32).reshape(1, 1, 8)


def pooled(operator, kernel, stride, pad):
    node = helper.make_node(operator, ["x"], ["y"], ceil_mode=1, kernel_shape=[kernel],
                            strides=[stride], pads=[pad, pad])
    graph = helper.make_graph(
        [node], "graph", [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1, None])])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
    content = model.SerializeToString()
    theirs = onnxruntime.InferenceSession(content).run(None, {"x": x})[0].ravel()
    reference = ReferenceEvaluator(model).run(None, {"x": x})[0].ravel()
    if not np.array_equal(theirs, reference):
        sys.exit(f"onnxruntime {theirs}, onnx.reference {reference}")
    core = openvino.Core()
    return theirs, core.compile_model(core.read_model(content, b""), "CPU")([x])[0].ravel()


for kernel, stride, pad in ((1, 2, 0), (2, 3, 1)):
    theirs, seen = pooled("MaxPool", kernel, stride, pad)
    if len(seen) != len(theirs) + 1 or seen[-1] > -1e38:
        sys.exit(f"MaxPool: onnxruntime {theirs}, OpenVINO {seen}")
    print(f"kernel {kernel}, stride {stride}, pads {pad}: onnxruntime {theirs}")
    print(f"OpenVINO {seen.tolist()}")
    theirs, seen = pooled("AveragePool", kernel, stride, pad)
    if not np.array_equal(theirs, seen):
        sys.exit(f"AveragePool: onnxruntime {theirs}, OpenVINO {seen}")
END
