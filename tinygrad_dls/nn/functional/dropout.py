"""Dropout: of elements, of whole channels, and the kind that fits selu.

With `inplace` the result is written into the input, which must be a tensor. `generator`: where the
places are drawn from, `dls.manual_seed`'s if None; every call drops others.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

from ... import ops
from ..._util.arguments import is_amount
from ..._util.callers import users_frame, warn_at
from ..._util.keywords import near_names
from ...backend.device import default_device
from ...backend.dtypes import default_dtype
from ...engine.autograd import constant
from ...errors import DataError, DtypeError, ShapeError
from ...ops.call import operand
from ...random import Generator, chosen
from ...tensors import Tensor
from .in_place import written

DROPPED = -1.7580993408473766  # -scale * alpha of selu: what it makes of minus infinity


@near_names
def dropout(
    input: Any, p: float = 0.5, training: bool = True, inplace: bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """In training each element is 0 with probability p, else x / (1 - p); otherwise x itself.

    The elements that stay are scaled, so that the expected value is x ("inverted" dropout;
    Srivastava et al. 2014).

    Shape: any; y as x.
    Raises: DataError if p is not between 0 and 1.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> y = F.dropout(dls.ones(100), 0.75)
    >>> sorted(set(y.tolist())), F.dropout(dls.ones(2), 0.75, training=False).tolist()
    ([0.0, 4.0], [1.0, 1.0])
    """
    x = _floats(input)
    if probability(p) == 0 or not training:
        return x
    if p == 1:
        return _result(lambda x: x * 0.0, input, x, inplace, "dropout")
    stream = _stream(generator, inplace)
    return _result(lambda x: ops.dropout(x, p, stream), input, x, inplace, "dropout")


@near_names
def dropout1d(
    input: Any, p: float = 0.5, training: bool = True, inplace: bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """Whole channels are 0 with probability p, else x / (1 - p), in training; otherwise x itself.

    Shape: x (m, c, length) or (c, length), y as x.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> y = F.dropout1d(dls.ones(8, 4, 10))
    >>> bool((y == y[:, :, :1]).all())  # a channel goes as a whole
    True
    """
    return _channels("dropout1d", input, p, training, inplace, generator, (2, 3))


@near_names
def dropout2d(
    input: Any, p: float = 0.5, training: bool = True, inplace: bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """Whole channels are 0 with probability p, else x / (1 - p), in training (Tompson et al. 2015).

    Shape: x (m, c, h, w), y as x; three axes are taken for (m, c, length), as PyTorch does.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> y = F.dropout2d(dls.ones(8, 4, 5, 5))
    >>> bool((y == y[:, :, :1, :1]).all())  # a channel goes as a whole
    True
    """
    return _channels("dropout2d", input, p, training, inplace, generator, (3, 4), batched=True)


@near_names
def dropout3d(
    input: Any, p: float = 0.5, training: bool = True, inplace: bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """Whole channels are 0 with probability p, else x / (1 - p), in training; otherwise x itself.

    Shape: x (m, c, d, h, w) or (c, d, h, w), y as x.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> y = F.dropout3d(dls.ones(8, 4, 2, 3, 3))
    >>> bool((y == y[:, :, :1, :1, :1]).all())  # a channel goes as a whole
    True
    """
    return _channels("dropout3d", input, p, training, inplace, generator, (4, 5))


@near_names
def alpha_dropout(
    input: Any, p: float = 0.5, training: bool = False, inplace: bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """Dropout that keeps mean 0 and variance 1: dropped elements get selu's lowest value.

    (Klambauer et al. 2017)

    Shape: any; y as x.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> y = F.alpha_dropout(dls.ones(100), 0.5, training=True)
    >>> len(set(y.tolist()))  # one value for those kept, one for those dropped
    2
    """
    x = _floats(input)
    return _alpha("alpha_dropout", input, x, x.shape, p, training, inplace, generator)


@near_names
def feature_alpha_dropout(
    input: Any, p: float = 0.5, training: bool = False, inplace: bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """alpha_dropout of whole channels.

    Shape: x (m, c, ...), y as x.
    Raises: ShapeError if x has fewer than two axes.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> y = F.feature_alpha_dropout(dls.ones(8, 4, 10), 0.5, training=True)
    >>> bool((y == y[:, :, :1]).all())
    True
    """
    x = _floats(input)
    if x.ndim < 2:
        raise ShapeError(f"feature_alpha_dropout takes x (m, c, ...), not\n  {x.shape}")
    shape = (*x.shape[:2], *(1,) * (x.ndim - 2))
    return _alpha("feature_alpha_dropout", input, x, shape, p, training, inplace, generator)


def probability(p: float) -> float:
    """`p` itself; DataError unless 0 <= p <= 1."""
    if not (p.__class__ is float and 0 <= p <= 1) and (not is_amount(p) or p > 1):
        raise DataError(f"dropout takes a probability between 0 and 1, not {p!r}")
    return p


def _channels(
    name: str, input: Any, p: float, training: bool, inplace: bool,
    generator: Generator | None, axes: tuple[int, int], batched: bool = False,
) -> Tensor:
    x = _floats(input)
    if name == "dropout2d" and x.ndim == 2:  # as PyTorch, which warns, too
        message = ("dropout2d of (m, c) drops single elements, since there are no channels of "
                   "more than one: write dropout")
        warn_at(users_frame(sys._getframe(1)), message, UserWarning)
        return dropout(x, p, training, inplace, generator)
    if x.ndim not in axes:
        raise ShapeError(f"{name} takes {axes[0]} or {axes[1]} axes, not {x.ndim}:\n  {x.shape}")
    if probability(p) == 0 or not training:
        return x
    if p == 1:
        return _result(lambda x: x * 0.0, input, x, inplace, name)
    lead = 2 if batched or x.ndim == axes[1] else 1  # (m, c), or (c)
    ones = _ones(x, (*x.shape[:lead], *(1,) * (x.ndim - lead)))
    noise = ops.dropout(ones, p, _stream(generator, inplace))
    return _result(lambda x: x * noise, input, x, inplace, name)


def _alpha(
    name: str, input: Any, x: Tensor, shape: Sequence[int], p: float, training: bool,
    inplace: bool, generator: Generator | None,
) -> Tensor:
    if probability(p) == 0 or not training:
        return x
    if p == 1:
        return _result(lambda x: x * 0.0, input, x, inplace, name)
    kept = ops.dropout(_ones(x, shape), p, _stream(generator, inplace)) > 0
    a = float((1 - p) * (1 + p * DROPPED**2)) ** -0.5  # back to variance 1
    b = -a * p * DROPPED  # and to mean 0
    return _result(lambda x: ops.where(kept, x, DROPPED) * a + b, input, x, inplace, name)


def _result(
    function: Callable[[Tensor], Any], input: Any, x: Tensor, inplace: bool, name: str
) -> Tensor:
    """function(x), where x is `input` in floats; with `inplace` written into `input`."""
    return written(function, input, name) if inplace else function(x)


def _ones(x: Tensor, shape: Sequence[int]) -> Tensor:
    ones: Tensor = constant(x.device.xp.ones(tuple(shape), dtype=x.dtype), x.device)
    return ones


def _floats(input: Any) -> Tensor:
    x: Tensor = operand(input, default_device())
    return x if x.dtype.kind == "f" else x.astype(default_dtype())


def _stream(generator: Generator | None, inplace: Any) -> int:
    if isinstance(inplace, Generator):
        raise DtypeError("the fourth argument is `inplace`, as PyTorch's: write generator=g")
    return chosen(generator).stream()
