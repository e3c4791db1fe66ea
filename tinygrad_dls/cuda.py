"""Questions about GPUs under PyTorch's names: `dls.cuda.is_available()`.

A GPU is used through CuPy: `dls.Device("cuda")`, `x.to("cuda")`. All answers are those of a machine
without a GPU where CuPy is not installed or finds none.
"""

from __future__ import annotations

import importlib.util
from typing import Any

from ._util.namespaces import answer_wrong_names
from .backend.device import Device
from .errors import DeviceError
from .random import Generator


def is_available() -> bool:
    """Return whether there is a GPU that CuPy can use.

    >>> import tinygrad_dls as dls
    >>> device = dls.device("cuda" if dls.cuda.is_available() else "cpu")
    """
    return device_count() > 0


def device_count() -> int:
    """Count the GPUs that CuPy can use."""
    cupy = _cupy()
    return int(cupy.cuda.runtime.getDeviceCount()) if cupy is not None else 0


def current_device() -> int:
    """The number of the GPU in use: of `dls.Device("cuda")`, 0 unless another was asked for."""
    return int(_needed().cuda.runtime.getDevice())


def get_device_name(device: str | int | Device | None = None) -> str:
    """The name of a GPU as its maker gave it; of the one in use if no number is given."""
    cupy = _needed()
    number = device.index if isinstance(device, Device) else device
    if isinstance(number, str):
        number = Device(number).index
    properties = cupy.cuda.runtime.getDeviceProperties(number or 0)
    name: str = properties["name"].decode()
    return name


def synchronize(device: Any = None) -> None:
    """Wait until the GPU has done all that was asked of it; nothing without one."""
    cupy = _cupy()
    if cupy is not None:
        cupy.cuda.get_current_stream().synchronize()


def empty_cache() -> None:
    """Give memory of the GPU that is kept for later back to it; nothing without one."""
    cupy = _cupy()
    if cupy is not None:
        cupy.get_default_memory_pool().free_all_blocks()


def manual_seed(seed: int) -> None:
    """Nothing: numbers are drawn on the host, from the generator that `dls.manual_seed` seeds.

    DataError for a seed that is not a whole number of at least 0.
    """
    Generator(seed)


manual_seed_all = manual_seed


def _cupy() -> Any:
    """CuPy, if it is installed and finds a GPU."""
    if importlib.util.find_spec("cupy") is None:
        return None
    import cupy

    return cupy if cupy.cuda.is_available() else None


def _needed() -> Any:
    cupy = _cupy()
    if cupy is None:
        raise DeviceError("there is no GPU that CuPy can use: ask dls.cuda.is_available() first")
    return cupy


answer_wrong_names(globals())
