"""Fetching: from the classroom's mirror or the network, checked, and whole or not at all."""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Protocol

from ..._util.keywords import near_names
from ...errors import DataError, FormatError
from .checks import check_readable, check_sha256, sha256
from .clients import download
from .convert import convert
from .folders import CACHE, COURSE, MIRROR, cache_folder, mirror_folder
from .locating import SUMS, Place, cached, cached_place
from .table import COURSE_SHA256, Source, find

LEFT_OVER_SECONDS = 24 * 3600


class Meter(Protocol):
    """A counter of bytes: `train.progress.Progress` is one."""

    def update(self, n: int = 1, text: str | None = None) -> None: ...


MeterFactory = Callable[[int, str, str], AbstractContextManager[Meter]]  # total, label, unit


class _Silent:
    def update(self, n: int = 1, text: str | None = None) -> None:
        """Says nothing."""


def _silent(total: int, label: str, unit: str) -> AbstractContextManager[Meter]:
    return nullcontext(_Silent())


@near_names
def fetch(name: str, *, force: bool = False, meter: MeterFactory = _silent) -> Place:
    """Brings the set into the cache folder, unless it is there already, and says where it is.

    force: fetch again; meter: makes the progress bar, as `Progress(total, label, unit)`.
    DataError where it cannot be had or kept, FormatError where what came is not what it should
    be. The files are first made whole in a folder of their own, then take their place at once.
    """
    source = find(name)
    if not force and cached(source):
        with suppress(FormatError):  # the local copy is corrupt: fetch it again
            return cached_place(source)
    if source.client == "generated":
        raise DataError(f"{name} is made by seeded code: there is nothing to fetch, just use it")
    if source.client == "installed":
        raise DataError(f"{name} comes with {source.package}: nothing to fetch, just use it")
    with _work_folder(name) as work:
        out = work / "out"
        out.mkdir()
        if source.client == "course":
            _copy_course_files(source, out)
        else:
            for part in source.downloads():
                archive, what = _archive(part, work, meter)
                check_sha256(archive, part.sha256, _again(source), what)
                convert(part, archive, out)
        _write_sums(out)
        _take_place(out, cache_folder() / name)
    return cached_place(source)


def _archive(source: Source, work: Path, meter: MeterFactory) -> tuple[Path, str]:
    """The mirror's copy where it has one, else what the client brings; and what to call it."""
    mirror = mirror_folder()
    if mirror is not None:
        for path in (mirror / source.name / source.archive, mirror / source.archive):
            if path.is_file():
                return path, str(path)
    incoming = work / "in"
    incoming.mkdir(exist_ok=True)
    with meter(source.size, f"fetch {source.name}", "B") as bar:
        return download(source, incoming, bar.update), f"{source.archive} from {source.origin}"


def _copy_course_files(source: Source, out: Path) -> None:
    """Course files have no public home: only a mirror can serve them."""
    mirror = mirror_folder()
    for files in source.course:
        known = all(file in COURSE_SHA256 for file in files)
        if mirror is None or not known or not all((mirror / file).is_file() for file in files):
            continue
        for file in files:
            check_readable(mirror / file, _again(source))
            check_sha256(mirror / file, COURSE_SHA256[file], _again(source))
            shutil.copyfile(mirror / file, out / Path(file).name)
        return
    raise DataError(
        f"{source.name} are the course's own files, which have no public home: set "
        f"{COURSE} to the folder of your course files (it needs {source.course[-1][0]}), "
        f"or {MIRROR} to a classroom's folder with them"
    )


def _again(source: Source) -> str:
    return (
        f"Run `tinygrad-dls data fetch {source.name}` again; if {MIRROR} "
        "is set, put a whole copy there"
    )


@contextmanager
def _work_folder(name: str) -> Iterator[Path]:
    """A folder inside the cache, gone afterwards; DataError where the cache takes no files."""
    cache = cache_folder()
    try:
        cache.mkdir(parents=True, exist_ok=True)
        for left in cache.glob(f".{name}-*"):  # by a run that was killed
            if time.time() - left.stat().st_mtime > LEFT_OVER_SECONDS:
                shutil.rmtree(left, ignore_errors=True)
        work = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=cache))
    except OSError as error:
        raise _unwritable(cache, error) from None
    try:
        yield work
    except OSError as error:
        raise _unwritable(cache, error) from None
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _unwritable(cache: Path, error: OSError) -> DataError:
    return DataError(
        f"the cache folder {cache} takes no files: {error.strerror or error}. "
        f"Set {CACHE} to a folder that you can write to"
    )


def _write_sums(out: Path) -> None:
    """The checksums of what was made, as `sha256sum --check` reads them."""
    lines = [f"{sha256(path)}  {path.name}\n" for path in sorted(out.iterdir())]
    (out / SUMS).write_text("".join(lines))


def _take_place(out: Path, final: Path) -> None:
    """Moves the folder to its final name; an older one of that name is gone only then."""
    old = out.with_name("old")
    if final.exists():
        os.replace(final, old)
    try:
        os.replace(out, final)
    except OSError:
        if old.exists():
            os.replace(old, final)
        raise
