#!/usr/bin/env bash
# openvino 2026.4.1 (CPU), onnx 1.23.2, onnxruntime 1.32.0, numpy 2.4.6, Python 3.11.7 (2026-12-01).
# The ONNX text of LRN: Y = X / (bias + alpha / size * square_sum) ** beta with a float bias;
# OpenVINO's own LRN-1 has a float bias too. Seen: OpenVINO's CPU plugin cuts the bias to a
# whole number: 1.9 counts as 1, 0.5 as 0, which divides by next to nothing where the input is
# small. The model that it has read still holds 1.9 or 0.5. Whole numbers are right, and so is
# onnxruntime each time.
# Output: x [0.01, 0.01, 2, 3], size 3, alpha 0.3, beta 0.75
#         bias 2.0: onnxruntime [0.006, 0.005, 0.817, 1.225], OpenVINO [0.006, 0.005, 0.817, 1.225]
#         bias 1.9: onnxruntime [0.006, 0.005, 0.836, 1.254], OpenVINO [0.01, 0.008, 1.071, 1.606]
#         bias 0.5: onnxruntime [0.017, 0.011, 1.287, 1.93], OpenVINO [33.437, 0.02, 1.643, 2.464]
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

values = np.array([0.01, 0.01, 2, 3], np.float32)  # one number for each channel
x = values.reshape(1, 4, 1, 1)
size, alpha, beta = 3, 0.3, 0.75


def formula(bias):
    squares = np.convolve(np.float64(values) ** 2, np.ones(size), "same")
    return values / (bias + alpha / size * squares) ** beta


def outputs(bias):
    node = helper.make_node("LRN", ["x"], ["y"], size=size, alpha=alpha, beta=beta, bias=bias)
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, x.shape) for name in "xy"]
    graph = helper.make_graph([node], "graph", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=10)
    content, core = model.SerializeToString(), openvino.Core()
    read = core.read_model(content, b"")
    held = [float(node.get_attributes()["bias"]) for node in read.get_ops()
            if node.get_type_name() == "LRN"]
    return (onnxruntime.InferenceSession(content).run(None, {"x": x})[0].ravel(),
            core.compile_model(read, "CPU")([x])[0].ravel(), held)


print(f"x [0.01, 0.01, 2, 3], size {size}, alpha {alpha}, beta {beta}")
for bias in (2.0, 1.9, 0.5):
    theirs, seen, held = outputs(bias)
    if not np.allclose(theirs, formula(bias), rtol=1e-4) or not np.allclose(held, [bias]):
        sys.exit(f"bias {bias}: onnxruntime {theirs}, OpenVINO's model holds {held}")
    if not np.allclose(seen, formula(int(bias)), rtol=1e-3):
        sys.exit(f"bias {bias}: OpenVINO {seen}")
    first, last = ([round(float(v), 3) for v in y] for y in (theirs, seen))
    print(f"bias {bias}: onnxruntime {first}, OpenVINO {last}")
END
