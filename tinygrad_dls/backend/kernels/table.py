"""Choice of a device's kernels: compiled ones where available, otherwise the readable reference.

Chosen once per device and process, never in between, so that a run repeats to the bit.
`TINYGRAD_DLS_KERNELS=reference` asks for the reference, on the CPU and on a GPU; without Numba
the CPU has no choice.
"""

import importlib.util
import os
import sys
from contextlib import suppress
from functools import cache
from typing import Any

from ..._util.collector import collector_paused
from ...errors import DeviceError
from .numba.ahead import start_if_nothing_is_kept
from .reference import ReferenceKernels
from .whole_import import whole_import


def kernels_for(device: str, xp: Any) -> ReferenceKernels:
    """The kernel table for the device of this name with array namespace `xp`.

    The CPU has Numba's, a GPU those in CUDA C, and the strict device the reference.
    """
    if device.startswith("cuda") and not _reference_is_asked_for():
        from .cuda import CudaKernels  # read only where there is a GPU

        return CudaKernels(xp)
    if device != "cpu" or not wants_compiled():
        return ReferenceKernels(xp)
    with whole_import("numba", "llvmlite", __package__), collector_paused():
        from .numba.table import CompiledKernels  # needs Numba, found by now

    return CompiledKernels(xp)


def _reference_is_asked_for() -> bool:
    choice = os.environ.get("TINYGRAD_DLS_KERNELS") or "compiled"
    if choice not in ("compiled", "reference"):
        raise DeviceError(
            f"TINYGRAD_DLS_KERNELS is {choice!r}: it can be 'compiled' or 'reference'"
        )
    return choice == "reference"


def compile_ahead() -> None:
    """Begin compiling now, in a second process, where no program has compiled kernels before."""
    with suppress(DeviceError):  # told where kernels are chosen
        if _wants_numba() and _numba_is_there():
            start_if_nothing_is_kept()


def wants_compiled() -> bool:
    """Return whether to use Numba's kernels: asked for, not switched off, and Numba is installed.
    """
    if not _wants_numba():
        return False
    if not _numba_is_there():
        _say_what_is_missing()
        return False
    return True


def _wants_numba() -> bool:
    switched_off = os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")
    return not _reference_is_asked_for() and not switched_off


@cache
def _say_what_is_missing() -> None:
    """Once."""
    print("tinygrad_dls: Numba is not installed, so kernels run on NumPy, correct but slower"
          " (pip install numba)", file=sys.stderr)


def _numba_is_there() -> bool:
    try:
        return importlib.util.find_spec("numba") is not None
    except ValueError:  # something put a None in its place among the loaded modules
        return False
