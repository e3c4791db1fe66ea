"""Pooling, as functions: PyTorch's names and arguments; images (m, channels, *lengths), or one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, overload

from ... import ops
from ..._util.arguments import is_amount
from ..._util.keywords import near_names
from ...errors import DataError
from ...ops.pooling import numbers_of
from ...tensors import Tensor

Numbers = int | Sequence[int]


@overload
def max_pool1d(
    input: Tensor, kernel_size: Numbers, stride: Numbers | None = ..., padding: Numbers = ...,
    dilation: Numbers = ..., ceil_mode: bool = ..., return_indices: Literal[False] = ...,
) -> Tensor: ...
@overload
def max_pool1d(
    input: Tensor, kernel_size: Numbers, stride: Numbers | None = ..., padding: Numbers = ...,
    dilation: Numbers = ..., ceil_mode: bool = ..., *, return_indices: Literal[True],
) -> tuple[Tensor, Tensor]: ...
@near_names
def max_pool1d(
    input: Tensor, kernel_size: Numbers, stride: Numbers | None = None, padding: Numbers = 0,
    dilation: Numbers = 1, ceil_mode: bool = False, return_indices: bool = False,
) -> Any:
    """The largest element of each window of a sequence; options as `max_pool2d`.

    Shape: x (m, channels, length) or (channels, length), y (m, channels, length'),
    length' = floor((length + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.max_pool1d(dls.tensor([[1.0, 5.0, 2.0, 3.0, 9.0]]), 2)
    Tensor([[5., 3.]])
    """
    return ops.max_pool(
        input, kernel_size, stride, padding, dilation, ceil_mode, return_indices, axes=1)


@overload
def max_pool2d(
    input: Tensor, kernel_size: Numbers, stride: Numbers | None = ..., padding: Numbers = ...,
    dilation: Numbers = ..., ceil_mode: bool = ..., return_indices: Literal[False] = ...,
) -> Tensor: ...
@overload
def max_pool2d(
    input: Tensor, kernel_size: Numbers, stride: Numbers | None = ..., padding: Numbers = ...,
    dilation: Numbers = ..., ceil_mode: bool = ..., *, return_indices: Literal[True],
) -> tuple[Tensor, Tensor]: ...
@near_names
def max_pool2d(
    input: Tensor, kernel_size: Numbers, stride: Numbers | None = None, padding: Numbers = 0,
    dilation: Numbers = 1, ceil_mode: bool = False, return_indices: bool = False,
) -> Any:
    """The largest element of each window of an image.

    `stride` is kernel_size by default, `ceil_mode` rounds h' up. Padding is never the largest. With
    `return_indices` the result is (y, indices), counted in an image of h w, for `max_unpool2d`.

    Shape: x (m, channels, h, w) or (channels, h, w), y (m, channels, h', w'),
    h' = floor((h + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1, and w' likewise.
    Raises: ShapeError if a window does not fit into the image, or padding is more than half of it.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.max_pool2d(dls.arange(16.0).reshape(1, 1, 4, 4), 2)[0, 0]
    Tensor([[ 5.,  7.],
            [13., 15.]])
    """
    return ops.max_pool(
        input, kernel_size, stride, padding, dilation, ceil_mode, return_indices, axes=2)


@overload
def max_pool3d(
    input: Tensor, kernel_size: Numbers, stride: Numbers | None = ..., padding: Numbers = ...,
    dilation: Numbers = ..., ceil_mode: bool = ..., return_indices: Literal[False] = ...,
) -> Tensor: ...
@overload
def max_pool3d(
    input: Tensor, kernel_size: Numbers, stride: Numbers | None = ..., padding: Numbers = ...,
    dilation: Numbers = ..., ceil_mode: bool = ..., *, return_indices: Literal[True],
) -> tuple[Tensor, Tensor]: ...
@near_names
def max_pool3d(
    input: Tensor, kernel_size: Numbers, stride: Numbers | None = None, padding: Numbers = 0,
    dilation: Numbers = 1, ceil_mode: bool = False, return_indices: bool = False,
) -> Any:
    """The largest element of each window of a volume; options as `max_pool2d`.

    Shape: x (m, channels, d, h, w) or without m, y (m, channels, d', h', w'), lengths as in
    `max_pool2d`.

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
    """The mean of each window of a sequence; options as `avg_pool2d`.

    Shape: x (m, channels, length) or (channels, length), y (m, channels, length'),
    length' = floor((length + 2 padding - kernel_size) / stride) + 1.

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
    """The mean of each window of an image.

    `stride` is kernel_size by default, `ceil_mode` rounds h' up. Zeros of the padding count in the
    mean unless `count_include_pad` is False; `divisor_override` is divided by in place of their
    number.

    Shape: x (m, channels, h, w) or (channels, h, w), y (m, channels, h', w'),
    h' = floor((h + 2 padding - kernel_size) / stride) + 1, and w' likewise.
    Raises: ShapeError if a window does not fit into the image, or padding is more than half of it.

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
    """The mean of each window of a volume; options as `avg_pool2d`.

    Shape: x (m, channels, d, h, w) or without m, y (m, channels, d', h', w'), lengths as in
    `avg_pool2d`.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.avg_pool3d(dls.zeros(1, 3, 4, 6, 6), 2).shape
    (1, 3, 2, 3, 3)
    """
    return ops.avg_pool(  # type: ignore[no-any-return]
        input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override, axes=3)


@near_names
def adaptive_avg_pool1d(input: Tensor, output_size: Any) -> Tensor:
    """The means of `output_size` windows that cover a sequence.

    Window i goes from floor(i length / output_size) to ceil((i + 1) length / output_size).

    Shape: x (m, channels, length) or (channels, length), y (m, channels, output_size).

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.adaptive_avg_pool1d(dls.tensor([[1.0, 2.0, 3.0, 4.0, 5.0]]), 2)
    Tensor([[2., 4.]])
    """
    return ops.adaptive_avg_pool(input, output_size, axes=1)  # type: ignore[no-any-return]


@near_names
def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """The means of `output_size` windows that cover an image; 1: one mean of each channel.

    `output_size`: a number, or (h', w') of which None leaves a length as it is.

    Shape: x (m, channels, h, w) or (channels, h, w), y (m, channels, h', w').
    Raises: ShapeError if `output_size` is not made of whole numbers from 1.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.adaptive_avg_pool2d(dls.arange(12.0).reshape(1, 3, 2, 2), 1).flatten()
    Tensor([1.5, 5.5, 9.5])
    """
    return ops.adaptive_avg_pool(input, output_size, axes=2)  # type: ignore[no-any-return]


@near_names
def adaptive_avg_pool3d(input: Tensor, output_size: Any) -> Tensor:
    """The means of `output_size` windows that cover a volume; see `adaptive_avg_pool2d`.

    Shape: x (m, channels, d, h, w) or without m, y (m, channels, *output_size).

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.adaptive_avg_pool3d(dls.zeros(1, 3, 4, 6, 6), (1, 2, 2)).shape
    (1, 3, 1, 2, 2)
    """
    return ops.adaptive_avg_pool(input, output_size, axes=3)  # type: ignore[no-any-return]


@overload
def adaptive_max_pool1d(
    input: Tensor, output_size: Any, return_indices: Literal[False] = ...
) -> Tensor: ...
@overload
def adaptive_max_pool1d(
    input: Tensor, output_size: Any, return_indices: Literal[True]
) -> tuple[Tensor, Tensor]: ...
@near_names
def adaptive_max_pool1d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest elements of `output_size` windows that cover a sequence.

    Windows as in `adaptive_avg_pool1d`, `return_indices` as in `max_pool2d`.

    Shape: x (m, channels, length) or (channels, length), y (m, channels, output_size).

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.adaptive_max_pool1d(dls.tensor([[1.0, 2.0, 3.0, 4.0, 5.0]]), 2)
    Tensor([[3., 5.]])
    """
    return ops.adaptive_max_pool(input, output_size, return_indices, axes=1)


@overload
def adaptive_max_pool2d(
    input: Tensor, output_size: Any, return_indices: Literal[False] = ...
) -> Tensor: ...
@overload
def adaptive_max_pool2d(
    input: Tensor, output_size: Any, return_indices: Literal[True]
) -> tuple[Tensor, Tensor]: ...
@near_names
def adaptive_max_pool2d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest elements of `output_size` windows that cover an image.

    `output_size` as in `adaptive_avg_pool2d`, `return_indices` as in `max_pool2d`.

    Shape: x (m, channels, h, w) or (channels, h, w), y (m, channels, *output_size).

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.adaptive_max_pool2d(dls.arange(12.0).reshape(1, 3, 2, 2), 1).flatten()
    Tensor([ 3.,  7., 11.])
    """
    return ops.adaptive_max_pool(input, output_size, return_indices, axes=2)


@overload
def adaptive_max_pool3d(
    input: Tensor, output_size: Any, return_indices: Literal[False] = ...
) -> Tensor: ...
@overload
def adaptive_max_pool3d(
    input: Tensor, output_size: Any, return_indices: Literal[True]
) -> tuple[Tensor, Tensor]: ...
@near_names
def adaptive_max_pool3d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest elements of `output_size` windows that cover a volume.

    Options as `adaptive_max_pool2d`.

    Shape: x (m, channels, d, h, w) or without m, y (m, channels, *output_size).

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
    """Zeros, with the elements of x at the indices of `max_pool1d`; see `max_unpool2d`.

    Shape: x and indices (m, channels, length), y (m, channels, length'),
    length' = (length - 1) stride - 2 padding + kernel_size, or `output_size`.

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
    """Zeros, with the elements of x at the indices that `max_pool2d` returned.

    `output_size`: the size before pooling, where the stride leaves several open.

    Shape: x and indices (m, channels, h, w), y (m, channels, h', w'),
    h' = (h - 1) stride - 2 padding + kernel_size, and w' likewise, or `output_size`.
    Raises: DataError if an index is outside y; ShapeError if `output_size` cannot have been pooled
    to x.

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
    """Zeros, with the elements of x at the indices of `max_pool3d`; see `max_unpool2d`.

    Shape: x and indices (m, channels, d, h, w), y (m, channels, d', h', w'), lengths as in
    `max_unpool2d`.

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
    """(sum of x**p)**(1/p) of each window of a sequence, p = `norm_type`; see `lp_pool2d`.

    Shape: x (m, channels, length) or (channels, length), y (m, channels, length'),
    length' = floor((length - kernel_size) / stride) + 1.

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
    """(sum of x**p)**(1/p) of each window of an image, p = `norm_type`.

    As in PyTorch no absolute value is taken: the result is NaN where the sum is negative and p is
    odd.

    Shape: x (m, channels, h, w) or (channels, h, w), y (m, channels, h', w'),
    h' = floor((h - kernel_size) / stride) + 1, and w' likewise; `ceil_mode` rounds up.
    Raises: DataError if `norm_type` is not above 0.

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
