"""Repeating, mirroring and rotating tensors."""

from typing import Any

import numpy as np

from ..backend.kernels.adding import summed
from ..engine.autograd import Array, TensorBase
from ..errors import ShapeError
from .call import function_of
from .indexing import take
from .op import Op
from .samples import samples_of
from .shape import axes_of, axis_of, ravel, swapaxes


class Repeat(Op):
    """y = each slice of x along an axis `count` times: a a b b.

    dL/dx = dL/dy summed over the copies
    """

    numpy = staticmethod(lambda x, count, axis: np.repeat(x, count, axis))
    samples = samples_of(
        ([(3,)], {"count": 2, "axis": 0}), ([(2, 3, 2)], {"count": 3, "axis": 1}),
        ([(2, 3)], {"count": 0, "axis": 0}), ([(0, 2)], {"count": 2, "axis": 0}),
        ([(1, 1)], {"count": 1, "axis": 1}),
    )

    def __init__(self, count: int, axis: int) -> None:
        self.count, self.axis = count, axis

    def forward(self, x: Array) -> Array:
        return self.xp.repeat(x, self.count, axis=self.axis)

    def backward(self, dy: Any, shapes: Any) -> Any:
        return summed(self._apart(dy, shapes[0]), self.axis + 1)

    def backward_kernel(self, dy: Array, shapes: Any) -> Array:
        apart, after = self._apart(dy, shapes[0]), self.axis + 1
        if not 1 < self.count <= 8:
            return summed(apart, after)
        before = (slice(None),) * after
        total = apart[(*before, 0)] + apart[(*before, 1)]  # faster than a sum of so few
        for i in range(2, self.count):
            total += apart[(*before, i)]
        return total

    def _apart(self, dy: Any, shape: tuple[int, ...]) -> Any:
        """dy with the copies along an axis of their own."""
        after = self.axis + 1
        return dy.reshape((*shape[:after], self.count, *shape[after:]))


class Tile(Op):
    """y = x beside itself, reps[i] times along axis i: a b a b.

    dL/dx = dL/dy summed over the copies
    """

    numpy = staticmethod(lambda x, reps: np.tile(x, reps))
    samples = samples_of(
        ([(3,)], {"reps": (2,)}), ([(2, 3)], {"reps": (2, 1)}), ([(2, 1, 3)], {"reps": (2, 3, 1)}),
        ([(2, 3)], {"reps": (1, 0)}), ([(0, 2)], {"reps": (2, 2)}), ([(1, 1)], {"reps": (3, 2)}),
        ([()], {"reps": ()}),
    )

    def __init__(self, reps: tuple[int, ...]) -> None:
        self.reps = reps

    def forward(self, x: Array) -> Array:
        apart, axes = self._apart(x.shape)
        once = tuple(1 if i in axes else n for i, n in enumerate(apart))
        shape = tuple(n * r for n, r in zip(x.shape, self.reps))
        return self.kernels.copy(self.xp.broadcast_to(x.reshape(once), apart)).reshape(shape)

    def backward(self, dy: Any, shapes: Any) -> Any:
        apart, axes = self._apart(shapes[0])
        return summed(dy.reshape(apart), axes) if axes else dy

    def _apart(self, shape: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The shape of y with the copies along axes of their own, and these axes."""
        apart: list[int] = []
        axes = []
        for n, count in zip(shape, self.reps):
            if count != 1:
                axes.append(len(apart))
                apart.append(count)
            apart.append(n)
        return tuple(apart), tuple(axes)


class Flip(Op):
    """y = x with some axes from the last place to the first.    dL/dx = dL/dy flipped back"""

    views = True
    numpy = staticmethod(lambda x, axes: np.flip(x, axes))
    samples = samples_of(
        ([(3,)], {"axes": (0,)}), ([(2, 3)], {"axes": (0, 1)}), ([(2, 3, 2)], {"axes": (1,)}),
        ([(0, 2)], {"axes": (0,)}), ([(1, 1)], {"axes": (1,)}), ([()], {"axes": ()}),
    )

    def __init__(self, axes: tuple[int, ...]) -> None:
        self.axes = axes

    def forward(self, x: Array) -> Array:
        return self._flipped(x)

    def backward(self, dy: Any) -> Any:
        return self._flipped(dy)

    def _flipped(self, x: Any) -> Any:
        if isinstance(x, TensorBase):
            return function_of(Flip, self.axes)(x)
        back = slice(None, None, -1)
        return x[tuple(back if i in self.axes else slice(None) for i in range(x.ndim))]


class Roll(Op):
    """y = x shifted along axes; what goes out at the end comes in at the start.

    dL/dx = dL/dy shifted back
    """

    numpy = staticmethod(lambda x, shift, axis: np.roll(x, shift, axis))
    samples = samples_of(
        ([(5,)], {"shift": (2,), "axis": (0,)}), ([(2, 3)], {"shift": (1, -4), "axis": (0, 1)}),
        ([(2, 3)], {"shift": (1, 1), "axis": (1, 1)}), ([(0, 2)], {"shift": (1,), "axis": (0,)}),
        ([(1, 1)], {"shift": (3,), "axis": (1,)}),
    )

    def __init__(self, shift: tuple[int, ...], axis: tuple[int, ...]) -> None:
        self.shift, self.axis = shift, axis

    def forward(self, x: Array) -> Array:
        return self._rolled(x, self.shift)

    def backward(self, dy: Any) -> Any:
        return self.xp.roll(dy, tuple(-n for n in self.shift), axis=self.axis)

    def backward_kernel(self, dy: Array) -> Array:
        return self._rolled(dy, tuple(-n for n in self.shift))

    def _rolled(self, x: Array, shift: tuple[int, ...]) -> Array:
        for n, axis in zip(shift, self.axis):
            before = (slice(None),) * axis
            cut = -n % x.shape[axis] if x.size else 0
            parts = (x[(*before, slice(cut, None))], x[(*before, slice(cut))])
            x = self.kernels.concatenate(parts, axis)
        return x if self.axis else self.kernels.copy(x)


def repeat(x: Any, repeats: Any, axis: int | None = None, *more: Any) -> Any:
    """Each slice of x along `axis` `repeats` times, as NumPy's: 1 2 becomes 1 1 2 2.

    `repeats` is one number, or one for each slice; without an axis x is flattened first. PyTorch
    calls this repeat_interleave; its `repeat` is `tile` here.

    >>> dls.repeat(dls.tensor([1, 2]), 2)
    Tensor([1, 1, 2, 2])
    """
    if more:
        raise ShapeError(
            f"repeat takes a count and an axis. PyTorch's repeat is tile: "
            f"x.tile({(repeats, axis, *more)})"
        )
    if axis is None:
        x, axis = ravel(x), 0
    place = axis_of(axis, x.ndim, "repeat")
    if isinstance(repeats, TensorBase):  # shapes are the host's business: on a GPU this waits
        repeats = repeats.device.to_host(repeats._data)
    counts = np.asarray(repeats)
    if counts.dtype.kind not in "iu" or counts.ndim > 1 or (counts < 0).any():
        raise ShapeError(f"repeat: counts are whole numbers of at least 0, not {repeats}")
    if counts.size == 1:
        return function_of(Repeat, int(counts.reshape(())), place)(x)
    if counts.shape != (x.shape[place],):
        raise ShapeError(
            f"repeat: {counts.size} counts for axis {place} of a tensor of shape\n  {x.shape}\n"
            f"Give one count, or one for each slice. To set x beside itself write "
            f"x.tile({tuple(counts.tolist())})"
        )
    return take(x, np.repeat(np.arange(counts.size), counts), place)


def tile(x: Any, *reps: Any) -> Any:
    """x beside itself, reps[i] times along axis i, as NumPy's: 1 2 becomes 1 2 1 2.

    With fewer counts than axes they are for the last axes; with more, x gets axes before.

    >>> dls.tile(dls.tensor([1, 2]), 2)
    Tensor([1, 2, 1, 2])
    """
    counts = reps[0] if len(reps) == 1 and isinstance(reps[0], (tuple, list)) else reps
    if not all(isinstance(n, (int, np.integer)) and n >= 0 for n in counts):
        raise ShapeError(f"tile: counts are whole numbers of at least 0, not {counts}")
    counts = (1,) * (x.ndim - len(counts)) + tuple(map(int, counts))
    if len(counts) > x.ndim:
        x = x.reshape((1,) * (len(counts) - x.ndim) + x.shape)
    return function_of(Tile, counts)(x)


def flip(x: Any, axis: Any = None) -> Any:
    """x with the order along `axis` reversed (an int, several, or None: all); a view.

    >>> dls.flip(dls.tensor([1, 2, 3]))
    Tensor([3, 2, 1])
    """
    axes = range(x.ndim) if axis is None else sorted(axes_of(axis, x.ndim, "flip"))
    return function_of(Flip, tuple(axes))(x)


def roll(x: Any, shift: Any, axis: Any = None) -> Any:
    """x shifted by `shift` places along `axis`, the end coming in at the start, as NumPy's.

    Several shifts for several axes; without an axis through all elements in order.

    >>> dls.roll(dls.tensor([1, 2, 3]), 1)
    Tensor([3, 1, 2])
    """
    if axis is None:
        return roll(ravel(x), shift, 0).reshape(x.shape)
    named = axis if isinstance(axis, (tuple, list)) else [axis]
    axes = [axis_of(i, x.ndim, "roll") for i in named]
    shifts = list(shift) if isinstance(shift, (tuple, list)) else [shift] * len(axes)
    if len(axes) == 1:  # several shifts along one axis, as NumPy takes them
        axes = axes * len(shifts)
    if len(shifts) != len(axes) or not all(isinstance(n, (int, np.integer)) for n in shifts):
        raise ShapeError(f"roll: one whole number for each axis, not {shift} for {axis}")
    return function_of(Roll, tuple(map(int, shifts)), tuple(axes))(x)


def rot90(x: Any, k: int = 1, axes: Any = (0, 1)) -> Any:
    """x turned by 90 degrees k times, from the first of two axes towards the second.

    >>> dls.rot90(dls.tensor([[1, 2], [3, 4]]))
    Tensor([[2, 4],
            [1, 3]])
    """
    first, second = axes_of(tuple(axes), x.ndim, "rot90")
    if not isinstance(k, (int, np.integer)):
        raise ShapeError(f"rot90: a whole number of quarter turns, not {k!r}")
    turns = int(k) % 4
    if turns == 0:
        return flip(x, ())
    if turns == 2:
        return flip(x, (first, second))
    if turns == 1:
        return swapaxes(flip(x, second), first, second)
    return flip(swapaxes(x, first, second), second)
