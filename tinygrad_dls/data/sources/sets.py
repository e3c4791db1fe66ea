"""The result of loading: arrays under the course's names, with a line on their source."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError
from .locating import Where


@dataclass(frozen=True, kw_only=True, eq=False)
class Loaded:
    """Common to all: `where` is "course", "cache" or "built-in"; `statement` says it in a line.

    verified: every file was, to the bit, the one that the table of sources names.
    """

    name: str = ""
    where: Where = "built-in"
    statement: str = ""
    verified: bool = True


@dataclass(frozen=True, kw_only=True, eq=False)
class Images(Loaded):
    """Labelled images: x uint8 (m, height, width, channels), y int64 (1, m), classes (k,)."""

    train_x_orig: NDArray[np.uint8]
    train_y: NDArray[np.int64]
    test_x_orig: NDArray[np.uint8]
    test_y: NDArray[np.int64]
    classes: NDArray[Any]

    def __post_init__(self) -> None:
        for part, x, y in (
            ("training", self.train_x_orig, self.train_y),
            ("test", self.test_x_orig, self.test_y),
        ):
            if x.ndim != 4 or x.dtype != np.uint8 or y.shape != (1, len(x)):
                raise DataError(
                    f"{part} set: images {x.dtype} {x.shape} with labels {y.shape}; "
                    "expected uint8 (m, height, width, channels) with (1, m)"
                )
            if len(x) == 0:
                raise DataError(f"the {part} set is empty")
            if y.min() < 0 or y.max() >= len(self.classes):
                raise DataError(
                    f"{part} labels run from {y.min()} to {y.max()}, "
                    f"but there are {len(self.classes)} classes"
                )
        if self.train_x_orig.shape[1:] != self.test_x_orig.shape[1:]:
            raise DataError(
                f"training images are {self.train_x_orig.shape[1:]}, "
                f"test images {self.test_x_orig.shape[1:]}: they must be of one size"
            )

    def as_tuple(self) -> tuple[NDArray[Any], ...]:
        """(train_x_orig, train_y, test_x_orig, test_y, classes): the course's load_dataset()."""
        return self.train_x_orig, self.train_y, self.test_x_orig, self.test_y, self.classes


@dataclass(frozen=True, kw_only=True, eq=False)
class Points(Loaded):
    """Points of the plane: X float64 (2, m), Y (1, m); a test set where the course has one."""

    X: NDArray[np.float64]
    Y: NDArray[Any]
    X_test: NDArray[np.float64] | None = None
    Y_test: NDArray[Any] | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelledTexts(Loaded):
    """Texts with a label each: tuples of str, y int64 (m,), classes (k,)."""

    train_texts: tuple[str, ...]
    train_y: NDArray[np.int64]
    test_texts: tuple[str, ...]
    test_y: NDArray[np.int64]
    classes: NDArray[Any]

    def __post_init__(self) -> None:
        for part, texts, y in (
            ("training", self.train_texts, self.train_y), ("test", self.test_texts, self.test_y)
        ):
            if not texts or y.shape != (len(texts),):
                raise DataError(f"{part} set: {len(texts)} texts with labels {y.shape}")
            if y.min() < 0 or y.max() >= len(self.classes):
                raise DataError(
                    f"{part} labels run from {y.min()} to {y.max()}, "
                    f"but there are {len(self.classes)} classes"
                )


class Entity(NamedTuple):
    """A part of a text, text[start:end], and what it is."""

    start: int
    end: int
    label: str


@dataclass(frozen=True, kw_only=True, eq=False)
class TaggedTexts(Loaded):
    """Texts with their entities, one tuple of `Entity` for each text; labels (k,): their kinds."""

    train_texts: tuple[str, ...]
    train_entities: tuple[tuple[Entity, ...], ...]
    test_texts: tuple[str, ...]
    test_entities: tuple[tuple[Entity, ...], ...]
    labels: tuple[str, ...]

    def __post_init__(self) -> None:
        for part, texts, entities in (
            ("training", self.train_texts, self.train_entities),
            ("test", self.test_texts, self.test_entities),
        ):
            if not texts or len(texts) != len(entities):
                raise DataError(f"{part} set: {len(texts)} texts, entities of {len(entities)}")
            for text, row in zip(texts, entities):
                at = 0
                for start, end, label in row:
                    if not at <= start < end <= len(text) or label not in self.labels:
                        raise DataError(f"{part} set: {label} from {start} to {end} in {text!r}")
                    at = end


@dataclass(frozen=True, kw_only=True, eq=False)
class Questions(Loaded):
    """Stories, a question about each, and its answer, which is a word of the story."""

    train_contexts: tuple[str, ...]
    train_questions: tuple[str, ...]
    train_answers: tuple[str, ...]
    test_contexts: tuple[str, ...]
    test_questions: tuple[str, ...]
    test_answers: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Text(Loaded):
    """One text, or names with a line each."""

    text: str

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise DataError(f"{self.name or 'the text'} is empty: there is nothing to learn from")


@dataclass(frozen=True, kw_only=True, eq=False)
class Arrays(Loaded):
    """Named arrays, such as the weights of a network."""

    arrays: dict[str, NDArray[Any]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Files(Loaded):
    """Paths of files that a reader of their own format takes on."""

    files: tuple[Path, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Pairs(Loaded):
    """Texts and what each becomes: sources and targets, tuples of str of the same length."""

    sources: tuple[str, ...]
    targets: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.sources or len(self.sources) != len(self.targets):
            raise DataError(f"{len(self.sources)} texts with {len(self.targets)} translations: "
                            "each text has one, and there is at least one")
