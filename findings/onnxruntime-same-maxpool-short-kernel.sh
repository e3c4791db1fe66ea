#!/usr/bin/env bash
# onnxruntime 1.32.0 (CPU), onnx 1.23.2, numpy 2.4.6, Python 3.11.7 (2026-11-29).
# The ONNX text of MaxPool, AveragePool and LpPool alike: with auto_pad SAME_UPPER or SAME_LOWER
# the output has ceil(input / stride) places; the padding is
# (output - 1) * stride + kernel - input, here 2 * 2 + 1 - 6 = -1. Seen: MaxPool loads and then
# fails when it is run, although the model sets no pads and infers 3 places. AveragePool and
# LpPool with the same attributes run, and so does MaxPool on an input of 5 (padding 0).
# Output: AveragePool: [0. 2. 4.]
#         LpPool: [0. 2. 4.]
#         MaxPool SAME_UPPER and SAME_LOWER: padding values must be non-negative
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 onnx==1.23.2 onnxruntime==1.32.0
"$folder/venv/bin/python" - <<'END'
import sys

import numpy as np
import onnxruntime
from onnx import TensorProto, helper

onnxruntime.set_default_logger_severity(4)


def pool(operator, auto_pad, length):
    x = np.arange(length, dtype=np.float32).reshape(1, 1, length)
    node = helper.make_node(operator, ["x"], ["y"], auto_pad=auto_pad,
                            kernel_shape=[1], strides=[2])
    graph = helper.make_graph(
        [node], "graph", [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1, 3])])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return session.run(None, {"x": x})[0].ravel()


for operator in ("AveragePool", "LpPool"):
    print(f"{operator}: {pool(operator, 'SAME_UPPER', 6)}")
for auto_pad in ("SAME_UPPER", "SAME_LOWER"):
    pool("MaxPool", auto_pad, 5)
    try:
        returned = pool("MaxPool", auto_pad, 6)
    except Exception as error:
        if "non-negative" not in str(error):
            raise
    else:
        sys.exit(f"MaxPool {auto_pad}: {returned}")
print("MaxPool SAME_UPPER and SAME_LOWER: padding values must be non-negative")
END
