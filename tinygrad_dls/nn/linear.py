"""Fully connected layers: linear, and bilinear in two inputs."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import DTypeLike

from .._util.arguments import is_whole
from ..backend.device import Device
from ..backend.dtypes import default_dtype, float_dtype
from ..errors import ShapeError
from ..ops import linear
from ..random import Generator
from ..tensors import Tensor
from . import functional as F
from . import init
from .module import Module
from .parameter import Parameter


class Linear(Module):
    """Linear layer: y = x @ weight.T + bias.

    Shape: x (..., in_features), y (..., out_features). `weight` (out_features, in_features) and
    `bias` (out_features,) start uniform in +-1 / sqrt(in_features), as in PyTorch. `generator`:
    where they are drawn from, `dls.manual_seed`'s if None.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> layer = nn.Linear(3, 2)
    >>> layer(dls.zeros(5, 3)).shape
    (5, 2)
    >>> layer
    Linear(in_features=3, out_features=2, bias=True)
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: str | Device | None = None,
        dtype: DTypeLike | None = None,
        generator: Generator | None = None,
    ) -> None:
        if not is_whole(in_features, 1) or not is_whole(out_features, 1):
            raise ShapeError(
                f"Linear({in_features!r}, {out_features!r}): features are whole numbers from 1"
            )
        self.in_features, self.out_features = int(in_features), int(out_features)
        kind = float_dtype(dtype or default_dtype())
        self.weight = Parameter(np.empty((out_features, in_features), kind), device=device)
        self.bias = Parameter(np.empty(out_features, kind), device=device) if bias else None
        self.reset_parameters(generator)

    def reset_parameters(self, generator: Generator | None = None) -> None:
        """Re-initialize weight and bias."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5), generator=generator)
        if self.bias is not None:
            bound = 1 / math.sqrt(self.in_features)
            init.uniform_(self.bias, -bound, bound, generator)

    def forward(self, input: Tensor) -> Tensor:
        return linear(input, self.weight, self.bias)  # type: ignore[no-any-return]

    def extra_repr(self) -> str:
        return (f"in_features={self.in_features}, out_features={self.out_features}, "
                f"bias={self.bias is not None}")


class Bilinear(Module):
    """Bilinear form of two inputs: y[k] = x1 @ weight[k] @ x2 + bias[k].

    Shape: x1 (..., in1_features), x2 (..., in2_features), y (..., out_features). `weight` (out,
    in1, in2) and `bias` (out,) start uniform in +-1 / sqrt(in1_features), as in PyTorch.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.Bilinear(3, 4, 2)(dls.ones(5, 3), dls.ones(5, 4)).shape
    (5, 2)
    """

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device: str | Device | None = None,
        dtype: DTypeLike | None = None,
        generator: Generator | None = None,
    ) -> None:
        sizes = (out_features, in1_features, in2_features)
        if not all(is_whole(n, 1) for n in sizes):
            raise ShapeError(
                f"Bilinear({in1_features!r}, {in2_features!r}, {out_features!r}): features are "
                "whole numbers from 1"
            )
        self.in1_features, self.in2_features = int(in1_features), int(in2_features)
        self.out_features = int(out_features)
        kind = float_dtype(dtype or default_dtype())
        self.weight = Parameter(np.empty(sizes, kind), device=device)
        self.bias = Parameter(np.empty(out_features, kind), device=device) if bias else None
        self.reset_parameters(generator)

    def reset_parameters(self, generator: Generator | None = None) -> None:
        """Re-initialize weight and bias."""
        bound = 1 / math.sqrt(self.in1_features)
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound, generator)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        return F.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (f"in1_features={self.in1_features}, in2_features={self.in2_features}, "
                f"out_features={self.out_features}, bias={self.bias is not None}")
