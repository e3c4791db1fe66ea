"""Arrays beside pages that nobody may touch: one number too far, and the process ends."""

import ctypes
import mmap
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

PAGE = mmap.PAGESIZE
NOTHING, PRIVATE, ANONYMOUS = 0, 0x02, 0x20
READ_WRITE = 1 | 2
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]


class Guard:
    """Makes arrays that begin right behind such a page (`at_end`: that end right before one)."""

    def __init__(self, at_end: bool) -> None:
        self.at_end = at_end

    def room(self, count: int, dtype: Any) -> np.ndarray:
        """Flat, of `count` numbers."""
        size = count * np.dtype(dtype).itemsize
        inside = max(1, -(-size // PAGE)) * PAGE
        whole = inside + 2 * PAGE
        start = libc.mmap(None, whole, READ_WRITE, PRIVATE | ANONYMOUS, -1, 0)
        assert start and start != ctypes.c_void_p(-1).value, "no memory"
        for page in (start, start + PAGE + inside):
            assert libc.mprotect(page, PAGE, NOTHING) == 0
        first = start + PAGE + (inside - size if self.at_end else 0)
        memory = (ctypes.c_char * size).from_address(first)
        weakref.finalize(memory, libc.munmap, start, whole)  # when the last array of it is gone
        return np.frombuffer(memory, dtype, count)

    def like(self, x: np.ndarray) -> np.ndarray:
        """A copy of x, in the same order in memory, without gaps."""
        dense = x.copy(order="K")
        made = np.lib.stride_tricks.as_strided(
            self.room(x.size, x.dtype), dense.shape, dense.strides)
        made[...] = x
        return made

    @contextmanager
    def instead_of_numpys(self) -> Iterator[None]:
        """np.empty, zeros, ones, full and their _like make guarded arrays."""
        real: dict[str, Callable[..., Any]] = {
            name: getattr(np, name) for name in
            ("empty", "zeros", "ones", "full", "empty_like", "zeros_like", "ones_like", "full_like")
        }

        def guarded(make: Callable[..., Any]) -> Callable[..., Any]:
            def call(*args: Any, **kwargs: Any) -> Any:
                made = make(*args, **kwargs)
                return self.like(made) if made.dtype.kind in "fiub" else made

            return call

        for name, make in real.items():
            setattr(np, name, guarded(make))
        try:
            yield
        finally:
            for name, make in real.items():
                setattr(np, name, make)
