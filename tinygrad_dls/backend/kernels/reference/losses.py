"""Losses from logits and the functions under them, each stable: no overflow, no log of 0."""

from typing import Any

import numpy as np

from .base import Family, sigmoid, summed


class Losses(Family):
    """softmax, log_softmax, cross_entropy, binary_cross_entropy, squares, and their gradients.

    In gradients `d` is dL/d(each loss), one number for all or one for each, and `part` what it is
    multiplied by: 1 / m, where the loss is the mean of m.
    """

    def total(self, x: Any, part: float) -> Any:
        """The sum of all of x, times `part`."""
        return summed(x) * part

    def softmax(self, z: Any, axis: int) -> Any:
        """exp(z) / sum(exp(z)) along `axis`; the largest is subtracted first."""
        e = self.xp.exp(z - z.max(axis=axis, keepdims=True))
        e /= summed(e, axis, keepdims=True)
        return e

    def log_softmax(self, z: Any, axis: int) -> Any:
        """z - log(sum(exp(z))) along `axis`."""
        shifted = z - z.max(axis=axis, keepdims=True)
        return shifted - self.xp.log(summed(self.xp.exp(shifted), axis, keepdims=True))

    def softmax_backward(self, dy: Any, y: Any, axis: int) -> Any:
        """dz = y (dy - sum(dy y))."""
        return y * (dy - summed(dy * y, axis, keepdims=True))

    def log_softmax_backward(self, dy: Any, y: Any, axis: int) -> Any:
        """dz = dy - exp(y) sum(dy)."""
        return dy - self.xp.exp(y) * summed(dy, axis, keepdims=True)

    def cross_entropy(self, z: Any, labels: Any, smoothing: float) -> tuple[Any, Any, Any]:
        """(-log softmax(z)[label], top, exp_sum = sum(exp(z - top))) of each row; z (m, classes).

        top is the largest of the row: z - top is exact where logits are large, and the softmax is
        exp(z - top) / exp_sum. labels (m,). `smoothing`: how much of the loss is the mean over all
        classes instead.
        """
        if self.xp is np and labels.size and labels.min() < 0:  # NumPy counts from the end
            raise IndexError(f"label {labels.min()} is out of range")
        tops = z.max(axis=1)
        shifted = z - tops[:, None]
        exp_sums = summed(self.xp.exp(shifted), 1)
        logs = self.xp.log(exp_sums)
        losses = logs - shifted[self.xp.arange(z.shape[0]), labels]
        if smoothing:
            even = logs - summed(shifted, 1) * (1.0 / z.shape[1])
            losses = (1 - smoothing) * losses + smoothing * even
        return losses, tops, exp_sums

    def cross_entropy_backward(
        self, d: Any, z: Any, labels: Any, tops: Any, exp_sums: Any, smoothing: float, part: float
    ) -> Any:
        """part d_i * (softmax(z_i) - onehot(label_i)); d (m,) or ()."""
        dz = self.xp.exp(z - tops[:, None]) / exp_sums[:, None]
        if smoothing:
            dz -= smoothing / z.shape[1]
        dz[self.xp.arange(z.shape[0]), labels] -= 1 - smoothing
        d = d * part
        dz *= d if d.ndim == 0 else d[:, None]
        return dz

    def squared_distance(self, a: Any, b: Any) -> Any:
        """The sum of (a - b)**2."""
        d = a - b
        return summed(d * d)

    def scaled_difference(self, a: Any, b: Any, factor: Any) -> Any:
        """(a - b) * factor, one number on the device."""
        return (a - b) * factor

    def huber_distance(self, a: Any, b: Any, bound: float) -> Any:
        """The sum of d**2 / 2 where |d| <= bound, else bound (|d| - bound / 2); d = a - b."""
        d = a - b
        clamped = self.xp.clip(d, -bound, bound)
        return self.total(clamped * (d - 0.5 * clamped), 1.0)

    def clamped_difference(self, a: Any, b: Any, bound: float, factor: Any) -> Any:
        """(a - b, clamped to [-bound, bound]) * factor, one number on the device."""
        return self.xp.clip(a - b, -bound, bound) * factor

    def any_outside(self, x: Any, low: float, high: float) -> bool:
        """Return whether any element is below `low` or above `high`. NaN is neither."""
        return bool(((x < low) | (x > high)).any())

    def binary_cross_entropy(self, z: Any, t: Any) -> Any:
        """max(z, 0) - z t + log(1 + exp(-|z|)), element-wise, for targets t in [0, 1]."""
        xp = self.xp
        return xp.maximum(z, 0) - z * t + xp.log1p(xp.exp(-abs(z)))

    def binary_cross_entropy_backward(self, d: Any, z: Any, t: Any, part: float) -> Any:
        """part d (sigmoid(z) - t)."""
        return d * part * (sigmoid(self.xp, z) - t)
