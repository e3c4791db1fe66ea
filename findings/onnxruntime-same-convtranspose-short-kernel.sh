#!/usr/bin/env bash
# onnxruntime 1.32.0 (CPU), onnx 1.23.2, numpy 2.4.6, Python 3.11.7 (2026-11-29).
# The ONNX text of ConvTranspose: with auto_pad SAME_UPPER or SAME_LOWER, output_shape is
# input_shape * strides on each axis. Seen: where the kernel is shorter than the stride, onnxruntime
# returns (n - 1) * stride + kernel places, as without padding; onnx.shape_inference says the same.
# onnx.reference returns n * stride. With a kernel as long as the stride, all agree.
# Output: SAME_UPPER: input 4, stride 3, kernel 2: onnxruntime 11, shape inference 11, reference 12
#         SAME_LOWER: input 4, stride 3, kernel 2: onnxruntime 11, shape inference 11, reference 12
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 onnx==1.23.2 onnxruntime==1.32.0
"$folder/venv/bin/python" - <<'END'
import sys

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from onnx.shape_inference import infer_shapes

x = np.arange(1, 5, dtype=np.float32).reshape(1, 1, 4)


def lengths(auto_pad, kernel):
    node = helper.make_node("ConvTranspose", ["x", "w"], ["y"], auto_pad=auto_pad, strides=[3])
    graph = helper.make_graph(
        [node], "graph", [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1, None])],
        [numpy_helper.from_array(np.ones((1, 1, kernel), np.float32), "w")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    inferred = infer_shapes(model).graph.output[0].type.tensor_type.shape.dim[2].dim_value
    reference = ReferenceEvaluator(model).run(None, {"x": x})[0]
    return session.run(None, {"x": x})[0].shape[2], inferred, reference.shape[2]


for auto_pad in ("SAME_UPPER", "SAME_LOWER"):
    if lengths(auto_pad, 3)[0] != 12:
        sys.exit("a kernel as long as the stride no longer gives n * stride")
    returned, inferred, reference = lengths(auto_pad, 2)
    if returned != 11:
        sys.exit(f"{auto_pad}: {returned} places")
    print(f"{auto_pad}: input 4, stride 3, kernel 2: onnxruntime {returned}, "
          f"shape inference {inferred}, reference {reference}")
END
