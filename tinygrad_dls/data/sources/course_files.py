"""Readers of the course's files in their original formats: HDF5, MATLAB, zipped pictures."""

import csv
import io
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._util.optional import need
from ...errors import FormatError
from .checks import reason
from .generated_texts import EMOJIS
from .matlab import MOST, read_matrices
from .sets import Arrays, Images, LabelledTexts, Points

MOST_PICTURE = 2**24  # bytes of one picture in an archive
PEOPLE_TRAIN = 30  # of the 40 people of ORL; the others are for test alone
HAPPY_TRAIN = 120  # of the 150 test pictures, where the 600 training pictures are not at hand


def cats(files: tuple[Path, ...]) -> Images:
    """train_catvnoncat.h5, test_catvnoncat.h5 -> 209 + 50 images (m, 64, 64, 3), 1 = cat."""
    train, test = files
    return _images(_read_h5(train, "train"), _read_h5(test, "test"))


def signs(files: tuple[Path, ...]) -> Images:
    """train_signs.h5 or signs-64.zip, and test_signs.h5 -> 1,080 + 120 images, labels 0 to 5."""
    first, test = files
    read = _read_signs_zip(first) if first.suffix == ".zip" else _read_h5(first, "train")
    return _images(read, _read_h5(test, "test"))


def happy_house(files: tuple[Path, ...]) -> Images:
    """train_happy.h5 and test_happy.h5, or the latter alone, split 120 + 30 by seed 1."""
    if len(files) == 2:
        return _images(_read_h5(files[0], "train"), _read_h5(files[1], "test"))
    x, y, classes = _read_h5(files[0], "test")
    order = np.random.default_rng(1).permutation(len(x))
    first, rest = order[:HAPPY_TRAIN], order[HAPPY_TRAIN:]
    return _images((x[first], y[:, first], classes), (x[rest], y[:, rest], classes))


def regularization(files: tuple[Path, ...]) -> Points:
    """data.mat -> X (2, 211), Y (1, 211) and X_test (2, 200), Y_test (1, 200)."""
    (path,) = files
    try:
        read = read_matrices(path.read_bytes() if path.stat().st_size <= MOST else b"")
        X, Y, X_test, Y_test = (read[name].T for name in ("X", "y", "Xval", "yval"))
    except (OSError, FormatError, KeyError) as error:
        raise _broken(path, error) from None
    for x, y in ((X, Y), (X_test, Y_test)):
        if x.ndim != 2 or x.shape[0] != 2 or y.shape != (1, x.shape[1]):
            raise _broken(path, f"points {x.shape} with labels {y.shape}")
    return Points(X=X, Y=Y, X_test=X_test, Y_test=Y_test)


def cifar10(files: tuple[Path, ...]) -> Images:
    """cifar10-jpg.zip with train/CLASS/NNNN.jpg and test/CLASS/NNNN.jpg -> 50,000 + 10,000."""
    (path,) = files
    names = _zip_names(path)
    if strange := [name for name in names if len(name.split("/")) != 3]:
        raise _broken(path, f"the picture {strange[0][:80]!r} is not in a folder of its class")
    classes = sorted({name.split("/")[1] for name in names})
    number = {name: i for i, name in enumerate(classes)}
    parts = []
    for part in ("train", "test"):
        chosen = [name for name in names if name.startswith(part + "/")]
        labels = np.array([[number[name.split("/")[1]] for name in chosen]], np.int64)
        if not chosen:
            raise _broken(path, f"there are no pictures in {part}/")
        parts.append((_read_pictures(path, chosen), labels, np.array(classes, "S")))
    return _images(*parts)


def orl_faces(files: tuple[Path, ...]) -> Images:
    """orl_faces.zip with sN/M.pgm -> 40 people, ten pictures (112, 92, 1) each: 30 + 10 people."""
    (path,) = files
    names = _zip_names(path, ".pgm")
    people = [re.fullmatch(r"(?:.*/)?s(\d+)/(\d+)\.pgm", name) for name in names]
    if not all(people):
        raise _broken(path, "a picture is not in the folder sN of its person")
    found = sorted((int(m[1]), int(m[2]), m.string) for m in people if m)
    numbers = sorted({person for person, _, _ in found})
    if len(numbers) <= PEOPLE_TRAIN:
        raise _broken(path, f"it has {len(numbers)} people, not 40")
    x = _read_pictures(path, [name for _, _, name in found], "L")[..., None]
    y = np.array([[numbers.index(person) for person, _, _ in found]], np.int64)
    classes = np.array([f"s{person}" for person in numbers])
    first = y[0] < PEOPLE_TRAIN
    return _images((x[first], y[:, first], classes), (x[~first], y[:, ~first], classes))


def content_and_style(files: tuple[Path, ...]) -> Arrays:
    """louvre_small.jpg and monet.jpg -> `content` and `style`, uint8 (300, 400, 3)."""
    pil, arrays = need("PIL.Image", "reading the pictures"), {}
    for name, path in zip(("content", "style"), files):
        try:
            with pil.open(path) as picture:
                arrays[name] = np.asarray(picture.convert("RGB"), np.uint8)
        except Exception as error:  # broken pictures fail in many ways
            raise _broken(path, error) from None
    return Arrays(arrays=arrays)


def emojify(files: tuple[Path, ...]) -> LabelledTexts:
    """train_emoji.csv, tesss.csv -> 132 + 56 sentences with labels 0 to 4."""
    (train_texts, train_y), (test_texts, test_y) = (_read_sentences(path) for path in files)
    return LabelledTexts(
        train_texts=train_texts, train_y=train_y, test_texts=test_texts, test_y=test_y,
        classes=np.array(EMOJIS),
    )


def _read_sentences(path: Path) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """The first two columns of a CSV file: sentences, and labels from 0 to 4."""
    try:
        rows = [row for row in csv.reader(io.StringIO(path.read_text("utf-8-sig"))) if row]
        labels = np.array([int(row[1]) for row in rows], np.int64)
        if not rows or labels.min() < 0 or labels.max() >= len(EMOJIS):
            raise ValueError("there is no sentence, or a label is not one of 0 to 4")
    except (OSError, ValueError, IndexError, csv.Error) as error:
        raise _broken(path, error) from None
    return tuple(row[0].strip() for row in rows), labels


Part = tuple[NDArray[Any], NDArray[Any], NDArray[Any]]  # images, labels (1, m), classes


def _images(train: Part, test: Part) -> Images:
    return Images(
        train_x_orig=train[0],
        train_y=train[1],
        test_x_orig=test[0],
        test_y=test[1],
        classes=test[2],
    )


def _read_h5(path: Path, part: str) -> Part:
    """`{part}_set_x`, `{part}_set_y` and `list_classes` of one of the course's HDF5 files."""
    h5py = need("h5py", f"reading {path.name}")
    try:
        with h5py.File(path, "r") as file:
            x = np.array(file[f"{part}_set_x"][:])
            y = np.array(file[f"{part}_set_y"][:], np.int64).reshape(1, -1)
            classes = np.array(file["list_classes"][:])
    except Exception as error:  # a broken file fails in many ways, MemoryError among them
        raise _broken(path, error) from None
    return x, y, classes


def _read_signs_zip(path: Path) -> Part:
    """The 864 + 216 pictures for training; the label is the first character of the file name."""
    names = [name for name in _zip_names(path) if not name.startswith("test_signs/")]
    if strange := [name for name in names if name.rsplit("/")[-1][0] not in "012345"]:
        raise _broken(path, f"the name of the picture {strange[0][:80]!r} begins with no label")
    labels = np.array([[int(name.rsplit("/")[-1][0]) for name in names]], np.int64)
    return _read_pictures(path, names), labels, np.arange(6)


def _zip_names(path: Path, ending: str = ".jpg") -> list[str]:
    try:
        with zipfile.ZipFile(path) as zipped:
            names = sorted(name for name in zipped.namelist() if name.endswith(ending))
    except Exception as error:  # a broken archive fails in many ways
        raise _broken(path, error) from None
    if not names:
        raise _broken(path, "there are no pictures in it")
    return names


def _read_pictures(path: Path, names: list[str], mode: str = "RGB") -> NDArray[np.uint8]:
    """The pictures of a zip, uint8 (m, height, width, 3), or (m, height, width) in mode "L"."""
    pil = need("PIL.Image", f"reading {path.name}")
    try:
        with zipfile.ZipFile(path) as zipped:
            entries, size = [zipped.getinfo(name) for name in names], path.stat().st_size
            if any(e.file_size > MOST_PICTURE or e.compress_size > size for e in entries):
                raise _broken(path, f"a picture would have more than {MOST_PICTURE} bytes")
            pictures = [
                np.asarray(pil.open(io.BytesIO(zipped.read(name))).convert(mode), np.uint8)
                for name in names
            ]
        return np.stack(pictures)
    except FormatError:
        raise
    except Exception as error:  # broken archives and pictures fail in many ways
        raise _broken(path, error) from None


def _broken(path: Path, error: object) -> FormatError:
    return FormatError(
        f"{path} is truncated, corrupt or not the course's file: {reason(error)}. "
        "Copy the course's own file there again"
    )
