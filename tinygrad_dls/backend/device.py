"""Devices: an array namespace and a kernel table, carried by every tensor.

`Device("cpu")` is NumPy with compiled kernels, `Device("cuda:0")` is CuPy, and
`Device("strict")` is a double of CuPy over NumPy that refuses whatever a GPU would refuse: what
runs on it touches the host only where it says so.
"""

from __future__ import annotations

import importlib.util
import threading
from typing import Any, ClassVar

import numpy as np

from .._util.locks import cached_property, new_lock
from ..errors import DeviceError
from .kernels.numba.tuning import COPY_WORTH


class _Ones(dict[Any, Any]):
    """Arrays of the number 1, made at their first use."""

    def __init__(self, xp: Any) -> None:
        super().__init__()
        self.xp = xp

    def __missing__(self, dtype: Any) -> Any:
        one = self[dtype] = self.xp.ones((), dtype=dtype)
        if self.xp is np:
            one.flags.writeable = False
        return one


class Device:
    """A place for arrays: "cpu", "cuda", "cuda:1" or "strict". One object for each name.

    >>> dls.Device("cpu") is dls.zeros(2).device
    True
    """

    _known: ClassVar[dict[str, Device]] = {}
    _lock: ClassVar[threading.Lock] = new_lock()
    name: str
    xp: Any  # numpy, cupy or the strict namespace
    array_type: type
    ones: dict[Any, Any]  # of each dtype the number 1, shape (): dL/dL. Not to be written to

    def __new__(cls, name: str | Device, index: int | None = None) -> Device:
        if isinstance(name, Device):
            return name
        if not isinstance(name, str):
            raise DeviceError(f"a device is named by a string, 'cpu' or 'cuda', not by {name!r}")
        if index is not None:
            name = name if name == "cpu" and index == 0 else f"{name}:{index}"
        full = "cuda:0" if name == "cuda" else name
        with cls._lock:
            if full not in cls._known:
                device = super().__new__(cls)
                device.name = full
                device.xp = _namespace(full)
                device.array_type = device.xp.ndarray
                device.ones = _Ones(device.xp)
                cls._known[full] = device
            return cls._known[full]

    @property
    def type(self) -> str:
        """The kind of device: "cpu", "cuda" or "strict"."""
        return self.name.partition(":")[0]

    @property
    def index(self) -> int | None:
        """The number of a GPU; None of the others."""
        number = self.name.partition(":")[2]
        return int(number) if number else None

    def __repr__(self) -> str:
        return f"Device({self.name!r})"

    def __str__(self) -> str:
        return self.name

    def __reduce__(self) -> tuple[Any, ...]:
        return Device, (self.name,)

    def __deepcopy__(self, memo: dict[int, Any]) -> Device:
        return self

    @cached_property
    def kernels(self) -> Any:
        """The kernel table; made at first use, so that importing the package stays quick."""
        from .kernels import kernels_for  # the table needs compilers that imports need not wait for

        return kernels_for(self.name, self.xp)

    def asarray(self, value: Any) -> Any:
        """`value` (an array of this device, or a scalar that a reduction left) as an array."""
        return value if isinstance(value, self.array_type) else self.xp.asarray(value)

    def copy(self, array: Any) -> Any:
        """A C-contiguous copy on this device."""
        if self.xp is np and array.size >= COPY_WORTH and not array.flags.c_contiguous:
            return self.kernels.copy(array)
        return self.xp.array(array, order="C")

    def from_host(self, array: Any) -> Any:
        """A NumPy array's values on this device; on the CPU the array itself."""
        return array if self.xp is np else self.xp.asarray(array)

    def to_host(self, array: Any) -> np.ndarray[Any, Any]:
        """An array of this device as a NumPy array; on the CPU the array itself.

        Raises DataError if a kernel on the GPU met a wrong value since the last copy.
        """
        if self.xp is np:
            return array  # type: ignore[no-any-return]
        host: np.ndarray[Any, Any] = self.xp.asnumpy(array)
        self.raise_troubles()
        return host

    def raise_troubles(self) -> None:
        """DataError if a kernel on the GPU met a wrong value, a label out of range, since the last
        call. Kernels cannot raise: they set a flag, looked at wherever the host has waited."""
        if self.name.startswith("cuda") and "kernels" in self.__dict__:
            look = getattr(self.kernels, "raise_troubles", None)  # the reference sets no flags
            if look is not None:
                look()


def _namespace(name: str) -> Any:
    kind, _, number = name.partition(":")
    if name == "cpu":
        return np
    if name == "strict":
        from . import strict  # its tables are read only where it is used

        return strict.xp
    if kind == "cuda" and (number.isdigit() or not number):
        return _cupy(int(number))
    raise DeviceError(
        f"no device is called {name!r}: there are 'cpu', 'cuda', 'cuda:1' and 'strict'"
    )


def _cupy(number: int) -> Any:
    if importlib.util.find_spec("cupy") is None:
        raise DeviceError(
            "CuPy is not installed: pip install 'tinygrad_dls[gpu]' (CUDA 12) "
            "or 'tinygrad_dls[gpu-cuda13]'"
        )
    import cupy

    if not cupy.cuda.is_available():
        raise DeviceError("CuPy is installed, but it finds no usable GPU: is the driver there?")
    count = cupy.cuda.runtime.getDeviceCount()
    if number >= count:
        raise DeviceError(f"there is no GPU number {number}: this machine has {count}")
    if number:  # one context per process: choose the GPU outside
        cupy.cuda.Device(number).use()
    return cupy


_default: list[Device] = []


def default_device() -> Device:
    """Return the device of new tensors: the CPU unless set otherwise.

    >>> dls.default_device()
    Device('cpu')
    """
    if not _default:
        _default.append(Device("cpu"))
    return _default[0]


def set_default_device(device: str | Device) -> None:
    """Make new tensors on `device` ("cpu", "cuda" ...) from now on.

    >>> dls.set_default_device("cpu")
    """
    _default[:] = [Device(device)]
