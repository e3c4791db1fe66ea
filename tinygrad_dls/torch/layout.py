"""Modules where PyTorch has files of its own, for import lines that name these files."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Any


def lay_out(package: str, files: Iterable[str], names: Mapping[str, Any]) -> dict[str, ModuleType]:
    """Modules `package`.file for each of `files`, in each of which are all `names`.

    A module that is there keeps what it has, and gets what is missing.
    """
    made = {}
    for file in files:
        name = f"{package}.{file}"
        module = sys.modules.setdefault(name, ModuleType(name, f"PyTorch's file {file}.py."))
        for key, value in names.items():
            vars(module).setdefault(key, value)
        made[file] = module
    return made
