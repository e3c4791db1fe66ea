"""Tensors of random numbers, all drawn by one generator on the host: alike on every device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from .._util.keywords import near_names
from ..backend.device import Device
from ..backend.dtypes import default_dtype, tensor_dtype
from ..errors import DataError, DtypeError, ShapeError
from ..random import Generator, chosen
from .creation import shape_of, tensor_from
from .tensor import Tensor


@near_names
def randn(
    *shape: Any, generator: Generator | None = None, dtype: DTypeLike | None = None,
    device: str | Device | None = None, requires_grad: bool = False, name: str | None = None,
    size: Any = None,
) -> Tensor:
    """Standard normal numbers.

    >>> dls.randn(2, 3).shape
    (2, 3)
    """
    drawn = chosen(generator).normal(shape_of(shape, size), dtype)
    return tensor_from(drawn, device, requires_grad, name)


@near_names
def rand(
    *shape: Any, generator: Generator | None = None, dtype: DTypeLike | None = None,
    device: str | Device | None = None, requires_grad: bool = False, name: str | None = None,
    size: Any = None,
) -> Tensor:
    """Uniform numbers, 0 <= x < 1.

    >>> dls.rand(2, 3).shape
    (2, 3)
    """
    drawn = chosen(generator).uniform(shape_of(shape, size), dtype=dtype)
    return tensor_from(drawn, device, requires_grad, name)


@near_names
def randn_like(
    x: Tensor, generator: Generator | None = None, dtype: DTypeLike | None = None,
    device: str | Device | None = None, requires_grad: bool = False, name: str | None = None,
) -> Tensor:
    """Standard normal numbers in the shape, dtype and place of x.

    >>> dls.randn_like(dls.zeros(2, 3)).shape
    (2, 3)
    """
    return randn(x.shape, generator=generator, dtype=dtype or x.dtype, device=device or x.device,
                requires_grad=requires_grad, name=name)


@near_names
def rand_like(
    x: Tensor, generator: Generator | None = None, dtype: DTypeLike | None = None,
    device: str | Device | None = None, requires_grad: bool = False, name: str | None = None,
) -> Tensor:
    """Uniform numbers, 0 <= x < 1, in the shape, dtype and place of x.

    >>> dls.rand_like(dls.zeros(2, 3)).shape
    (2, 3)
    """
    return rand(x.shape, generator=generator, dtype=dtype or x.dtype, device=device or x.device,
               requires_grad=requires_grad, name=name)


@near_names
def randint(
    low: int, high: Any = None, shape: Any = (), generator: Generator | None = None,
    dtype: DTypeLike | None = None, device: str | Device | None = None,
    requires_grad: bool = False, name: str | None = None, *, size: Any = None,
) -> Tensor:
    """Integers, low <= x < high, int64; randint(high, shape) begins at 0.

    >>> x = dls.randint(10, (100,))
    >>> int(x.min()) >= 0, int(x.max()) < 10
    (True, True)
    """
    if isinstance(high, (tuple, list)):  # PyTorch's randint(high, size)
        high, shape = None, high
    if high is None:
        low, high = 0, low
    draw, sizes = chosen(generator).integers, shape_of((shape,), size)
    try:
        drawn = draw(low, high, sizes)
    except (ValueError, TypeError, OverflowError) as error:
        raise DataError(f"randint from {low!r} to below {high!r}: {error}") from error
    whole = np.asarray(drawn, tensor_dtype(dtype or "int64"))
    return tensor_from(whole, device, requires_grad, name)


@near_names
def randperm(
    n: int, generator: Generator | None = None, dtype: DTypeLike | None = None,
    device: str | Device | None = None,
) -> Tensor:
    """0 ... n - 1 in random order; int64.

    >>> sorted(dls.randperm(4).tolist())
    [0, 1, 2, 3]
    """
    (count,) = shape_of((n,))
    drawn = chosen(generator).permutation(count)
    return tensor_from(np.asarray(drawn, tensor_dtype(dtype or "int64")), device)


@near_names
def bernoulli(
    p: Any, shape: Sequence[int] | int | None = None, generator: Generator | None = None,
    dtype: DTypeLike | None = None, device: str | Device | None = None,
) -> Tensor:
    """1 with probability p, else 0: floats of p's shape if p is a tensor, else of `shape`.

    >>> dls.bernoulli(dls.tensor([0.0, 1.0]))
    Tensor([0., 1.])
    """
    if isinstance(p, Tensor):
        if p.dtype.kind != "f":
            raise DtypeError(f"bernoulli: probabilities are floats, not {p.dtype}")
        chances, device, dtype = p.detach().numpy(), device or p.device, dtype or p.dtype
    else:
        chances = np.asarray(p, np.float64)
    sizes = chances.shape if shape is None else shape_of((shape,))
    if not ((chances >= 0) & (chances <= 1)).all():
        raise DataError(f"bernoulli: a probability is between 0 and 1, not\n  {p}")
    drawn = chosen(generator).uniform(sizes, dtype="float64") < chances
    return tensor_from(drawn.astype(tensor_dtype(dtype or default_dtype())), device)


@near_names
def multinomial(
    weights: Any, num_samples: int, replacement: bool = False, generator: Generator | None = None,
) -> Tensor:
    """Draw indices with the probabilities that `weights` give; int64.

    Weights are 0 or more and need not sum to 1; without `replacement` no index is drawn twice.

    Shape: weights (n,) or (m, n), y (..., num_samples).
    Raises: DataError if there are too few indices to draw from.

    >>> import tinygrad_dls as dls
    >>> probabilities = dls.tensor([[0.0, 1.0], [1.0, 0.0]])
    >>> dls.multinomial(probabilities, 1).tolist()  # the next token of each row
    [[1], [0]]
    """
    device = weights.device if isinstance(weights, Tensor) else None
    chances = np.asarray(weights.detach().numpy() if isinstance(weights, Tensor) else weights,
                         np.float64)
    if chances.ndim not in (1, 2) or not chances.shape[-1]:
        raise ShapeError(f"multinomial: weights are (n,) or (m, n), not\n  {chances.shape}")
    (count,) = shape_of((num_samples,))
    if not (np.isfinite(chances) & (chances >= 0)).all() or not (chances > 0).any(axis=-1).all():
        raise DataError("multinomial: weights are finite, 0 or more, and not all 0")
    places = (chances > 0).sum(axis=-1).min() if chances.size else count
    if count < 1 or (not replacement and count > places):
        raise DataError(f"multinomial: {count} of {places} places with a weight above 0 cannot be "
                        "drawn without replacement")
    if replacement:
        total = chances.cumsum(axis=-1)
        shares = chosen(generator).uniform((*chances.shape[:-1], count), dtype="float64")
        drawn = (shares[..., None] * total[..., None, -1:] >= total[..., None, :]).sum(axis=-1)
    else:  # the first of n clocks that ring at these rates, the second, ...
        waits = -np.log1p(-chosen(generator).uniform(chances.shape, dtype="float64"))
        with np.errstate(divide="ignore", invalid="ignore"):
            times = np.where(chances > 0, waits / chances, np.inf)
        drawn = np.argsort(times, axis=-1, kind="stable")[..., :count]
    return tensor_from(np.asarray(drawn, np.int64), device)


@near_names
def normal(
    mean: Tensor | float = 0.0, std: Tensor | float = 1.0, shape: Any = (),
    generator: Generator | None = None, dtype: DTypeLike | None = None,
    device: str | Device | None = None, requires_grad: bool = False, name: str | None = None, *,
    size: Any = None,
) -> Tensor:
    """Normal numbers of this mean and standard deviation: of `shape`, or one for each of theirs.

    Where `mean` or `std` is a tensor the shape is that to which both broadcast, without history.

    >>> dls.normal(5.0, 0.1, (2, 3)).shape
    (2, 3)
    """
    given = [x for x in (mean, std) if isinstance(x, Tensor)]
    middle, spread = (x.numpy() if isinstance(x, Tensor) else float(x) for x in (mean, std))
    if np.any(np.asarray(spread) < 0):
        raise DataError(f"normal: a standard deviation is 0 or more, not {std!r}")
    lengths = shape_of((shape,), size)
    if given:
        if lengths:
            raise ShapeError("normal takes its shape from mean and std where one is a tensor")
        lengths = np.broadcast_shapes(np.shape(middle), np.shape(spread))
        dtype, device = dtype or given[0].dtype, device or given[0].device
    drawn = chosen(generator).normal(lengths, dtype)
    return tensor_from((drawn * spread + middle).astype(drawn.dtype), device, requires_grad, name)
