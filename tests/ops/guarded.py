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


def call_all(at_end: bool, break_it: bool) -> None:
    """In the process: every kernel, each call with guarded arrays."""
    from . import parity

    guard = Guard(at_end)
    if break_it:
        one_too_far(parity, at_end)
    for name in ["tanh"] if break_it else parity.KERNELS:
        calls = [*parity.RECORDED[name], *parity.large(name)]
        for dtype in ("float32", "float64"):
            print(name, dtype, flush=True)
            for arguments in calls:
                first, second = (guarded(parity.cast(parity.copied(arguments), dtype), guard)
                                 for _ in range(2))
                kernel = getattr(parity.COMPILED, name)
                kernel(*first)  # compiled here, if need be: Numba must find NumPy's own functions
                with guard.instead_of_numpys():
                    kernel(*second)
    print("all", flush=True)


def guarded(arguments, guard):
    """Arrays, and those in lists, beside forbidden pages."""
    def one(a):
        if isinstance(a, list):
            return [one(x) for x in a]
        if isinstance(a, np.ndarray) and a.size and all(s >= 0 for s in a.strides):
            return guard.like(a)
        return a

    return tuple(one(a) for a in arguments)


def one_too_far(parity, at_end):
    """A kernel with a mistake: it reads one number behind the last, or before the first."""
    from numba import njit

    @njit
    def number_at(x, place):
        return x[place]

    def wrong(x):
        flat = x.reshape(-1)
        return number_at(flat, flat.size if at_end else -flat.size - 1)

    parity.COMPILED.tanh = wrong
