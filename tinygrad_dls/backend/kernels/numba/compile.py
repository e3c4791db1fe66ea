"""Compiling kernels with Numba, and keeping what was compiled.

Numba's own cache key knows neither the compiler options nor the source of functions that a
kernel inlines, so an old kernel can be served for new source. Our cache folders are therefore
named by a hash of the kernel's file, of the files it takes helpers from, of the options and of the
versions: new source, new folder.
"""

import hashlib
import sys
import tempfile
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
import numba
from numba.core.ccallback import CFunc
from numba.core.sigutils import normalize_signature

from ...._util.callers import PACKAGE
from ...._util.user_folders import user_cache
from .compilers import HelperCompiler, KernelCompiler
from .kernel_cache import kept_in
from .sources import source

# contract: a*b + c in one instruction. Everything else keeps the order of operations, NaN and Inf.
OPTIONS: dict[str, Any] = {"fastmath": {"contract"}, "error_model": "numpy", "nogil": True}
MAKES_ARRAYS = {"empty", "zeros"}  # of NumPy


def options_for(function: Callable[..., Any]) -> dict[str, Any]:
    """Numba's options. Only functions that make arrays count who refers to them (`_nrt`): without,
    a kernel takes a tenth less time to compile (2026-11-30).
    """
    return {**OPTIONS, "_nrt": not MAKES_ARRAYS.isdisjoint(function.__code__.co_names)}


def kernel(function: Callable[..., Any]) -> Any:
    """Compile `function` for the types it is called with, when it is first called with them."""
    folder = cache_folder(function.__code__.co_filename)
    options = {**options_for(function), "no_cfunc_wrapper": True}
    compiled = numba.njit(**options, pipeline_class=KernelCompiler)(function)
    return kept_in(folder, compiled, function)


def export(
    function: Callable[..., Any], signature: Any, symbol: str, compiler: Any = KernelCompiler
) -> int:
    """Compile `function` now, as a C function that kernels find under the name `symbol`; return
    its address.

    For large ones that many kernels call: they are compiled once, not into each of them.
    """
    folder = cache_folder(function.__code__.co_filename)
    options = {k: v for k, v in options_for(function).items() if k != "nogil"}
    compiled = kept_in(folder, CFunc(
        function, normalize_signature(signature), locals={}, options=options,
        pipeline_class=compiler), function)
    compiled.compile()
    llvm.add_symbol(symbol, compiled.address)
    _exported.append(compiled)
    return int(compiled.address)


_exported: list[Any] = []  # their machine code lives as long as these objects


def inlined(function: Callable[..., Any], always: bool = False, contract: bool = True) -> Any:
    """A helper that kernels call; it becomes part of them (a large one surely if `always`), and
    cannot be called from Python. It returns no arrays."""
    options = {**options_for(function), "no_cpython_wrapper": True, "no_cfunc_wrapper": True,
               "forceinline": always}
    if not contract:
        options["fastmath"] = False
    return numba.njit(**options, pipeline_class=HelperCompiler)(function)


task = inlined  # one thread's chunk of a kernel's work (parallel.py): never called from Python
rounding_task = partial(inlined, contract=False)  # the same, each operation rounded by itself


@cache
def cache_folder(file: str) -> Path | None:
    """Return the folder for a file's compiled kernels, made if necessary; None if no folder is
    writable.
    """
    try:
        folder = user_cache() / "kernels" / source_hash(Path(file))
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError:
        return None


def source_hash(file: Path) -> str:
    """A name for exactly this file, what it takes from files beside it, options and versions.

    Where the files are counts, too: compiled code names the modules that it came from.
    """
    parts = [numba.__version__, sys.version, repr(sorted(map(str, OPTIONS.items())))]
    for path in sorted(helpers(file)):
        parts += [_place(path), source(path).digest]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def helpers(file: Path) -> set[Path]:
    """A file and those of this package that it imports, and so on; without the reference."""
    found = {file}
    waiting = [file]
    while waiting:
        new = imported_files(waiting.pop()) - found
        found |= new
        waiting += new
    return found


@cache
def imported_files(file: Path) -> frozenset[Path]:
    """The files named by the relative imports of `file`; those inside of functions do not count.

    A package that is entered from outside counts with its `__init__`, which may register things.
    """
    around = {folder / "__init__.py" for folder in file.parents}
    return frozenset(path for path in source(file).named - around
                     if path.is_file() and "reference" not in path.parts)


def _place(file: Path) -> str:
    """Return the path of a file in this package; of any other its name."""
    return file.relative_to(PACKAGE).as_posix() if file.is_relative_to(PACKAGE) else file.name
