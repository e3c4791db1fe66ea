"""The user's folders: a cache of what can be made again, and what should be kept."""

import os
import sys
from pathlib import Path

CACHE = "TINYGRAD_DLS_CACHE"  # names another folder, in place of the platform's
KEPT = "TINYGRAD_DLS_HOME"


def user_cache() -> Path:
    """Return the folder for files that this package can make again; it need not exist yet."""
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


def user_data() -> Path:
    """Return the folder for files that the user has made; it need not exist yet."""
    if chosen := os.environ.get(KEPT):
        return Path(chosen).expanduser().absolute()
    home = Path.home()
    if sys.platform == "win32":
        base = Path(os.environ.get("APPDATA") or home / "AppData" / "Roaming")
    elif sys.platform == "darwin":
        base = home / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    return base / "tinygrad_dls"
