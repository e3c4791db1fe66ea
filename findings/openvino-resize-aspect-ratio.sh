#!/usr/bin/env bash
# openvino 2026.4.1 (CPU), onnx 1.23.2, onnxruntime 1.32.0, numpy 2.4.6, Python 3.11.7 (2026-12-01).
# The ONNX text of Resize (opset 18): with keep_aspect_ratio_policy not_larger or not_smaller, one
# scale goes to all axes, the smaller or the larger one of sizes / input. Seen: OpenVINO reads such
# a model without a word and stretches the image to just the given sizes, so that the output's shape
# is another one; the other axis is distorted. onnxruntime, onnx.reference and ONNX's shape
# inference do as the text says.
# Output: 4 x 8 to sizes [6, 6]
#         stretch: onnxruntime (6, 6), reference (6, 6), shape inference (6, 6), OpenVINO (6, 6)
#         not_larger: onnxruntime (3, 6), reference (3, 6), shape inference (3, 6), OpenVINO (6, 6)
#         not_smaller: onnxruntime (6, 12), reference (6, 12), shape inference (6, 12),
#         OpenVINO (6, 6)
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
from onnx.shape_inference import infer_shapes

x = np.arange(32, dtype=np.float32).reshape(1, 1, 4, 8)


def shapes(policy):
    node = helper.make_node("Resize", ["x", "", "", "sizes"], ["y"], mode="linear", axes=[2, 3],
                            keep_aspect_ratio_policy=policy)
    graph = helper.make_graph(
        [node], "graph", [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1, None, None])],
        [numpy_helper.from_array(np.array([6, 6]), "sizes")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    content, core = model.SerializeToString(), openvino.Core()
    inferred = infer_shapes(model).graph.output[0].type.tensor_type.shape.dim
    return {"onnxruntime": onnxruntime.InferenceSession(content).run(None, {"x": x})[0].shape[2:],
            "reference": ReferenceEvaluator(model).run(None, {"x": x})[0].shape[2:],
            "shape inference": tuple(size.dim_value for size in inferred[2:]),
            "OpenVINO": core.compile_model(core.read_model(content, b""), "CPU")([x])[0].shape[2:]}


print("4 x 8 to sizes [6, 6]")
for policy, shape in (("stretch", (6, 6)), ("not_larger", (3, 6)), ("not_smaller", (6, 12))):
    found = shapes(policy)
    text = ", ".join(f"{name} {size}" for name, size in found.items())
    if found.pop("OpenVINO") != (6, 6) or set(found.values()) != {shape}:
        sys.exit(f"{policy}: {text}")
    print(f"{policy}: {text}")
END
