"""Attention: products in cuBLAS, and between them scale, mask and softmax in one launch."""

import math
from typing import Any

from ..reference import attention as reference
from .base import CudaFamily
from .layout import dense, real


class Attention(CudaFamily, reference.Attention):
    """float32 and float64. The scores are kept, as (..., l, s)."""

    softmax_backward: Any  # of the family Losses

    def attention(
        self, q: Any, k: Any, v: Any, mask: Any | None, scale: float, causal: bool, p: float,
        seed: int,
    ) -> tuple[Any, Any]:
        is_bool = mask is not None and mask.dtype.kind == "b"
        if not real(q, k, v, None if is_bool else mask):
            return super().attention(q, k, v, mask, scale, causal, p, seed)
        weights = dense(self.xp, q @ k.swapaxes(-1, -2))
        rows, n = math.prod(weights.shape[:-1]), weights.shape[-1]
        mask, period = self._repeating(mask, weights.shape)
        if weights.size:
            self._rows("attention.masked_softmax", weights.dtype, rows, n, 1, weights,
                       mask.view(self.xp.uint8) if is_bool else None, None if is_bool else mask,
                       period, q.shape[-2], float(scale), causal)
        return (self.dropout(weights, p, seed) if p else weights) @ v, weights

    def _repeating(self, mask: Any | None, shape: tuple[int, ...]) -> tuple[Any, int]:
        """The mask with all its keys, and the number of its rows, after which it repeats."""
        if mask is None:
            return None, 0
        lead = 0  # axes along which it is the same
        while lead < mask.ndim - 2 and mask.shape[lead] == 1:
            lead += 1
        own = shape[len(shape) - max(2, mask.ndim - lead) :]
        whole = self.xp.broadcast_to(mask.reshape(mask.shape[lead:]), own)
        return dense(self.xp, whole), math.prod(own[:-1])
