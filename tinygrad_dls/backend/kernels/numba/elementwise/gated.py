"""The gated linear unit: its halves are read where they lie, on all cores."""

import math
from typing import Any

from ...reference import gated as reference
from ..allocate import Running
from ..compile import kernel, task
from ..layout import F32
from ..parallel import parallel_for
from ..threads import threads_for
from .functions import ONE, sigmoid32

Array = Any


@task
def glu_chunk(chunk: int, chunks: int, x: Array, y: Array) -> None:
    n = len(x)
    for k in range(chunk * n // chunks, (chunk + 1) * n // chunks):
        a, b, y_k = x[k, 0], x[k, 1], y[k]
        for i in range(y_k.size):
            y_k[i] = a[i] * sigmoid32(b[i])


@kernel
def glu_loop(chunks: int, x: Array, y: Array) -> None:
    """Of x (n, 2, size), the halves side by side; y (n, size)."""
    parallel_for(glu_chunk, chunks, (x, y))


@task
def glu_backward_chunk(chunk: int, chunks: int, dy: Array, x: Array, dx: Array) -> None:
    n = len(x)
    for k in range(chunk * n // chunks, (chunk + 1) * n // chunks):
        d, a, b, da, db = dy[k], x[k, 0], x[k, 1], dx[k, 0], dx[k, 1]
        for i in range(d.size):
            s = sigmoid32(b[i])
            v = d[i] * s
            db[i] = v * a[i] * (ONE - s)
            da[i] = v


@kernel
def glu_backward_loop(chunks: int, dy: Array, x: Array, dx: Array) -> None:
    parallel_for(glu_backward_chunk, chunks, (dy, x, dx))


class Gated(Running, reference.Gated):
    """Of float32 in C order; the kernels see x as (n, 2, size)."""

    def glu(self, x: Any, axis: int) -> Any:
        if x.dtype is not F32 or not x.flags.c_contiguous or not x.size:
            return super().glu(x, axis)
        seen = _with_halves(x, axis)
        y = self.empty((len(seen), seen.shape[2]), x.dtype)
        self.run(glu_loop, min(len(seen), threads_for(16 * x.size)), seen, y)
        return y.reshape(*x.shape[:axis], x.shape[axis] // 2, *x.shape[axis + 1 :])

    def glu_backward(self, dy: Any, x: Any, axis: int) -> Any:
        if x.dtype is not F32 or not x.flags.c_contiguous or not x.size or dy.dtype is not F32 or (
                not dy.flags.c_contiguous):
            return super().glu_backward(dy, x, axis)
        seen, dx = _with_halves(x, axis), self.empty(x.shape, x.dtype)
        self.run(glu_backward_loop, min(len(seen), threads_for(16 * x.size)),
                 dy.reshape(len(seen), -1), seen, _with_halves(dx, axis))
        return dx


def _with_halves(x: Any, axis: int) -> Any:
    """View x as (n, 2, size), where the two are the halves along `axis`."""
    return x.reshape(math.prod(x.shape[:axis]), 2, -1)
