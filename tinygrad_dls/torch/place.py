"""torch.device: another spelling of the core's Device, one object for each name."""

from __future__ import annotations

from typing import Any

from ..backend.device import Device


class _OfDevices(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Device)


class device(metaclass=_OfDevices):
    """The place of a tensor: device("cpu"), device("cuda:0"), device("cuda", 0).

    >>> import tinygrad_dls.torch as torch
    >>> torch.device("cpu") == torch.zeros(2).device, torch.device("cpu").type
    (True, 'cpu')
    """

    type: str
    index: int | None

    def __new__(cls, type: Any = "cpu", index: int | None = None) -> Any:
        """The core's Device of this name."""
        if isinstance(type, int):
            type, index = "cuda", type
        return Device(type if index is None or ":" in str(type) or type == "cpu"
                      else f"{type}:{index}")
