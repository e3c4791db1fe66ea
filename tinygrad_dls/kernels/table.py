"""Which kernels a device uses: compiled ones where they can be had, else the readable reference.

Chosen once per device and process, never in between, so that a run repeats to the bit.
`TINYGRAD_DLS_KERNELS=reference` asks for the reference; without Numba there is no choice.
"""

import importlib.util
import os
import sys
from typing import Any

from ..errors import DeviceError
from .reference import ReferenceKernels


def kernels_for(device: str, xp: Any) -> ReferenceKernels:
    """The kernel table for the device of this name with array namespace `xp`."""
    if device != "cpu" or not wants_compiled():
        return ReferenceKernels(xp)
    from .cpu import CompiledKernels  # needs Numba, found by now

    return CompiledKernels(xp)


def wants_compiled() -> bool:
    """Are Numba's kernels to be used? Asked for, not switched off, and Numba is there."""
    choice = os.environ.get("TINYGRAD_DLS_KERNELS") or "compiled"
    if choice not in ("compiled", "reference"):
        raise DeviceError(
            f"TINYGRAD_DLS_KERNELS is {choice!r}: it can be 'compiled' or 'reference'"
        )
    if choice == "reference" or os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
        return False
    if not _numba_is_there():
        print("tinygrad_dls: Numba is not installed, so kernels run on NumPy, correct but slower"
              " (pip install numba)", file=sys.stderr)
        return False
    return True


def _numba_is_there() -> bool:
    try:
        return importlib.util.find_spec("numba") is not None
    except ValueError:  # something put a None in its place among the loaded modules
        return False
