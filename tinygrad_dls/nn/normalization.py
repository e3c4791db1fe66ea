"""Normalization as layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike

from .._util.arguments import is_amount, is_whole
from ..backend.device import Device
from ..backend.dtypes import default_dtype, float_dtype
from ..engine.modes import mode, replayed, traces
from ..engine.versions import mark_write
from ..errors import DataError, ShapeError
from ..tensors import Tensor
from . import functional as F
from . import init
from .activation import ReLU, ReLU6
from .functional.normalization import batch_norm_then as batch_norm
from .functional.normalization import shape_of
from .module import Module
from .parameter import Parameter


class _Affine(Module):
    """Base: a weight of ones and a bias of zeros, or neither."""

    weight: Parameter | None
    bias: Parameter | None

    def _make(
        self, shape: tuple[int, ...], weight: bool, bias: bool, device: str | Device | None,
        dtype: DTypeLike | None,
    ) -> None:
        kind = float_dtype(dtype or default_dtype())
        self.weight = Parameter(np.ones(shape, kind), device=device) if weight else None
        self.bias = Parameter(np.zeros(shape, kind), device=device) if bias else None

    def reset_parameters(self) -> None:
        """Weight 1, bias 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)


class _Tracking(_Affine):
    """Base of batch and instance norm: weight and bias, and running statistics, of channels."""

    dims: ClassVar[tuple[int, ...]]  # the numbers of axes of an input

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: str | Device | None = None,
        dtype: DTypeLike | None = None,
        *,
        bias: bool = True,
    ) -> None:
        name = type(self).__name__
        if not is_whole(num_features):
            raise ShapeError(f"{name}({num_features!r}): features are a whole number")
        if momentum is not None and not is_amount(momentum):
            raise DataError(f"{name}: momentum is a number of at least 0 or None, not {momentum!r}")
        self.num_features, self.eps, self.momentum = int(num_features), eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        shape = (self.num_features,)
        self._make(shape, affine, affine and bias, device, dtype)
        running: list[Tensor | None] = [None] * 3
        if track_running_stats:
            kind = float_dtype(dtype or default_dtype())
            running = [Tensor(a, device=device)
                       for a in (np.zeros(shape, kind), np.ones(shape, kind), np.array(0))]
        self.register_buffer("running_mean", running[0])
        self.register_buffer("running_var", running[1])
        self.register_buffer("num_batches_tracked", running[2])

    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def reset_running_stats(self) -> None:
        """Running mean 0, variance 1, no batch seen."""
        if self.running_mean is not None:
            init.zeros_(self.running_mean)
        if self.running_var is not None:
            init.ones_(self.running_var)
        if self.num_batches_tracked is not None:
            init.zeros_(self.num_batches_tracked)

    def reset_parameters(self) -> None:
        """Weight 1, bias 0, and the running statistics as at the start."""
        self.reset_running_stats()
        super().reset_parameters()

    def _check_input(self, x: Tensor) -> None:
        name = type(self).__name__
        if x.ndim not in self.dims:
            wanted = " or ".join(map(str, self.dims))
            raise ShapeError(f"{name} takes an input of {wanted} axes, not\n  {x.shape}")

    def extra_repr(self) -> str:
        return (f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, "
                f"affine={self.affine}, track_running_stats={self.track_running_stats}")


LARGE = 1 << 16  # numbers, from which on one pass over memory less is worth a fused operation
ACTIVATIONS: dict[type[Module], tuple[float, float | None]] = {ReLU: (0.0, None), ReLU6: (0.0, 6.0)}


class _BatchNorm(_Tracking):
    def takes_along(self, after: Module, input: Any) -> bool:
        if type(self).forward is not _BatchNorm.forward or "forward" in {*vars(self), *vars(after)}:
            return False  # somebody's own, which may do anything
        if self.training:
            can = self.momentum is not None
        else:
            can = self.running_mean is not None and not mode.grad
        return (can and type(after) in ACTIVATIONS
                and not (self._hooks or after._hooks or traces.active)
                and isinstance(input, Tensor) and input.size >= LARGE)

    def forward(self, input: Tensor, then: Module | None = None) -> Tensor:
        """`then`: ReLU or ReLU6, to be done to the result in the same pass (see `takes_along`)."""
        self._check_input(input)
        mean, var = self.running_mean, self.running_var
        bounds = None if then is None else ACTIVATIONS[type(then)]
        if not self.training:
            return batch_norm(input, mean, var, self.weight, self.bias, mean is None, 0.0, self.eps,
                              bounds)
        momentum: float | Tensor = self.momentum or 0.0
        counter = self.num_batches_tracked
        if self.momentum is None and counter is not None:
            # Computed where the counter is: reading it would wait for the device.
            momentum = 1.0 / (counter.astype(input.dtype) + 1.0)
        y = batch_norm(input, mean, var, self.weight, self.bias, True, momentum, self.eps, bounds)
        if counter is not None:
            _count(counter)
        return y


@replayed
def _count(counter: Tensor) -> None:
    """One batch more."""
    counter._data += 1
    mark_write(counter._data, "BatchNorm")


class BatchNorm1d(_BatchNorm):
    """Batch norm of features: y = weight (x - mean) / sqrt(var + eps) + bias, by channel.

    In training mean and var (biased) are those of the batch, and the buffers follow: running = (1 -
    momentum) running + momentum batch, with the unbiased var; `momentum` None: the mean over all
    batches. In evaluation the buffers `running_mean` and `running_var` are used (Ioffe and Szegedy
    2015; Course 2, week 3).

    Shape: x (m, channels) or (m, channels, length), y likewise; all parameters and buffers
    (channels,).

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> norm = nn.BatchNorm1d(2)
    >>> norm(dls.tensor([[1.0, 10.0], [3.0, 30.0]])).detach()
    Tensor([[-1., -1.],
            [ 1.,  1.]])
    >>> norm.running_mean
    Tensor([0.2, 2. ])
    """

    dims = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Batch norm of images x (m, channels, h, w), by channel; see `BatchNorm1d`.

    Mean and variance are taken over the batch and all pixels.
    Shape: y as x; all parameters and buffers (num_features,).

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> y = nn.BatchNorm2d(3)(5 + 2 * dls.randn(8, 3, 4, 4))
    >>> y.shape, y.mean((0, 2, 3)).detach().abs().max().item() < 1e-5
    ((8, 3, 4, 4), True)
    """

    dims = (4,)


class BatchNorm3d(_BatchNorm):
    """Batch norm of volumes x (m, channels, d, h, w), by channel; see `BatchNorm1d`.

    Shape: y as x; all parameters and buffers (num_features,).

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.BatchNorm3d(3)(dls.randn(2, 3, 2, 4, 4)).shape
    (2, 3, 2, 4, 4)
    """

    dims = (5,)


class _InstanceNorm(_Tracking):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: str | Device | None = None,
        dtype: DTypeLike | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype,
                         bias=bias)

    def forward(self, input: Tensor) -> Tensor:
        self._check_input(input)
        if input.ndim == min(self.dims):  # one example
            return self._normalized(input.reshape(1, *input.shape)).reshape(input.shape)
        return self._normalized(input)

    def _normalized(self, x: Tensor) -> Tensor:
        if self.affine and x.shape[1] != self.num_features:
            raise ShapeError(
                f"{type(self).__name__} of {self.num_features} channels got\n  {x.shape}"
            )
        own = self.training or self.running_mean is None
        return F.instance_norm(x, self.running_mean, self.running_var, self.weight, self.bias, own,
                               self.momentum or 0.0, self.eps)


class InstanceNorm1d(_InstanceNorm):
    """Normalization of each channel of each example: y = (x - mean) / sqrt(var + eps).

    No weight, bias or running statistics by default: `affine`, `track_running_stats`. Shape:
    x (m, channels, length) or (channels, length), y likewise (Ulyanov, Vedaldi and Lempitsky
    2016).

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.InstanceNorm1d(1)(dls.tensor([[[1.0, 3.0]], [[10.0, 30.0]]])).round(decimals=3).tolist()
    [[[-1.0, 1.0]], [[-1.0, 1.0]]]
    """

    dims = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    """Normalization of each channel of each image; x (m, c, h, w) or (c, h, w).

    See `InstanceNorm1d`.
    Shape: y as x; all parameters and buffers (num_features,).

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> y = nn.InstanceNorm2d(3)(5 + 2 * dls.randn(8, 3, 4, 4))
    >>> y.shape, y.mean((2, 3)).abs().max().item() < 1e-5
    ((8, 3, 4, 4), True)
    """

    dims = (3, 4)


class InstanceNorm3d(_InstanceNorm):
    """Normalization of each channel of each volume; x (m, c, d, h, w) or (c, d, h, w).

    See `InstanceNorm1d`.
    Shape: y as x; all parameters and buffers (num_features,).

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.InstanceNorm3d(3)(dls.randn(2, 3, 2, 4, 4)).shape
    (2, 3, 2, 4, 4)
    """

    dims = (4, 5)


class GroupNorm(_Affine):
    """Normalization of groups of channels, for each example by itself (Wu and He 2018).

    y = weight (x - mean) / sqrt(var + eps) + bias, mean and var over the channels of a group and
    all places. Shape: x (m, num_channels, ...), y likewise; `weight` and `bias` (num_channels,).
    The batch does not matter, so that m may be 1.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.GroupNorm(2, 4)(dls.randn(1, 4, 8, 8)).shape
    (1, 4, 8, 8)
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: str | Device | None = None,
        dtype: DTypeLike | None = None,
        *,
        bias: bool = True,
    ) -> None:
        if not is_whole(num_groups, 1) or not is_whole(num_channels) or num_channels % num_groups:
            raise ShapeError(
                f"GroupNorm({num_groups!r}, {num_channels!r}): channels are a multiple of groups"
            )
        self.num_groups, self.num_channels = int(num_groups), int(num_channels)
        self.eps, self.affine = eps, affine
        self._make((self.num_channels,), affine, affine and bias, device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}"


class LayerNorm(_Affine):
    """Normalization over the last axes: y = weight (x - mean) / sqrt(var + eps) + bias.

    Each example has its own mean and var. Shape: x (..., *normalized_shape), y likewise; `weight`
    and `bias` have `normalized_shape` (Ba, Kiros and Hinton 2016; Course 5, week 4).

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.LayerNorm(3)(dls.tensor([[1.0, 2.0, 3.0], [10.0, 20.0, 30.0]])).detach()
    Tensor([[-1.2247,  0.    ,  1.2247],
            [-1.2247,  0.    ,  1.2247]])
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: str | Device | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        self.normalized_shape = shape_of(normalized_shape, "LayerNorm")
        self.eps, self.elementwise_affine = eps, elementwise_affine
        self._make(self.normalized_shape, elementwise_affine, elementwise_affine and bias, device,
                   dtype)

    def forward(self, input: Tensor) -> Tensor:
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (f"{self.normalized_shape}, eps={self.eps}, "
                f"elementwise_affine={self.elementwise_affine}")


class RMSNorm(_Affine):
    """Division by the root mean square of the last axes: y = weight x / sqrt(mean(x**2) + eps).

    Shape: x (..., *normalized_shape), y likewise. `eps` None: the machine epsilon of the dtype,
    1.2e-7 for float32 (Zhang and Sennrich 2019).

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.RMSNorm(2)(dls.tensor([[3.0, 4.0], [30.0, 40.0]])).detach()
    Tensor([[0.8485, 1.1314],
            [0.8485, 1.1314]])
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: str | Device | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        self.normalized_shape = shape_of(normalized_shape, "RMSNorm")
        self.eps, self.elementwise_affine = eps, elementwise_affine
        self._make(self.normalized_shape, elementwise_affine, False, device, dtype)

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return (f"{self.normalized_shape}, eps={self.eps}, "
                f"elementwise_affine={self.elementwise_affine}")


class LocalResponseNorm(Module):
    """Division by neighboring channels: y = x / (k + alpha s)**beta.

    s is the mean square of the `size` channels around each; those beyond the ends count as 0.
    Shape: x (m, channels, ...), y likewise (Krizhevsky, Sutskever and Hinton 2012).

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> x = dls.ones(1, 4, 2, 2)
    >>> nn.LocalResponseNorm(size=3, alpha=3.0, beta=1.0)(x)[0, :, 0, 0]
    Tensor([0.3333, 0.25  , 0.25  , 0.3333])
    """

    def __init__(
        self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
    ) -> None:
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, input: Tensor) -> Tensor:
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
