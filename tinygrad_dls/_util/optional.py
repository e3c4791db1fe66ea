"""Packages that only lessons need: asked for when used, with one line where they are missing."""

import importlib
import importlib.util
from pathlib import Path
from typing import Any

from ..errors import DataError

EXTRA = "pip install tinygrad_dls[lessons]"


class PackageError(DataError):
    """A package is not installed: `package`."""

    def __init__(self, purpose: str, package: str, reason: str = "") -> None:
        super().__init__(f"{purpose} needs the package {package}: {EXTRA}{reason}")
        self.package = package


def need(module: str, purpose: str) -> Any:
    """The module `module`; DataError naming the command that installs it where it is missing."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise PackageError(purpose, package, f" ({error})") from None


def package_folder(package: str, purpose: str) -> Path:
    """The folder of an installed package, found without importing it."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise PackageError(purpose, package)
    return Path(next(iter(spec.submodule_search_locations)))
