"""Batch normalization, with what often follows it: + a residual, and ReLU or ReLU6."""

import math
from typing import Any, TypeAlias

from .activations import Activations
from .base import summed
from .normalization import Normalization

Bounds: TypeAlias = tuple[float, float | None] | None  # ReLU is (0, None), ReLU6 (0, 6)


class BatchNorm(Activations, Normalization):
    """batch_norm, its halves, batch_norm_backward, frozen_batch_norm, move_statistics."""

    def batch_norm(
        self, x: Any, weight: Any | None, bias: Any | None, residual: Any | None, eps: float,
        bounds: Bounds,
    ) -> tuple[Any, Any, Any]:
        """y = normalized x (m, c, ...) (+ residual), clamped to bounds; mean, var (c,).

        weight and bias (c,); statistics of each channel over all else.
        """
        c, seen = x.shape[1], (*x.shape[:2], math.prod(x.shape[2:]))
        w, b = (None if v is None else v.reshape(1, c, 1) for v in (weight, bias))
        y, mean, var = self.normalize(x.reshape(seen), w, b, (0, 2), eps, True)
        y = self._clamped(y.reshape(x.shape), residual, bounds)
        return y, mean.reshape(c), var.reshape(c)

    def _clamped(self, y: Any, residual: Any | None, bounds: Bounds) -> Any:
        """y (+ residual), clamped to bounds."""
        if residual is not None:
            y = y + residual
        if bounds is not None:
            low, high = bounds
            y = self.relu(y) if high is None else self.hardtanh(y, low, high)
        return y

    def frozen_batch_norm(
        self, x: Any, weight: Any | None, bias: Any | None, residual: Any | None, mean: Any,
        var: Any, eps: float, bounds: Bounds, reuse: bool = False,
    ) -> Any:
        """`batch_norm` with statistics (c,) that are given: y. `reuse`: it may take x's memory."""
        scale = 1.0 / self.xp.sqrt(var + eps)
        scale = scale if weight is None else scale * weight
        shift = -mean * scale
        shift = shift if bias is None else shift + bias
        seen = (*x.shape[:2], math.prod(x.shape[2:]))
        y = self.scale_shift(x.reshape(seen), scale, shift).reshape(x.shape)
        return self._clamped(y, residual, bounds)

    def batch_norm_backward(
        self, dy: Any, x: Any, y: Any | None, weight: Any | None, bias: Any | None, mean: Any,
        var: Any, eps: float, bounds: Bounds, needs: tuple[bool, ...],
    ) -> tuple[Any | None, ...]:
        """(dx, dweight, dbias, dresidual), each where `needs` asks for it. If there are bounds, y
        says where they held; without a residual it may be None and follows from the rest.
        """
        if bounds is not None and y is None:
            inverse = 1.0 / self.xp.sqrt(var + eps)
            y = self.scale_centered(x, mean, inverse if weight is None else inverse * weight, bias)
        if bounds is not None:
            low, high = bounds
            dy = (self.relu_backward(dy, y) if high is None
                  else self.hardtanh_backward(dy, y, low, high))
        c, seen = x.shape[1], (*x.shape[:2], math.prod(x.shape[2:]))
        w = None if weight is None else weight.reshape(1, c, 1)
        mean, var = mean.reshape(1, c, 1), var.reshape(1, c, 1)
        dx, dweight, dbias = self.normalize_backward(
            dy.reshape(seen), x.reshape(seen), w, mean, var, (0, 2), eps, True, needs[:3])
        return (
            None if dx is None else dx.reshape(x.shape),
            None if dweight is None else dweight.reshape(c),
            None if dbias is None else dbias.reshape(c),
            dy if needs[3] else None,
        )

    # The same in halves, between which ranks add up their statistics.

    def channel_moments(self, x: Any) -> tuple[Any, Any]:
        """Mean and variance (biased) of each channel of x (m, c, ...); both (c,)."""
        c, seen = x.shape[1], (*x.shape[:2], math.prod(x.shape[2:]))
        _, mean, var = self.normalize(x.reshape(seen), None, None, (0, 2), 1.0, True)
        return mean.reshape(c), var.reshape(c)

    def scale_centered(self, x: Any, mean: Any, scale: Any, shift: Any | None) -> Any:
        """(x - mean) * scale + shift, by channel; x (m, c, ...), the rest (c,)."""
        ones = [1] * (x.ndim - 2)
        y = (x - mean.reshape(1, -1, *ones)) * scale.reshape(1, -1, *ones)
        return y if shift is None else y + shift.reshape(1, -1, *ones)

    def centered_sums(self, dy: Any, x: Any, mean: Any) -> tuple[Any, Any]:
        """Of each channel the sums of dy and of dy * (x - mean); both (c,)."""
        others = (0, *range(2, x.ndim))
        away = x - mean.reshape(1, -1, *[1] * (x.ndim - 2))
        return summed(dy, others), summed(dy * away, others)

    def combine_centered(self, dy: Any, x: Any, mean: Any, a: Any, b: Any, c: Any) -> Any:
        """a * dy + b * (x - mean) + c, by channel."""
        ones = [1] * (x.ndim - 2)
        mean, a, b, c = (v.reshape(1, -1, *ones) for v in (mean, a, b, c))
        return a * dy + b * (x - mean) + c

    def move_statistics(
        self, running_mean: Any, running_var: Any, mean: Any, var: Any, count: int, factor: Any
    ) -> None:
        """Move running statistics towards those of `count` numbers each, in place.

        r = (1 - factor) r + factor * new. The new variance is the one without bias,
        n / (n - 1) of the one that normalizes.
        """
        running_mean += (mean - running_mean) * factor
        running_var += (var * (count / max(1, count - 1)) - running_var) * factor
