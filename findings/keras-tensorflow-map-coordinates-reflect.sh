#!/usr/bin/env bash
# Keras 3.15.1 (TensorFlow 2.21.0 back end, CPU), scipy 1.17.1, numpy 2.4.6, Python 3.11.7
# (2026-12-01). The documentation of keras.ops.image.map_coordinates: with fill_mode "reflect" the
# input is reflected about the edge of the last pixel, d c b a | a b c d | d c b a.
# Seen: the TensorFlow back end does so past the end only; before the start it reflects about the
# centre of the first pixel ("mirror"), so that -1 reads b, not a. Places between 0 and -0.5, which
# are half of the first pixel, are wrong too. The JAX and PyTorch back ends and SciPy do as said.
# Output: numbers 0 to 4, order 1
#         at -3, -2, -1, -0.25: TensorFlow [3.0, 2.0, 1.0, 0.25], JAX and SciPy [2.0, 1.0, 0.0, 0.0]
#         at 4.25, 5, 6, 7: TensorFlow [4.0, 4.0, 3.0, 2.0], JAX and SciPy [4.0, 4.0, 3.0, 2.0]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 jax==0.10.2 keras==3.15.1 \
    tensorflow-cpu==2.21.0
cat > "$folder/map.py" <<'END'
import json
import sys

import keras
import numpy as np

numbers = np.arange(5, dtype=np.float32)
places = np.array([json.loads(sys.argv[1])], np.float32)
read = keras.ops.image.map_coordinates(numbers, places, order=1, fill_mode="reflect")
print(json.dumps(keras.ops.convert_to_numpy(read).tolist()))
END
TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" - "$folder/map.py" <<'END'
import json
import os
import subprocess
import sys

import numpy as np
from scipy.ndimage import map_coordinates


def read(backend, places):
    done = subprocess.run([sys.executable, sys.argv[1], json.dumps(places)], check=True, text=True,
                          env={**os.environ, "KERAS_BACKEND": backend}, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL)
    return json.loads(done.stdout.splitlines()[-1])


print("numbers 0 to 4, order 1")
for places, wrong in (([-3, -2, -1, -0.25], True), ([4.25, 5, 6, 7], False)):
    scipy = map_coordinates(np.arange(5.0), [places], order=1, mode="reflect")
    seen, jax = read("tensorflow", places), read("jax", places)
    mirror = map_coordinates(np.arange(5.0), [places], order=1, mode="mirror")
    if not np.allclose(jax, scipy) or not np.allclose(seen, mirror if wrong else scipy):
        sys.exit(f"at {places}: TensorFlow {seen}, JAX {jax}, SciPy {scipy}")
    print(f"at {str(places)[1:-1]}: TensorFlow {seen}, JAX and SciPy {scipy.tolist()}")
END
