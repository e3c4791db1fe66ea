"""Pooling: of each window of an image the largest or the mean; images (m, channels, *lengths)."""

import itertools
import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from .._util.arguments import is_whole
from ..backend.device import default_device
from ..backend.kernels.axis_map import AxisMap, averaging, transposed
from ..backend.kernels.windows import Adaptive, Sliding
from ..engine.autograd import Array, TensorBase
from ..errors import DataError, DtypeError, ShapeError
from .call import function_of, operand
from .indexing import check_places
from .op import Op
from .samples import Rng, Sample
from .shape import expand_dims, squeeze

Window: TypeAlias = Sliding | Adaptive
NAMES = {1: "(m, channels, length)", 2: "(m, channels, height, width)",
         3: "(m, channels, depth, height, width)"}


def _samples(rng: Rng) -> list[Sample]:
    """Different numbers, not near each other: no ties, no kinks."""
    cases: list[tuple[tuple[int, ...], Window]] = [
        ((2, 3, 4, 6), Sliding((2, 2), (2, 2), (0, 0), (1, 1))),
        ((1, 2, 5, 4), Sliding((3, 2), (2, 1), (1, 0), (1, 1))),
        ((2, 1, 5, 7), Sliding((2, 3), (1, 2), (1, 1), (1, 1), True)),
        ((1, 2, 3, 3), Adaptive((1, 1))), ((2, 2, 5, 4), Adaptive((3, 6))),
        ((0, 2, 4, 4), Sliding((2, 2), (2, 2), (0, 0), (1, 1))),
        ((2, 3, 7), Sliding((3,), (2,), (1,), (1,))), ((1, 1, 5), Adaptive((2,))),
        ((1, 2, 3, 4, 2), Sliding((2, 2, 2), (1, 2, 1), (0, 1, 0), (1, 1, 1))),
        ((1, 1, 1, 1), Sliding((1, 1), (1, 1), (0, 0), (1, 1))),
    ]
    return [
        Sample((rng.permutation(math.prod(shape)).reshape(shape) * 0.21 - 1.0,),
               {"window": window})
        for shape, window in cases
    ]


def _max_samples(rng: Rng) -> list[Sample]:
    dilated = Sliding((2, 3), (1, 2), (1, 1), (2, 2))
    return [*_samples(rng), Sample((rng.permutation(70).reshape(1, 2, 5, 7) * 0.3,),
                                   {"window": dilated})]


def _per_window(x: Any, window: Window, choose: Any) -> Any:
    """`choose` of the elements and the flat places of each window, one after the other."""
    axes = window.over(x.shape[2:])
    places = np.arange(math.prod(x.shape[2:])).reshape(x.shape[2:])
    y = []
    for at in itertools.product(*([slice(s, s + (n - 1) * w.step + 1, w.step)
                                   for s, n in zip(w.starts, w.counts)] for w in axes)):
        inside = places[at].reshape(-1)
        y.append(choose(x.reshape(*x.shape[:2], places.size)[..., inside], inside))
    return np.stack(y, axis=-1).reshape(*x.shape[:2], *[len(w.starts) for w in axes])


class _Pool(Op):
    """Base of the poolings: where their windows are."""

    def __init__(self, window: Window) -> None:
        self.window = window

    def label(self) -> str:
        shown = {k: v for k, v in vars(self.window).items()
                 if v and not (isinstance(v, tuple) and set(v) == {int(k == "dilation")})}
        return f"{self.name}({', '.join(f'{k}={v}' for k, v in shown.items())})"


class MaxPool(_Pool):
    """y = the largest of each window.    dL/dy goes to it; of equal ones to the first"""

    extras = ("numbers",)  # the place of the largest in its window, one byte
    numpy = staticmethod(lambda x, window: _per_window(x, window, lambda v, _: v.max(axis=-1)))
    samples = staticmethod(_max_samples)

    def forward(self, x: Array) -> Any:
        return self.kernels.max_pool(x, self.window.over(x.shape[2:]))

    def backward(self, dy: Any, numbers: Any, shapes: Any) -> Any:
        (shape,), device = shapes, dy.device if isinstance(dy, TensorBase) else self.device
        numbers = getattr(numbers, "_data", numbers)
        places = device.kernels.window_places(numbers, self.window.over(shape[2:]))
        planes, size = math.prod(shape[:2]), math.prod(shape[2:])
        places = places + device.xp.arange(planes).reshape(*shape[:2], *[1] * (dy.ndim - 2)) * size
        return self.kernels.add_at(dy, (planes * size,), places).reshape(shape)

    def backward_kernel(self, dy: Array, numbers: Array, shapes: Any) -> Array:
        return self.kernels.max_pool_backward(dy, numbers, self.window.over(shapes[0][2:]))


class MaxPoolPlaces(_Pool):
    """y = the place of the largest of each window in the flattened lengths, int64."""

    differentiable = False
    numpy = staticmethod(
        lambda x, window: _per_window(x, window, lambda v, places: places[v.argmax(axis=-1)])
    )
    samples = staticmethod(_max_samples)

    def forward(self, x: Array) -> Array:
        windows = self.window.over(x.shape[2:])
        return self.kernels.window_places(self.kernels.max_pool(x, windows)[1], windows)


class MaxUnpool(Op):
    """y = zeros, with x put at `places` of the flattened lengths.    dL/dx = dL/dy at the places

    A place named twice holds the last of its values, and each gets the gradient, as in PyTorch.
    """

    numpy = staticmethod(lambda x, places, lengths: _unpooled(np, x, places, lengths))
    samples = staticmethod(
        lambda rng: [
            Sample((rng.standard_normal(shape), _distinct(rng, shape, lengths)),
                   {"lengths": lengths})
            for shape, lengths in (((2, 3, 2, 2), (4, 5)), ((1, 1, 3), (6,)), ((0, 2, 2), (4,)))
        ]
    )

    def __init__(self, lengths: tuple[int, ...]) -> None:
        self.lengths = lengths

    def forward(self, x: Array, places: Array) -> Array:
        return _unpooled(self.xp, x, places, self.lengths)

    def backward_x(self, dy: Any, places: Any) -> Any:
        places = getattr(places, "_data", places)
        xp = dy.device.xp if isinstance(dy, TensorBase) else self.xp
        planes, size = math.prod(places.shape[:2]), math.prod(self.lengths)
        first = xp.arange(planes).reshape(*places.shape[:2], *[1] * len(self.lengths)) * size
        return dy.reshape(planes * size)[places + first]


def _distinct(rng: Rng, shape: tuple[int, ...], lengths: tuple[int, ...]) -> Any:
    count, size = math.prod(shape[2:]), math.prod(lengths)
    rows = [rng.permutation(size)[:count] for _ in range(math.prod(shape[:2]))]
    return np.array(rows, np.int64).reshape(shape)


def _unpooled(xp: Any, x: Array, places: Array, lengths: tuple[int, ...]) -> Array:
    planes, size = math.prod(x.shape[:2]), math.prod(lengths)
    first = xp.arange(planes).reshape(*x.shape[:2], *[1] * len(lengths)) * size
    y = xp.zeros(planes * size, dtype=x.dtype)
    y[places + first] = x
    return y.reshape(*x.shape[:2], *lengths)


def _average_samples(rng: Rng) -> list[Sample]:
    more: list[dict[str, Any]] = [{"count_include_pad": False}, {"divisor_override": 3}]
    plain = _samples(rng)
    return plain + [Sample(s.inputs, {**s.parameters, **m}) for m in more for s in plain[1:3]]


def _average(
    x: Any, window: Window, count_include_pad: bool = True, divisor_override: int | None = None
) -> Any:
    total = _per_window(x, window, lambda v, _: v.sum(axis=-1))
    lengths: Any = np.ones(())
    for w in window.over(x.shape[2:]):
        lengths = np.multiply.outer(lengths, w.divisors if count_include_pad else w.counts)
    return total / (divisor_override or lengths)


class AvgPool(_Pool):
    """y = the mean of each window.    dL/dy goes to all of the window in equal shares"""

    floats = True
    numpy = staticmethod(_average)
    samples = staticmethod(_average_samples)

    def __init__(
        self, window: Window, count_include_pad: bool = True, divisor_override: int | None = None
    ) -> None:
        self.window, self.count_include_pad = window, count_include_pad
        self.divisor_override = divisor_override

    def maps(self, lengths: Sequence[int]) -> tuple[AxisMap, ...]:
        """Return its effect along each axis."""
        divisors: list[int | None] = [self.divisor_override] + [1] * (len(lengths) - 1)
        return tuple([
            averaging(w, self.count_include_pad, divisor if self.divisor_override else None)
            for w, divisor in zip(self.window.over(lengths), divisors)
        ])

    def forward(self, x: Array) -> Array:
        return self.kernels.resample(x, self.maps(x.shape[2:]))

    def backward(self, dy: Any, shapes: Any) -> Any:
        return self.kernels.resample(dy, transposed(self.maps(shapes[0][2:])))


# --- arguments, as users give them ----------------------------------------------------------------


def max_pool(
    x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
    ceil_mode: bool = False, return_indices: bool = False, axes: int = 2,
) -> Any:
    """The largest of each window of x (m, channels, *lengths) or (channels, *lengths).

    With `return_indices` also where they were, in the flattened lengths. `ceil_mode`: windows may
    reach over the end. ShapeError where the windows do not fit.
    """
    name = f"max_pool{axes}d"
    x, alone = images(x, axes, name)
    window = _sliding(name, x, axes, kernel_size, stride, padding, dilation, ceil_mode)
    y = function_of(MaxPool, window)(x)
    if not return_indices:
        return squeeze(y, 0) if alone else y
    places = function_of(MaxPoolPlaces, window)(x)
    return (squeeze(y, 0), squeeze(places, 0)) if alone else (y, places)


def avg_pool(
    x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: int | None = None, axes: int = 2,
) -> Any:
    """The mean of each window of x (m, channels, *lengths) or (channels, *lengths).

    `count_include_pad`: the zeros of the padding count. `divisor_override` divides the sums in
    place of the window's size. ShapeError where the windows do not fit.
    """
    name = f"avg_pool{axes}d"
    x, alone = images(x, axes, name)
    if divisor_override is not None and not is_whole(divisor_override, 1):
        raise DataError(f"{name}: divisor_override is a whole number from 1, not "
                        f"{divisor_override!r}")
    window = _sliding(name, x, axes, kernel_size, stride, padding, 1, ceil_mode)
    y = function_of(AvgPool, window, bool(count_include_pad), divisor_override)(x)
    return squeeze(y, 0) if alone else y


def adaptive_avg_pool(x: Any, output_size: Any, axes: int = 2) -> Any:
    """The means of windows laid so that there are `output_size` of them; None keeps a length."""
    x, alone = images(x, axes, f"adaptive_avg_pool{axes}d")
    window = _adaptive(f"adaptive_avg_pool{axes}d", output_size, axes)
    y = function_of(AvgPool, window, False)(x)
    return squeeze(y, 0) if alone else y


def adaptive_max_pool(
    x: Any, output_size: Any, return_indices: bool = False, axes: int = 2
) -> Any:
    """The largest of windows laid so that there are `output_size` of them; None keeps a length."""
    x, alone = images(x, axes, f"adaptive_max_pool{axes}d")
    window = _adaptive(f"adaptive_max_pool{axes}d", output_size, axes)
    made = [function_of(MaxPool, window)(x)]
    if return_indices:
        made.append(function_of(MaxPoolPlaces, window)(x))
    made = [squeeze(y, 0) for y in made] if alone else made
    return tuple(made) if return_indices else made[0]


def max_unpool(
    x: Any, indices: Any, kernel_size: Any, stride: Any = None, padding: Any = 0,
    output_size: Sequence[int] | None = None, axes: int = 2,
) -> Any:
    """Zeros, with x at the `indices` that `max_pool(return_indices=True)` gave.

    Several lengths can have been pooled to one: `output_size` says which it was.
    """
    name = f"max_unpool{axes}d"
    x, alone = images(x, axes, name)
    indices = operand(indices, x.device)
    if indices.dtype.kind not in "iu":
        raise DtypeError(f"{name}: indices are integers, not {indices.dtype}")
    indices = expand_dims(indices, 0) if alone and indices.ndim == axes + 1 else indices
    if indices.shape != x.shape:
        raise ShapeError(f"{name}: one index for each value:\n  x        {x.shape}\n"
                         f"  indices  {indices.shape}")
    kernel, step, edge = (
        numbers_of(value, axes, what, name, least) for value, what, least in
        ((kernel_size, "kernel_size", 1),
         (kernel_size if stride is None else stride, "stride", 1), (padding, "padding", 0))
    )
    lengths = tuple((n - 1) * s - 2 * p + k for n, s, p, k in zip(x.shape[2:], step, edge, kernel))
    if output_size is not None:
        asked = tuple(output_size)[-axes:]
        if len(asked) != axes or any(abs(a - n) >= s for a, n, s in zip(asked, lengths, step)):
            raise ShapeError(f"{name}: output_size {tuple(output_size)} cannot have been pooled to "
                             f"this: it lies less than a stride {step} from\n  {lengths}")
        lengths = asked
    check_places(indices._data, math.prod(lengths), f"{name}: index")
    y = function_of(MaxUnpool, lengths)(x, indices)
    return squeeze(y, 0) if alone else y


def images(x: Any, axes: int, name: str) -> tuple[Any, bool]:
    """Return x as (m, channels, *lengths), and whether it was one example, (channels, *lengths)."""
    x = x if isinstance(x, TensorBase) else operand(x, default_device())
    if x.ndim not in (axes + 1, axes + 2):
        one = NAMES[axes].replace("m, ", "")
        one_channel = ", ".join(map(str, (1, *x.shape)))
        hint = f"\nwould work: x.reshape({one_channel})" if x.ndim == axes else ""
        raise ShapeError(
            f"{name} takes images {NAMES[axes]}, or one, {one}, not\n  {x.shape}{hint}")
    if 0 in x.shape[x.ndim - axes :]:
        raise ShapeError(f"{name}: there is nothing to look at in\n  {x.shape}")
    return (x, False) if x.ndim == axes + 2 else (expand_dims(x, 0), True)


def numbers_of(value: Any, axes: int, what: str, name: str, least: int) -> tuple[int, ...]:
    """One whole number for each axis, of at least `least`; one number counts for all."""
    if type(value) is int and value >= least:
        return (value,) * axes
    several = isinstance(value, (tuple, list))
    values = tuple(value) if several else (value,)
    values = values * axes if len(values) == 1 else values
    if len(values) != axes or not all(is_whole(v, least) for v in values):
        many = f", or {axes} of them" if axes > 1 else ""
        raise ShapeError(f"{name}: {what} is a whole number from {least}{many}, not {value!r}")
    return tuple(map(int, values))


def _sliding(
    name: str, x: Any, axes: int, kernel_size: Any, stride: Any, padding: Any, dilation: Any,
    ceil_mode: bool,
) -> Sliding:
    """The windows asked for; ShapeError if they do not fit on x."""
    kernel = numbers_of(kernel_size, axes, "kernel_size", name, 1)
    steps = kernel if stride is None or stride in ((), []) else numbers_of(
        stride, axes, "stride", name, 1)
    edges = numbers_of(padding, axes, "padding", name, 0)
    spread = numbers_of(dilation, axes, "dilation", name, 1)
    window, lengths = Sliding(kernel, steps, edges, spread, bool(ceil_mode)), x.shape[2:]
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, spread)]
    if any(p > k // 2 for p, k in zip(edges, kernel)):
        raise ShapeError(f"{name}: padding is at most half of kernel_size, here {edges} of "
                         f"{kernel}\nwould work: padding={tuple(k // 2 for k in kernel)}")
    windows = window.over(lengths)
    if any(not w.starts for w in windows):
        fits = tuple(min(r, n) for r, n in zip(reach, lengths))
        hint = f"\nwould work: kernel_size={fits}" if set(spread) == {1} else ""
        raise ShapeError(f"{name}: windows of {tuple(reach)} with padding {edges} are larger than "
                         f"the images:\n  {x.shape}{hint}")
    if any(n < 1 for w in windows for n in w.counts):
        raise ShapeError(f"{name}: with padding {edges} and dilation {spread} a window of "
                         f"{kernel} has no place inside the images:\n  {x.shape}\n"
                         "take a smaller dilation, or no padding")
    return window


def _adaptive(name: str, output_size: Any, axes: int) -> Adaptive:
    sizes = output_size if isinstance(output_size, (tuple, list)) else (output_size,) * axes
    if len(sizes) != axes or not all(n is None or is_whole(n, 1) for n in sizes):
        raise ShapeError(f"{name}: output_size is {axes} whole numbers from 1 (None: as the "
                         f"input), or one for all axes, not {output_size!r}")
    return Adaptive(tuple([None if n is None else int(n) for n in sizes]))
