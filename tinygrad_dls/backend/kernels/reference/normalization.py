"""Normalization to mean 0 and variance 1, over chosen axes, and its gradient.

x is seen as (m, n) with statistics over axis 1 (layer norm), as (m, c, s) over axes 0 and 2 (batch
norm; s is the place in the image), or as (m, groups, c / groups, s) over axes 2 and 3 (group norm).
`weight` and `bias` have as many axes as x, and length 1 along the first and, of images, the last.
"""

import math
from typing import Any

from .base import Family, summed


class Normalization(Family):
    """normalize, normalize_backward, scale_shift."""

    def normalize(
        self, x: Any, weight: Any | None, bias: Any | None, axes: tuple[int, ...], eps: float,
        centered: bool,
    ) -> tuple[Any, Any, Any]:
        """y = (x - mean) / sqrt(var + eps) * weight + bias; returns (y, mean, var).

        `var` is the mean square deviation (no correction). Not `centered`: mean counts as 0.
        """
        share = 1.0 / max(1, math.prod(x.shape[i] for i in axes))
        mean = summed(x, axes, keepdims=True) * share
        if centered:  # a sum of many large numbers lost digits: add the mean of what is left
            mean += summed(x - mean, axes, keepdims=True) * share
        else:
            mean = self.xp.zeros_like(mean)
        y = x - mean
        var = summed(y * y, axes, keepdims=True) * share
        y *= (var + eps) ** -0.5
        if weight is not None:
            y *= weight
        if bias is not None:
            y += bias
        return y, mean, var

    def normalize_backward(
        self, dy: Any, x: Any, weight: Any | None, mean: Any, var: Any, axes: tuple[int, ...],
        eps: float, centered: bool, needs: tuple[bool, ...],
    ) -> tuple[Any | None, ...]:
        """(dx, dweight, dbias), each where `needs` asks for it.

        With n = (x - mean) / sqrt(var + eps) and g = dy * weight, means over `axes`:
        dx = (g - mean(g) - n mean(g n)) / sqrt(var + eps)
        """
        share = 1.0 / max(1, math.prod(x.shape[i] for i in axes))
        scale = (var + eps) ** -0.5
        n = (x - mean) * scale
        dx = None
        if needs[0]:
            g = dy if weight is None else dy * weight
            dx = g - n * (summed(g * n, axes, keepdims=True) * share)
            if centered:
                dx -= summed(g, axes, keepdims=True) * share
            dx *= scale
        others = (0,) if x.ndim == 2 else (0, x.ndim - 1)
        dweight = summed(dy * n, others, keepdims=True) if needs[1] else None
        dbias = summed(dy, others, keepdims=True) if needs[2] else None
        return dx, dweight, dbias

    def scale_shift(self, x: Any, scale: Any, shift: Any) -> Any:
        """y = x * scale + shift, one number of each for a channel; x (m, c, s)."""
        y = x * scale[None, :, None]
        y += shift[None, :, None]
        return y
