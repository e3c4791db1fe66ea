"""The search for a data set: the course's own files, then the cache, then the built-in data."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from ...errors import DataError
from .checks import check_readable, check_sha256, sha256
from .folders import COURSE, MIRROR, cache_folder, course_folder
from .table import COURSE_SHA256, SOURCES, Source, find

Where = Literal["course", "cache", "built-in"]
SUMS = "SHA256SUMS"
BESIDE = ("datasets", "data", "images", "raw_data", "model_data", "models")  # of the notebooks
HERE = ("generated", "installed")  # sets that are always built in, whatever is asked for


@dataclass(frozen=True, slots=True)
class Place:
    """One place where a set is: its files (none for what is built in) and a line that says so.

    verified: every file is, to the bit, the one that the table of sources names.
    """

    name: str
    where: Where
    files: tuple[Path, ...]
    statement: str
    verified: bool


def locate(name: str, data: Where | None = None) -> Place:
    """The best place that has the set, or the one that `data` forces.

    DataError with the command that mends it where it is not there; FormatError where a file is
    empty, a Git LFS pointer, or (in the cache) not what was fetched.
    """
    source = find(name)
    if data is not None and data not in get_args(Where):
        raise DataError(f"data={data!r} is none of {', '.join(get_args(Where))}")
    for where in places(source):
        if data is None or data == where or source.client in HERE:
            return _PLACES[where](source)
    raise DataError(_missing(source, data))


def places(source: Source) -> Iterator[Where]:
    """All places that have the set now, best first; looks for files, does not read them."""
    if _course_files(source):
        yield "course"
    if cached(source):
        yield "cache"
    if source.builtin:
        yield "built-in"


def cached(source: Source) -> bool:
    """Return whether the cache folder has the complete set."""
    return bool(_cached_files(source))


def cached_place(source: Source) -> Place:
    """The set in the cache, each file checked against the checksum written when it was made."""
    files = _cached_files(source)
    folder = cache_folder() / source.name
    mend = f"Run `tinygrad-dls data fetch {source.name}`"
    check_readable(folder / SUMS, mend)
    sums = (line.split(maxsplit=1) for line in (folder / SUMS).read_text().splitlines())
    expected = {pair[1]: pair[0] for pair in sums if len(pair) == 2}
    for file in files:
        check_sha256(file, expected.get(file.name, "none"), mend)
    return Place(source.name, "cache", files, f"{source.name}: fetched files, in {folder}", True)


def course_place(source: Source) -> Place:
    """The set in the learner's own folder."""
    files = _course_files(source)
    folder = course_folder()
    for file in files:
        check_readable(file, f"Copy the course's own file to {file} again")
    names = _first_whole(source, folder)
    verified = all(
        name in COURSE_SHA256 and sha256(file) == COURSE_SHA256[name]
        for name, file in zip(names, files)
    )
    edition = "" if verified else " (another edition than the one the lessons were measured on)"
    statement = f"{source.name}: the course's own files, in {folder}{edition}"
    return Place(source.name, "course", files, statement, verified)


def builtin_place(source: Source) -> Place:
    """Return the built-in set, and the reason for using it."""
    statement = f"{source.name}: built-in, {source.builtin}"
    folder = course_folder()
    if source.course and folder is None:
        statement += f"; for the course's own files set {COURSE}"
    elif source.course and folder is not None and not _course_files(source):
        reason = f"lacks {source.course[-1][0]}" if folder.is_dir() else "is not there"
        statement += f"; {COURSE}={folder} {reason}"
    elif source.files and not cached(source):
        statement += f"; `tinygrad-dls data fetch {source.name}` brings the real set"
    return Place(source.name, "built-in", (), statement, True)


_PLACES = {"course": course_place, "cache": cached_place, "built-in": builtin_place}


def _first_whole(source: Source, folder: Path | None) -> tuple[str, ...]:
    """The best of the course's sets of files that is complete in the folder."""
    if folder is None:
        return ()
    for files in source.course:
        if all(_in_folder(folder, file).is_file() for file in files):
            return files
    return ()


def _course_files(source: Source) -> tuple[Path, ...]:
    folder = course_folder()
    if folder is None:
        return ()
    return tuple(_in_folder(folder, file) for file in _first_whole(source, folder))


def course_layout() -> list[str]:
    """The folders in which the lessons' course files may be, each with one of its files."""
    shown: dict[str, str] = {}
    for source in SOURCES.values():
        if source.client == "course":
            file = source.course[-1][0]
            shown.setdefault(file.partition("/")[0], file)
    return list(shown.values())


def _in_folder(folder: Path, file: str) -> Path:
    """Find a course file: in the folder of its set, beside the notebook, or in the notebook's
    folders.
    """
    name = Path(file).name
    for path in (folder / file, folder / name, *(folder / part / name for part in BESIDE)):
        if path.is_file():
            return path
    return folder / file


def _cached_files(source: Source) -> tuple[Path, ...]:
    folder = cache_folder() / source.name
    if source.client == "course":
        sets = tuple(tuple(Path(file).name for file in files) for files in source.course)
    else:
        sets = (source.files,)
    for files in sets:
        if files and all((folder / file).is_file() for file in (*files, SUMS)):
            return tuple(folder / file for file in files)
    return ()


def _missing(source: Source, data: Where | None) -> str:
    """Say what is missing, and how to get it."""
    own = f"set {COURSE} to the folder of your course files"
    bring = f"run `tinygrad-dls data fetch {source.name}`"
    if data == "course":
        if not source.course:
            return f"{source.name} is not among the course's files: {bring}, or leave out data="
        folder = course_folder()
        if folder is None:
            return f"{source.name}: no course files, since {COURSE} is not set: {own}"
        wanted = " and ".join(source.course[-1])
        if not folder.is_dir():
            return f"{source.name}: {COURSE}={folder} is not a folder: {own}"
        return f"{source.name}: {folder} lacks {wanted}: copy your course files there"
    if data == "built-in":
        return f"{source.name}: nothing built in stands for it: {bring}"
    if source.client == "course":
        return (
            f"{source.name} is not in the cache: {own}, or {MIRROR} to your classroom's and {bring}"
        )
    return f"{source.name} is not here yet: {bring}"
