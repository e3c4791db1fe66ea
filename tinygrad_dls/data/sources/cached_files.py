"""Readers of what `fetch` put into the cache: plain .npz arrays, or files as they are."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import FormatError
from .checks import reason
from .sets import Arrays, Files, Images, LabelledTexts, Pairs, Text

MNIST_TEST = 1000
REVIEWS_TEST = 5_000
LONGEST_REVIEW = 1 << 20  # characters


def mnist_5k(files: tuple[Path, ...]) -> Images:
    """4,000 + 1,000 digits, uint8 (m, 28, 28, 1): 100 of each digit, drawn by seed 1, for test."""
    read = _read(files[0])
    images, labels = read["images"][..., None], read["labels"].astype(np.int64)
    order = np.random.default_rng(1).permutation(len(images))
    by_digit = order[np.argsort(labels[order], kind="stable")].reshape(10, -1)
    each = MNIST_TEST // 10
    test, train = by_digit[:, :each].ravel(), by_digit[:, each:].ravel()
    train = np.random.default_rng(2).permutation(train)
    return Images(
        train_x_orig=images[train],
        train_y=labels[train].reshape(1, -1),
        test_x_orig=images[test],
        test_y=labels[test].reshape(1, -1),
        classes=np.arange(10),
    )


def cifar10(files: tuple[Path, ...]) -> Images:
    """50,000 + 10,000 photographs, uint8 (m, 32, 32, 3)."""
    read = _read(files[0])
    return Images(
        train_x_orig=read["train_images"],
        train_y=read["train_labels"].astype(np.int64).reshape(1, -1),
        test_x_orig=read["test_images"],
        test_y=read["test_labels"].astype(np.int64).reshape(1, -1),
        classes=read["classes"],
    )


def movie_reviews(files: tuple[Path, ...]) -> LabelledTexts:
    """The long reviews, each once, shuffled by seed 1: 5,000 for test, the others for training."""
    csv.field_size_limit(LONGEST_REVIEW)
    try:
        with files[0].open(encoding="utf-8", newline="") as file:
            found = {row["text"]: int(row["label"])
                     for row in csv.DictReader(file) if row["source"] == "imdb"}
    except (OSError, KeyError, TypeError, ValueError, csv.Error) as error:
        raise FormatError(f"{files[0]} is truncated or corrupt: {reason(error)}") from None
    texts, labels = list(found), np.array(list(found.values()), np.int64)
    order = np.random.default_rng(1).permutation(len(texts))
    test, train = order[:REVIEWS_TEST], order[REVIEWS_TEST:]
    return LabelledTexts(
        train_texts=tuple(texts[i] for i in train), train_y=labels[train],
        test_texts=tuple(texts[i] for i in test), test_y=labels[test],
        classes=np.array(["against", "for"]),
    )


def arrays(files: tuple[Path, ...]) -> Arrays:
    """All arrays of the one .npz."""
    return Arrays(arrays=_read(files[0]))


def class_names(files: tuple[Path, ...]) -> Arrays:
    """`names` (1000,): a line each."""
    return Arrays(arrays={"names": np.array(files[0].read_text("utf-8").splitlines())})


def pairs(files: tuple[Path, ...]) -> Pairs:
    """Texts and their translations: a line each, with a tab between the two."""
    try:
        lines = files[0].read_text("utf-8").splitlines()
        sources, targets = zip(*(line.split("\t") for line in lines), strict=True)
    except ValueError as error:
        raise FormatError(f"{files[0]} is not a table of two columns: {reason(error)}") from None
    return Pairs(sources=sources, targets=targets)


def text(files: tuple[Path, ...]) -> Text:
    """Return the content of the one text file, in UTF-8."""
    try:
        return Text(text=files[0].read_text("utf-8"))
    except UnicodeDecodeError as error:
        raise FormatError(f"{files[0]} is not a text in UTF-8: {reason(error)}") from None


def as_files(files: tuple[Path, ...]) -> Files:
    """The paths, for a reader of their own format."""
    return Files(files=files)


def _read(path: Path) -> dict[str, NDArray[Any]]:
    try:
        # NumPy leaves a path's file open if the archive in it is broken.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as read:
            return dict(read)
    except Exception as error:  # broken archives and headers fail in many ways
        raise FormatError(f"{path} is truncated or corrupt: {reason(error)}") from None
