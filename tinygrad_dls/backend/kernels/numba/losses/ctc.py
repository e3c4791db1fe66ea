"""Connectionist temporal classification: each example by itself, one loop over its paths."""

from typing import Any

import numpy as np

from ...reference import ctc as reference
from ..compile import inlined, kernel
from ..elementwise.functions import ONE, TWO, ZERO, exp32, f32
from ..layout import F32

Array = Any
LOWEST = f32(reference.LOWEST)
LOST = f32(0.5 * reference.LOWEST)


@inlined
def log_of_sum(a: Any, b: Any, c: Any) -> Any:
    """log(e**a + e**b + e**c): a series in (x - 1) / (x + 1), where x is between 1 and 3."""
    top = max(max(a, b), c)
    x = exp32(a - top) + exp32(b - top) + exp32(c - top)
    s = (x - ONE) / (x + ONE)
    q = s * s
    series = ONE + q * (f32(1 / 3) + q * (f32(1 / 5) + q * (f32(1 / 7) + q * (
        f32(1 / 9) + q * (f32(1 / 11) + q * (f32(1 / 13) + q * (f32(1 / 15) + q * (
            f32(1 / 17) + q * (f32(1 / 19) + q * f32(1 / 21))))))))))
    return top + TWO * s * series


@kernel
def ctc_loop(
    log_probs: Array, labels: Array, skips: Array, input_lengths: Array, target_lengths: Array,
    alpha: Array, losses: Array,
) -> None:
    """`alpha` starts full of LOWEST; `skips` is 0 where a path may skip to a place, else LOWEST."""
    places = labels.shape[1]
    before = np.full(places + 2, LOWEST, np.float32)  # two more on the left: no path comes from
    emitted = np.empty(places, np.float32)
    total = np.empty(places, np.float32)
    for n in range(labels.shape[0]):
        steps, width = input_lengths[n], 2 * target_lengths[n] + 1
        if steps == 0:
            losses[n] = ZERO if width == 1 else f32(np.inf)
            continue
        for s in range(min(2, width)):
            alpha[0, n, s] = max(log_probs[0, n, labels[n, s]], LOWEST)
        penalty = skips[n]
        for t in range(1, steps):
            for s in range(width):
                before[s + 2] = alpha[t - 1, n, s]
                emitted[s] = max(log_probs[t, n, labels[n, s]], LOWEST)
            for s in range(width):
                total[s] = log_of_sum(before[s + 2], before[s + 1], before[s] + penalty[s])
            for s in range(width):
                alpha[t, n, s] = total[s] + emitted[s]
        last = alpha[steps - 1, n, width - 1]
        label = alpha[steps - 1, n, width - 2] if width > 1 else LOWEST
        likely = log_of_sum(last, label, LOWEST)
        losses[n] = f32(np.inf) if likely < LOST else -likely


@kernel
def ctc_backward_loop(
    dy: Array, log_probs: Array, labels: Array, skips: Array, input_lengths: Array,
    target_lengths: Array, losses: Array, alpha: Array, d: Array,
) -> None:
    """`d`, the gradient (T, N, C), starts as zeros."""
    places = labels.shape[1]
    after = np.empty(places + 2, np.float32)  # two more on the right: no path goes there
    beta = np.empty(places, np.float32)
    for n in range(labels.shape[0]):
        if not np.isfinite(losses[n]):
            continue
        steps, width = input_lengths[n], 2 * target_lengths[n] + 1
        penalty = skips[n]
        for s in range(width):
            beta[s] = ZERO if s >= width - 2 else LOWEST
        for t in range(steps - 1, -1, -1):
            if t < steps - 1:
                for s in range(width):
                    after[s] = beta[s] + max(log_probs[t + 1, n, labels[n, s]], LOWEST)
                after[width] = after[width + 1] = LOWEST
                for s in range(width):
                    skip = penalty[s + 2] if s + 2 < width else LOWEST
                    beta[s] = log_of_sum(after[s], after[s + 1], after[s + 2] + skip)
            for s in range(width):
                posterior = exp32(min(alpha[t, n, s] + beta[s] + losses[n], ZERO))
                d[t, n, labels[n, s]] -= dy[n] * posterior


class Ctc(reference.Ctc):
    """One loop in float32; float64 as in the reference."""

    def ctc(
        self, log_probs: Any, targets: Any, input_lengths: Any, target_lengths: Any, blank: int
    ) -> tuple[Any, Any]:
        if log_probs.dtype is not F32:
            return super().ctc(log_probs, targets, input_lengths, target_lengths, blank)
        labels, skips, _ = self._places(targets, target_lengths, blank)
        steps, batch, _ = log_probs.shape
        alpha = np.full((steps, batch, labels.shape[1]), LOWEST, F32)
        losses = np.empty(batch, F32)
        ctc_loop(
            np.ascontiguousarray(log_probs), labels, _penalties(skips), _int64(input_lengths),
            _int64(target_lengths), alpha, losses,
        )
        return losses, alpha

    def ctc_backward(
        self, dy: Any, log_probs: Any, targets: Any, input_lengths: Any, target_lengths: Any,
        losses: Any, alpha: Any, blank: int,
    ) -> Any:
        if log_probs.dtype is not F32 or dy.dtype is not F32 or losses.dtype is not F32:
            return super().ctc_backward(dy, log_probs, targets, input_lengths, target_lengths,
                                        losses, alpha, blank)
        labels, skips, _ = self._places(targets, target_lengths, blank)
        d = np.zeros(log_probs.shape, F32)
        ctc_backward_loop(
            np.ascontiguousarray(dy), np.ascontiguousarray(log_probs), labels,
            _penalties(skips), _int64(input_lengths), _int64(target_lengths),
            np.ascontiguousarray(losses), np.ascontiguousarray(alpha), d,
        )
        return d


def _penalties(skips: Any) -> Any:
    return np.where(skips, ZERO, LOWEST)


def _int64(lengths: Any) -> Any:
    return np.ascontiguousarray(lengths, dtype=np.int64)
