"""Softmax and its variants as layers: values along an axis as probabilities."""

from __future__ import annotations

from ..errors import ShapeError
from ..tensors import Tensor
from . import functional as F
from .module import Module


class _Along(Module):
    """Base of the functions along one axis; `axis` is another spelling of `dim`."""

    def __init__(self, dim: int = -1, *, axis: int | None = None) -> None:
        self.dim = dim if axis is None else axis

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class Softmax(_Along):
    """Probabilities from logits: y = exp(x) / sum of exp(x) along axis `dim`, the last by default.

    Shape: any; y as x.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.Softmax(dim=1)(dls.tensor([[0.0, 0.0], [1.0, 3.0]]))
    Tensor([[0.5   , 0.5   ],
            [0.1192, 0.8808]])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.softmax(input, self.dim)


class Softmin(_Along):
    """Softmax of the negated values: y = softmax(-x) along axis `dim`, the last by default.

    Shape: any; y as x.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.Softmin(dim=1)(dls.tensor([[0.0, 0.0], [1.0, 3.0]]))
    Tensor([[0.5   , 0.5   ],
            [0.8808, 0.1192]])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.softmin(input, self.dim)


class LogSoftmax(_Along):
    """Log-probabilities: y = x - log(sum of exp(x)) along axis `dim`, the last by default.

    It is finite where log(softmax(x)) would be -inf. `nn.NLLLoss` takes it.
    Shape: any; y as x.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.LogSoftmax(dim=1)(dls.tensor([[0.0, 0.0], [1.0, 201.0]]))
    Tensor([[  -0.6931,   -0.6931],
            [-200.    ,    0.    ]])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.log_softmax(input, self.dim)


class Softmax2d(Module):
    """Softmax over the channels of each pixel; x (m, c, h, w) or (c, h, w).

    Shape: y as x.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.Softmax2d()(dls.zeros(1, 4, 2, 2))[0, :, 0, 0]
    Tensor([0.25, 0.25, 0.25, 0.25])
    """

    def forward(self, input: Tensor) -> Tensor:
        if input.ndim not in (3, 4):
            raise ShapeError(f"Softmax2d takes (m, c, h, w) or (c, h, w), not\n  {input.shape}")
        return F.softmax(input, -3)
