"""Folders of their own for every test: no test sees the real cache, mirror or course files."""

import os
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from tinygrad_dls.data import sources
from tinygrad_dls.data.sources import folders

COURSE_FILES = os.environ.get(folders.COURSE)


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch):
    monkeypatch.delenv(folders.COURSE, raising=False)
    monkeypatch.delenv(folders.MIRROR, raising=False)
    monkeypatch.setenv(folders.CACHE, str(tmp_path / "cache"))


@pytest.fixture
def real_course(monkeypatch) -> Path:
    """The learner's own course files, or the test is skipped."""
    if not COURSE_FILES or not Path(COURSE_FILES).is_dir():
        pytest.skip(f"{folders.COURSE} is not set")
    monkeypatch.setenv(folders.COURSE, COURSE_FILES)
    return Path(COURSE_FILES)


@pytest.fixture
def course(tmp_path, monkeypatch) -> Path:
    """An empty folder for made-up course files."""
    folder = tmp_path / "course"
    folder.mkdir()
    monkeypatch.setenv(folders.COURSE, str(folder))
    return folder


@pytest.fixture
def mirror(tmp_path, monkeypatch) -> Path:
    folder = tmp_path / "mirror"
    folder.mkdir()
    monkeypatch.setenv(folders.MIRROR, str(folder))
    return folder


@pytest.fixture
def register(monkeypatch):
    """Gives a source of the table other facts for one test."""

    def change(name: str, **facts: object) -> None:
        monkeypatch.setitem(sources.SOURCES, name, replace(sources.SOURCES[name], **facts))

    return change


@pytest.fixture
def serve(mirror, register):
    """Puts an archive of `source` into the mirror, with its checksum in the table."""

    def put(name: str, content: bytes) -> Path:
        path = mirror / sources.SOURCES[name].archive
        path.write_bytes(content)
        register(name, sha256=sha256(content).hexdigest())
        return path

    return put


@pytest.fixture
def write_h5():
    """Writes one of the course's HDF5 files, made up."""
    h5py = pytest.importorskip("h5py")

    def write(path: Path, part: str, m: int, classes: int = 2, size: int = 4, **other: object):
        draw = np.random.default_rng(m)
        arrays = {
            f"{part}_set_x": draw.integers(0, 256, (m, size, size, 3), np.uint8),
            f"{part}_set_y": np.arange(m) % classes,
            "list_classes": np.array([b"non-cat", b"cat"]) if classes == 2 else np.arange(classes),
        } | other
        path.parent.mkdir(parents=True, exist_ok=True)
        with h5py.File(path, "w") as file:
            for name, array in arrays.items():
                if array is not None:
                    file[name] = array
        return arrays

    return write
