#!/usr/bin/env bash
# onnxruntime 1.32.0 (CPU), onnx 1.23.2, numpy 2.4.6, Python 3.11.7 (2026-11-29).
# The ONNX text of Resize: the output has floor(input * scale) places, and (asymmetric) each is
# sampled at x_original = x_resized / scale. It also writes scale = length_resized /
# length_original, which the floor can make another number. Seen: onnxruntime takes the given
# scale (1.3 on four numbers samples at 0, 1/1.3, 2/1.3 ...), but where the floor gives the input's
# own shape it returns the input unchanged, as if the scale were 1. onnx.reference takes the given
# scale each time.
# Output: linear, scale 1.3: onnxruntime [10.   17.69 25.38 33.08 40.  ]
#         nearest: onnxruntime [10. 20. 30. 40.], reference [10. 20. 30. 30.]
#         linear: onnxruntime [10. 20. 30. 40.], reference [10.   18.33 26.67 35.  ]
#         cubic: onnxruntime [10. 20. 30. 40.], reference [10.   17.7  26.3  35.94]
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

x = np.array([[[[10, 20, 30, 40]]]], np.float32)


def resize(mode, scale):
    node = helper.make_node("Resize", ["x", "", "scales"], ["y"], mode=mode,
                            coordinate_transformation_mode="asymmetric")
    graph = helper.make_graph(
        [node], "graph", [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1, 1, None])],
        [numpy_helper.from_array(np.array([1, 1, 1, scale], np.float32), "scales")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=10)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    returned = session.run(None, {"x": x})[0]
    return returned.ravel(), ReferenceEvaluator(model).run(None, {"x": x})[0].ravel()


if not np.allclose(*resize("linear", 1.3)):
    sys.exit("a scale of 1.3 is not taken as given any more")
print(f"linear, scale 1.3: onnxruntime {resize('linear', 1.3)[0].round(2)}")
for mode in ("nearest", "linear", "cubic"):
    returned, reference = resize(mode, 1.2)  # floor(4 * 1.2) = 4 places
    if not np.array_equal(returned, x.ravel()) or np.allclose(returned, reference):
        sys.exit(f"{mode}: {returned}, reference {reference}")
    print(f"{mode}: onnxruntime {returned}, reference {reference.round(2)}")
END
