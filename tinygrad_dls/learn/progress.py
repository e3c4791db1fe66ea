"""A learner's progress: one small file for each lesson, in the user's data folder."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .._util.atomic_files import open_folder, write_whole
from .._util.user_folders import user_data
from ..errors import FormatError
from .run import DONE


@dataclass(slots=True)
class Progress:
    """The learner's file of one lesson, and the last verdict on each exercise."""

    lesson: str
    file: Path | None = None
    exercises: dict[str, str] = field(default_factory=dict)

    @property
    def done(self) -> int:
        """The number of exercises done."""
        return sum(verdict == DONE for verdict in self.exercises.values())


def load(lesson: str) -> Progress:
    """Return the progress in a lesson; having none yet is not an error.

    FormatError if the file was damaged.
    """
    path = _path(lesson)
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return Progress(lesson)
    try:
        known = json.loads(text)
        file, exercises = known["file"], known["exercises"]
        if not isinstance(exercises, Mapping) or not isinstance(file, str | None):
            raise TypeError(text)
    except (ValueError, KeyError, TypeError):
        raise FormatError(f"{path} is damaged: delete it, and check your file again") from None
    return Progress(lesson, Path(file) if file else None,
                    {str(name): str(verdict) for name, verdict in exercises.items()})


def save(progress: Progress) -> None:
    """Keep it; DataError if the folder cannot be written to."""
    path = _path(progress.lesson)
    open_folder(path.parent)
    file = None if progress.file is None else str(progress.file)
    content = {"file": file, "exercises": progress.exercises}
    write_whole(path, json.dumps(content, indent=2) + "\n")


def _path(lesson: str) -> Path:
    return user_data() / "progress" / f"{lesson}.json"
