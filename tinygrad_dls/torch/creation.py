"""Creation functions with PyTorch's signatures; all make tensors of this namespace."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import ops, random
from ..backend.dtypes import default_dtype
from ..engine.autograd import TensorBase
from ..errors import DtypeError
from ..tensors import creation, random_tensors
from ..tensors import from_numpy as shared
from .further import closed_range
from .operands import array_of, tensor_like, without_tensors
from .tensor import Tensor, of_torch


def _sized(make: Callable[..., Any]) -> Callable[..., Any]:
    """`make` of a shape, given as lengths, as one tuple or by size=."""

    @functools.wraps(make)
    def call(*size: Any, **options: Any) -> Any:
        if "size" in options:
            size = (tuple(options.pop("size")),)
        return of_torch(make(*size, **_kept(options)))

    return call


def _kept(options: dict[str, Any]) -> dict[str, Any]:
    """The options that have a meaning here: not layout, pin_memory and the like."""
    out = options.pop("out", None)
    if out is not None:
        raise DtypeError("out= is not taken here: write out.copy_(...)")
    return {k: v for k, v in options.items()
            if k not in ("layout", "pin_memory", "memory_format", "names")}


zeros, ones, empty = _sized(creation.zeros), _sized(creation.ones), _sized(creation.empty)
randn, rand = _sized(random_tensors.randn), _sized(random_tensors.rand)


def full(size: Any, fill_value: Any, **options: Any) -> Any:
    """All elements `fill_value`."""
    size = tuple(size) if isinstance(size, list | tuple) else size
    return of_torch(creation.full(size, fill_value, **_kept(options)))


def scalar_tensor(s: Any, **options: Any) -> Any:
    """One number."""
    return full((), s, **{"dtype": default_dtype(), **options})


def arange(*range_: Any, **options: Any) -> Any:
    """start, start + step ... below end; whole numbers of whole numbers, else floats."""
    for name in ("start", "end", "step"):
        if name in options:
            range_ = (*range_, options.pop(name))
    numbers = [v._data.item() if isinstance(v, TensorBase) else v for v in range_]
    return of_torch(creation.arange(*numbers, **_kept(options)))


def range(start: float = 0, end: float = 0, step: float = 1, **options: Any) -> Any:
    """The floats start, start + step ... up to end, which is among them: an old name."""
    return Tensor._made(closed_range(start, end, step, **options))


def linspace(start: Any, end: Any, steps: int = 100, **options: Any) -> Any:
    """`steps` floats from start to end."""
    kind = np.dtype(options.get("dtype") or default_dtype())
    if kind.kind != "f":
        made = np.linspace(float(start), float(end), steps).astype(options.pop("dtype"))
        return Tensor._made(made, **_kept(options))
    return of_torch(creation.linspace(float(start), float(end), steps, **_kept(options)))


def logspace(start: float, end: float, steps: int = 100, base: float = 10.0, **options: Any) -> Any:
    """`steps` floats from base**start to base**end."""
    numbers = np.logspace(start, end, steps, base=base).astype(
        options.pop("dtype", None) or default_dtype())
    return Tensor._made(numbers, **_kept(options))


def eye(n: int, m: int | None = None, **options: Any) -> Any:
    """Ones on the diagonal."""
    return of_torch(creation.eye(n, m, **_kept(options)))


def _like(make: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(make)
    def call(input: Any, *args: Any, device: Any = None, **options: Any) -> Any:
        made = of_torch(make(input.detach(), *args, **_kept(options)))
        return made if device is None else made.to(device)

    return call


zeros_like, ones_like = _like(creation.zeros_like), _like(creation.ones_like)
empty_like, full_like = _like(creation.empty_like), _like(creation.full_like)
rand_like, randn_like = _like(random_tensors.rand_like), _like(random_tensors.randn_like)


def randint(*range_: Any, **options: Any) -> Any:
    """Whole numbers: randint(high, size), randint(low, high, size)."""
    size = options.pop("size", None)
    given = list(range_) if size is None else [*range_, size]
    for name in ("high", "low"):
        if name in options:
            given.insert(0, options.pop(name))
    *bounds, size = given
    low, high = bounds if len(bounds) == 2 else (0, *bounds)
    return of_torch(random_tensors.randint(int(low), int(high), tuple(size), **_kept(options)))


def randint_like(input: Any, low: int, high: int | None = None, **options: Any) -> Any:
    """Whole numbers in the shape and dtype of a tensor."""
    low, high = (0, low) if high is None else (low, high)
    return randint(low, high, input.shape, **{"dtype": input.dtype, **options})


def randperm(n: int, **options: Any) -> Any:
    """0 ... n - 1 in random order."""
    requires_grad = options.pop("requires_grad", False)
    return of_torch(random_tensors.randperm(n, **_kept(options))).requires_grad_(requires_grad)


def normal(mean: Any = 0.0, std: Any = 1.0, size: Any = None, **options: Any) -> Any:
    """Normal numbers; mean and std may be tensors, whose shapes then are that of the result."""
    if size is None:
        like: Any = mean if isinstance(mean, TensorBase) else std
        size = np.broadcast_shapes(np.shape(array_of(mean)), np.shape(array_of(std)))
        drawn = randn(*size, dtype=like.dtype, **options)
        return ops.add(ops.mul(drawn, std), mean).detach()
    return of_torch(random_tensors.normal(mean, std, tuple(size), **_kept(options)))


def bernoulli(input: Any, p: float | None = None, *, generator: Any = None) -> Any:
    """1 with the probability that each element is (or with p), else 0."""
    drawn = random.chosen(generator).uniform(input.shape, dtype="float64")
    chances = array_of(input) if p is None else p
    return tensor_like((drawn < chances).astype(input._data.dtype), input)


def multinomial(
    input: Any, num_samples: int, replacement: bool = False, *, generator: Any = None
) -> Any:
    """Places drawn with the chances that `input` gives, row by row."""
    return of_torch(random_tensors.multinomial(input.detach(), num_samples, replacement, generator))


def poisson(input: Any, generator: Any = None) -> Any:
    """Poisson numbers of these rates."""
    drawn = random.chosen(generator).numpy.poisson(array_of(input))
    return tensor_like(drawn.astype(input._data.dtype), input)


# --- from values that are there ------------------------------------------------------------------


def tensor(
    data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False,
    pin_memory: bool = False,
) -> Any:
    """A copy of numbers, nested lists, an array or a tensor."""
    if isinstance(data, list | tuple) and data:
        data = without_tensors(data)
    if isinstance(data, list | tuple) and not data and dtype is None:
        dtype = default_dtype()
    made = Tensor.__new__(Tensor)
    super(Tensor, made).__init__(data, requires_grad, dtype, device)
    return made


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Any:
    """The same tensor, memory shared with an array, or a tensor of a list."""
    if isinstance(data, TensorBase):
        found: Any = data
        found = found if dtype is None else ops.cast(found, dtype)
        return found if device is None else found.to(device)
    if isinstance(data, np.ndarray) and data.dtype.kind in "fiub" and dtype in (None, data.dtype):
        made = from_numpy(data)
        return made if device is None else made.to(device)
    return tensor(data, dtype=dtype, device=device)


asarray = as_tensor


def from_numpy(ndarray: np.ndarray[Any, Any]) -> Any:
    """A tensor that shares memory with an array."""
    return of_torch(shared(ndarray))


def tril_indices(row: int, col: int, offset: int = 0, **options: Any) -> Any:
    """The places on and below a diagonal: two rows."""
    return Tensor._made(np.array(np.tril_indices(row, offset, col), np.int64))


def triu_indices(row: int, col: int, offset: int = 0, **options: Any) -> Any:
    """The places on and above a diagonal: two rows."""
    return Tensor._made(np.array(np.triu_indices(row, offset, col), np.int64))


def _window(of: Callable[[int], Any]) -> Callable[..., Any]:
    def window(window_length: int, periodic: bool = True, **options: Any) -> Any:
        """Weights of a window of this length."""
        length = window_length + periodic
        weights = of(length)[:window_length].astype(default_dtype())
        return Tensor._made(weights, **_kept(options))

    return window


hann_window, hamming_window = _window(np.hanning), _window(np.hamming)
pi, e, inf, nan = math.pi, math.e, math.inf, math.nan
