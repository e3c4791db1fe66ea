"""torch.hub: files of weights from the web, loaded as `torch.load` does, without code of theirs."""

from __future__ import annotations

import hashlib
import re
import shutil
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlparse
from urllib.request import urlopen

from .._util.user_folders import user_cache
from ..errors import DataError
from .serialization import load as _load

MARKED = re.compile(r"-([a-f0-9]{8,64})\.")  # the beginning of the hash in a file's name


def get_dir() -> str:
    """The folder in which files from the web are kept."""
    return str(user_cache() / "hub")


def _get_torch_home() -> str:
    """The folder above it, as torchvision's data sets ask for it."""
    return str(user_cache())


def download_url_to_file(
    url: str, dst: Any, hash_prefix: str | None = None, progress: bool = True
) -> None:
    """Write the file at `url` to `dst`; DataError if its SHA-256 does not begin with the prefix."""
    path = Path(dst)
    partial = path.with_name(path.name + ".part")
    with urlopen(url) as source, partial.open("wb") as target:
        shutil.copyfileobj(source, target)
    with partial.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if hash_prefix and not found.startswith(hash_prefix):
        partial.unlink()
        raise DataError(f"{url} arrived damaged, or is another file: its SHA-256 begins with "
                        f"{found[: len(hash_prefix)]}, not with {hash_prefix}")
    partial.replace(path)


def load_state_dict_from_url(
    url: str, model_dir: Any = None, map_location: Any = None, progress: bool = True,
    check_hash: bool = False, file_name: str | None = None, weights_only: bool = True,
) -> Any:
    """Load the file at `url`, fetched once into `model_dir` or the user's cache.

    `check_hash`: the file's name has -, the beginning of its SHA-256, and a dot in it.
    """
    folder = Path(model_dir) if model_dir is not None else Path(get_dir()) / "checkpoints"
    folder.mkdir(parents=True, exist_ok=True)
    name = file_name or PurePosixPath(urlparse(url).path).name
    path = folder / name
    if not path.exists():
        marked = MARKED.search(name) if check_hash else None
        download_url_to_file(url, path, marked and marked[1], progress)
    return _load(path, map_location)
