"""All windows of an image as columns (im2col), and columns added up to an image: adjoint."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..engine.autograd import Array
from .call import function_of
from .convolution import Ints, Pairs, Sliding
from .samples import Rng, Sample


def _columns(x: Any, window: Ints, stride: Ints, padding: Pairs, dilation: Ints) -> Any:
    padded = np.pad(x, ((0, 0), (0, 0), *padding))
    span = tuple(d * (k - 1) + 1 for k, d in zip(window, dilation))
    views = np.lib.stride_tricks.sliding_window_view(padded, span, axis=(2, 3))
    views = views[:, :, :: stride[0], :: stride[1], :: dilation[0], :: dilation[1]]
    n, c, rows, columns = views.shape[:4]
    return views.transpose(0, 1, 4, 5, 2, 3).reshape(n, c * window[0] * window[1], rows * columns)


def _added_up(
    columns: Any, size: Ints, window: Ints, stride: Ints, padding: Pairs, dilation: Ints
) -> Any:
    n, channels = columns.shape[0], columns.shape[1] // (window[0] * window[1])
    images = np.zeros((n, channels, *size))
    places = np.arange(images.size, dtype=float).reshape(images.shape) + 1
    taken = _columns(places, window, stride, padding, dilation).astype(int)  # 0: of the padding
    total = np.zeros(images.size + 1)
    np.add.at(total, taken, columns)
    return total[1:].reshape(images.shape)


CASES: tuple[tuple[Ints, Ints, Ints, Pairs, Ints], ...] = (
    ((2, 3, 4, 5), (2, 3), (1, 1), ((1, 0), (0, 2)), (1, 1)),
    ((1, 2, 5, 6), (2, 2), (2, 3), ((0, 0), (1, 1)), (2, 1)),
    ((1, 1, 1, 1), (1, 1), (1, 1), ((0, 0), (0, 0)), (1, 1)),
    ((0, 2, 3, 3), (2, 2), (1, 1), ((0, 0), (0, 0)), (1, 1)),
)
NAMES = ("window", "stride", "padding", "dilation")


class Unfold(Sliding):
    """y[n, c k, p] = x[n, c, p stride + k dilation]: column p holds the window at place p.

    dL/dx = the columns of dL/dy, each added to where it was taken from
    """

    groups = 1
    numpy = staticmethod(_columns)
    samples = staticmethod(
        lambda rng: [Sample((rng.standard_normal(case[0]),), dict(zip(NAMES, case[1:])))
                     for case in CASES]
    )

    def __init__(self, window: Ints, stride: Ints, padding: Pairs, dilation: Ints) -> None:
        self.window, self.stride, self.padding = window, stride, padding
        self.dilation = dilation

    def forward(self, x: Array) -> Array:
        return self.kernels.unfold(x, self.window, self.stride, self.padding, self.dilation)

    def backward(self, dy: Any, shapes: Any) -> Any:
        return self.kernels.fold(
            dy, shapes[0][2:], self.window, self.stride, self.padding, self.dilation
        )


class Fold(Sliding):
    """y[n, c, p stride + k dilation] = sum over all p and k that meet there of x[n, c k, p].

    dL/dx = the windows of dL/dy
    """

    groups = 1
    numpy = staticmethod(_added_up)

    @staticmethod
    def samples(rng: Rng) -> list[Sample]:
        """The columns of each of the cases."""
        return [
            Sample((rng.standard_normal(_columns(np.zeros(case[0]), *case[1:]).shape),),
                   {"size": case[0][2:], **dict(zip(NAMES, case[1:]))})
            for case in CASES
        ]

    def __init__(
        self, size: Ints, window: Ints, stride: Ints, padding: Pairs, dilation: Ints
    ) -> None:
        self.size, self.window, self.stride = size, window, stride
        self.padding, self.dilation = padding, dilation

    def forward(self, x: Array) -> Array:
        return self.kernels.fold(
            x, self.size, self.window, self.stride, self.padding, self.dilation
        )

    def backward(self, dy: Any) -> Any:
        return self.kernels.unfold(dy, self.window, self.stride, self.padding, self.dilation)


def unfold(x: Any, window: Ints, stride: Ints, padding: Pairs, dilation: Ints) -> Any:
    """The windows of x (n, c, h, w) as columns: (n, c * taps, places)."""
    return function_of(Unfold, window, stride, padding, dilation)(x)


def fold(
    x: Any, size: Sequence[int], window: Ints, stride: Ints, padding: Pairs, dilation: Ints
) -> Any:
    """Columns (n, c * taps, places) added up to (n, c, *size)."""
    return function_of(Fold, tuple(size), window, stride, padding, dilation)(x)
