#!/usr/bin/env bash
# torch 2.13.0 (CPU), onnx 1.23.2, onnxruntime 1.32.0, numpy 2.4.6, Python 3.11.7 (2026-11-30).
# The documentation of nn.LPPool1d: each window gives the p-th root of its sum of x ** p; for p = 1
# that is sum pooling. Seen: with ceil_mode=True a last window that the end cuts short gives more
# than its numbers: their mean, of those that are there, is multiplied by the whole kernel size.
# LPPool2d does the same. The ONNX text of LpPool speaks of the same norm of the window:
# onnxruntime returns the norm of what is there, torch and onnxruntime agree on whole windows.
# Output: ones (1, 1, 4), kernel 3, stride 3, ceil_mode, so that the last window holds one 1
#         p = 1: LPPool1d [3.0, 3.0], onnxruntime [3.0, 1.0]
#         p = 2: LPPool1d [1.732, 1.732], onnxruntime [1.732, 1.0]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 onnx==1.23.2 onnxruntime==1.32.0 \
    torch==2.13.0
"$folder/venv/bin/python" - <<'END'
import sys

import numpy as np
import onnxruntime
import torch
from onnx import TensorProto, helper

x = np.ones((1, 1, 4), np.float32)
print("ones (1, 1, 4), kernel 3, stride 3, ceil_mode, so that the last window holds one 1")
for p in (1, 2):
    node = helper.make_node("LpPool", ["x"], ["y"], kernel_shape=[3], strides=[3], p=p,
                            ceil_mode=1)
    graph = helper.make_graph(
        [node], "graph", [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1, 2])])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    theirs = session.run(None, {"x": x})[0].ravel()
    pooled = torch.nn.LPPool1d(p, 3, ceil_mode=True)(torch.from_numpy(x)).numpy().ravel()
    wide = torch.nn.LPPool2d(p, (1, 3), ceil_mode=True)(torch.from_numpy(x[None])).numpy().ravel()
    whole = 3 ** (1 / p)
    if not np.allclose(theirs, [whole, 1]) or not np.allclose(wide, pooled):
        sys.exit(f"p = {p}: onnxruntime {theirs}, LPPool1d {pooled}, LPPool2d {wide}")
    if not np.allclose(pooled, [whole, whole]):
        sys.exit(f"p = {p}: LPPool1d {pooled}")
    print(f"p = {p}: LPPool1d {[round(float(v), 3) for v in pooled]}, "
          f"onnxruntime {[round(float(v), 3) for v in theirs]}")
END
