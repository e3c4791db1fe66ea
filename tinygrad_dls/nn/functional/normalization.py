"""Normalization."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ... import ops
from ..._util.arguments import is_amount, is_whole, number
from ..._util.keywords import near_names
from ...backend.device import default_device
from ...backend.dtypes import default_dtype
from ...engine.autograd import TensorBase
from ...engine.modes import mode
from ...engine.versions import check_writable, mark_write
from ...errors import DataError, DtypeError, ShapeError
from ...ops.call import tensor_of
from ...tensors import Tensor


@near_names
def batch_norm(
    input: Tensor, running_mean: Tensor | None, running_var: Tensor | None,
    weight: Tensor | None = None, bias: Tensor | None = None, training: bool = False,
    momentum: float | Tensor = 0.1, eps: float = 1e-5,
) -> Tensor:
    """(x - mean) / sqrt(var + eps) * weight + bias for each channel.

    In training mean and variance are the batch's, and the running ones, if given, move towards them
    in place: r = (1 - momentum) r + momentum * new, with the unbiased variance. Otherwise the
    running ones are used (Ioffe and Szegedy 2015; Course 2, week 3).

    Shape: x (m, c, ...), y as x; all others (c,).
    Raises: DataError if a channel has only one number in training, or without running statistics
    otherwise; ShapeError if the shapes do not fit.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> x, mean, var = dls.tensor([[1.0, 10.0], [3.0, 30.0]]), dls.zeros(2), dls.ones(2)
    >>> F.batch_norm(x, mean, var, training=True)
    Tensor([[-1., -1.],
            [ 1.,  1.]])
    >>> mean  # moved by momentum, 0.1
    Tensor([0.2, 2. ])
    """
    return batch_norm_then(input, running_mean, running_var, weight, bias, training, momentum, eps,
                           None)


def batch_norm_then(
    input: Tensor, running_mean: Tensor | None, running_var: Tensor | None, weight: Tensor | None,
    bias: Tensor | None, training: bool, momentum: Any, eps: float,
    bounds: tuple[float, float | None] | None,
) -> Tensor:
    """`batch_norm`; if there are bounds, clamped to them in the same pass.

    In training `momentum` is then a number; in evaluation no gradient is then wanted.
    """
    x = _floats(input)
    channels = _channels("batch_norm", x, 2)
    _check("batch_norm", x, (channels,), weight=weight, bias=bias, running_mean=running_mean,
           running_var=running_var)
    _check_eps("batch_norm", eps)
    if not training:
        if running_mean is None or running_var is None:
            raise DataError(
                "batch_norm in evaluation takes the running mean and variance: give them, or "
                "training=True for those of the batch"
            )
        given = (x, weight, bias, running_mean, running_var)
        if not (mode.grad and any(t is not None and t.requires_grad for t in given)):
            return ops.frozen_batch_norm(*given, eps, bounds)  # type: ignore[no-any-return]
        scale = (running_var + eps) ** -0.5
        scale = scale if weight is None else scale * weight
        shift = -running_mean * scale
        shift = shift if bias is None else shift + bias
        return ops.scale_channels(x, scale, shift)  # type: ignore[no-any-return]
    if channels and x.size == channels:
        raise DataError(
            "batch_norm in training takes more than one number for each channel, their variance "
            f"is 0 otherwise:\n  input  {x.shape}\nGive more examples, or use model.eval()"
        )
    check_running("batch_norm", running_mean, running_var)
    if bounds is None:
        y = ops.batch_norm(x, weight, bias, running_mean, running_var, momentum, eps)
    else:
        y = ops.batch_norm_activation(
            x, weight, bias, running_mean, running_var, momentum, eps, None, *bounds)
    written("batch_norm()", running_mean, running_var)
    return y  # type: ignore[no-any-return]


@near_names
def instance_norm(
    input: Tensor, running_mean: Tensor | None = None, running_var: Tensor | None = None,
    weight: Tensor | None = None, bias: Tensor | None = None, use_input_stats: bool = True,
    momentum: float = 0.1, eps: float = 1e-5,
) -> Tensor:
    """`batch_norm` of each example by itself (Ulyanov, Vedaldi and Lempitsky 2016).

    Running statistics, if given, move towards the mean of the examples'; with use_input_stats=False
    they are used instead.

    Shape: x (m, c, length, ...), y as x; all others (c,).
    Raises: DataError if a channel of an example has only one number.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.instance_norm(dls.tensor([[[1.0, 3.0]], [[10.0, 30.0]]])).round(decimals=3).tolist()
    [[[-1.0, 1.0]], [[-1.0, 1.0]]]
    """
    x = _floats(input)
    channels = _channels("instance_norm", x, 3)
    if not use_input_stats:
        return batch_norm(x, running_mean, running_var, weight, bias, False, momentum, eps)
    _check("instance_norm", x, (channels,), weight=weight, bias=bias, running_mean=running_mean,
           running_var=running_var)
    _check_eps("instance_norm", eps)
    if math.prod(x.shape[2:]) == 1:
        raise DataError(
            "instance_norm takes more than one number for each channel of an example, their "
            f"variance is 0 otherwise:\n  input  {x.shape}"
        )
    check_running("instance_norm", running_mean, running_var)
    y = ops.instance_norm(x, weight, bias, running_mean, running_var, momentum, eps)
    written("instance_norm()", running_mean, running_var)
    return y  # type: ignore[no-any-return]


@near_names
def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """(x - mean) / sqrt(var + eps) * weight + bias for each group of channels of each example.

    (Wu and He 2018)

    Shape: x (m, c, ...), y as x; weight and bias (c,).
    Raises: ShapeError if `num_groups` does not divide c.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.group_norm(dls.tensor([[1.0, 3.0, 10.0, 30.0]]), 2)
    Tensor([[-1.,  1., -1.,  1.]])
    """
    x = _floats(input)
    channels = _channels("group_norm", x, 2)
    if not is_whole(num_groups, 1) or channels % num_groups:
        raise ShapeError(
            f"group_norm makes {num_groups!r} groups of {channels} channels: the number of "
            f"channels is a multiple of it\n  input  {x.shape}"
        )
    _check("group_norm", x, (channels,), weight=weight, bias=bias)
    _check_eps("group_norm", eps)
    if x.size == num_groups:
        raise DataError(
            "group_norm takes more than one number for each group, their variance is 0 "
            f"otherwise:\n  input  {x.shape}"
        )
    return ops.group_norm(x, weight, bias, int(num_groups), eps)  # type: ignore[no-any-return]


@near_names
def layer_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None,
    bias: Tensor | None = None, eps: float = 1e-5,
) -> Tensor:
    """(x - mean) / sqrt(var + eps) * weight + bias over the last axes (Ba, Kiros and Hinton 2016).

    Shape: x (..., *normalized_shape), y as x; weight and bias normalized_shape.
    Raises: ShapeError if the shape of x does not end in `normalized_shape`.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.layer_norm(dls.tensor([[1.0, 2.0, 3.0], [10.0, 20.0, 30.0]]), (3,))
    Tensor([[-1.2247,  0.    ,  1.2247],
            [-1.2247,  0.    ,  1.2247]])
    """
    x = _floats(input)
    shape = _last("layer_norm", x, normalized_shape)
    _check("layer_norm", x, shape, weight=weight, bias=bias)
    _check_eps("layer_norm", eps)
    return ops.layer_norm(x, weight, bias, len(shape), eps)  # type: ignore[no-any-return]


@near_names
def rms_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None,
    eps: float | None = None,
) -> Tensor:
    """x / sqrt(mean(x**2) + eps) * weight over the last axes (Zhang and Sennrich 2019).

    `eps` None: the machine epsilon of the dtype.

    Shape: x (..., *normalized_shape), y as x; weight normalized_shape.
    Raises: ShapeError if the shape of x does not end in `normalized_shape`.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.rms_norm(dls.tensor([[3.0, 4.0], [30.0, 40.0]]), (2,))
    Tensor([[0.8485, 1.1314],
            [0.8485, 1.1314]])
    """
    x = _floats(input)
    shape = _last("rms_norm", x, normalized_shape)
    _check("rms_norm", x, shape, weight=weight)
    eps = float(np.finfo(x.dtype).eps) if eps is None else eps
    _check_eps("rms_norm", eps)
    return ops.rms_norm(x, weight, len(shape), eps)  # type: ignore[no-any-return]


@near_names
def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """x / (k + alpha * s)**beta, s the mean square of `size` neighbouring channels.

    There are zeros before the first and after the last channel (Krizhevsky, Sutskever and Hinton
    2012).

    Shape: x (m, c, ...), y as x.
    Raises: ShapeError if `size` is not a whole number from 1.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.local_response_norm(dls.ones(1, 4, 2, 2), 3, alpha=3.0, beta=1.0)[0, :, 0, 0]
    Tensor([0.3333, 0.25  , 0.25  , 0.3333])
    """
    x = _floats(input)
    channels = _channels("local_response_norm", x, 3)
    if not is_whole(size, 1):
        raise ShapeError(f"local_response_norm takes a whole number of channels, not {size!r}")
    if not x.size:
        return x  # type: ignore[no-any-return]
    square: Any = x * x
    before, after = size // 2, (size - 1) // 2
    rest = x.shape[2:]
    ends = [Tensor(np.zeros((x.shape[0], n, *rest), x.dtype), device=x.device)
            for n in (before, after)]
    padded = ops.concatenate([ends[0], square, ends[1]], axis=1)
    alpha, beta, k = (number(f"local_response_norm: {what}", value)
                      for what, value in (("alpha", alpha), ("beta", beta), ("k", k)))
    total = sum((padded[:, i : i + channels] for i in range(1, size)), padded[:, :channels])
    return x / (total * (alpha / size) + k) ** beta  # type: ignore[no-any-return]


@near_names
def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """x / max(norm, eps) with the norm (sum of |x|**p)**(1/p) along `dim`: vectors of length 1.

    Shape: any; y as x.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.normalize(dls.tensor([[3.0, 4.0], [0.0, 2.0]]))
    Tensor([[0.6, 0.8],
            [0. , 1. ]])
    """
    x = _floats(input)
    size = ops.vector_norm(x, p, dim, True)
    return x / ops.clip(size, number("normalize: eps", eps))  # type: ignore[no-any-return]


# --- what is checked -----------------------------------------------------------------------------


def _floats(x: Any) -> Any:
    """x as a tensor of floats."""
    x = x if isinstance(x, TensorBase) else tensor_of(x, default_device())
    return x if x.dtype.kind == "f" else x.astype(default_dtype())


def _channels(name: str, x: Tensor, least: int) -> int:
    if x.ndim < least:
        wanted = "(m, c, ...)" if least == 2 else "(m, c, length, ...)"
        raise ShapeError(f"{name} takes an input {wanted}, not\n  {x.shape}")
    return x.shape[1]


def _last(name: str, x: Tensor, normalized_shape: Any) -> tuple[int, ...]:
    """`normalized_shape` as a tuple; ShapeError unless x ends so."""
    given = normalized_shape
    shape = given if given.__class__ is tuple else shape_of(given, name)
    if not shape or x.shape[-len(shape):] != shape:
        raise ShapeError(
            f"{name} over {shape}: the shape of the input ends so, but this one is\n"
            f"  input  {x.shape}"
        )
    return shape


def shape_of(lengths: Any, name: str) -> tuple[int, ...]:
    """One length or several as a tuple; ShapeError if they are not lengths."""
    given = tuple(lengths) if isinstance(lengths, (tuple, list)) else (lengths,)
    if not all(is_whole(n) for n in given):
        raise ShapeError(f"{name}: lengths are whole numbers, not {lengths!r}")
    return tuple(int(n) for n in given)


def _check(name: str, x: Tensor, shape: tuple[int, ...], **given: Tensor | None) -> None:
    """ShapeError and DtypeError unless all given have this shape and the dtype of x."""
    for what, values in given.items():
        if values is None:
            continue
        if not isinstance(values, Tensor):
            raise DtypeError(f"{name}: {what} is a tensor or None, not a {type(values).__name__}")
        if values.shape != shape:
            raise ShapeError(
                f"{name}: for this input {what} has shape {shape}:\n"
                f"  input  {x.shape}\n  {what}  {values.shape}"
            )
        if values.dtype != x.dtype:
            raise DtypeError(
                f"{name}: {what} has the dtype of the input, here {values.dtype} and {x.dtype}: "
                f"x.astype({str(values.dtype)!r}), or model.to({str(x.dtype)!r})"
            )


def _check_eps(name: str, eps: float) -> None:
    if not is_amount(eps):
        raise DataError(f"{name} takes an eps of at least 0, not {eps!r}")


def check_running(name: str, *running: Tensor | None) -> None:
    """GraphError if running statistics cannot be written to, or are only given in part."""
    if (running[0] is None) != (running[1] is None):
        raise DataError(f"{name}: give running_mean and running_var, or neither")
    for tensor in running:
        if tensor is not None:
            check_writable(tensor._data, f"{name}()")


def written(what: str, *tensors: Tensor | None) -> None:
    """Count a write into each of the tensors."""
    for tensor in tensors:
        if tensor is not None:
            mark_write(tensor._data, what)
