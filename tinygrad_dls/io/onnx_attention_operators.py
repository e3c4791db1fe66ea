"""ONNX's Attention and RotaryEmbedding, by functions of ours."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import ops
from ..errors import FormatError
from ..ops.call import tensor_of
from .onnx_operators import Args, dtype_option, host, operator


@operator("Attention", host=(6,))
def _attention(a: Args) -> Any:
    """(y, all keys, all values, scores): softmax(scale q k^T + mask) v for each head.

    Queries come behind the keys of the past: query i is at place i + offset, and sees keys up to
    that place if `is_causal`. A query that sees no key gives zeros.
    """
    flat = a[0].ndim == 3
    q, k, v = (_heads(a, x, "q_num_heads" if i == 0 else "kv_num_heads") if flat else x
               for i, x in enumerate(a.values[:3]))
    if q.ndim != 4 or k.shape[1] < 1 or q.shape[1] % k.shape[1]:
        raise FormatError(f"{a.what}: queries {q.shape} and keys {k.shape} have no heads that fit")
    if a[4] is not None:
        k, v = ops.concatenate([a[4], k], axis=2), ops.concatenate([a[5], v], axis=2)
    keys, values, groups = k, v, q.shape[1] // k.shape[1]
    if groups > 1:
        k, v = ops.repeat(k, groups, 1), ops.repeat(v, groups, 1)
    root = math.sqrt(a.option("scale") or 1.0 / math.sqrt(q.shape[-1]))  # of both, against overflow
    scores = shown = ops.matmul(q * root, ops.swapaxes(k * root, -1, -2))
    mode, cap = a.option("qk_matmul_output_mode", 0), a.option("softcap", 0.0)
    scores = ops.tanh(scores / cap) * cap if cap else scores
    shown = scores if mode == 1 else shown
    scores = _masked(a, scores)
    shown = scores if mode == 2 else shown
    wide = ops.cast(scores, dtype_option(a, "softmax_precision", 0, q.dtype))
    blind = ops.max(wide, axis=-1, keepdims=True) == -math.inf
    weights = ops.softmax(ops.where(blind, 0.0, wide), -1)
    weights = ops.cast(ops.where(blind, 0.0, weights), q.dtype)
    shown = weights if mode == 3 else shown
    y = ops.matmul(weights, v)
    if flat:
        y = ops.transpose(y, (0, 2, 1, 3)).reshape((y.shape[0], y.shape[2], -1))
    return y, keys, values, shown


def _heads(a: Args, x: Any, option: str) -> Any:
    """(m, steps, heads * n) as (m, heads, steps, n)."""
    count = a.option(option, 0)
    if count < 1 or x.ndim != 3 or x.shape[2] % count:
        raise FormatError(f"{a.what}: {x.shape} has no {count} heads")
    apart = x.reshape((*x.shape[:2], count, x.shape[2] // count))
    return ops.transpose(apart, (0, 2, 1, 3))


def _masked(a: Args, scores: Any) -> Any:
    """The scores with the mask added, and -inf where a key is not seen."""
    queries, keys = scores.shape[-2:]
    mask, lengths = a[3], None if a[6] is None else host(a[6]).reshape(-1, 1, 1, 1)
    if mask is not None:
        missing = keys - mask.shape[-1]
        if missing > 0:
            widths = ((0, 0),) * (mask.ndim - 1) + ((0, missing),)
            mask = ops.pad(ops.cast(mask, scores.dtype), widths, "constant", -math.inf) if (
                mask.dtype.kind == "f") else ops.pad(mask, widths, "constant", False)
        scores = ops.where(mask, scores, -math.inf) if mask.dtype.kind == "b" else scores + mask
    offset: Any = 0 if a[4] is None else a[4].shape[2]
    if lengths is not None and a[4] is None:
        offset = lengths - queries
    back = np.arange(queries)[:, None] + offset - np.arange(keys)  # steps back from query to key
    seen = np.ones(back.shape, bool)
    if a.option("is_causal", 0):
        seen &= back >= 0
    for name, sign in (("left_window_size", 1), ("right_window_size", -1)):
        if a.option(name, -1) >= 0:
            seen &= sign * back <= a.option(name)
    if lengths is not None:
        seen = seen & (np.arange(keys) < lengths)
    return scores if seen.all() else ops.where(
        tensor_of(seen, scores.device), scores, -math.inf)


@operator("RotaryEmbedding")
def _rotary_embedding(a: Args) -> Any:
    """Pairs of numbers turned by an angle that follows from their place (Su et al. 2021)."""
    flat = a[0].ndim == 3
    x = _heads(a, a[0], "num_heads") if flat else a[0]
    cos, sin = (table if a[3] is None else ops.take(table, a[3], 0) for table in (a[1], a[2]))
    cos, sin = (ops.expand_dims(table, 1) for table in (cos, sin))  # the same for all heads
    turned = a.option("rotary_embedding_dim", 0) or x.shape[-1]
    if cos.shape[-1] * 2 != turned:
        raise FormatError(f"{a.what}: angles of shape {cos.shape} do not turn {turned} numbers")
    part, rest = x[..., :turned], x[..., turned:]
    half = turned // 2
    between = bool(a.option("interleaved", 0))
    one, two = (part[..., 0::2], part[..., 1::2]) if between else (part[..., :half],
                                                                   part[..., half:])
    made = [cos * one - sin * two, sin * one + cos * two]
    part = ops.stack(made, -1).reshape(part.shape) if between else ops.concatenate(made, axis=-1)
    y = ops.concatenate([part, rest], axis=-1) if rest.shape[-1] else part
    return ops.transpose(y, (0, 2, 1, 3)).reshape(a[0].shape) if flat else y
