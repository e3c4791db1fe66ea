"""Layers that learn the size of their input from the first one they see."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from ..errors import DataError, ShapeError
from ..random import Generator
from .conv import Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from .linear import Linear
from .module import Module
from .normalization import (
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    InstanceNorm1d,
    InstanceNorm2d,
    InstanceNorm3d,
)
from .parameter import Parameter


class UninitializedParameter(Parameter):
    """A parameter whose shape is not known yet; it becomes a `Parameter`, the same object.

    >>> from tinygrad_dls import nn
    >>> isinstance(nn.LazyLinear(8).weight, nn.UninitializedParameter)
    True
    """

    __slots__ = ()

    def __init__(self, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> None:
        super().__init__(np.zeros(0, dtype or "float32"), requires_grad, device=device)


class Lazy(Module):
    """Base: a layer that lacks the first argument of the class that it becomes."""

    becomes: ClassVar[Any]  # the class of the layer
    input_axis: ClassVar[int]  # of which the length is the argument
    argument: ClassVar[str]

    def __init__(self, *arguments: Any, **options: Any) -> None:
        found = inspect.signature(self.becomes.__init__).bind(self, 1, *arguments, **options)
        size = found.arguments.get("groups", 1)  # the least that makes sense
        own = {"generator": Generator(0)} if "generator" in found.signature.parameters else {}
        template = self.becomes(size, *arguments, **{**options, **own})
        for name, value in vars(template).items():
            if isinstance(value, Parameter):
                value = UninitializedParameter(device=value.device, dtype=value.dtype)
            setattr(self, name, value)
        setattr(self, self.argument, 0)
        self._arguments = (arguments, options)

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        x = inputs[0] if inputs else options.get("input")
        shape = tuple(getattr(x, "shape", ()))
        if len(shape) < abs(self.input_axis):
            raise ShapeError(f"{type(self).__name__}: the input has no axis {self.input_axis}:\n"
                             f"  {shape}")
        self._become(shape[self.input_axis])
        return self(*inputs, **options)

    def takes_along(self, after: Module, input: Any) -> bool:
        return False

    def has_uninitialized_params(self) -> bool:
        """Return whether the size of the input is not known yet."""
        return True

    def _become(self, size: int) -> None:
        """Make the layer for inputs of this size, in place."""
        arguments, options = vars(self).pop("_arguments")
        made = self.becomes(size, *arguments, **options)
        for name, value in vars(made).items():
            held = vars(self).get(name)
            if isinstance(held, UninitializedParameter):
                held._data, held.device = value._data, value.device
                held.__class__ = type(value)
            else:
                vars(self)[name] = value
        self.__class__ = self.becomes

    def _before_load(self, mapping: Mapping[str, Any], prefix: str) -> None:
        """Take the size from the weights that are loaded."""
        weight = mapping.get(f"{prefix}.weight" if prefix else "weight")
        if weight is None:
            weight = mapping.get(f"{prefix}.running_mean" if prefix else "running_mean")
        if weight is None:
            raise DataError(f"{type(self).__name__}: nothing that is loaded says how large the "
                            "input is: call the model once before")
        shape = np.shape(weight)
        size = shape[self._loaded_axis() if len(shape) > 1 else 0]
        if isinstance(self, (Conv1d, Conv2d, Conv3d)):
            size *= self.groups
        self._become(int(size))

    def _loaded_axis(self) -> int:
        return 0 if getattr(self, "transposed", False) else 1


class LazyLinear(Lazy, Linear):
    """`Linear` that takes `in_features` from its first input, and is a `Linear` from then on.

    Shape: as `Linear`.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> net = nn.Sequential(nn.Flatten(), nn.LazyLinear(8), nn.ReLU(), nn.LazyLinear(2))
    >>> net(dls.zeros(5, 3, 4)).shape, net[1]
    ((5, 2), Linear(in_features=12, out_features=8, bias=True))
    """

    becomes, input_axis, argument = Linear, -1, "in_features"


class LazyConv1d(Lazy, Conv1d):
    """`Conv1d` that takes `in_channels` from its first input.

    Shape: as `Conv1d`.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> layer = nn.LazyConv1d(8, kernel_size=3)
    >>> layer(dls.zeros(5, 3, 10)).shape, layer.weight.shape
    ((5, 8, 8), (8, 3, 3))
    """

    becomes, input_axis, argument = Conv1d, -2, "in_channels"


class LazyConv2d(Lazy, Conv2d):
    """`Conv2d` that takes `in_channels` from its first input.

    Shape: as `Conv2d`.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> layer = nn.LazyConv2d(8, kernel_size=3, padding=1)
    >>> layer(dls.zeros(5, 3, 10, 10)).shape, layer.weight.shape
    ((5, 8, 10, 10), (8, 3, 3, 3))
    """

    becomes, input_axis, argument = Conv2d, -3, "in_channels"


class LazyConv3d(Lazy, Conv3d):
    """`Conv3d` that takes `in_channels` from its first input.

    Shape: as `Conv3d`.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.LazyConv3d(2, kernel_size=2)(dls.zeros(1, 3, 4, 4, 4)).shape
    (1, 2, 3, 3, 3)
    """

    becomes, input_axis, argument = Conv3d, -4, "in_channels"


class LazyConvTranspose1d(Lazy, ConvTranspose1d):
    """`ConvTranspose1d` that takes `in_channels` from its first input.

    Shape: as `ConvTranspose1d`.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.LazyConvTranspose1d(2, kernel_size=2, stride=2)(dls.zeros(1, 3, 4)).shape
    (1, 2, 8)
    """

    becomes, input_axis, argument = ConvTranspose1d, -2, "in_channels"


class LazyConvTranspose2d(Lazy, ConvTranspose2d):
    """`ConvTranspose2d` that takes `in_channels` from its first input.

    Shape: as `ConvTranspose2d`.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.LazyConvTranspose2d(2, kernel_size=2, stride=2)(dls.zeros(1, 3, 4, 4)).shape
    (1, 2, 8, 8)
    """

    becomes, input_axis, argument = ConvTranspose2d, -3, "in_channels"


class LazyConvTranspose3d(Lazy, ConvTranspose3d):
    """`ConvTranspose3d` that takes `in_channels` from its first input.

    Shape: as `ConvTranspose3d`.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.LazyConvTranspose3d(2, kernel_size=2, stride=2)(dls.zeros(1, 3, 2, 2, 2)).shape
    (1, 2, 4, 4, 4)
    """

    becomes, input_axis, argument = ConvTranspose3d, -4, "in_channels"


class LazyBatchNorm1d(Lazy, BatchNorm1d):
    """`BatchNorm1d` that takes `num_features` from its first input.

    Shape: as `BatchNorm1d`.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> layer = nn.LazyBatchNorm1d()
    >>> layer(dls.randn(5, 3)).shape, layer.running_mean.shape
    ((5, 3), (3,))
    """

    becomes, input_axis, argument = BatchNorm1d, 1, "num_features"


class LazyBatchNorm2d(Lazy, BatchNorm2d):
    """`BatchNorm2d` that takes `num_features` from its first input.

    Shape: as `BatchNorm2d`.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> layer = nn.LazyBatchNorm2d()
    >>> layer(dls.randn(5, 3, 2, 2)).shape, layer
    ((5, 3, 2, 2), BatchNorm2d(3, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True))
    """

    becomes, input_axis, argument = BatchNorm2d, 1, "num_features"


class LazyBatchNorm3d(Lazy, BatchNorm3d):
    """`BatchNorm3d` that takes `num_features` from its first input.

    Shape: as `BatchNorm3d`.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.LazyBatchNorm3d()(dls.randn(5, 3, 2, 2, 2)).shape
    (5, 3, 2, 2, 2)
    """

    becomes, input_axis, argument = BatchNorm3d, 1, "num_features"


class _LazyInstanceNorm(Lazy):
    """Base: weights and running statistics by default; the others have neither (as PyTorch)."""

    def __init__(
        self, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True,
        track_running_stats: bool = True, device: Any = None, dtype: Any = None,
    ) -> None:
        super().__init__(eps, momentum, affine, track_running_stats, device, dtype)


class LazyInstanceNorm1d(_LazyInstanceNorm, InstanceNorm1d):
    """`InstanceNorm1d` that takes `num_features` from its first input.

    Unlike the others of its kind it has weights and running statistics by default.
    Shape: as `InstanceNorm1d`.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.LazyInstanceNorm1d()(dls.randn(5, 3, 4)).shape
    (5, 3, 4)
    """

    becomes, input_axis, argument = InstanceNorm1d, -2, "num_features"


class LazyInstanceNorm2d(_LazyInstanceNorm, InstanceNorm2d):
    """`InstanceNorm2d` that takes `num_features` from its first input.

    Unlike the others of its kind it has weights and running statistics by default.
    Shape: as `InstanceNorm2d`.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.LazyInstanceNorm2d()(dls.randn(5, 3, 4, 4)).shape
    (5, 3, 4, 4)
    """

    becomes, input_axis, argument = InstanceNorm2d, -3, "num_features"


class LazyInstanceNorm3d(_LazyInstanceNorm, InstanceNorm3d):
    """`InstanceNorm3d` that takes `num_features` from its first input.

    Unlike the others of its kind it has weights and running statistics by default.
    Shape: as `InstanceNorm3d`.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.LazyInstanceNorm3d()(dls.randn(5, 3, 2, 2, 2)).shape
    (5, 3, 2, 2, 2)
    """

    becomes, input_axis, argument = InstanceNorm3d, -4, "num_features"
