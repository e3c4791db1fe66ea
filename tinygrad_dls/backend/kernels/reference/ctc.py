"""Connectionist temporal classification: the sum over all ways to stretch labels over time.

The labels with a blank before, between and after them are L = 2 S + 1 places. A path stays at a
place, goes to the next, or skips a blank between two different labels. alpha[t, n, s] is the log
of the chance of all paths that are at place s at time t, beta that of all ways on from there
(Graves et al. 2006). All is in logs; LOWEST stands for the log of 0, since sums of it stay finite.
"""

from typing import Any

from .base import Family

LOWEST = -1e30


class Ctc(Family):
    """ctc, ctc_backward."""

    add_at: Any  # of the family Scatter

    def ctc(
        self, log_probs: Any, targets: Any, input_lengths: Any, target_lengths: Any, blank: int
    ) -> tuple[Any, Any]:
        """(losses (N,), alpha (T, N, L)) of log-probabilities (T, N, C) and labels (N, S).

        LOWEST outside of the lengths; a loss is infinite where no path is long enough.
        """
        xp, dtype = self.xp, log_probs.dtype
        labels, skips, inside = self._places(targets, target_lengths, blank)
        emitted = self._emitted(log_probs, labels)
        steps, batch, _ = emitted.shape
        alpha = xp.full(emitted.shape, LOWEST, dtype=dtype)
        first = inside[:, :2] & (input_lengths > 0)[:, None]
        alpha[0, :, :2] = xp.where(first, emitted[0, :, :2], LOWEST)
        for t in range(1, steps):
            before = alpha[t - 1]
            total = before.copy()
            total[:, 1:] = xp.logaddexp(total[:, 1:], before[:, :-1])
            far = xp.where(skips[:, 2:], before[:, :-2], LOWEST)
            total[:, 2:] = xp.logaddexp(total[:, 2:], far)
            here = inside & (t < input_lengths)[:, None]
            alpha[t] = xp.where(here, total + emitted[t], LOWEST)
        last, rows = 2 * target_lengths, xp.arange(batch)
        end = xp.maximum(input_lengths - 1, 0)
        likely = alpha[end, rows, last]
        label = alpha[end, rows, xp.maximum(last - 1, 0)]
        likely = xp.logaddexp(likely, xp.where(last > 0, label, LOWEST))
        losses = xp.where(likely < 0.5 * LOWEST, float("inf"), -likely)
        nothing = xp.where(last > 0, float("inf"), 0.0).astype(dtype)
        return xp.where(input_lengths > 0, losses, nothing), alpha

    def ctc_backward(
        self, dy: Any, log_probs: Any, targets: Any, input_lengths: Any, target_lengths: Any,
        losses: Any, alpha: Any, blank: int,
    ) -> Any:
        """-dy times the chance, among the paths that fit, of each symbol at each time (T, N, C).

        0 where the loss is infinite.
        """
        xp = self.xp
        labels, skips, inside = self._places(targets, target_lengths, blank)
        emitted = self._emitted(log_probs, labels)
        steps, batch, places = emitted.shape
        last = 2 * target_lengths[:, None]
        s = xp.arange(places)[None, :]
        ends = xp.where(((s == last) | (s == last - 1)), 0.0, LOWEST).astype(alpha.dtype)
        possible = xp.isfinite(losses)[:, None] & inside
        loss = xp.where(xp.isfinite(losses), losses, 0.0)[:, None]
        shares = xp.zeros_like(emitted)
        beta = xp.full((batch, places), LOWEST, dtype=alpha.dtype)
        for t in range(steps - 1, -1, -1):
            if t + 1 < steps:
                after = beta + emitted[t + 1]
                beta = after.copy()
                beta[:, :-1] = xp.logaddexp(beta[:, :-1], after[:, 1:])
                far = xp.where(skips[:, 2:], after[:, 2:], LOWEST)
                beta[:, :-2] = xp.logaddexp(beta[:, :-2], far)
            beta = xp.where((t == input_lengths - 1)[:, None], ends, beta)
            here = possible & (t < input_lengths)[:, None]
            shares[t] = xp.where(here, xp.exp(xp.minimum(alpha[t] + beta + loss, 0.0)), 0.0)
        shares *= -dy[None, :, None]
        rows = xp.arange(batch)[:, None]
        return self.add_at(shares, log_probs.shape, (slice(None), rows, labels))

    def _places(self, targets: Any, target_lengths: Any, blank: int) -> tuple[Any, Any, Any]:
        """Return arrays (N, L): the symbol at each position, whether a path may skip to it, and
        whether it is within the labels.
        """
        xp = self.xp
        batch, longest = targets.shape
        there = xp.arange(longest)[None, :] < target_lengths[:, None]
        labels = xp.full((batch, 2 * longest + 1), blank, dtype=xp.int64)
        labels[:, 1::2] = xp.where(there, targets, blank)
        skips = xp.zeros(labels.shape, dtype=xp.bool_)
        skips[:, 2:] = (labels[:, 2:] != blank) & (labels[:, 2:] != labels[:, :-2])
        inside = xp.arange(2 * longest + 1)[None, :] <= 2 * target_lengths[:, None]
        return labels, skips, inside

    def _emitted(self, log_probs: Any, labels: Any) -> Any:
        """(T, N, L): the log-probability of the symbol at each place."""
        rows = self.xp.arange(labels.shape[0])[:, None]
        return self.xp.maximum(log_probs[:, rows, labels], LOWEST)
