#!/usr/bin/env bash
# Keras 3.15.1 (JAX 0.10.2 back end, CPU), numpy 2.4.6, Python 3.11.7 (2026-11-30).
# The documentation of keras.ops.istft: to get the waveform back, its parameters should be those of
# stft; window=None means that no windowing is used. Seen: with window=None in both, the waveform
# comes back fft_length / sequence_stride times as large: overlapping frames are added up and
# not divided by their number. A window of ones, given as an array, and "hann" bring the waveform
# back. The PyTorch back end does the same.
# Output: stride 4: hann 1.0, ones 1.0, None 2.0 times the waveform
#         stride 2: hann 1.0, ones 1.0, None 4.0 times the waveform
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 jax==0.10.2 keras==3.15.1
KERAS_BACKEND=jax "$folder/venv/bin/python" - <<'END'
import sys

import keras
import numpy as np

wave = np.random.default_rng(0).normal(size=64).astype(np.float32)
windows = {"hann": "hann", "ones": np.ones(8, np.float32), "None": None}


def factor(stride, window):
    parts = keras.ops.stft(wave, 8, stride, 8, window=window)
    back = np.asarray(keras.ops.istft(parts, 8, stride, 8, length=64, window=window))
    middle = slice(8, -8)
    found = float(np.median(back[middle] / wave[middle]))
    if not np.allclose(back[middle], found * wave[middle], atol=1e-4):
        sys.exit(f"stride {stride}, window {window}: no multiple of the waveform")
    return round(found, 3)


for stride in (4, 2):
    found = {name: factor(stride, window) for name, window in windows.items()}
    if found != {"hann": 1, "ones": 1, "None": 8 / stride}:
        sys.exit(f"stride {stride}: {found}")
    print(f"stride {stride}: " + ", ".join(f"{name} {times}" for name, times in found.items())
          + " times the waveform")
END
