#!/usr/bin/env bash
# Keras 3.15.1 (JAX 0.10.2 back end, CPU), h5py 3.16.0, numpy 2.4.6, Python 3.11.7 (2026-11-29).
# The documentation of Model.load_weights: weights are loaded by the network's topology, so the
# architecture should be the same; it names no attributes. Seen: in a subclassed keras.Model the
# name of an attribute matters if it sorts before "layers": such a layer is saved under that name,
# every other one as layers/CLASS_n. Of two models alike but for the name of one attribute, a file
# of one loads into the other if "zeta" was renamed, and is refused if "alpha" was.
# Output: ['alpha/vars/0', 'alpha/vars/1', 'layers/dense_1/vars/0', 'layers/dense_1/vars/1']
#         zeta renamed omega: loaded
#         alpha renamed beta: ValueError, A total of 1 objects could not be loaded.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 h5py==3.16.0 jax==0.10.2 keras==3.15.1
cd "$folder"
KERAS_BACKEND=jax "$folder/venv/bin/python" - <<'END'
import sys

import h5py
import keras
import numpy as np


class Net(keras.Model):
    def __init__(self, first, second):
        super().__init__()
        self.names = (first, second)
        for name in self.names:
            setattr(self, name, keras.layers.Dense(2))

    def call(self, x):
        for name in self.names:
            x = getattr(self, name)(x)
        return x


x = np.ones((1, 2), np.float32)
nets = [Net("alpha", "zeta"), Net("alpha", "omega"), Net("beta", "zeta")]
outputs = [np.asarray(net(x)) for net in nets]  # builds them
nets[0].save_weights("net.weights.h5")
with h5py.File("net.weights.h5") as file:
    names = []
    file.visititems(lambda name, item: names.append(name) if hasattr(item, "shape") else None)
print(names)
nets[1].load_weights("net.weights.h5")
if not np.allclose(nets[1](x), outputs[0]):
    sys.exit("the second name matters too")
print("zeta renamed omega: loaded")
try:
    nets[2].load_weights("net.weights.h5")
except ValueError as error:
    print("alpha renamed beta: ValueError,", str(error).split(" Example")[0])
else:
    sys.exit("the first name no longer matters")
END
