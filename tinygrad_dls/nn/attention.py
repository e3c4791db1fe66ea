"""Multi-head attention (Vaswani et al. 2017; Course 5, week 4)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from .. import ops
from .._util.arguments import is_whole
from ..backend.device import Device
from ..backend.dtypes import default_dtype, float_dtype
from ..errors import DataError, DtypeError, ShapeError
from ..random import Generator
from ..tensors import Tensor
from . import functional as F
from . import init
from .functional.dropout import probability
from .linear import Linear
from .module import Module
from .parameter import Parameter


class MultiheadAttention(Module):
    """Attention of `num_heads` heads: softmax(Q K^T / sqrt(d)) V; returns (output, weights).

    Q, K and V are linear in query, key and value, d = embed_dim / num_heads features a head, and
    `out_proj` joins the heads (Vaswani et al. 2017; Course 5, week 4).

    Shape: query (l, m, embed_dim), key (s, m, kdim), value (s, m, vdim), output (l, m, embed_dim),
    or, `batch_first`, (m, l, ...); without m: one example. Weights (m, l, s), the mean over the
    heads; with `average_attn_weights=False` (m, num_heads, l, s).

    In masks of bools TRUE MEANS "NOT TO BE SEEN" (in F.scaled_dot_product_attention it means the
    opposite, both as in PyTorch); masks of floats are added. A query that sees nothing has weights
    of 0 and gives the bias of `out_proj`, with need_weights and without. (PyTorch does so only
    without; with them it gives NaN, which spreads to the gradients of all weights.)

    Parameters: `in_proj_weight` (3 embed_dim, embed_dim) for query, key and value, or, where kdim
    or vdim differ, `q_proj_weight`, `k_proj_weight`, `v_proj_weight`; `in_proj_bias`;
    `bias_k` and `bias_v` (1, 1, embed_dim), one more key and value, with `add_bias_kv`; `out_proj`.
    `add_zero_attn`: one more key and value of zeros. `dropout`: of the weights, in training.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> attention = nn.MultiheadAttention(8, num_heads=2, batch_first=True)
    >>> x = dls.randn(4, 6, 8)
    >>> output, weights = attention(x, x, x)
    >>> output.shape, weights.shape, weights[0].sum(1).round(decimals=3).tolist()
    ((4, 6, 8), (4, 6, 6), [1.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: str | Device | None = None,
        dtype: DTypeLike | None = None,
        generator: Generator | None = None,
    ) -> None:
        if not is_whole(embed_dim, 1) or not is_whole(num_heads, 1) or embed_dim % num_heads:
            raise ShapeError(
                f"MultiheadAttention({embed_dim!r}, {num_heads!r}): embed_dim is a multiple of "
                "num_heads"
            )
        self.embed_dim, self.num_heads = int(embed_dim), int(num_heads)
        self.kdim, self.vdim = kdim or self.embed_dim, vdim or self.embed_dim
        self.head_dim = self.embed_dim // self.num_heads
        self.dropout, self.batch_first = probability(dropout), batch_first
        self.add_zero_attn, self.generator = add_zero_attn, generator
        kind = float_dtype(dtype or default_dtype())

        def empty(*shape: int) -> Parameter:
            return Parameter(np.zeros(shape, kind), device=device)

        e = self.embed_dim
        same = self.kdim == e and self.vdim == e
        self.in_proj_weight = empty(3 * e, e) if same else None
        self.q_proj_weight = None if same else empty(e, e)
        self.k_proj_weight = None if same else empty(e, self.kdim)
        self.v_proj_weight = None if same else empty(e, self.vdim)
        self.in_proj_bias = empty(3 * e) if bias else None
        self.bias_k = empty(1, 1, e) if add_bias_kv else None
        self.bias_v = empty(1, 1, e) if add_bias_kv else None
        self.out_proj = Linear(e, e, bias, device, kind, generator)
        self.reset_parameters(generator)

    def reset_parameters(self, generator: Generator | None = None) -> None:
        """Re-initialize the projections (Xavier); biases become 0."""
        for weight in (self.in_proj_weight, self.q_proj_weight, self.k_proj_weight,
                       self.v_proj_weight):
            if weight is not None:
                init.xavier_uniform_(weight, generator=generator)
        for bias in (self.bias_k, self.bias_v):
            if bias is not None:
                init.xavier_normal_(bias, generator=generator)
        for bias in (self.in_proj_bias, self.out_proj.bias):
            if bias is not None:
                init.zeros_(bias)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Any = None,
        need_weights: bool = True,
        attn_mask: Any = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """(output, weights); output as query, weights (m, l, s), or None unless `need_weights`.

        `key_padding_mask` (m, s); `attn_mask` (l, s) or (m * num_heads, l, s). Without
        `average_attn_weights` weights are (m, num_heads, l, s). In training they are those used,
        after dropout, as in PyTorch. `is_causal` says that attn_mask is
        the causal mask, so that a faster way can be taken; it does not make one.
        """
        if is_causal and attn_mask is None:
            raise DataError(
                "is_causal=True says that attn_mask is the causal mask, so give it too: "
                "attn_mask=nn.Transformer.generate_square_subsequent_mask(l)"
            )
        single = query.ndim == 2
        q, k, v = self._as_batches(query, key, value)
        m, length = q.shape[:2]
        q, k, v = self._projected(q, k, v)
        if self.bias_k is not None and self.bias_v is not None:
            k, v = (ops.concatenate([x, ops.broadcast_to(b, (m, 1, self.embed_dim))], axis=1)
                    for x, b in ((k, self.bias_k), (v, self.bias_v)))
        if self.add_zero_attn:
            zeros = Tensor(np.zeros((m, 1, self.embed_dim), k.dtype), device=k.device)
            k, v = (ops.concatenate([x, zeros], axis=1) for x in (k, v))
        q, k, v = (
            ops.swapaxes(x.reshape((m, x.shape[1], self.num_heads, self.head_dim)), 1, 2)
            for x in (q, k, v)
        )  # (m, heads, l, head_dim)
        causal = is_causal and key_padding_mask is None and not need_weights
        if causal and k.shape[2] == length:
            mask = None
        else:
            causal = False
            mask = self._mask(attn_mask, key_padding_mask, q, k, single)
        p = self.dropout if self.training else 0.0
        weights = None
        if need_weights:
            weights = F.dropout(self._weights(q, k, mask), p, generator=self.generator)
            y = weights @ v
        else:
            y = F.scaled_dot_product_attention(q, k, v, mask, p, causal, generator=self.generator)
        y = self.out_proj(ops.swapaxes(y, 1, 2).reshape((m, length, self.embed_dim)))
        if weights is not None:
            weights = ops.mean(weights, 1) if average_attn_weights else weights
            weights = weights[0] if single else weights
        if single:
            return y[0], weights
        return (y if self.batch_first else ops.swapaxes(y, 0, 1)), weights

    def _as_batches(self, *given: Tensor) -> list[Any]:
        """query, key and value as (m, length, features)."""
        widths = (self.embed_dim, self.kdim, self.vdim)
        ndim = given[0].ndim
        if ndim not in (2, 3) or any(
            x.ndim != ndim or x.shape[-1] != n for x, n in zip(given, widths)
        ):
            raise ShapeError(
                f"query (..., {widths[0]}), key (..., {widths[1]}) and value (..., {widths[2]}) "
                "have 3 axes each, or 2 without a batch:\n" + "\n".join(
                    f"  {what:5}  {x.shape}" for what, x in zip(("query", "key", "value"), given))
            )
        if ndim == 2:
            found: list[Any] = [ops.expand_dims(x, 0) for x in given]
        else:
            found = [x if self.batch_first else ops.swapaxes(x, 0, 1) for x in given]
        if len({x.shape[0] for x in found}) > 1 or found[1].shape[1] != found[2].shape[1]:
            raise ShapeError(
                "query, key and value are of as many examples, key and value of one length "
                f"(batch_first={self.batch_first}):\n" + "\n".join(
                    f"  {what:5}  {x.shape}" for what, x in zip(("query", "key", "value"), given))
            )
        return found

    def _projected(self, *inputs: Any) -> list[Any]:
        """x @ weight.T + bias for each of the three."""
        e = self.embed_dim
        projected = []
        own = (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight)
        for i, x in enumerate(inputs):
            part = slice(i * e, (i + 1) * e)
            weight = own[i] if self.in_proj_weight is None else self.in_proj_weight[part]
            bias = None if self.in_proj_bias is None else self.in_proj_bias[part]
            projected.append(F.linear(x, weight, bias))
        return projected

    def _mask(self, attn_mask: Any, padding: Any, q: Any, k: Any, single: bool) -> Any:
        """Both masks as one that broadcasts to (m, heads, l, s): bools, True is seen, or floats."""
        m, heads, length = q.shape[:3]
        s = k.shape[2]
        added = (self.bias_k is not None) + self.add_zero_attn  # keys that no mask hides
        masks = []
        if attn_mask is not None:
            mask = _tensor_of(attn_mask, q, "attn_mask")
            if mask.shape == (m * heads, length, s - added):
                mask = mask.reshape((m, heads, length, s - added))
            elif mask.shape != (length, s - added):
                raise ShapeError(
                    f"attn_mask has shape (l, s) or (m * heads, l, s):\n  attn_mask  {mask.shape}"
                    f"\n  (l, s)     {(length, s - added)}"
                )
            masks.append(mask)
        if padding is not None:
            mask = _tensor_of(padding, q, "key_padding_mask")
            wanted = (s - added,) if single else (m, s - added)
            if mask.shape != wanted:
                raise ShapeError(
                    f"key_padding_mask has shape (m, s):\n  key_padding_mask  {mask.shape}"
                    f"\n  (m, s)            {wanted}"
                )
            masks.append(mask.reshape((m, 1, 1, s - added)))
        if not masks:
            return None
        if all(mask.dtype.kind == "b" for mask in masks):
            masks = [~mask for mask in masks]
            whole = masks[0] if len(masks) == 1 else masks[0] & masks[1]
        else:
            masks = [_additive(mask, q) for mask in masks]
            whole = masks[0] if len(masks) == 1 else masks[0] + masks[1]
        if added:
            kind = whole.dtype
            free = (np.ones if kind.kind == "b" else np.zeros)((*whole.shape[:-1], added), kind)
            whole = ops.concatenate([whole, Tensor(free, device=q.device)], axis=whole.ndim - 1)
        return whole

    def _weights(self, q: Any, k: Any, mask: Any) -> Any:
        """softmax(q @ k.T / sqrt(head_dim) + mask), rows that see nothing 0; (m, heads, l, s)."""
        scores = (q * (1.0 / math.sqrt(self.head_dim))) @ ops.swapaxes(k, -1, -2)
        if mask is not None and mask.dtype.kind == "b":
            scores = ops.where(mask, scores, -math.inf)
        elif mask is not None:
            scores = scores + mask
        if mask is None:
            return ops.softmax(scores, -1)
        blind = ops.all(ops.equal(scores, -math.inf), -1, keepdims=True)
        return ops.where(blind, 0.0, ops.softmax(ops.where(blind, 0.0, scores), -1))

    def extra_repr(self) -> str:
        return f"embed_dim={self.embed_dim}, num_heads={self.num_heads}"


def _tensor_of(mask: Any, q: Any, name: str) -> Any:
    mask = mask if isinstance(mask, Tensor) else Tensor(mask, device=q.device)
    if mask.dtype.kind not in "bf":
        raise DtypeError(
            f"{name} is of bools (True: not to be seen) or of floats to add, not {mask.dtype}: "
            "write mask != 0"
        )
    return mask


def _additive(mask: Any, q: Any) -> Any:
    """A mask of floats as it is; of bools: -inf where it is true."""
    if mask.dtype.kind == "f":
        return mask.astype(q.dtype)
    return ops.where(mask, -math.inf, Tensor(np.zeros((), q.dtype), device=q.device))
