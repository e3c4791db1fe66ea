#!/usr/bin/env bash
# onnx 1.23.2, onnxruntime 1.32.0, numpy 2.4.6, Python 3.11.7 (2026-11-30).
# The ONNX text of RNN, GRU and LSTM: sequence_lens has the length of each, clip bounds what
# goes into the activations, activations names them. Seen: ReferenceEvaluator, which stands for the
# specification, takes a model with sequence_lens or clip and returns what it returns without
# them, of all three operators; of GRU and LSTM activations too. Nothing is said or raised (RNN
# refuses activations that it does not know). onnxruntime heeds each of them.
# Output: sequence_lens: the reference ignores it in RNN, GRU, LSTM
#         clip: the reference ignores it in RNN, GRU, LSTM
#         activations: the reference ignores it in GRU, LSTM
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

kinds = {"RNN": (1, ["Relu"]), "GRU": (3, ["Sigmoid", "Relu"]),
         "LSTM": (4, ["Sigmoid", "Relu", "Relu"])}
x = np.random.default_rng(0).normal(size=(4, 2, 3)).astype(np.float32)


def last_states(kind, lengths=None, **options):
    rng, gates = np.random.default_rng(1), kinds[kind][0]
    values = {"W": rng.normal(size=(1, gates * 2, 3)), "R": rng.normal(size=(1, gates * 2, 2))}
    constants = [numpy_helper.from_array(v.astype(np.float32), n) for n, v in values.items()]
    if lengths is not None:
        constants.append(numpy_helper.from_array(np.array(lengths, np.int32), "lengths"))
    names = ["x", "W", "R"] + ([] if lengths is None else ["", "lengths"])
    node = helper.make_node(kind, names, ["", "last"], hidden_size=2, **options)
    graph = helper.make_graph(
        [node], "graph", [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
        [helper.make_tensor_value_info("last", TensorProto.FLOAT, [1, 2, 2])], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return session.run(None, {"x": x})[0], ReferenceEvaluator(model).run(None, {"x": x})[0]


def ignored(kind, **options):
    (theirs, reference), (heeded, same) = last_states(kind), last_states(kind, **options)
    if not np.allclose(theirs, reference, atol=1e-5) or np.allclose(theirs, heeded, atol=1e-3):
        sys.exit(f"{kind}: {theirs}, reference {reference}, {options}: {heeded}")
    return np.array_equal(reference, same)


for option, able in (("sequence_lens", list(kinds)), ("clip", list(kinds)),
                     ("activations", ["GRU", "LSTM"])):
    for kind in able:
        value = {"sequence_lens": [4, 2], "clip": 0.1, "activations": kinds[kind][1]}[option]
        if not ignored(kind, **{option.replace("sequence_lens", "lengths"): value}):
            sys.exit(f"{kind}: {option} is heeded")
    print(f"{option}: the reference ignores it in {', '.join(able)}")
END
