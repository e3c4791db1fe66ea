"""A namespace that stands for CuPy with a GPU: the strict device's arrays, and kernels that run.

Where CuPy hands a kernel to the GPU, this runs its source on the host (see emulator.py). What lies
before and behind the memory of each array is watched: a kernel that writes there is an error.
"""

from types import SimpleNamespace
from typing import Any

import numpy as np

from tinygrad_dls.backend import strict

from . import emulator

GUARD, MARK = emulator.GUARD, 0xA5


class FakeCupy:
    """`xp` for kernels: the strict namespace, with RawModule, and the few names of a device."""

    __name__ = "cupy"
    __spec__ = SimpleNamespace(name="cupy")  # as importlib looks for it

    def __init__(self, backwards: bool = False) -> None:
        self.backwards = backwards  # the order in which threads run
        self.launches: list[str] = []  # names of kernels
        self.modules: list[tuple[str, ...]] = []  # options of modules
        self.cuda = SimpleNamespace(
            is_available=lambda: True,
            runtime=SimpleNamespace(getDeviceCount=lambda: 1),
        )

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        value = getattr(strict.xp, name)
        self.__dict__[name] = value
        return value

    def RawModule(self, *, code: str, options: tuple[str, ...], backend: str) -> Any:
        """As cupy.RawModule."""
        assert backend == "nvrtc"
        assert isinstance(options, tuple)
        self.modules.append(options)
        return SimpleNamespace(
            get_function=lambda name: self._function(emulator.module(code), name)
        )

    def _function(self, module: emulator.Emulated, name: str) -> Any:
        assert name in module.parameters, f"no kernel is called {name}"

        def call(grid: tuple[int, ...], block: tuple[int, ...], args: tuple[Any, ...]) -> None:
            assert len(grid) == len(block) == 1
            assert 0 < grid[0] < 2**31
            assert 0 < block[0] <= 1024
            self.launches.append(name)
            hosts, back = _guarded(args)
            module.launch(name, grid[0], block[0], hosts, self.backwards)
            back()

        return call


def _guarded(args: tuple[Any, ...]) -> tuple[list[Any], Any]:
    """The arguments with arrays in guarded copies of their memory, and what copies them back."""
    roots: dict[int, tuple[Any, Any]] = {}
    given = []
    for a in args:
        if not isinstance(a, strict.Array):
            given.append(a)
            continue
        host = a._host
        base = host
        while isinstance(base.base, np.ndarray):
            base = base.base
        if id(base) not in roots:
            room = np.full(base.nbytes + 2 * GUARD, MARK, np.uint8)
            inside = np.ndarray(base.shape, base.dtype, room, GUARD, base.strides)
            inside[...] = base
            roots[id(base)] = (base, room)
        base, room = roots[id(base)]
        offset = GUARD + host.ctypes.data - base.ctypes.data
        assert offset >= GUARD or not host.size
        given.append(np.ndarray(host.shape, host.dtype, room, offset if host.size else GUARD,
                                host.strides))

    def back() -> None:
        for base, room in roots.values():
            assert (room[:GUARD] == MARK).all(), "a kernel wrote before an array"
            assert (room[len(room) - GUARD :] == MARK).all(), "a kernel wrote behind an array"
            base[...] = np.ndarray(base.shape, base.dtype, room, GUARD, base.strides)

    return given, back


def to_device(value: Any) -> Any:
    """Arguments with NumPy arrays on the strict device, in lists and tuples too, layouts kept."""
    if isinstance(value, np.ndarray):
        return strict.xp.asarray(value)
    if type(value) in (list, tuple):
        return type(value)([to_device(v) for v in value])
    return value


def to_host(value: Any) -> Any:
    """The way back."""
    if isinstance(value, strict.Array):
        return value._host
    if type(value) in (list, tuple):
        return type(value)([to_host(v) for v in value])
    return value
