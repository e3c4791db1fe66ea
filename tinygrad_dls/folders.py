"""The user's cache folder: fetched data and compiled kernels."""

import os
import sys
from pathlib import Path

CACHE = "TINYGRAD_DLS_CACHE"  # names another folder, in place of the platform's


def user_cache() -> Path:
    """Where this package keeps what it can make again; the folder need not exist yet."""
    if chosen := os.environ.get(CACHE):
        return Path(chosen).expanduser().absolute()
    home = Path.home()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    return base / "tinygrad_dls"
