"""CUDA C on the host: the kernels' own source, compiled by the C++ compiler over emulation.hpp."""

import ctypes
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

COMPILER = shutil.which("g++") or shutil.which("c++") or shutil.which("clang++")
MISSING = "no C++ compiler (g++, clang++) to run CUDA C on the host with"
FLAGS = ("-std=c++17", "-O1", "-fPIC", "-shared", "-w")
KERNEL = re.compile(r"^KERNEL (\w+)\(([^)]*)\)", re.M)
GUARD = 512  # bytes before and behind an array that no kernel may change
POINTERS = {
    "unsigned char": ("uint8", "bool"), "int": ("int32",), "long long": ("int64",),
    "unsigned long long": ("uint64",), "float": ("float32",), "double": ("float64",),
}
NUMBERS = {"long long": ctypes.c_longlong, "double": ctypes.c_double}


class Emulated:
    """A compiled module: its kernels by name, with their parameters."""

    def __init__(self, code: str) -> None:
        self.real = re.search(r"typedef (\w+) Real;", code)[1]  # type: ignore[index]
        self.parameters = {
            name: [" ".join(part.split()[:-1]) for part in text.split(",")]
            for name, text in KERNEL.findall(code)
        }
        self._library = ctypes.CDLL(str(built(code, self.parameters)))

    def launch(
        self, name: str, grid: int, block: int, arguments: Sequence[Any], backwards: bool = False
    ) -> None:
        """Run a kernel; arrays are NumPy's. TypeError if an argument is not what it takes."""
        wanted = self.parameters[name]
        if len(wanted) != len(arguments):
            raise TypeError(f"{name} takes {len(wanted)} arguments, {len(arguments)} were given")
        values = [self._value(name, want, given) for want, given in zip(wanted, arguments)]
        run = getattr(self._library, f"run_{name}")
        run.restype = ctypes.c_char_p
        error = run(ctypes.c_uint(grid), ctypes.c_uint(block), ctypes.c_bool(backwards), *values)
        if error:
            raise RuntimeError(f"{name}: {error.decode()}")

    def _value(self, name: str, want: str, given: Any) -> Any:
        kind = want.removeprefix("const ").removesuffix("*").strip()
        kind = self.real if kind == "Real" else kind
        if want.endswith("*"):
            if type(given) is int and given == 0:
                return ctypes.c_void_p(None)
            if not isinstance(given, np.ndarray) or given.dtype.name not in POINTERS[kind]:
                raise TypeError(f"{name}: {want} was given {getattr(given, 'dtype', given)!r}")
            if not given.flags.c_contiguous:
                raise TypeError(f"{name}: an array that is not contiguous")
            return ctypes.c_void_p(given.ctypes.data)
        expected = {"long long": int, "double": float}[kind]
        if type(given) is not expected:  # CuPy hands over 8 bytes of whichever it is
            raise TypeError(f"{name}: {want} was given {given!r}")
        return NUMBERS[kind](given)


@cache
def module(code: str) -> Emulated:
    """The module of this source, compiled once in a process, and kept between processes."""
    return Emulated(code)


def built(code: str, parameters: dict[str, list[str]]) -> Path:
    """The shared library of a source."""
    header = Path(__file__).with_name("emulation.hpp")
    whole = "\n".join([f'#include "{header}"', code, *map(_runner, KERNEL.findall(code))])
    key = whole + header.read_text("utf-8") + repr((COMPILER, FLAGS))
    folder = Path(tempfile.gettempdir()) / f"tinygrad_dls_emulated_{os.getuid()}"
    folder.mkdir(exist_ok=True)
    library = folder / f"{hashlib.sha256(key.encode()).hexdigest()[:20]}.so"
    if not library.exists():
        assert COMPILER is not None, MISSING
        text = library.with_suffix(f".{os.getpid()}.cpp")
        made = text.with_suffix(".made")
        text.write_text(whole, "utf-8")
        command = [COMPILER, *FLAGS, "-o", made, text]
        result = subprocess.run(command, capture_output=True, text=True)
        text.unlink()
        if result.returncode:
            raise AssertionError(result.stderr)
        made.replace(library)
    return library


def _runner(kernel: tuple[str, str]) -> str:
    name, parameters = kernel
    names = ", ".join(part.split()[-1].lstrip("*") for part in parameters.split(","))
    return (
        f'extern "C" const char* run_{name}(unsigned grid_, unsigned block_, bool backwards_, '
        f"{parameters}) {{\n"
        f"    return emulation::launch(grid_, block_, backwards_, [&] {{ {name}({names}); }});\n}}"
    )
