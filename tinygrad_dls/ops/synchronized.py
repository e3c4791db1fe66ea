"""Batch norm by the statistics of several processes.

Each has a share of the batch. Forward they add up the numbers of elements, the sums and the sums of
squares of each channel; back, the sums of dL/dy and of dL/dy * (x - mean): 2 c + 1 numbers each way
for c channels, in float64. With N elements in all, n = (x - mean) / sqrt(var + eps) and
g = dL/dy * weight,

    dL/dx = (g - sum(g) / N - n * sum(g n) / N) / sqrt(var + eps),    sums over all processes.

L is here the sum of their losses. The gradients of weight and bias are each process's own share.
"""

from typing import Any

import numpy as np

from ..engine.autograd import Array
from ..errors import DataError
from .call import function_of
from .normalization import BatchNorm


class SynchronizedBatchNorm(BatchNorm):
    """y = (x - mean) / sqrt(var + eps) * weight + bias, statistics over all processes of `world`.

    `world` has a `size` and adds up an array over its processes by `sum_statistics(array, what)`;
    None: this process alone. dL/dx: see this file's text.
    """

    once = "its statistics come from other processes, and are not part of the graph"

    def __init__(self, eps: float, momentum: float = 0.0, world: Any = None) -> None:
        super().__init__(eps, momentum)
        self.world = world

    def forward(
        self, x: Array, weight: Array | None, bias: Array | None,
        running_mean: Array | None = None, running_var: Array | None = None, factor: Any = None,
    ) -> Any:
        mean, var, count = self._whole_moments(x)
        scale = (var + self.eps) ** -0.5
        if weight is not None:
            scale = scale * weight
        y = self.kernels.scale_centered(x, mean, scale, bias)
        if running_mean is not None and running_var is not None and count:
            share = self.momentum if factor is None else factor
            self.kernels.move_statistics(running_mean, running_var, mean, var, count, share)
        return y, mean, var

    def backward_kernel(
        self, dy: Array, x: Array, weight: Array, mean: Array, var: Array, needs: Any
    ) -> Any:
        total, product = self.kernels.centered_sums(dy, x, mean)
        inverse = (var + self.eps) ** -0.5
        dx = None
        if needs[0]:
            scale = inverse if weight is None else inverse * weight
            of_dy, of_product = self._whole_means(total, product, x)
            dx = self.kernels.combine_centered(
                dy, x, mean, scale, -scale * inverse * inverse * of_product, -scale * of_dy)
        dweight = product * inverse if needs[1] else None
        dbias = total if needs[2] else None
        return (dx, dweight, dbias, None, None, None)[: len(needs)]

    def _whole_moments(self, x: Array) -> tuple[Array, Array, int]:
        """Mean, variance and number of elements of each channel, over all ranks."""
        mean, var = self.kernels.channel_moments(x)
        c = x.shape[1]
        n = x.size // max(1, c)
        if self.world is None or self.world.size == 1:
            return mean, var, n
        mean, var = self._on_host(mean), self._on_host(var)
        if not n:  # the moments of nothing are NaN
            mean, var = np.zeros(c), np.zeros(c)
        sums = self._sum(n * mean, n * (var + mean * mean), n, "batch norm, forward")
        count = float(sums[-1])
        if c and count <= 1:
            raise DataError("batch_norm in training takes more than one number for each channel, "
                            "of all ranks together, their variance is 0 otherwise. Give more "
                            "examples, or use model.eval()")
        count = max(1.0, count)
        mean = sums[:c] / count
        var = np.maximum(sums[c:-1] / count - mean * mean, 0.0)
        return self._array(mean, x.dtype), self._array(var, x.dtype), int(sums[-1])

    def _whole_means(self, total: Array, product: Array, x: Array) -> tuple[Array, Array]:
        """Both sums over all ranks, divided by the number of elements of a channel."""
        c, kind = x.shape[1], x.dtype
        n = x.size // max(1, c)
        if self.world is None or self.world.size == 1:
            return total / float(max(1, n)), product / float(max(1, n))
        sums = self._sum(self._on_host(total), self._on_host(product), n, "batch norm, backward")
        count = max(1.0, float(sums[-1]))
        return self._array(sums[:c] / count, kind), self._array(sums[c:-1] / count, kind)

    def _sum(self, first: Array, second: Array, n: int, doing: str) -> Array:
        """(first, second, n) summed over all processes."""
        whole = np.concatenate([first, second, [float(n)]])
        return self.world.sum_statistics(whole, doing)

    def _on_host(self, values: Array) -> Array:
        return self.device.to_host(values).astype(np.float64)

    def _array(self, values: Array, kind: Any) -> Array:
        return self.device.from_host(values.astype(kind))


def synchronized_batch_norm(
    x: Any, weight: Any, bias: Any, running_mean: Any, running_var: Any, momentum: float,
    eps: float, world: Any,
) -> Any:
    """`batch_norm` by the statistics of all processes of `world`."""
    op = function_of(SynchronizedBatchNorm, eps, float(momentum), world)
    return op(x, weight, bias, running_mean, running_var, None)
