"""The folders data live in: three named by an environment variable, and the project's own."""

import os
from pathlib import Path

from ..._util.user_folders import CACHE as CACHE
from ..._util.user_folders import user_cache

COURSE = "TINYGRAD_DLS_DATA"  # the learner's own course files
MIRROR = "TINYGRAD_DLS_MIRROR"  # a classroom's copies of what would be fetched


def course_folder() -> Path | None:
    """The folder of course files, or None where its variable is not set."""
    return _folder(COURSE)


def mirror_folder() -> Path | None:
    """The folder that serves files instead of the network, or None where there is none."""
    return _folder(MIRROR)


def cache_folder() -> Path:
    """Return the folder for fetched data; it need not exist yet."""
    return user_cache() / "data"


def datasets_folder() -> Path:
    """The small data that come with the project: inside the package when installed, else beside."""
    package = Path(__file__).resolve().parents[2]
    inside = package / "datasets"
    return inside if inside.is_dir() else package.parent / "datasets"


def _folder(variable: str) -> Path | None:
    value = os.environ.get(variable)
    return Path(value).expanduser().absolute() if value else None
