"""Scaled dot-product attention and its gradient; q (..., l, e), k (..., s, e), v (..., s, f)."""

from typing import Any

from .base import summed
from .random import Random


class Attention(Random):
    """attention, attention_backward."""

    softmax_backward: Any  # of `Losses`, in the same table

    def attention(
        self, q: Any, k: Any, v: Any, mask: Any | None, scale: float, causal: bool, p: float,
        seed: int,
    ) -> tuple[Any, Any]:
        """y = softmax(scale * q @ k.T + mask) @ v; returns (y, softmax).

        A mask of bools is true where a key may be seen; one of floats is added. `causal`: row i
        sees the keys up to i. A row that sees nothing is 0. `p`: dropout after the softmax.
        """
        xp = self.xp
        scores = (q @ k.swapaxes(-1, -2)) * scale
        if mask is not None and mask.dtype.kind == "b":
            scores = xp.where(mask, scores, -xp.inf)
        elif mask is not None:
            scores += mask
        if causal:
            rows, columns = xp.arange(q.shape[-2]), xp.arange(k.shape[-2])
            scores = xp.where(columns <= rows[:, None], scores, -xp.inf)
        if scores.size:
            top = scores.max(axis=-1, keepdims=True)
            scores -= xp.where(top == -xp.inf, 0.0, top)
        weights = xp.exp(scores)
        whole = summed(weights, -1, keepdims=True)
        weights /= xp.where(whole == 0, 1.0, whole)
        return (self.dropout(weights, p, seed) if p else weights) @ v, weights

    def attention_backward(
        self, dy: Any, q: Any, k: Any, v: Any, weights: Any, scale: float, causal: bool, p: float,
        seed: int, needs: tuple[bool, ...],
    ) -> tuple[Any | None, ...]:
        """(dq, dk, dv, dscores), each where `needs` asks for it; dscores is that of the mask.

        `causal`: weights[i, j] is 0 where j > i.
        """
        dv = None
        if needs[2]:
            dropped = self.dropout(weights, p, seed) if p else weights
            dv = dropped.swapaxes(-1, -2) @ dy
        if not (needs[0] or needs[1] or needs[3]):
            return None, None, dv, None
        dscores = dy @ v.swapaxes(-1, -2)
        if p:
            dscores = self.dropout(dscores, p, seed)
        dscores = self.softmax_backward(dscores, weights, -1)
        dq = (dscores @ k) * scale if needs[0] else None
        dk = (dscores.swapaxes(-1, -2) @ q) * scale if needs[1] else None
        return dq, dk, dv, dscores if needs[3] else None
