#!/usr/bin/env bash
# torchvision 0.29.1 (torch 2.14.1, CPU), numpy 2.4.6, Python 3.11.7 (2026-12-01).
# The documentation of transforms v2 and KeyPoints: images, boxes and key points of a sample are
# transformed together, points have x and y along the width and the height. Seen: the two flips take
# a point for a pixel's number (x becomes width - 1 - x); rotate, resize, crop, pad and
# perspective take it for a place as the corners of boxes are (0 to width). So the corners of
# a box come to lie one pixel beside the flipped box, those at the border outside of the image, and
# both flips together are no rotation by 180 degrees, which they are for images and boxes.
# Output: canvas 6 x 10, box [4, 1, 10, 3] and its four corners as key points
#         rotate 180: box [0, 3, 6, 5], key points from [0, 3] to [6, 5]
#         both flips: box [0, 3, 6, 5], key points from [-1, 2] to [5, 4]
#         resize to 12 x 20: box [8, 2, 20, 6], key points from [8, 2] to [20, 6]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 torch==2.14.1 torchvision==0.29.1
"$folder/venv/bin/python" - <<'END'
import sys

import torch
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional

canvas = (6, 10)
box = tv_tensors.BoundingBoxes(torch.tensor([[4.0, 1, 10, 3]]), format="XYXY", canvas_size=canvas)
corners = torch.tensor([[4.0, 1], [10, 1], [10, 3], [4, 3]])
points = tv_tensors.KeyPoints(corners, canvas_size=canvas)
image = tv_tensors.Image(torch.arange(60.0).reshape(1, *canvas))


def both_flips(value):
    return functional.vertical_flip(functional.horizontal_flip(value))


def turned(value):
    return functional.rotate(value, 180)


if not torch.equal(both_flips(image), turned(image)):
    sys.exit("both flips of an image are no rotation by 180 degrees")
print("canvas 6 x 10, box [4, 1, 10, 3] and its four corners as key points")
for name, change, shift in (("rotate 180", turned, 0), ("both flips", both_flips, 1),
                            ("resize to 12 x 20", lambda v: functional.resize(v, [12, 20]), 0)):
    ends, places = change(box)[0].round(), change(points).round()
    first, last = places.amin(0), places.amax(0)
    text = (f"{name}: box {ends.int().tolist()}, key points from {first.int().tolist()} "
            f"to {last.int().tolist()}")
    if not torch.equal(torch.cat([first, last]) + shift, torch.Tensor(ends)):
        sys.exit(text)
    print(text)
END
