#!/usr/bin/env bash
# Keras 3.15.1 (JAX 0.10.2 back end, CPU), numpy 2.4.6, Python 3.11.7 (2026-11-30).
# The documentation of Model.fit and evaluate: a flat sample_weight has one weight for each sample;
# for temporal data it may have (samples, steps) instead. Seen: where the loss has a value for each
# step, flat weights are not given an axis for the steps. Where a batch has as many samples as
# steps they silently weight the steps, of fit too; any other batch stops with a ValueError.
# The same weights as (samples, 1) weight the samples. The PyTorch back end does the same.
# Output: errors of 4 in sample 0 and of 1 in the others, weights 10, 1, 1, 1, 4 steps
#         4 samples, weights (4,): 5.6875, by steps 5.6875, by samples 10.75
#         4 samples, weights (4, 1): 10.75
#         3 samples, weights (3,): ValueError
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 jax==0.10.2 keras==3.15.1
KERAS_BACKEND=jax "$folder/venv/bin/python" - <<'END'
import sys

import keras
import numpy as np

x = np.ones((4, 4, 1), np.float32)
target = np.zeros((4, 4, 1), np.float32)
target[0] = -1  # the model returns x
errors = ((x - target) ** 2)[..., 0]  # (samples, steps)
weights = np.array([10, 1, 1, 1], np.float32)
inputs = keras.Input((4, 1))
model = keras.Model(inputs, keras.layers.Dense(1, kernel_initializer="ones")(inputs))
model.compile(optimizer="sgd", loss="mse")


def loss(weights):
    count = len(weights)
    return model.evaluate(x[:count], target[:count], sample_weight=weights, verbose=0)


by_steps = (errors * weights).mean()
by_samples = (errors * weights[:, None]).mean()
flat, column = loss(weights), loss(weights[:, None])
if not np.isclose(column, by_samples) or not np.isclose(flat, by_steps):
    sys.exit(f"flat {flat}, (4, 1) {column}, by samples {by_samples}")
print("errors of 4 in sample 0 and of 1 in the others, weights 10, 1, 1, 1, 4 steps")
print(f"4 samples, weights (4,): {flat}, by steps {by_steps}, by samples {by_samples}")
print(f"4 samples, weights (4, 1): {column}")
try:
    sys.exit(f"3 samples, weights (3,): {loss(weights[:3])}")
except ValueError:
    print("3 samples, weights (3,): ValueError")
END
