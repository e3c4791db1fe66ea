#!/usr/bin/env bash
# openvino 2026.4.1 (CPU), onnx 1.23.2, onnxruntime 1.32.0, numpy 2.4.6, Python 3.11.7 (2026-11-30).
# The ONNX text of NonMaxSuppression: only boxes whose IoU with a selected one is greater than
# iou_threshold are removed, those with just that IoU are kept; without that input the threshold
# is 0. Seen: OpenVINO removes boxes whose IoU equals the threshold, too. So at 0, given or left
# out, one box is left of three that lie apart and have an IoU of 0. onnxruntime keeps all three.
# Output: threshold left out: onnxruntime [0, 1, 2], OpenVINO [0]
#         threshold 0.0: onnxruntime [0, 1, 2], OpenVINO [0]
#         threshold 1e-06: onnxruntime [0, 1, 2], OpenVINO [0, 1, 2]
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

boxes = np.array([[[0, 0, 2, 2], [5, 5, 6, 6], [8, 8, 9, 9]]], np.float32)
scores = np.array([[[0.9, 0.8, 0.7]]], np.float32)


def kept(threshold):
    constants = [numpy_helper.from_array(np.array([5]), "most")]
    if threshold is not None:
        constants.append(numpy_helper.from_array(np.array([threshold], np.float32), "iou"))
    node = helper.make_node(
        "NonMaxSuppression", ["boxes", "scores", *(c.name for c in constants)], ["places"])
    graph = helper.make_graph(
        [node], "graph",
        [helper.make_tensor_value_info("boxes", TensorProto.FLOAT, boxes.shape),
         helper.make_tensor_value_info("scores", TensorProto.FLOAT, scores.shape)],
        [helper.make_tensor_value_info("places", TensorProto.INT64, [None, 3])], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=10)
    content = model.SerializeToString()
    theirs = onnxruntime.InferenceSession(content).run(None, {"boxes": boxes, "scores": scores})
    core = openvino.Core()
    seen = core.compile_model(core.read_model(content, b""), "CPU")([boxes, scores])
    return theirs[0][:, 2].tolist(), seen[0][:, 2].tolist()


for threshold, count in ((None, 1), (0.0, 1), (1e-6, 3)):
    theirs, seen = kept(threshold)
    if theirs != [0, 1, 2] or len(seen) != count:
        sys.exit(f"threshold {threshold}: onnxruntime {theirs}, OpenVINO {seen}")
    name = "left out" if threshold is None else threshold
    print(f"threshold {name}: onnxruntime {theirs}, OpenVINO {seen}")
END
