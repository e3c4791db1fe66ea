"""Convolutions with PyTorch's arguments; images (n, c, h, w), or one image (c, h, w)."""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, TypeAlias

from ... import ops
from ..._util.arguments import is_whole
from ..._util.keywords import near_names
from ...backend.device import default_device
from ...backend.dtypes import default_dtype
from ...engine.autograd import TensorBase
from ...errors import ShapeError
from ...ops.call import function, operand
from ...ops.cards import shape_error
from ...ops.convolution import Convolution, Ints, Pairs, TransposedConvolution
from ...ops.op import Op
from ...tensors import Tensor

Numbers: TypeAlias = int | Sequence[int]

AXES = {1: "(n, c, length)", 2: "(n, c, height, width)", 3: "(n, c, depth, height, width)"}


@near_names
def conv1d(
    input: Any, weight: Any, bias: Any = None, stride: Numbers = 1,
    padding: Numbers | str = 0, dilation: Numbers = 1, groups: int = 1,
) -> Tensor:
    """Cross-correlate sequences with windows: `conv2d` along one axis, with its arguments.

    Shape: x (n, c, length) or (c, length), weight (o, c / groups, k), bias (o,), y (n, o, length'),
    length' = floor((length + 2 padding - dilation (k - 1) - 1) / stride) + 1.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.conv1d(dls.tensor([[1.0, 2.0, 4.0]]), dls.tensor([[[-1.0, 1.0]]]))  # differences
    Tensor([[1., 2.]])
    """
    return _convolve(1, input, weight, bias, stride, padding, dilation, groups)


@near_names
def conv2d(
    input: Any, weight: Any, bias: Any = None, stride: Numbers = 1,
    padding: Numbers | str = 0, dilation: Numbers = 1, groups: int = 1,
) -> Tensor:
    """Cross-correlate images with windows: y[o] = bias[o] + sum over c of weight[o, c] * x[c].

    `padding` with zeros: a number, one for each axis, "valid" (none) or "same" (h' = h, stride 1
    only; of an odd number of zeros one more comes after). With `groups` each group of output
    channels sees one group of input channels. The window is not flipped. Course 4, week 1.

    Shape: x (n, c, h, w) or (c, h, w), weight (o, c / groups, k, l), bias (o,), y (n, o, h', w'),
    h' = floor((h + 2 padding - dilation (k - 1) - 1) / stride) + 1, w' likewise with l.
    Raises: ShapeError, with a fix, if operands or arguments do not fit together.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> x, weight = dls.arange(9.0).reshape(1, 1, 3, 3), dls.ones(1, 1, 2, 2)
    >>> F.conv2d(x, weight)[0, 0]  # sums of windows
    Tensor([[ 8., 12.],
            [20., 24.]])
    >>> F.conv2d(x, weight, padding="same").shape
    (1, 1, 3, 3)
    """
    return _convolve(2, input, weight, bias, stride, padding, dilation, groups)


@near_names
def conv3d(
    input: Any, weight: Any, bias: Any = None, stride: Numbers = 1,
    padding: Numbers | str = 0, dilation: Numbers = 1, groups: int = 1,
) -> Tensor:
    """Cross-correlate volumes with windows: `conv2d` along three axes, with its arguments.

    Shape: x (n, c, d, h, w) or (c, d, h, w), weight (o, c / groups, j, k, l), bias (o,), y (n, o,
    d', h', w'), each length as in `conv2d`.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.conv3d(dls.zeros(1, 2, 4, 4, 4), dls.zeros(5, 2, 3, 3, 3)).shape
    (1, 5, 2, 2, 2)
    """
    return _convolve(3, input, weight, bias, stride, padding, dilation, groups)


@near_names
def conv_transpose1d(
    input: Any, weight: Any, bias: Any = None, stride: Numbers = 1,
    padding: Numbers = 0, output_padding: Numbers = 0, groups: int = 1, dilation: Numbers = 1,
) -> Tensor:
    """Transposed convolution of sequences: `conv_transpose2d` along one axis.

    Shape: x (n, c, length) or (c, length), weight (c, o / groups, k), bias (o,), y (n, o, length'),
    length' = (length - 1) stride - 2 padding + dilation (k - 1) + output_padding + 1.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.conv_transpose1d(dls.tensor([[1.0, 2.0]]), dls.tensor([[[1.0, 10.0]]]), stride=2)
    Tensor([[ 1., 10.,  2., 20.]])
    """
    return _transpose(1, input, weight, bias, stride, padding, output_padding, groups, dilation)


@near_names
def conv_transpose2d(
    input: Any, weight: Any, bias: Any = None, stride: Numbers = 1,
    padding: Numbers = 0, output_padding: Numbers = 0, groups: int = 1, dilation: Numbers = 1,
) -> Tensor:
    """Transposed convolution: each x[c] times weight[c, o] is added to y[o], `stride` apart.

    It is the gradient of `conv2d` with respect to its input, and makes images larger. With a
    stride, `conv2d` maps several sizes to h: `output_padding` chooses one of them. Course 4, week 3
    (U-Net).

    Shape: x (n, c, h, w) or (c, h, w), weight (c, o / groups, k, l), bias (o,), y (n, o, h', w'),
    h' = (h - 1) stride - 2 padding + dilation (k - 1) + output_padding + 1, w' likewise with l.
    Raises: ShapeError if operands do not fit together, if nothing is left of the output, or if
    `output_padding` is not smaller than the stride or the dilation.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.conv_transpose2d(dls.ones(1, 1, 2, 2), dls.ones(1, 1, 2, 2))[0, 0]
    Tensor([[1., 2., 1.],
            [2., 4., 2.],
            [1., 2., 1.]])
    """
    return _transpose(2, input, weight, bias, stride, padding, output_padding, groups, dilation)


@near_names
def conv_transpose3d(
    input: Any, weight: Any, bias: Any = None, stride: Numbers = 1,
    padding: Numbers = 0, output_padding: Numbers = 0, groups: int = 1, dilation: Numbers = 1,
) -> Tensor:
    """Transposed convolution of volumes: `conv_transpose2d` along three axes.

    Shape: x (n, c, d, h, w) or (c, d, h, w), weight (c, o / groups, j, k, l), bias (o,), y (n, o,
    d', h', w'), each length as in `conv_transpose2d`.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.conv_transpose3d(dls.zeros(1, 4, 3, 4, 4), dls.zeros(4, 2, 2, 2, 2), stride=2).shape
    (1, 2, 6, 8, 8)
    """
    return _transpose(3, input, weight, bias, stride, padding, output_padding, groups, dilation)


@near_names
def unfold(
    input: Any, kernel_size: Numbers, dilation: Numbers = 1, padding: Numbers = 0,
    stride: Numbers = 1,
) -> Tensor:
    """Write each window of an image as a column (im2col).

    Shape: x (n, c, h, w) or (c, h, w), y (n, c k l, h' w') for windows of k by l, with
    h' = floor((h + 2 padding - dilation (k - 1) - 1) / stride) + 1, w' likewise with l.
    Raises: ShapeError if the window is larger than the padded image.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.unfold(dls.arange(6.0).reshape(1, 1, 2, 3), kernel_size=2)[0]
    Tensor([[0., 1.],
            [1., 2.],
            [3., 4.],
            [4., 5.]])
    """
    window, steps = numbers("kernel_size", kernel_size, 2, 1), numbers("stride", stride, 2, 1)
    apart, edges = numbers("dilation", dilation, 2, 1), numbers("padding", padding, 2, 0)
    x, alone = _batched(operand(input, default_device()), 2, "unfold")
    pairs = tuple((p, p) for p in edges)
    if wrong := _wrong_window(x.shape[2:], window, pairs, apart):
        raise ShapeError(f"unfold of\n  {x.shape}\n{wrong}")
    columns: Tensor = ops.unfold(x, window, steps, pairs, apart)
    return columns[0] if alone else columns


@near_names
def fold(
    input: Any, output_size: Numbers, kernel_size: Numbers, dilation: Numbers = 1,
    padding: Numbers = 0, stride: Numbers = 1,
) -> Tensor:
    """Add columns up to an image (col2im): an element is the sum over all windows that hold it.

    It is the gradient of `unfold`, whose arguments it takes.

    Shape: x (n, c k l, windows) or (c k l, windows), y (n, c, *output_size).
    Raises: ShapeError if the columns are not as many as there are windows in such an image.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.fold(F.unfold(dls.ones(1, 1, 2, 3), 2), (2, 3), 2)[0, 0]  # in how many windows each is
    Tensor([[1., 2., 1.],
            [1., 2., 1.]])
    """
    window, steps = numbers("kernel_size", kernel_size, 2, 1), numbers("stride", stride, 2, 1)
    apart, edges = numbers("dilation", dilation, 2, 1), numbers("padding", padding, 2, 0)
    size = numbers("output_size", output_size, 2, 1)
    x, alone = _batched(operand(input, default_device()), 1, "fold")
    pairs = tuple((p, p) for p in edges)
    if wrong := _wrong_window(size, window, pairs, apart):
        raise ShapeError(f"fold to\n  {size}\n{wrong}")
    places = math.prod(
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, s, p, d in zip(size, window, steps, edges, apart)
    )
    if x.shape[1] % math.prod(window) or x.shape[2] != places:
        raise ShapeError(
            f"fold takes columns (n, c * {math.prod(window)}, {places}): windows of {window}, "
            f"{places} of them in an image of {size}; not\n  {x.shape}"
        )
    images: Tensor = ops.fold(x, size, window, steps, pairs, apart)
    return images[0] if alone else images


# --- arguments -----------------------------------------------------------------------------------


def numbers(name: str, value: Any, count: int, least: int) -> Ints:
    """One whole number of at least `least` for each of `count` axes; ShapeError if it is none."""
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    if len(values) == 1:
        values *= count
    if len(values) != count or not all(is_whole(v, least) for v in values):
        raise ShapeError(
            f"{name} is a whole number of at least {least}, or {count} of them (one for each "
            f"spatial axis), not {value!r}"
        )
    return tuple(map(int, values))


def paddings(value: Any, window: Ints, stride: Ints, dilation: Ints) -> Pairs:
    """(before, after) for each axis of what `padding` says: numbers, "same" or "valid"."""
    if value == "valid":
        return ((0, 0),) * len(window)
    if value == "same":
        if set(stride) != {1}:
            raise ShapeError(
                f"padding='same' keeps the size, which stride {stride} cannot: take stride 1, or "
                f"padding={tuple(d * (k - 1) // 2 for k, d in zip(window, dilation))}"
            )
        wide = [d * (k - 1) for k, d in zip(window, dilation)]
        return tuple((total // 2, total - total // 2) for total in wide)
    if isinstance(value, str):
        raise ShapeError(f"padding is a number, a tuple, 'same' or 'valid', not {value!r}")
    return tuple((p, p) for p in numbers("padding", value, len(window), 0))


def _batched(x: Any, axes: int, name: str) -> tuple[Any, bool]:
    """x as a batch, and whether it was a single one."""
    if x.ndim not in (axes + 1, axes + 2):
        shape = AXES[axes] if name != "fold" else "(n, c * window, places)"
        raise ShapeError(
            f"{name} takes {shape}, or one of them without n, not\n  {x.shape}"
            + (f"\nwould work: x.reshape({(1, 1, *x.shape)})" if x.ndim == axes else "")
        )
    return (x, False) if x.ndim == axes + 2 else (x.reshape((1, *x.shape)), True)


def _convolve(
    axes: int, x: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any,
    groups: int,
) -> Tensor:
    name = f"conv{axes}d"
    x, weight, bias = _operands(name, axes, x, weight, bias)
    x, alone = _batched(x, axes, name)
    y: Tensor = _run(_planned, x, weight, bias, axes, stride, padding, dilation, groups)
    return y.reshape(y.shape[1:]) if alone else y


def _transpose(
    axes: int, x: Any, weight: Any, bias: Any, stride: Any, padding: Any, output_padding: Any,
    groups: int, dilation: Any,
) -> Tensor:
    name = f"conv_transpose{axes}d"
    x, weight, bias = _operands(name, axes, x, weight, bias)
    x, alone = _batched(x, axes, name)
    y: Tensor = _run(_planned_transposed, x, weight, bias, axes, stride, padding, output_padding,
                     groups, dilation)
    return y.reshape(y.shape[1:]) if alone else y


def _operands(name: str, axes: int, x: Any, weight: Any, bias: Any) -> tuple[Any, Any, Any]:
    """Tensors of floats; lists and arrays become constants on the device of the first tensor."""
    tensors = isinstance(x, TensorBase) and isinstance(weight, TensorBase)
    if not tensors or bias is not None:
        given = [t.device for t in (x, weight, bias) if isinstance(t, TensorBase)]
        device = given[0] if given else default_device()
        x, weight = operand(x, device), operand(weight, device)
        bias = None if bias is None else operand(bias, device)
    if weight.ndim != axes + 2 or 0 in weight.shape:
        raise ShapeError(
            f"{name} takes a weight (channels, channels / groups, "
            f"{', '.join(['window'] * axes)}), none of them 0, not\n  {weight.shape}"
        )
    if all(t is None or t.dtype.kind == "f" for t in (x, weight, bias)):
        return x, weight, bias
    kinds = [t.dtype for t in (x, weight, bias) if t is not None and t.dtype.kind == "f"]
    kind = kinds[0] if kinds else default_dtype()
    x, weight, bias = (t if t is None or t.dtype.kind == "f" else ops.cast(t, kind)
                       for t in (x, weight, bias))
    return x, weight, bias


def _run(planned: Any, x: Any, weight: Any, bias: Any, axes: int, *options: Any) -> Any:
    """The operation with these options on these operands; the card of what does not fit."""
    shape = None if bias is None else bias.shape
    hashable = [tuple(option) if isinstance(option, list) else option for option in options]
    try:
        op, call, wrong = planned(axes, x.shape, weight.shape, shape, *hashable)
    except TypeError as error:
        raise ShapeError(
            f"stride, padding, dilation and the like are whole numbers or tuples of them: {error}"
        ) from error
    if wrong:
        raise shape_error(op, (x, weight) if bias is None else (x, weight, bias), wrong)
    return call(x, weight, bias)


Planned = tuple[Op, Any, str]  # an operation, its function, and what does not fit ("" if it does)


@lru_cache(maxsize=4096, typed=True)
def _planned(
    axes: int, shape: Ints, weight: Ints, bias: Ints | None, stride: Any, padding: Any,
    dilation: Any, groups: Any,
) -> Planned:
    """The convolution for operands of these shapes; found once for all of them."""
    steps, apart = numbers("stride", stride, axes, 1), numbers("dilation", dilation, axes, 1)
    pairs = paddings(padding, weight[2:], steps, apart)
    wrong = _wrong_groups(groups, shape[1], weight[0])
    if not wrong and weight[1] * groups != shape[1]:
        wrong = (
            f"weight (o, c / groups, window) for x (n, c, ...): here c = {shape[1]} and groups = "
            f"{groups}, so the second axis of weight is {shape[1] // groups}, not {weight[1]}"
            + _channels_last(shape, weight[1] * groups)
        )
    wrong = (wrong or _wrong_bias(bias, weight[0])
             or _wrong_window(shape[2:], weight[2:], pairs, apart))
    op = Convolution(steps, pairs, apart, groups if wrong else int(groups))
    return op, function(op), wrong


@lru_cache(maxsize=4096, typed=True)
def _planned_transposed(
    axes: int, shape: Ints, weight: Ints, bias: Ints | None, stride: Any, padding: Any,
    output_padding: Any, groups: Any, dilation: Any,
) -> Planned:
    """The same of a transposed convolution."""
    steps, apart = numbers("stride", stride, axes, 1), numbers("dilation", dilation, axes, 1)
    edges = numbers("padding", padding, axes, 0)
    more = numbers("output_padding", output_padding, axes, 0)
    if any(m >= max(s, d) for m, s, d in zip(more, steps, apart)):
        raise ShapeError(
            f"output_padding {more} must be smaller than the stride {steps} or the dilation {apart}"
        )
    spans = [(n - 1) * s + d * (k - 1) + 1
             for n, s, d, k in zip(shape[2:], steps, apart, weight[2:])]
    size = tuple(span - 2 * p + m for span, p, m in zip(spans, edges, more))
    pairs = tuple((p, span - n - p) for p, span, n in zip(edges, spans, size))
    wrong = _wrong_groups(groups, weight[0], weight[1] * groups)
    if not wrong and weight[0] != shape[1]:
        wrong = (
            f"weight (c, o / groups, window) for x (n, c, ...): the first axis of weight is "
            f"{shape[1]}, not {weight[0]}" + _channels_last(shape, weight[0])
        )
    wrong = wrong or _wrong_bias(bias, weight[1] * groups)
    if not wrong and min(size) < 1:
        wrong = (f"of the output nothing is left: its size would be {size}. Take less padding than "
                 f"{edges}")
    op = TransposedConvolution(size, steps, pairs, apart, groups if wrong else int(groups))
    return op, function(op), wrong


def _wrong_groups(groups: Any, inputs: int, outputs: int) -> str:
    fits = is_whole(groups, 1) and inputs % groups == 0 and outputs % groups == 0
    return "" if fits else (
        f"groups is a whole number that divides the input channels ({inputs}) and the output "
        f"channels ({outputs}), not {groups!r}"
    )


def _wrong_bias(bias: Ints | None, channels: int) -> str:
    fits = bias in (None, (channels,))
    return "" if fits else f"bias has one number for each output channel: {(channels,)}"


def _wrong_window(size: Ints, window: Ints, padding: Pairs, dilation: Ints) -> str:
    padded = tuple(n + before + after for n, (before, after) in zip(size, padding))
    spans = tuple(d * (k - 1) + 1 for k, d in zip(window, dilation))
    short = max(span - n for span, n in zip(spans, padded))
    return "" if short <= 0 else (
        f"the window spans {spans}, more than the padded input {padded}: take {-(-short // 2)} "
        "more padding, or a smaller window"
    )


def _channels_last(shape: Ints, wanted: int) -> str:
    """A hint where the channels stand last."""
    return "; channels come before the size: x.moveaxis(-1, 1)" if shape[-1] == wanted else ""
