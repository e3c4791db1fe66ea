"""Distances and similarities, and the losses that pull pairs together and push others apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ... import ops
from ..._util.arguments import number
from ..._util.keywords import near_names
from ...errors import DataError, DtypeError, ShapeError
from ...ops.reduction import normal_axis
from ...tensors import Tensor
from .checks import check_signs, floats, operands, reduce_loss, same_shape

TINY = 1e-12  # added to squared lengths in cosine_embedding_loss, as in PyTorch


@near_names
def cosine_similarity(x1: Any, x2: Any, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """x1 . x2 / (|x1| |x2|) along axis `dim`; norms below eps count as eps.

    Shape: x1 and x2 (..., d, ...), which broadcast; y without axis `dim`.
    Raises: ShapeError if they do not broadcast.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.cosine_similarity(dls.tensor([[1.0, 1.0]]), dls.tensor([[0.0, 2.0]]))
    Tensor([0.7071])
    """
    x1, x2 = (floats(x) for x in operands("x1 x2", x1, x2))
    if x1.shape != x2.shape:
        try:
            shape = np.broadcast_shapes(x1.shape, x2.shape)
        except ValueError:
            raise ShapeError(
                f"cosine_similarity: these do not broadcast:\n  x1  {x1.shape}\n  x2  {x2.shape}"
            ) from None
        x1, x2 = ops.broadcast_to(x1, shape), ops.broadcast_to(x2, shape)
    axis = normal_axis(dim, x1.ndim, "cosine_similarity")
    eps = number("cosine_similarity: eps", eps)
    first, second = (x / ops.maximum(length(x, 2.0, axis, True), eps) for x in (x1, x2))
    return ops.sum(first * second, axis=axis)  # type: ignore[no-any-return]


@near_names
def pairwise_distance(
    x1: Any, x2: Any, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """x1 - x2 + eps| along the last axis, in the p-norm.

    `eps` keeps the gradient finite where the two are equal.

    Shape: x1 and x2 (..., d), which broadcast; y (...), with `keepdim` (..., 1).
    Raises: DataError if p is not above 0.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.pairwise_distance(dls.tensor([[0.0, 0.0]]), dls.tensor([[3.0, 4.0]]), eps=0.0)
    Tensor([5.])
    """
    x1, x2 = (floats(x) for x in operands("x1 x2", x1, x2))
    return length(x1 - x2 + number("pairwise_distance: eps", eps), p, -1, keepdim)


def length(x: Any, p: float, axis: Any, keepdims: bool = False) -> Tensor:
    """(sum of |x|**p)**(1/p) along an axis; the largest |x| for p = inf. Slope 0 at 0."""
    if not (p := number("the p of a norm", p)) > 0:
        raise DataError(f"a norm has p above 0, not {p!r}")
    return ops.vector_norm(x, p, axis, keepdims)  # type: ignore[no-any-return]


@near_names
def cosine_embedding_loss(
    input1: Any, input2: Any, target: Any, margin: float = 0.0, reduction: str = "mean"
) -> Tensor:
    """1 - cos where the target is 1, max(0, cos - margin) where it is -1; cos of the two inputs.

    Shape: inputs (m, n) and targets (m,), or (n,) and one target; with "none" a loss for each
    target.
    Raises: ShapeError if these do not fit together, DataError for other targets than 1 and -1.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> a, b = dls.tensor([[1.0, 0.0], [1.0, 0.0]]), dls.tensor([[0.0, 1.0], [2.0, 0.0]])
    >>> F.cosine_embedding_loss(a, b, dls.tensor([1.0, -1.0]), reduction="none")
    Tensor([1., 1.])
    """
    input1, input2, target = operands("input1 input2 target", input1, input2, target)
    same_shape("cosine_embedding_loss", input1, input2, ("input1", "input2"))
    margin = number("cosine_embedding_loss: margin", margin)
    if input1.ndim not in (1, 2) or target.shape != input1.shape[:-1]:
        raise ShapeError(
            "cosine_embedding_loss takes inputs (m, n) and targets (m,):\n"
            f"  inputs  {input1.shape}\n  target  {target.shape}"
        )
    check_signs(target, "cosine_embedding_loss")
    a, b = (x.astype("float32") if x.dtype == "float16" else x
            for x in (floats(input1), floats(input2)))  # squares of float16 overflow
    squares = (ops.sum(a * a, axis=-1) + TINY) * (ops.sum(b * b, axis=-1) + TINY)
    cosine = ops.sum(a * b, axis=-1) / ops.sqrt(squares)
    cosine = cosine.astype(floats(input1).dtype)
    losses = ops.where(target.detach() > 0, 1 - cosine, ops.clip(cosine - margin, 0.0))
    return reduce_loss(losses, reduction)


@near_names
def margin_ranking_loss(
    input1: Any, input2: Any, target: Any, margin: float = 0.0, reduction: str = "mean"
) -> Tensor:
    """max(0, -target (input1 - input2) + margin): target 1 wants the first larger, -1 the second.

    Shape: any, all three of one shape.
    Raises: ShapeError if the shapes differ, DataError for other targets than 1 and -1.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.margin_ranking_loss(dls.tensor([2.0]), dls.tensor([3.0]), dls.tensor([1.0]), margin=0.5)
    Tensor(1.5)
    """
    input1, input2, target = operands("input1 input2 target", input1, input2, target)
    same_shape("margin_ranking_loss", input1, input2, ("input1", "input2"))
    same_shape("margin_ranking_loss", input1, target, ("input1", "target"))
    margin = number("margin_ranking_loss: margin", margin)
    check_signs(target, "margin_ranking_loss")
    losses = ops.clip(-target * (floats(input1) - input2) + margin, 0.0)
    return reduce_loss(losses, reduction)


@near_names
def triplet_margin_loss(
    anchor: Any, positive: Any, negative: Any, margin: float = 1.0, p: float = 2.0,
    eps: float = 1e-6, swap: bool = False, reduction: str = "mean",
) -> Tensor:
    """max(0, |a - p| - |a - n| + margin) with pairwise_distance (Schroff et al. 2015, FaceNet).

    `swap`: the negative is measured from the positive where it is closer.

    Shape: all three (m, n) or (n,); with "none" m losses.
    Raises: ShapeError if the shapes differ, DataError if the margin is not above 0.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> anchor, near, far = dls.tensor([[0.0]]), dls.tensor([[1.0]]), dls.tensor([[1.5]])
    >>> F.triplet_margin_loss(anchor, near, far).round(decimals=3)
    Tensor(0.5)
    """

    def distance(x1: Any, x2: Any) -> Tensor:
        return pairwise_distance(x1, x2, p, eps)

    return triplet_margin_with_distance_loss(
        anchor, positive, negative, distance_function=distance, margin=margin, swap=swap,
        reduction=reduction,
    )


@near_names
def triplet_margin_with_distance_loss(
    anchor: Any, positive: Any, negative: Any, *,
    distance_function: Callable[[Any, Any], Tensor] | None = None, margin: float = 1.0,
    swap: bool = False, reduction: str = "mean",
) -> Tensor:
    """triplet_margin_loss with a distance function of your own; pairwise_distance by default.

    Shape: all three of one shape that the distance function takes.
    Raises: DtypeError if `distance_function` cannot be called.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> anchor, near, far = dls.tensor([[0.0]]), dls.tensor([[1.0]]), dls.tensor([[1.25]])
    >>> F.triplet_margin_with_distance_loss(
    ...     anchor, near, far, distance_function=lambda x, y: ((x - y) ** 2).sum(1))
    Tensor(0.4375)
    """
    if not (margin := number("the margin of a triplet loss", margin)) > 0:
        raise DataError(f"a triplet loss has a margin above 0, not {margin!r}")
    anchor, positive, negative = operands("anchor positive negative", anchor, positive, negative)
    same_shape("triplet_margin_loss", anchor, positive, ("anchor", "positive"))
    same_shape("triplet_margin_loss", anchor, negative, ("anchor", "negative"))
    if distance_function is not None and not callable(distance_function):
        raise DtypeError(f"distance_function is a function or None, not {distance_function!r}")
    distance = distance_function or pairwise_distance
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = ops.minimum(far, distance(positive, negative))
    return reduce_loss(ops.clip(near - far + margin, 0.0), reduction)
