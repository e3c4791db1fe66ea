"""Compiling kernels with Numba, and keeping what was compiled.

Numba's own cache key knows neither the compiler options nor the source of functions that a
kernel inlines, so an old kernel can be served for new source. Our cache folder is therefore
named by a hash of all sources here, of the options and of the versions: new source, new folder.
"""

import hashlib
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba

from ...folders import user_cache

# contract: a*b + c in one instruction. Everything else keeps the order of operations, NaN and Inf.
OPTIONS: dict[str, Any] = {"fastmath": {"contract"}, "error_model": "numpy", "nogil": True}


def kernel(function: Callable[..., Any]) -> Any:
    """Compile `function` for the types it is called with, when it is first called with them."""
    folder = cache_folder()
    config: Any = numba.config
    before = config.CACHE_DIR
    config.CACHE_DIR = str(folder or "")  # where this function's compiled code is kept
    try:
        return numba.njit(cache=folder is not None, **OPTIONS)(function)
    finally:
        config.CACHE_DIR = before


def inlined(function: Callable[..., Any]) -> Any:
    """A helper that kernels call; it becomes part of them."""
    return numba.njit(**OPTIONS)(function)


def cache_folder() -> Path | None:
    """Where compiled kernels are kept, made if need be; None where no folder can be written."""
    if not _folder:
        _folder.append(_writable(user_cache() / "kernels" / source_hash()))
    return _folder[0]


_folder: list[Path | None] = []


def _writable(folder: Path) -> Path | None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError:
        return None


def source_hash() -> str:
    """A name for exactly these sources, options and versions."""
    parts = [numba.__version__, sys.version, repr(sorted(map(str, OPTIONS.items())))]
    parts += [path.read_text("utf-8") for path in sorted(Path(__file__).parent.glob("*.py"))]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
