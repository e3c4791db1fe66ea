"""torch.cuda: the core's questions about GPUs, and figures of memory."""

from __future__ import annotations

from typing import Any

from ..backend.device import Device
from ..cuda import current_device as current_device
from ..cuda import device_count as device_count
from ..cuda import empty_cache as empty_cache
from ..cuda import get_device_name as get_device_name
from ..cuda import is_available as is_available
from ..cuda import manual_seed as manual_seed
from ..cuda import manual_seed_all as manual_seed_all
from ..cuda import synchronize as synchronize
from . import amp as amp
from .tensor import LEGACY_CUDA as _LEGACY_CUDA

OutOfMemoryError = MemoryError  # CuPy's is one, too


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Tell whether there is bfloat16: there is not."""
    return False


def set_device(device: Any) -> None:
    """Nothing: a process uses the GPU that its first tensor went to."""


def memory_allocated(device: Any = None) -> int:
    """Bytes in use on the GPU."""
    return int(Device("cuda").xp.get_default_memory_pool().used_bytes()) if is_available() else 0


max_memory_allocated = memory_reserved = max_memory_reserved = memory_allocated


def is_initialized() -> bool:
    """Return whether a GPU can be used."""
    return is_available()


globals().update(_LEGACY_CUDA)
