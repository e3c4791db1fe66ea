"""torch.cuda: questions about GPUs. The core's devices are CuPy's."""

from __future__ import annotations

import importlib.util
from typing import Any

from ..backend.device import Device
from ..errors import DeviceError
from ..random import manual_seed as manual_seed

manual_seed_all = manual_seed


def is_available() -> bool:
    """Return whether tensors can be on a GPU."""
    if importlib.util.find_spec("cupy") is None:
        return False
    try:
        Device("cuda")
    except DeviceError:
        return False
    return True


def device_count() -> int:
    """The number of GPUs."""
    return int(Device("cuda").xp.cuda.runtime.getDeviceCount()) if is_available() else 0


def current_device() -> int:
    """The number of the GPU in use."""
    return 0


def get_device_name(device: Any = None) -> str:
    """The name of the GPU."""
    xp = Device("cuda").xp
    return str(xp.cuda.runtime.getDeviceProperties(0)["name"].decode())


def set_device(device: Any) -> None:
    """Nothing: a process uses the GPU that its first tensor went to."""


def synchronize(device: Any = None) -> None:
    """Wait until the GPU is done."""
    if is_available():
        Device("cuda").xp.cuda.runtime.deviceSynchronize()


def empty_cache() -> None:
    """Give memory of the GPU back that is not in use."""
    if is_available():
        Device("cuda").xp.get_default_memory_pool().free_all_blocks()


def memory_allocated(device: Any = None) -> int:
    """Bytes in use on the GPU."""
    return int(Device("cuda").xp.get_default_memory_pool().used_bytes()) if is_available() else 0


max_memory_allocated = memory_reserved = memory_allocated


def is_initialized() -> bool:
    """Return whether a GPU is in use."""
    return is_available()
