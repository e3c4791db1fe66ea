#!/usr/bin/env bash
# openvino 2026.4.1 (CPU), onnx 1.23.2, onnxruntime 1.32.0, numpy 2.4.6, Python 3.11.7 (2026-11-30).
# The ONNX text of ConvTranspose with output_shape: SAME_UPPER cuts total / 2 at the start, every
# other auto_pad total - total / 2; total is 1 here. Seen: where output_shape is given, OpenVINO
# cuts the larger half at the start with SAME_UPPER too, so all values stand one place further to
# the left. Without output_shape the same node, whose output has that very shape, is right.
# onnxruntime and onnx.reference do as the text says.
# Output: SAME_UPPER: onnxruntime [1, 10, 102, 20, 203, 30]
#         OpenVINO [1, 10, 102, 20, 203, 30], with output_shape=[6] [10, 102, 20, 203, 30, 300]
#         SAME_LOWER: onnxruntime [10, 102, 20, 203, 30, 300]
#         OpenVINO [10, 102, 20, 203, 30, 300], with output_shape=[6] [10, 102, 20, 203, 30, 300]
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
from onnx.reference import ReferenceEvaluator

x = np.array([[[1, 2, 3]]], np.float32)
w = np.array([[[1, 10, 100]]], np.float32)


def outputs(**options):
    node = helper.make_node("ConvTranspose", ["x", "w"], ["y"], strides=[2], **options)
    graph = helper.make_graph(
        [node], "graph", [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1, None])],
        [numpy_helper.from_array(w, "w")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
    content, core = model.SerializeToString(), openvino.Core()
    found = [onnxruntime.InferenceSession(content).run(None, {"x": x})[0],
             ReferenceEvaluator(model).run(None, {"x": x})[0],
             core.compile_model(core.read_model(content, b""), "CPU")([x])[0]]
    theirs, reference, seen = (y.ravel().astype(int).tolist() for y in found)
    if theirs != reference:
        sys.exit(f"onnxruntime {theirs}, onnx.reference {reference}")
    return theirs, seen


for auto_pad in ("SAME_UPPER", "SAME_LOWER"):
    theirs, plain = outputs(auto_pad=auto_pad)
    with_shape, seen = outputs(auto_pad=auto_pad, output_shape=[6])
    if with_shape != theirs or plain != theirs or (seen == theirs) != (auto_pad == "SAME_LOWER"):
        sys.exit(f"{auto_pad}: onnxruntime {theirs} and {with_shape}, OpenVINO {plain} and {seen}")
    print(f"{auto_pad}: onnxruntime {theirs}\nOpenVINO {plain}, with output_shape=[6] {seen}")
END
