"""torch.accelerator: the GPU, if there is one."""

from __future__ import annotations

from typing import Any

from ..backend.device import Device
from .cuda import device_count as device_count
from .cuda import is_available as is_available
from .cuda import synchronize as synchronize


def current_accelerator(check_available: bool = False) -> Any:
    """The device of the GPU, None without one."""
    return Device("cuda") if is_available() else None


def current_device_index() -> int:
    """The number of the GPU in use."""
    return 0


def set_device_index(device: Any, /) -> None:
    """Nothing: a process uses the GPU that its first tensor went to."""


set_device_idx = set_device_index
