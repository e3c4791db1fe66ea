"""Pooling, as functions: PyTorch's names and arguments; images (m, channels, *lengths), or one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ... import ops
from ..._util.arguments import is_amount
from ..._util.keywords import near_names
from ...errors import DataError
from ...ops.pooling import numbers_of
from ...tensors import Tensor

Numbers = int | Sequence[int]


@near_names
def max_pool1d(
    input: Tensor, kernel_size: Numbers, stride: Numbers | None = None, padding: Numbers = 0,
    dilation: Numbers = 1, ceil_mode: bool = False, return_indices: bool = False,
) -> Any:
    """The largest of each window; input (m, channels, length). With indices: a pair.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.max_pool1d(dls.tensor([[1.0, 5.0, 2.0, 3.0, 9.0]]), 2)
    Tensor([[5., 3.]])
    """
    return ops.max_pool(
        input, kernel_size, stride, padding, dilation, ceil_mode, return_indices, axes=1)


@near_names
def max_pool2d(
    input: Tensor, kernel_size: Numbers, stride: Numbers | None = None, padding: Numbers = 0,
    dilation: Numbers = 1, ceil_mode: bool = False, return_indices: bool = False,
) -> Any:
    """The largest of each window; input (m, channels, height, width). With indices: a pair.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.max_pool2d(dls.arange(16.0).reshape(1, 1, 4, 4), 2)[0, 0]
    Tensor([[ 5.,  7.],
            [13., 15.]])
    """
    return ops.max_pool(
        input, kernel_size, stride, padding, dilation, ceil_mode, return_indices, axes=2)


@near_names
def max_pool3d(
    input: Tensor, kernel_size: Numbers, stride: Numbers | None = None, padding: Numbers = 0,
    dilation: Numbers = 1, ceil_mode: bool = False, return_indices: bool = False,
) -> Any:
    """The largest of each window; input (m, channels, depth, height, width).

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.max_pool3d(dls.zeros(1, 3, 4, 6, 6), 2).shape
    (1, 3, 2, 3, 3)
    """
    return ops.max_pool(
        input, kernel_size, stride, padding, dilation, ceil_mode, return_indices, axes=3)


@near_names
def avg_pool1d(
    input: Tensor, kernel_size: Numbers, stride: Numbers | None = None, padding: Numbers = 0,
    ceil_mode: bool = False, count_include_pad: bool = True,
) -> Tensor:
    """The mean of each window; input (m, channels, length).

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.avg_pool1d(dls.tensor([[1.0, 5.0, 2.0, 4.0]]), 2)
    Tensor([[3., 3.]])
    """
    return ops.avg_pool(  # type: ignore[no-any-return]
        input, kernel_size, stride, padding, ceil_mode, count_include_pad, axes=1)


@near_names
def avg_pool2d(
    input: Tensor, kernel_size: Numbers, stride: Numbers | None = None, padding: Numbers = 0,
    ceil_mode: bool = False, count_include_pad: bool = True, divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window; input (m, channels, height, width).

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.avg_pool2d(dls.arange(16.0).reshape(1, 1, 4, 4), 2)[0, 0]
    Tensor([[ 2.5,  4.5],
            [10.5, 12.5]])
    """
    return ops.avg_pool(  # type: ignore[no-any-return]
        input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override, axes=2)


@near_names
def avg_pool3d(
    input: Tensor, kernel_size: Numbers, stride: Numbers | None = None, padding: Numbers = 0,
    ceil_mode: bool = False, count_include_pad: bool = True, divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window; input (m, channels, depth, height, width).

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.avg_pool3d(dls.zeros(1, 3, 4, 6, 6), 2).shape
    (1, 3, 2, 3, 3)
    """
    return ops.avg_pool(  # type: ignore[no-any-return]
        input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override, axes=3)


def adaptive_avg_pool1d(input: Tensor, output_size: Any) -> Tensor:
    """Means of `output_size` windows; input (m, channels, length).

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.adaptive_avg_pool1d(dls.tensor([[1.0, 2.0, 3.0, 4.0, 5.0]]), 2)
    Tensor([[2., 4.]])
    """
    return ops.adaptive_avg_pool(input, output_size, axes=1)  # type: ignore[no-any-return]


def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """Means of `output_size` windows, 1: of whole images; input (m, channels, height, width).

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.adaptive_avg_pool2d(dls.arange(12.0).reshape(1, 3, 2, 2), 1).flatten()
    Tensor([1.5, 5.5, 9.5])
    """
    return ops.adaptive_avg_pool(input, output_size, axes=2)  # type: ignore[no-any-return]


def adaptive_avg_pool3d(input: Tensor, output_size: Any) -> Tensor:
    """Means of `output_size` windows; input (m, channels, depth, height, width).

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.adaptive_avg_pool3d(dls.zeros(1, 3, 4, 6, 6), (1, 2, 2)).shape
    (1, 3, 1, 2, 2)
    """
    return ops.adaptive_avg_pool(input, output_size, axes=3)  # type: ignore[no-any-return]


def adaptive_max_pool1d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest of `output_size` windows; input (m, channels, length).

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.adaptive_max_pool1d(dls.tensor([[1.0, 2.0, 3.0, 4.0, 5.0]]), 2)
    Tensor([[3., 5.]])
    """
    return ops.adaptive_max_pool(input, output_size, return_indices, axes=1)


def adaptive_max_pool2d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest of `output_size` windows; input (m, channels, height, width).

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.adaptive_max_pool2d(dls.arange(12.0).reshape(1, 3, 2, 2), 1).flatten()
    Tensor([ 3.,  7., 11.])
    """
    return ops.adaptive_max_pool(input, output_size, return_indices, axes=2)


def adaptive_max_pool3d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest of `output_size` windows; input (m, channels, depth, height, width).

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.adaptive_max_pool3d(dls.zeros(1, 3, 4, 6, 6), (1, 2, 2)).shape
    (1, 3, 1, 2, 2)
    """
    return ops.adaptive_max_pool(input, output_size, return_indices, axes=3)


@near_names
def max_unpool1d(
    input: Tensor, indices: Tensor, kernel_size: Numbers, stride: Numbers | None = None,
    padding: Numbers = 0, output_size: Sequence[int] | None = None,
) -> Tensor:
    """Zeros, with the input at the indices of `max_pool1d`.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> pooled = F.max_pool1d(dls.tensor([[1.0, 5.0, 4.0, 3.0]]), 2, return_indices=True)
    >>> F.max_unpool1d(*pooled, 2)
    Tensor([[0., 5., 4., 0.]])
    """
    return ops.max_unpool(  # type: ignore[no-any-return]
        input, indices, kernel_size, stride, padding, output_size, axes=1)


@near_names
def max_unpool2d(
    input: Tensor, indices: Tensor, kernel_size: Numbers, stride: Numbers | None = None,
    padding: Numbers = 0, output_size: Sequence[int] | None = None,
) -> Tensor:
    """Zeros, with the input at the indices of `max_pool2d`.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> pooled = F.max_pool2d(dls.tensor([[[1.0, 2.0], [4.0, 3.0]]]), 2, return_indices=True)
    >>> F.max_unpool2d(*pooled, 2)
    Tensor([[[0., 0.],
             [4., 0.]]])
    """
    return ops.max_unpool(  # type: ignore[no-any-return]
        input, indices, kernel_size, stride, padding, output_size, axes=2)


@near_names
def max_unpool3d(
    input: Tensor, indices: Tensor, kernel_size: Numbers, stride: Numbers | None = None,
    padding: Numbers = 0, output_size: Sequence[int] | None = None,
) -> Tensor:
    """Zeros, with the input at the indices of `max_pool3d`.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> pooled = F.max_pool3d(dls.randn(1, 2, 4, 4, 4), 2, return_indices=True)
    >>> F.max_unpool3d(*pooled, 2).shape
    (1, 2, 4, 4, 4)
    """
    return ops.max_unpool(  # type: ignore[no-any-return]
        input, indices, kernel_size, stride, padding, output_size, axes=3)


@near_names
def lp_pool1d(
    input: Tensor, norm_type: float, kernel_size: Numbers, stride: Numbers | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """(sum of x**p)**(1/p) of each window, p = `norm_type`; input (m, channels, length).

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.lp_pool1d(dls.tensor([[3.0, 4.0, 6.0, 8.0]]), 2, kernel_size=2)
    Tensor([[ 5., 10.]])
    """
    return _lp_pool(input, norm_type, kernel_size, stride, ceil_mode, 1)


@near_names
def lp_pool2d(
    input: Tensor, norm_type: float, kernel_size: Numbers, stride: Numbers | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """(sum of x**p)**(1/p) of each window, p = `norm_type`; input (m, channels, height, width).

    As in PyTorch no absolute value is taken: NaN where the sum is negative and p is odd.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.lp_pool2d(dls.ones(1, 1, 2, 4), 2, kernel_size=2)[0, 0]
    Tensor([[2., 2.]])
    """
    return _lp_pool(input, norm_type, kernel_size, stride, ceil_mode, 2)


def _lp_pool(
    x: Tensor, p: float, kernel_size: Numbers, stride: Any, ceil_mode: bool, axes: int
) -> Tensor:
    if not is_amount(p) or p == 0:
        raise DataError(f"lp_pool{axes}d: norm_type is a number above 0, not {p!r}")
    size = 1
    for n in numbers_of(kernel_size, axes, "kernel_size", f"lp_pool{axes}d", 1):
        size *= n
    # Of a smaller window at the end the mean times `size`, not the sum: as PyTorch.
    means = ops.avg_pool(x**p, kernel_size, stride, 0, ceil_mode, axes=axes)
    return (means * float(size)) ** (1.0 / p)  # type: ignore[no-any-return]
