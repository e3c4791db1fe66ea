"""Attention."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ... import ops
from ..._util.arguments import number
from ..._util.keywords import near_names
from ...backend.device import default_device
from ...backend.dtypes import default_dtype
from ...errors import DataError, DtypeError, ShapeError
from ...ops.call import operand
from ...random import Generator, chosen
from ...tensors import Tensor
from .dropout import probability


@near_names
def scaled_dot_product_attention(
    query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None,
    dropout_p: float = 0.0, is_causal: bool = False, scale: float | None = None,
    enable_gqa: bool = False, generator: Generator | None = None,
) -> Tensor:
    """softmax(scale * query @ key.T + mask) @ value (Vaswani et al. 2017; Course 5, week 4).

    `scale` is 1 / sqrt(e) by default. In a mask of bools TRUE MEANS "MAY BE SEEN" (in
    nn.MultiheadAttention it means the opposite, both as in PyTorch); a mask of floats is added.
    `is_causal`: row i sees keys up to i. A row that sees nothing gives 0, as in PyTorch.
    `dropout_p` drops weights on every call. `enable_gqa`: key and value have fewer heads (axis -3),
    and each serves several heads of the query.

    Shape: query (..., l, e), key (..., s, e), value (..., s, f), y (..., l, f); leading axes and
    the mask, to (..., l, s), broadcast.
    Raises: ShapeError if these do not fit together, DtypeError for a mask of integers, DataError if
    `attn_mask` and `is_causal` are both given.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> query, key, value = dls.zeros(1, 2, 4), dls.zeros(1, 3, 4), dls.randn(1, 3, 5)
    >>> y = F.scaled_dot_product_attention(query, key, value)  # equal weights: the mean
    >>> y.shape, dls.allclose(y[0, 0], value[0].mean(0), atol=1e-6)
    ((1, 2, 5), True)
    """
    q, k, v = _operands(query, key, value)
    if enable_gqa:
        k, v = (_repeated(x, q, what) for x, what in ((k, "key"), (v, "value")))
    if q.shape[-1] != k.shape[-1] or k.shape[-2] != v.shape[-2]:
        raise ShapeError(
            "query (..., l, e), key (..., s, e) and value (..., s, f):\n"
            f"  query  {q.shape}\n  key    {k.shape}\n  value  {v.shape}"
        )
    lead = q.shape[:-2]
    if not lead == k.shape[:-2] == v.shape[:-2]:
        try:
            lead = np.broadcast_shapes(lead, k.shape[:-2], v.shape[:-2])
        except ValueError as error:
            raise ShapeError(
                f"the axes before the last two are equal, or 1:\n  query  {q.shape}\n"
                f"  key    {k.shape}\n  value  {v.shape}"
            ) from error
        q, k, v = [x if x.shape[:-2] == lead else ops.broadcast_to(x, (*lead, *x.shape[-2:]))
                   for x in (q, k, v)]
    if attn_mask is not None and is_causal:
        raise DataError("scaled_dot_product_attention takes attn_mask or is_causal, not both")
    mask = None if attn_mask is None else _mask(attn_mask, q, (*lead, q.shape[-2], k.shape[-2]))
    scale = None if scale is None else number("scaled_dot_product_attention: scale", scale)
    if scale is None:
        scale = 1.0 / math.sqrt(max(1, q.shape[-1]))
    p = probability(dropout_p)
    if p == 1:
        return ops.attention(q, k, v, mask, float(scale), is_causal, 0.0, 0) * 0.0  # type: ignore[no-any-return]
    seed = chosen(generator).stream() if p else 0
    return ops.attention(q, k, v, mask, float(scale), is_causal, p, seed)  # type: ignore[no-any-return]


def _operands(*given: Any) -> list[Any]:
    """Tensors of floats of one dtype, with two axes or more."""
    tensors = [operand(x, default_device()) for x in given]
    tensors = [x if x.dtype.kind == "f" else x.astype(default_dtype()) for x in tensors]
    for x, what in zip(tensors, ("query", "key", "value")):
        if x.ndim < 2:
            raise ShapeError(f"{what} has at least two axes, (length, features), not\n  {x.shape}")
        if x.dtype != tensors[0].dtype:
            raise DtypeError(
                f"query, key and value have one dtype; query {tensors[0].dtype}, {what} {x.dtype}"
            )
    return tensors


def _repeated(x: Any, q: Any, what: str) -> Any:
    """Each head (axis -3) of x as often in a row as there are heads of q for it."""
    if x.ndim < 3 or q.ndim < 3 or not x.shape[-3] or q.shape[-3] % x.shape[-3]:
        raise ShapeError(
            f"enable_gqa: the heads (axis -3) of query are a multiple of those of {what}:\n"
            f"  query  {q.shape}\n  {what:5}  {x.shape}"
        )
    times = q.shape[-3] // x.shape[-3]
    if times == 1:
        return x
    *lead, heads, length, features = x.shape
    wide = ops.broadcast_to(ops.expand_dims(x, -3), (*lead, heads, times, length, features))
    return wide.reshape((*lead, heads * times, length, features))


def _mask(mask: Any, q: Any, shape: tuple[int, ...]) -> Any:
    """The mask as a tensor of bools or of q's dtype; ShapeError unless it broadcasts to `shape`."""
    mask = operand(mask, q.device)
    if mask.dtype.kind not in "bf":
        raise DtypeError(
            f"a mask is of bools (True: may be seen) or of floats to add, not {mask.dtype}: "
            "write mask != 0"
        )
    try:
        fits = np.broadcast_shapes(mask.shape, shape) == shape
    except ValueError:
        fits = False
    if not fits:
        raise ShapeError(
            f"attn_mask broadcasts to (..., l, s):\n  attn_mask  {mask.shape}\n"
            f"  (..., l, s)  {shape}"
        )
    return mask if mask.dtype.kind == "b" else mask.astype(q.dtype)
