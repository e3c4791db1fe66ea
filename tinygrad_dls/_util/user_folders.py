"""The user's folders: a cache of what can be made again, and what should be kept."""

import os
import sys
from pathlib import Path

CACHE = "TINYGRAD_DLS_CACHE"  # names another folder, in place of the platform's
KEPT = "TINYGRAD_DLS_HOME"


def user_cache() -> Path:
    """Return the folder for files that this package can make again; it need not exist yet."""
    return _folder(CACHE, "LOCALAPPDATA", ("AppData", "Local"), "Caches", "XDG_CACHE_HOME",
                   (".cache",))


def user_data() -> Path:
    """Return the folder for files that the user has made; it need not exist yet."""
    return _folder(KEPT, "APPDATA", ("AppData", "Roaming"), "Application Support", "XDG_DATA_HOME",
                   (".local", "share"))


def _folder(
    chosen: str, windows: str, beside: tuple[str, ...], mac: str, xdg: str, unix: tuple[str, ...]
) -> Path:
    """The folder that the variable `chosen` names, else the platform's for files of this sort."""
    if named := os.environ.get(chosen):
        return Path(named).expanduser().absolute()
    home = Path.home()
    if sys.platform == "win32":
        base = Path(os.environ.get(windows) or home.joinpath(*beside))
    elif sys.platform == "darwin":
        base = home / "Library" / mac
    else:
        base = Path(os.environ.get(xdg) or home.joinpath(*unix))
    return base / "tinygrad_dls"
