"""Softmax and its variants as layers: values along an axis as probabilities."""

from __future__ import annotations

import sys

from .._util.callers import users_frame, warn_at
from ..errors import ShapeError
from ..tensors import Tensor
from . import functional as F
from .module import Module


class _Along(Module):
    """Base of the functions along one axis; `axis` is another spelling of `dim`.

    Without it the axis is PyTorch's choice: the first of one or three, else the second. For more
    than two axes, where that is hardly ever meant, a warning says so.
    """

    def __init__(self, dim: int | None = None, *, axis: int | None = None) -> None:
        self.dim = dim if axis is None else axis

    def _axis_of(self, input: Tensor) -> int:
        """The axis of `input` that values are along."""
        if self.dim is not None:
            return self.dim
        axis = 0 if input.ndim in (0, 1, 3) else 1
        if input.ndim > 2:
            warn_at(users_frame(sys._getframe()), f"{type(self).__name__} without dim takes axis "
                    f"{axis} of {input.ndim}, as PyTorch does; say which: dim=-1 is the last",
                    UserWarning)
        return axis

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class Softmax(_Along):
    """Probabilities from logits: y = exp(x) / sum of exp(x) along axis `dim`.

    Shape: any; y as x. Without `dim` the axis is PyTorch's choice: the first of one or three, else
    the second.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.Softmax(dim=1)(dls.tensor([[0.0, 0.0], [1.0, 3.0]]))
    Tensor([[0.5   , 0.5   ],
            [0.1192, 0.8808]])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.softmax(input, self._axis_of(input))


class Softmin(_Along):
    """Softmax of the negated values: y = softmax(-x) along axis `dim`, as `Softmax` takes it.

    Shape: any; y as x.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.Softmin(dim=1)(dls.tensor([[0.0, 0.0], [1.0, 3.0]]))
    Tensor([[0.5   , 0.5   ],
            [0.8808, 0.1192]])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.softmin(input, self._axis_of(input))


class LogSoftmax(_Along):
    """Log-probabilities: y = x - log(sum of exp(x)) along axis `dim`, as `Softmax` takes it.

    It is finite where log(softmax(x)) would be -inf. `nn.NLLLoss` takes it.
    Shape: any; y as x.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.LogSoftmax(dim=1)(dls.tensor([[0.0, 0.0], [1.0, 201.0]]))
    Tensor([[  -0.6931,   -0.6931],
            [-200.    ,    0.    ]])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.log_softmax(input, self._axis_of(input))


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
