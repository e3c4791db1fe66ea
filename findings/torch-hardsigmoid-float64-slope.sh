#!/usr/bin/env bash
# torch 2.13.0 (CPU), numpy 2.4.6, Python 3.11.7 (2026-12-01).
# The documentation of nn.Hardsigmoid: x / 6 + 1 / 2 between -3 and 3, so the slope there is 1 / 6.
# Seen: for float64 the gradient is 1 / 6 rounded to float32, wrong in its 9th digit, whatever the
# number of elements; the function itself and the gradient of Hardswish, which has the same 1 / 6,
# are right to the last digits. A gradient that is compared in float64 at 1e-8 fails.
# Output: hardsigmoid forward     error 1.1e-16
#         hardsigmoid gradient    error 5.0e-09, the float32 of 1 / 6: True
#         clamp(x / 6 + 1 / 2)    error 0.0e+00
#         hardswish gradient      error 0.0e+00
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 torch==2.13.0
"$folder/venv/bin/python" - <<'END'
import sys

import numpy as np
import torch
from torch.nn import functional as F

points = np.linspace(-2.5, 2.5, 64)


def slope(function):
    x = torch.tensor(points, dtype=torch.float64, requires_grad=True)
    function(x).sum().backward()
    return x.grad.numpy()


value = F.hardsigmoid(torch.tensor(points, dtype=torch.float64)).numpy()
forward = abs(value - (points / 6 + 0.5)).max()
gradient = slope(F.hardsigmoid)
rounded = bool((gradient == np.float64(np.float32(1 / 6))).all())
by_hand = abs(slope(lambda x: (x / 6 + 0.5).clamp(0, 1)) - 1 / 6).max()
swish = abs(slope(F.hardswish) - (points / 3 + 0.5)).max()
error = abs(gradient - 1 / 6).max()
print(f"hardsigmoid forward     error {forward:.1e}")
print(f"hardsigmoid gradient    error {error:.1e}, the float32 of 1 / 6: {rounded}")
print(f"clamp(x / 6 + 1 / 2)    error {by_hand:.1e}")
print(f"hardswish gradient      error {swish:.1e}")
if max(forward, by_hand, swish) > 1e-15:
    sys.exit("what is right here is not exact any more")
if error < 1e-9 or not rounded:
    sys.exit("the gradient of hardsigmoid is exact")
END
