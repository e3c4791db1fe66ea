"""`load("cats")`: the best there is of a set, as arrays, with one line on what it is."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal, overload

from ..._util.keywords import near_names
from ..._util.optional import EXTRA, PackageError
from . import builtin, cached_files, course_files, generated, generated_texts
from .addresses import labelled_addresses, made_addresses
from .dates import handmade_dates, locale_dates
from .locating import Place, Where, locate, places
from .names import dinosaur_names
from .phrases import phrases
from .sets import (
    Arrays,
    Files,
    Images,
    LabelledTexts,
    Loaded,
    Pairs,
    Points,
    Questions,
    TaggedTexts,
    Text,
)
from .stories import babi_questions, made_questions
from .table import find

ImageName = Literal["cats", "signs", "happy-house", "digits", "mnist-5k", "cifar10", "orl-faces"]
PointName = Literal[
    "flower",
    "noisy-circles",
    "noisy-moons",
    "blobs",
    "gaussian-quantiles",
    "no-structure",
    "circles",
    "moons",
    "regularization",
]
ArrayName = Literal[
    "squeezenet", "imagenet-classes", "glove", "breast-cancer", "photographs",
    "style-transfer",
]
FileName = Literal[
    "vgg16-edges", "face-api", "squeezenet1_0", "yolo-fastest-1.0", "yolo-fastest-1.1",
    "car-detection", "date-translation", "shakespeare-weights", "tunes", "trigger-word",
]
PlainTextName = Literal["dinosaur-names", "shakespeare"]
PairName = Literal["dates", "sentence-pairs"]

TextName = Literal["emojify", "movie-reviews"]
TaggedName = Literal["us-addresses"]
QuestionName = Literal["question-answering"]

_COURSE: dict[str, Callable[[tuple[Path, ...]], Loaded]] = {
    "cats": course_files.cats,
    "signs": course_files.signs,
    "happy-house": course_files.happy_house,
    "regularization": course_files.regularization,
    "cifar10": course_files.cifar10,
    "orl-faces": course_files.orl_faces,
    "style-transfer": course_files.content_and_style,
    "emojify": course_files.emojify,
    "squeezenet1_0": cached_files.as_files,  # published files, the same in either place
    "yolo-fastest-1.0": cached_files.as_files,
    "yolo-fastest-1.1": cached_files.as_files,
    "car-detection": cached_files.as_files,
    "date-translation": cached_files.as_files,
    "dinosaur-names": cached_files.text,
    "question-answering": babi_questions,
    "shakespeare": cached_files.text,
    "shakespeare-weights": cached_files.as_files,
    "trigger-word": cached_files.as_files,
}
_CACHE: dict[str, Callable[[tuple[Path, ...]], Loaded]] = {
    **_COURSE,  # a classroom's mirror serves them in their own formats
    "cifar10": cached_files.cifar10,
    "mnist-5k": cached_files.mnist_5k,
    "squeezenet": cached_files.arrays,
    "imagenet-classes": cached_files.class_names,
    "glove": cached_files.arrays,
    "movie-reviews": cached_files.movie_reviews,
    "vgg16-edges": cached_files.as_files,
    "face-api": cached_files.as_files,
    "sentence-pairs": cached_files.pairs,
    "us-addresses": labelled_addresses,
    "tunes": cached_files.as_files,
}
_BUILTIN: dict[str, Callable[[], Loaded]] = {
    "cats": builtin.faces,
    "happy-house": builtin.faces,
    "signs": builtin.digits,
    "mnist-5k": builtin.digits,
    "digits": builtin.digits,
    "cifar10": builtin.photograph_pieces,
    "breast-cancer": builtin.breast_cancer,
    "photographs": builtin.photographs,
    "orl-faces": builtin.people,
    "style-transfer": builtin.content_and_style,
    "car-detection": builtin.pictures_to_search,
    "regularization": generated.pitch,
    "emojify": generated_texts.emoji_sentences,
    "movie-reviews": generated_texts.reviews,
    "tunes": builtin.tunes,
    "trigger-word": builtin.synthesized,
    "glove": builtin.word_vectors,
    "squeezenet": builtin.squeezenet,
    "imagenet-classes": builtin.class_names,
    "face-api": builtin.face_detector,
    "dates": locale_dates,
    "dinosaur-names": dinosaur_names,
    "shakespeare": builtin.psalms,
    "sentence-pairs": phrases,
    "us-addresses": made_addresses,
    "question-answering": made_questions,
    **generated.GENERATORS,
}

TWO_DIGITS = "100 handwritten ones and 100 sevens, 8x8 grey (UCI, from scikit-learn)"
_ELSE: dict[str, tuple[Callable[[], Loaded], str]] = {  # where a package is missing
    "cats": (builtin.two_digits, TWO_DIGITS),
    "happy-house": (builtin.two_digits, TWO_DIGITS),
    "dates": (handmade_dates, "12,000 dates in 24 formats, made by seeded code"),
}


@overload
def load(name: ImageName, data: Where | None = None) -> Images: ...
@overload
def load(name: PointName, data: Where | None = None) -> Points: ...
@overload
def load(name: ArrayName, data: Where | None = None) -> Arrays: ...
@overload
def load(name: TextName, data: Where | None = None) -> LabelledTexts: ...
@overload
def load(name: PlainTextName, data: Where | None = None) -> Text: ...
@overload
def load(name: FileName, data: Where | None = None) -> Files: ...
@overload
def load(name: PairName, data: Where | None = None) -> Pairs: ...
@overload
def load(name: TaggedName, data: Where | None = None) -> TaggedTexts: ...
@overload
def load(name: QuestionName, data: Where | None = None) -> Questions: ...
@overload
def load(name: str, data: Where | None = None) -> Loaded: ...
@near_names
def load(name: str, data: Where | None = None) -> Loaded:
    """The set called `name`, from the course's files, the cache or what is built in.

    data: "course", "cache" or "built-in" forces one; None takes the best that is there and can be
    read: where a package is missing, the next one, and the statement says so.
    DataError, with the command that mends it, where the set is missing; FormatError where a file
    of it is truncated, corrupt or another one. Never goes to the network.
    """
    there: list[Where | None] = [*places(find(name))] if data is None else []
    reasons = ""
    for where in there[:-1]:
        try:
            return _loaded(locate(name, where), "")
        except PackageError as error:
            reasons += f"; a better set needs the package {error.package}: {EXTRA}"
    return _loaded(locate(name, there[-1] if there else data), reasons)


def _loaded(place: Place, reasons: str) -> Loaded:
    """The set at this place; `reasons`: why it is not at a better one."""
    match place.where:
        case "course":
            read = _COURSE[place.name](place.files)
        case "cache":
            read = _CACHE[place.name](place.files)
        case "built-in":
            try:
                read = _BUILTIN[place.name]()
            except PackageError as error:
                if place.name not in _ELSE:
                    raise
                make, what = _ELSE[place.name]
                read = make()
                place = replace(place, statement=f"{place.name}: built-in, {what}")
                reasons = f"; a better set needs the package {error.package}: {EXTRA}"
    return replace(
        read,
        name=place.name,
        where=place.where,
        statement=place.statement + reasons,
        verified=place.verified,
    )
