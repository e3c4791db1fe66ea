"""Linear and bilinear maps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ... import ops
from ..._util.keywords import near_names
from ...errors import ShapeError
from ...tensors import Tensor
from .checks import operands

if TYPE_CHECKING:  # operations do not know the class Tensor
    def linear(input: Any, weight: Any, bias: Any = None) -> Tensor: ...
else:
    linear = near_names(ops.linear)


@near_names
def bilinear(input1: Any, input2: Any, weight: Any, bias: Any = None) -> Tensor:
    """y[k] = input1 @ weight[k] @ input2 + bias[k].

    Shape: input1 (..., n1), input2 (..., n2), weight (n_out, n1, n2), bias (n_out,), y (...,
    n_out).
    Raises: ShapeError if these do not fit together.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.bilinear(dls.ones(5, 3), dls.ones(5, 4), dls.ones(2, 3, 4))[0]  # sums of 3 * 4 products
    Tensor([12., 12.])
    """
    x1, x2, weight = operands("input1 input2 weight", input1, input2, weight)
    if weight.ndim != 3 or x1.shape[:-1] != x2.shape[:-1] or 0 in (x1.ndim, x2.ndim) or (
        x1.shape[-1:], x2.shape[-1:]
    ) != (weight.shape[1:2], weight.shape[2:]):
        raise ShapeError(
            "bilinear takes inputs (..., n1) and (..., n2) and a weight (n_out, n1, n2):\n"
            f"  input1  {x1.shape}\n  input2  {x2.shape}\n  weight  {weight.shape}"
        )
    if bias is not None:
        _, bias = operands("input1 bias", x1, bias)
        if bias.shape != weight.shape[:1]:
            raise ShapeError("bilinear has one bias for each output, the first axis of weight:\n"
                             f"  weight  {weight.shape}\n  bias    {bias.shape}")
    n_out, n1, n2 = weight.shape
    rows1, rows2 = x1.reshape(-1, n1), x2.reshape(-1, n2)
    table = ops.transpose(weight, (1, 0, 2)).reshape(n1, n_out * n2)
    half = (rows1 @ table).reshape(-1, n_out, n2)  # input1 @ weight[k], for every k
    y = ops.matmul(half, ops.expand_dims(rows2, -1)).reshape(*x1.shape[:-1], n_out)
    return y if bias is None else y + bias  # type: ignore[no-any-return]
