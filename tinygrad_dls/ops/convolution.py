"""Convolution, its transpose and its weight gradient: bilinear, each the gradient of the others.

That closes the circle: a gradient of a convolution is one of these three operations, and so is the
gradient of that. They work on any number of spatial axes; `nn.functional` has the familiar calls.
"""

import itertools
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from ..engine.autograd import Array
from .call import function_of
from .op import Op
from .reduction import sum as sum_of
from .samples import Rng, Sample

Ints = tuple[int, ...]
Pairs = tuple[tuple[int, int], ...]


class Sliding(Op):
    """Base of what slides a window: `stride` and `dilation` have one number for each spatial axis,
    `padding` a pair (before, after), negative to cut off."""

    stride: Ints
    padding: Pairs
    dilation: Ints
    groups: int

    def label(self) -> str:
        """The name, with what is not as usual."""
        shown = {"stride": self.stride if set(self.stride) != {1} else None,
                 "dilation": self.dilation if set(self.dilation) != {1} else None,
                 "groups": self.groups if self.groups != 1 else None}
        if any(itertools.chain(*self.padding)):
            even = all(a == b for a, b in self.padding)
            shown["padding"] = tuple(a for a, _ in self.padding) if even else self.padding  # type: ignore
        inside = ", ".join(f"{k}={v}" for k, v in shown.items() if v is not None)
        return f"{self.name}({inside})" if inside else self.name


def _meetings(window: Ints, stride: Ints, padding: Pairs, dilation: Ints, size: Ints) -> Any:
    """All (place, tap, pixel): at `place` of the window its `tap` lies on `pixel` of the input."""
    along = []
    for k, s, (before, after), d, n in zip(window, stride, padding, dilation, size):
        places = (n + before + after - d * (k - 1) - 1) // s + 1
        along.append([(p, t, p * s + t * d - before) for p in range(places) for t in range(k)
                      if 0 <= p * s + t * d - before < n])
    return [tuple(zip(*meeting)) for meeting in itertools.product(*along)]


def _plain(
    x: Any, weight: Any, bias: Any, stride: Ints, padding: Pairs, dilation: Ints, groups: int = 1
) -> Any:
    """The definition, one product at a time."""
    size, window = x.shape[2:], weight.shape[2:]
    places = [(n + sum(p) - d * (k - 1) - 1) // s + 1
              for n, k, s, p, d in zip(size, window, stride, padding, dilation)]
    y = np.zeros((len(x), len(weight), *places)) + bias.reshape(-1, *(1 for _ in size))
    c, o = weight.shape[1], len(weight) // groups
    for place, tap, pixel in _meetings(window, stride, padding, dilation, size):
        for g in range(groups):
            inputs = x[(slice(None), slice(g * c, (g + 1) * c), *pixel)]
            y[(slice(None), slice(g * o, (g + 1) * o), *place)] += (
                inputs @ weight[(slice(g * o, (g + 1) * o), slice(None), *tap)].T
            )
    return y


def _plain_transposed(
    x: Any, weight: Any, bias: Any, size: Ints, stride: Ints, padding: Pairs, dilation: Ints,
    groups: int = 1,
) -> Any:
    c, o = weight.shape[1], len(weight) // groups
    y = np.zeros((len(x), c * groups, *size)) + bias.reshape(-1, *(1 for _ in size))
    for place, tap, pixel in _meetings(weight.shape[2:], stride, padding, dilation, size):
        for g in range(groups):
            given = x[(slice(None), slice(g * o, (g + 1) * o), *place)]
            y[(slice(None), slice(g * c, (g + 1) * c), *pixel)] += (
                given @ weight[(slice(g * o, (g + 1) * o), slice(None), *tap)]
            )
    return y


def _plain_weight(
    x: Any, g: Any, window: Ints, stride: Ints, padding: Pairs, dilation: Ints, groups: int = 1
) -> Any:
    c, o = x.shape[1] // groups, g.shape[1] // groups
    dw = np.zeros((g.shape[1], c, *window))
    for place, tap, pixel in _meetings(window, stride, padding, dilation, x.shape[2:]):
        for i in range(groups):
            inputs = x[(slice(None), slice(i * c, (i + 1) * c), *pixel)]
            given = g[(slice(None), slice(i * o, (i + 1) * o), *place)]
            dw[(slice(i * o, (i + 1) * o), slice(None), *tap)] += given.T @ inputs
    return dw


# Shapes of x and weight, stride, padding, dilation, groups.
CASES: tuple[tuple[Ints, Ints, Ints, Pairs, Ints, int], ...] = (
    ((2, 2, 4, 5), (3, 2, 3, 2), (1, 1), ((1, 1), (0, 1)), (1, 1), 1),
    ((1, 3, 5, 4), (2, 3, 2, 3), (2, 1), ((0, 1), (2, 1)), (1, 1), 1),
    ((2, 4, 5, 5), (4, 2, 3, 3), (2, 2), ((1, 1), (1, 1)), (1, 1), 2),
    ((1, 3, 5, 6), (6, 1, 3, 2), (1, 2), ((2, 2), (1, 0)), (2, 1), 3),
    ((2, 5, 3, 4), (2, 5, 1, 1), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
    ((2, 5, 4, 3), (2, 5, 1, 1), (2, 2), ((0, 0), (0, 0)), (1, 1), 1),
    ((2, 6, 5, 4), (2, 6, 2, 2), (1, 1), ((-1, 1), (2, -1)), (1, 2), 1),
    ((2, 5, 6, 5), (3, 5, 2, 2), (3, 2), ((1, -1), (0, 2)), (2, 1), 1),
    ((0, 2, 3, 3), (2, 2, 3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 1),
    ((1, 1, 1, 1), (1, 1, 1, 1), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
    ((2, 3, 7), (4, 3, 3), (2,), ((1, 2),), (2,), 1),
    ((2, 4, 5), (4, 1, 2), (1,), ((1, 0),), (1,), 4),
    ((1, 2, 3, 4, 3), (2, 2, 2, 3, 1), (1, 2, 1), ((0, 1), (1, 1), (0, 0)), (2, 1, 1), 1),
)


def _drawn(kind: str) -> Any:
    def samples(rng: Rng) -> list[Sample]:
        found = []
        for shape, weight, stride, padding, dilation, groups in CASES:
            size, window = shape[2:], weight[2:]
            places = [(n + sum(p) - d * (k - 1) - 1) // s + 1
                      for n, k, s, p, d in zip(size, window, stride, padding, dilation)]
            out = (shape[0], weight[0], *places)
            sliding = {"stride": stride, "padding": padding, "dilation": dilation,
                       "groups": groups}
            shapes: list[Ints] = {"plain": [shape, weight, weight[:1]],
                                  "transposed": [out, weight, (shape[1],)],
                                  "weight": [shape, out]}[kind]
            extra: dict[str, Any] = {"plain": {}, "transposed": {"size": size},
                                     "weight": {"window": window}}[kind]
            found.append(Sample(tuple(map(rng.standard_normal, shapes)), extra | sliding))
        return found

    return staticmethod(samples)


class Convolution(Sliding):
    """y[n, o, p] = bias[o] + sum over c and k of x[n, c, p stride + k dilation] weight[o, c, k],

    p and k over all spatial axes, x padded with zeros. With groups, group i of the outputs sees
    group i of the inputs. dL/dx: a transposed convolution of dL/dy with the same weight;
    dL/dweight: the products of x and dL/dy that met at k; dL/dbias: the sum of dL/dy.
    Course 4, week 1.
    """

    numpy: ClassVar[Any] = staticmethod(_plain)
    samples = _drawn("plain")

    def __init__(self, stride: Ints, padding: Pairs, dilation: Ints, groups: int = 1) -> None:
        self.stride, self.padding, self.dilation, self.groups = stride, padding, dilation, groups

    def forward(self, x: Array, weight: Array, bias: Array | None) -> Array:
        return self.kernels.convolution(
            x, weight, bias, self.stride, self.padding, self.dilation, self.groups
        )

    def backward_x(self, dy: Any, weight: Any, shapes: Any) -> Any:
        return self.kernels.transposed_convolution(
            dy, weight, None, shapes[0][2:], self.stride, self.padding, self.dilation, self.groups
        )

    def backward_weight(self, dy: Any, x: Any, shapes: Any) -> Any:
        return self.kernels.convolution_weight_gradient(
            x, dy, shapes[1][2:], self.stride, self.padding, self.dilation, self.groups
        )

    def backward_bias(self, dy: Any) -> Any:
        return self.kernels.sum_channels(dy)


class ConvolutionRelu(Convolution):
    """y = max(convolution of x + bias, 0), in one pass: for what is known to be neighbours.

    The gradients are those of Convolution of dL/dy where y > 0, else 0. `reuse`: dL/dy is nobody
    else's and may be written to.
    """

    numpy: ClassVar[Any] = staticmethod(
        lambda *inputs, **options: np.maximum(_plain(*inputs, **options), 0))

    def __init__(
        self, stride: Ints, padding: Pairs, dilation: Ints, groups: int = 1, reuse: bool = False
    ) -> None:
        super().__init__(stride, padding, dilation, groups)
        self.reuse = reuse

    def forward(self, x: Array, weight: Array, bias: Array | None) -> Array:
        return self.kernels.convolution_relu(
            x, weight, bias, self.stride, self.padding, self.dilation, self.groups
        )

    def backward(self, dy: Any, x: Any, weight: Any, y: Any, needs: Any, shapes: Any) -> Any:
        return self._shares(self.xp.where(y > 0, dy, 0.0), x, weight, needs, shapes)

    def backward_kernel(
        self, dy: Array, x: Array, weight: Array, y: Array, needs: Any, shapes: Any
    ) -> Any:
        mask = self.kernels.relu_backward_in_place if self.reuse else self.kernels.relu_backward
        return self._shares(mask(dy, y), x, weight, needs, shapes)

    def _shares(self, dy: Any, x: Any, weight: Any, needs: Any, shapes: Any) -> Any:
        return (
            self.backward_x(dy, weight, shapes) if needs[0] else None,
            self.backward_weight(dy, x, shapes) if needs[1] else None,
            self.backward_bias(dy) if needs[2] else None,
        )


class TransposedConvolution(Sliding):
    """y[n, c, p stride + k dilation] = bias[c] + sum over o and k of x[n, o, p] weight[o, c, k],

    cut to `size` after `padding` before: the convolution with this weight from y to x, gone
    backwards (Dumoulin and Visin 2016). dL/dx is that convolution of dL/dy.
    """

    numpy = staticmethod(_plain_transposed)
    samples = _drawn("transposed")

    def __init__(
        self, size: Ints, stride: Ints, padding: Pairs, dilation: Ints, groups: int = 1
    ) -> None:
        self.size, self.stride, self.padding = size, stride, padding
        self.dilation, self.groups = dilation, groups

    def forward(self, x: Array, weight: Array, bias: Array | None) -> Array:
        return self.kernels.transposed_convolution(
            x, weight, bias, self.size, self.stride, self.padding, self.dilation, self.groups
        )

    def backward_x(self, dy: Any, weight: Any) -> Any:
        return self.kernels.convolution(
            dy, weight, None, self.stride, self.padding, self.dilation, self.groups
        )

    def backward_weight(self, dy: Any, x: Any, shapes: Any) -> Any:
        return self.kernels.convolution_weight_gradient(
            dy, x, shapes[1][2:], self.stride, self.padding, self.dilation, self.groups
        )

    def backward_bias(self, dy: Any) -> Any:
        return self.kernels.sum_channels(dy)


class ConvolutionWeightGradient(Sliding):
    """y[o, c, k] = sum over n and p of x[n, c, p stride + k dilation] g[n, o, p]: the gradient of
    a convolution's weight, where g is that of its output.

    dL/dx is the transposed convolution of g with dL/dy as the weight, dL/dg the convolution of x
    """

    numpy = staticmethod(_plain_weight)
    samples = _drawn("weight")

    def __init__(
        self, window: Ints, stride: Ints, padding: Pairs, dilation: Ints, groups: int = 1
    ) -> None:
        self.window, self.stride, self.padding = window, stride, padding
        self.dilation, self.groups = dilation, groups

    def forward(self, x: Array, g: Array) -> Array:
        return self.kernels.convolution_weight_gradient(
            x, g, self.window, self.stride, self.padding, self.dilation, self.groups
        )

    def backward_x(self, dy: Any, g: Any, shapes: Any) -> Any:
        return self.kernels.transposed_convolution(
            g, dy, None, shapes[0][2:], self.stride, self.padding, self.dilation, self.groups
        )

    def backward_g(self, dy: Any, x: Any) -> Any:
        return self.kernels.convolution(
            x, dy, None, self.stride, self.padding, self.dilation, self.groups
        )


def convolution(
    x: Any, weight: Any, bias: Any, stride: Ints, padding: Pairs, dilation: Ints, groups: int = 1
) -> Any:
    """x (n, c, *size), weight (o, c / groups, *window), bias (o,) or None: (n, o, *places)."""
    return function_of(Convolution, stride, padding, dilation, groups)(x, weight, bias)


def transposed_convolution(
    x: Any, weight: Any, bias: Any, size: Sequence[int], stride: Ints, padding: Pairs,
    dilation: Ints, groups: int = 1,
) -> Any:
    """x (n, o, *places), weight (o, c / groups, *window), bias (c,) or None: (n, c, *size)."""
    op = function_of(TransposedConvolution, tuple(size), stride, padding, dilation, groups)
    return op(x, weight, bias)


def convolution_weight_gradient(
    x: Any, g: Any, window: Sequence[int], stride: Ints, padding: Pairs, dilation: Ints,
    groups: int = 1,
) -> Any:
    """x (n, c, *size), g (n, o, *places): (o, c / groups, *window)."""
    op = function_of(ConvolutionWeightGradient, tuple(window), stride, padding, dilation, groups)
    return op(x, g)


def sum_channels(x: Any) -> Any:
    """The sum over all axes of x (n, c, ...) but c."""
    return sum_of(x, axis=(0, *range(2, x.ndim)))
