"""Normalization: batch, layer, group, instance and RMS norm, each one op with its statistics.

All share one rule. With n = (x - mean) / sqrt(var + eps) and y = n * weight + bias, where mean and
variance are taken over the same elements,

    dL/dx = (g - mean(g) - n * mean(g n)) / sqrt(var + eps),    g = dL/dy * weight
    dL/dweight = sum of dL/dy * n,    dL/dbias = sum of dL/dy

The two means are how x acts on its own mean and variance. The ops differ in which elements those
are: `seen_as` is the shape in which x is looked at, `axes` the axes of the statistics in it.
"""

import math
from typing import Any, ClassVar

import numpy as np

from ..backend.kernels.adding import summed
from ..engine.autograd import Array
from .call import function_of
from .op import Op
from .samples import Rng, Sample

Shape = tuple[int, ...]
Bounds = tuple[float, float | None] | None  # of the activation after it


class Normalization(Op):
    """Base of the normalizations. x is seen as in backend/kernels/reference/normalization.py."""

    in_float32 = True
    extras = ("mean", "var")
    axes: ClassVar[Shape]
    weighed: ClassVar[Shape]  # the axes along which weight and bias differ
    centered: ClassVar[bool] = True
    eps: float

    def seen_as(self, shape: Shape) -> Shape:
        """x of this shape as the kernels see it."""
        raise NotImplementedError

    def aligned(self, values: Any, shape: Shape) -> Any:
        """Weight or bias, to be broadcast against x seen so; None stays None."""
        if values is None:
            return None
        return values.reshape(tuple(
            n if i in self.weighed else 1 for i, n in enumerate(self.seen_as(shape))))

    def normalize(self, x: Array, weight: Array | None, bias: Array | None) -> tuple[Any, ...]:
        """(y, mean, var), the last two as seen, with lengths 1 along `axes`."""
        shape = x.shape
        y, mean, var = self.kernels.normalize(
            x.reshape(self.seen_as(shape)), self.aligned(weight, shape), self.aligned(bias, shape),
            self.axes, self.eps, self.centered,
        )
        return y.reshape(shape), mean, var

    def backward(self, dy: Any, x: Any, weight: Any, mean: Any, var: Any, needs: Any) -> Any:
        shape, seen = x.shape, self.seen_as(x.shape)
        share = 1.0 / max(1, math.prod(seen[i] for i in self.axes))

        def mean_of(a: Any) -> Any:
            return summed(a, self.axes, keepdims=True) * share

        x, dy = x.reshape(seen), dy.reshape(seen)
        if self.centered:  # recompute mean and var, so that they can be differentiated too
            x = x - mean_of(x)
        scale = (mean_of(x * x) + self.eps) ** -0.5
        n = x * scale
        dx = dweight = dbias = None
        if needs[0]:
            g = dy if weight is None else dy * self.aligned(weight, shape)
            dx = g - n * mean_of(g * n)
            if self.centered:
                dx = dx - mean_of(g)
            dx = (dx * scale).reshape(shape)
        others = tuple(i for i in range(len(seen)) if i not in self.weighed)
        if needs[1]:
            dweight = summed(dy * n, others).reshape(weight.shape)
        if True in needs[2:]:
            dbias = summed(dy, others).reshape(self.bias_shape(shape))
        return (dx, dweight, dbias, None, None, None)[: len(needs)]

    def backward_kernel(
        self, dy: Array, x: Array, weight: Array, mean: Array, var: Array, needs: Any
    ) -> Any:
        shape, seen = x.shape, self.seen_as(x.shape)
        dx, dweight, dbias = self.kernels.normalize_backward(
            dy.reshape(seen), x.reshape(seen), self.aligned(weight, shape), mean, var, self.axes,
            self.eps, self.centered, (needs[0], needs[1], True in needs[2:]),
        )
        return (
            None if dx is None else dx.reshape(shape),
            None if dweight is None else dweight.reshape(weight.shape),
            None if dbias is None else dbias.reshape(self.bias_shape(shape)),
            None, None, None,
        )[: len(needs)]

    def bias_shape(self, shape: Shape) -> Shape:
        """The shape in which weight and bias come."""
        return (shape[1],)


def _oracle(x: Any, axes: Shape, eps: float, weight: Any, bias: Any) -> Any:
    y = (x - x.mean(axis=axes, keepdims=True)) / np.sqrt(x.var(axis=axes, keepdims=True) + eps)
    return y * weight + bias


def _scaled(x: Any, scale: Any, mean: Any, bias: Any) -> Any:
    return x * _channels(scale, x.ndim) + _channels(bias - mean * scale, x.ndim)


def _channels(values: Any, ndim: int) -> Any:
    return values.reshape(1, -1, *[1] * (ndim - 2))


def _samples(shapes: list[Shape], affine: Any, *options: dict[str, Any]) -> Any:
    """Inputs of these shapes, with a weight and a bias of the shape affine(shape, option)."""

    def make(rng: Rng) -> list[Sample]:
        return [
            Sample((rng.standard_normal(s), *rng.standard_normal((2, *affine(s, option)))), option)
            for s in shapes
            for option in options
        ]

    return staticmethod(make)


class BatchNorm(Normalization):
    """y = (x - mean) / sqrt(var + eps) * weight + bias, statistics of each channel over the batch.

    x (m, c, ...), weight and bias (c,) or None (Ioffe and Szegedy 2015; Course 2, week 3).
    dL/dx: see this file's text. Running statistics (c,), if given, are moved towards those of the
    batch in place, by the share `momentum`, or by the number on the device in `factor`.
    """

    written = ("running_mean", "running_var")
    axes, weighed = (0, 2), (1,)
    numpy: ClassVar[Any] = staticmethod(lambda x, weight, bias, eps, momentum=0.0: _oracle(
        x, (0, *range(2, x.ndim)), eps, _channels(weight, x.ndim), _channels(bias, x.ndim)))
    samples = _samples([(4, 3), (3, 2, 5), (2, 3, 2, 4), (2, 1, 1, 1)], lambda s, _: s[1:2],
                       {"eps": 1e-5}, {"eps": 0.5})
    bounds: Bounds = None

    def __init__(self, eps: float, momentum: float = 0.0) -> None:
        self.eps, self.momentum = eps, momentum

    def seen_as(self, shape: Shape) -> Shape:
        return (*shape[:2], math.prod(shape[2:]))

    def forward(
        self, x: Array, weight: Array | None, bias: Array | None,
        running_mean: Array | None = None, running_var: Array | None = None, factor: Any = None,
    ) -> Any:
        return self.run(x, weight, bias, running_mean, running_var, factor, None)

    def run(
        self, x: Array, weight: Array | None, bias: Array | None, running_mean: Array | None,
        running_var: Array | None, factor: Any, residual: Array | None,
    ) -> Any:
        """(y, mean, var), and the running statistics moved."""
        y, mean, var = self.kernels.batch_norm(x, weight, bias, residual, self.eps, self.bounds)
        if running_mean is not None and running_var is not None and x.size:
            share = self.momentum if factor is None else factor
            count = x.size // x.shape[1]
            self.kernels.move_statistics(running_mean, running_var, mean, var, count, share)
        return y, mean, var

    def backward_kernel(
        self, dy: Array, x: Array, weight: Array, mean: Array, var: Array, needs: Any
    ) -> Any:
        dx, dweight, dbias, _ = self.kernels.batch_norm_backward(
            dy, x, None, weight, None, mean, var, self.eps, None,
            (needs[0], needs[1], needs[2], False))
        return (dx, dweight, dbias, None, None, None)[: len(needs)]


class BatchNormActivation(BatchNorm):
    """y = batch norm of x (+ residual), no less than `low` and no more than `high`: in one pass.

    With d = dL/dy where low < y < high, else 0: dL/dresidual = d, and the rest as batch norm's of
    d. ReLU has low = 0 and no high, ReLU6 has 0 and 6.
    """

    numpy: ClassVar[Any] = staticmethod(
        lambda x, weight, bias, residual, eps, low, high: np.clip(
            BatchNorm.numpy(x, weight, bias, eps) + residual, low, high))
    samples = staticmethod(lambda rng: [
        Sample((*s.inputs, rng.standard_normal(s.inputs[0].shape)),
               {**s.parameters, "low": low, "high": high})
        for s in BatchNorm.samples(rng)[:6] for low, high in ((0.0, None), (-0.3, 0.4))])

    def __init__(
        self, eps: float, momentum: float = 0.0, low: float = 0.0, high: float | None = None
    ) -> None:
        self.eps, self.momentum, self.low, self.high = eps, momentum, low, high

    @property
    def bounds(self) -> Bounds:  # type: ignore[override]
        """As the kernels take them."""
        return self.low, self.high

    def forward(  # type: ignore[override]
        self, x: Array, weight: Array | None, bias: Array | None, residual: Array | None,
        running_mean: Array | None = None, running_var: Array | None = None, factor: Any = None,
    ) -> Any:
        return self.run(x, weight, bias, running_mean, running_var, factor, residual)

    def backward(  # type: ignore[override]
        self, dy: Any, x: Any, weight: Any, bias: Any, mean: Any, var: Any, y: Any, shapes: Any,
        needs: Any,
    ) -> Any:
        inside = y > self.low if self.high is None else (y > self.low) & (y < self.high)
        d = self.xp.where(inside, dy, 0.0)
        gradients = super().backward(d, x, weight, mean, var, needs[:3])
        return (*gradients, d if needs[3] else None, None, None, None)[: len(needs)]

    def backward_kernel(  # type: ignore[override]
        self, dy: Array, x: Array, weight: Array, bias: Array, mean: Array, var: Array, y: Array,
        shapes: Any, needs: Any,
    ) -> Any:
        added = y if shapes[3] else None  # without a residual kernels compute y again
        dx, dweight, dbias, dresidual = self.kernels.batch_norm_backward(
            dy, x, added, weight, bias, mean, var, self.eps, self.bounds, needs[:4])
        return (dx, dweight, dbias, dresidual, None, None, None)[: len(needs)]


class FrozenBatchNorm(Op):
    """y = x * scale + (bias - mean * scale), scale = weight / sqrt(var + eps): in use, no gradient.

    x (m, c, ...), its given statistics mean and var (c,), weight and bias (c,) or None. Where
    gradients flow, a graph of the parts takes its place. `reuse`: x is nobody else's and may be
    written to.
    """

    in_float32 = True
    differentiable = False
    numpy: ClassVar[Any] = staticmethod(lambda x, weight, bias, mean, var, eps: _scaled(
        x, weight / np.sqrt(var + eps), mean, bias))
    samples = staticmethod(lambda rng: [
        Sample((*rng.standard_normal((1, *shape)), *rng.standard_normal((3, shape[1])),
                rng.uniform(0.5, 2.0, shape[1])), {"eps": eps})
        for shape in ((4, 3), (3, 2, 5), (2, 3, 2, 4), (0, 2)) for eps in (1e-5, 0.5)])

    def __init__(self, eps: float, reuse: bool = False) -> None:
        self.eps, self.reuse = eps, reuse

    def forward(
        self, x: Array, weight: Array | None, bias: Array | None, mean: Array, var: Array
    ) -> Array:
        return self.kernels.frozen_batch_norm(
            x, weight, bias, None, mean, var, self.eps, None, self.reuse)


class FrozenBatchNormActivation(Op):
    """y = frozen batch norm of x (+ residual), clamped to [low, high] (None: no bound): one pass.

    Inputs as FrozenBatchNorm's; no gradient.
    """

    in_float32 = True
    differentiable = False
    numpy: ClassVar[Any] = staticmethod(
        lambda x, weight, bias, residual, mean, var, eps, low, high: np.clip(
            FrozenBatchNorm.numpy(x, weight, bias, mean, var, eps) + residual, low, high))
    samples = staticmethod(lambda rng: [
        Sample((*s.inputs[:3], rng.standard_normal(s.inputs[0].shape), *s.inputs[3:]),
               {**s.parameters, "low": low, "high": high})
        for s in FrozenBatchNorm.samples(rng) for low, high in ((0.0, None), (-0.3, 0.4))])

    def __init__(
        self, eps: float, low: float = 0.0, high: float | None = None, reuse: bool = False
    ) -> None:
        self.eps, self.low, self.high, self.reuse = eps, low, high, reuse

    def forward(
        self, x: Array, weight: Array | None, bias: Array | None, residual: Array | None,
        mean: Array, var: Array,
    ) -> Array:
        return self.kernels.frozen_batch_norm(
            x, weight, bias, residual, mean, var, self.eps, (self.low, self.high), self.reuse)


class GroupNorm(Normalization):
    """y = (x - mean) / sqrt(var + eps) * weight + bias, statistics of each group of channels.

    x (m, c, ...), weight and bias (c,) or None; each example by itself (Wu and He 2018).
    dL/dx: see this file's text.
    """

    axes, weighed = (2, 3), (1, 2)
    numpy = staticmethod(lambda x, weight, bias, groups, eps: _oracle(
        x.reshape(len(x), groups, -1), (2,), eps, 1.0, 0.0).reshape(x.shape) * _channels(
            weight, x.ndim) + _channels(bias, x.ndim))
    samples = _samples([(2, 4), (1, 2, 3), (2, 4, 2, 3)], lambda s, _: s[1:2],
                       {"groups": 2, "eps": 1e-2}, {"groups": 1, "eps": 1e-2})

    def __init__(self, groups: int, eps: float) -> None:
        self.groups, self.eps = groups, eps

    def seen_as(self, shape: Shape) -> Shape:
        return (shape[0], self.groups, shape[1] // self.groups, math.prod(shape[2:]))

    def forward(self, x: Array, weight: Array | None, bias: Array | None) -> Any:
        return self.normalize(x, weight, bias)


class InstanceNorm(Normalization):
    """y = (x - mean) / sqrt(var + eps) * weight + bias, statistics of each channel of each example.

    x (m, c, ...), weight and bias (c,) or None (Ulyanov, Vedaldi and Lempitsky 2016).
    dL/dx: see this file's text. Running statistics are moved towards the batch's mean of them.
    """

    written = ("running_mean", "running_var")
    axes, weighed = (2, 3), (1, 2)
    numpy = staticmethod(lambda x, weight, bias, eps, momentum=0.0: _oracle(
        x, tuple(range(2, x.ndim)), eps, _channels(weight, x.ndim), _channels(bias, x.ndim)))
    samples = _samples([(2, 3, 4), (1, 2, 2, 3), (0, 2, 3)], lambda s, _: s[1:2], {"eps": 1e-2})

    def __init__(self, eps: float, momentum: float = 0.0) -> None:
        self.eps, self.momentum = eps, momentum

    def seen_as(self, shape: Shape) -> Shape:
        return (*shape[:2], 1, math.prod(shape[2:]))

    def forward(
        self, x: Array, weight: Array | None, bias: Array | None,
        running_mean: Array | None = None, running_var: Array | None = None,
    ) -> Any:
        y, mean, var = self.normalize(x, weight, bias)
        if running_mean is not None and running_var is not None and x.size:
            share = 1.0 / x.shape[0]
            means, variances = ((summed(v, 0) * share).reshape(-1) for v in (mean, var))
            self.kernels.move_statistics(running_mean, running_var, means, variances,
                                         math.prod(x.shape[2:]), self.momentum)
        return y, mean, var


class LayerNorm(Normalization):
    """y = (x - mean) / sqrt(var + eps) * weight + bias, statistics over the last `ndim` axes.

    x (..., *shape), weight and bias of that shape or None (Ba, Kiros and Hinton 2016).
    dL/dx: see this file's text.
    """

    axes, weighed = (1,), (1,)
    numpy: ClassVar[Any] = staticmethod(lambda x, weight, bias, ndim, eps: _oracle(
        x, tuple(range(x.ndim - ndim, x.ndim)), eps, weight, bias))
    samples = _samples([(3, 4), (2, 3, 5), (0, 2, 3), (1, 2, 1)],
                       lambda s, o: s[len(s) - o["ndim"]:], {"ndim": 1, "eps": 1e-2},
                       {"ndim": 2, "eps": 1e-2})

    def __init__(self, ndim: int, eps: float) -> None:
        self.ndim, self.eps = ndim, eps

    def seen_as(self, shape: Shape) -> Shape:
        lead = len(shape) - self.ndim
        return (math.prod(shape[:lead]), math.prod(shape[lead:]))

    def aligned(self, values: Any, shape: Shape) -> Any:
        return None if values is None else values.reshape(1, -1)

    def bias_shape(self, shape: Shape) -> Shape:
        return shape[len(shape) - self.ndim:]

    def forward(self, x: Array, weight: Array | None, bias: Array | None) -> Any:
        return self.normalize(x, weight, bias)


class RmsNorm(LayerNorm):
    """y = x / sqrt(mean(x**2) + eps) * weight, the mean over the last `ndim` axes.

    x (..., *shape), weight of that shape or None (Zhang and Sennrich 2019).
    dL/dx: see this file's text, without mean(g).
    """

    centered = False
    numpy: ClassVar[Any] = staticmethod(lambda x, weight, ndim, eps: x * weight / np.sqrt(
        np.mean(x * x, axis=tuple(range(x.ndim - ndim, x.ndim)), keepdims=True) + eps))
    samples = staticmethod(lambda rng: [
        Sample(s.inputs[:2], s.parameters) for s in LayerNorm.samples(rng)])

    def forward(self, x: Array, weight: Array | None) -> Any:  # type: ignore[override]
        return self.normalize(x, weight, None)


class ScaleChannels(Op):
    """y = x * scale + shift, one number of each for every channel; x (m, c, ...).

    dL/dx = dL/dy * scale,  dL/dscale = sum of dL/dy * x,  dL/dshift = sum of dL/dy: over all but c
    """

    numpy = staticmethod(
        lambda x, scale, shift: x * _channels(scale, x.ndim) + _channels(shift, x.ndim))
    samples = _samples([(4, 3), (3, 2, 5), (2, 3, 2, 4), (0, 2)], lambda s, _: s[1:2], {})

    def forward(self, x: Array, scale: Array, shift: Array) -> Array:
        seen = (*x.shape[:2], math.prod(x.shape[2:]))
        return self.kernels.scale_shift(x.reshape(seen), scale, shift).reshape(x.shape)

    def backward(self, dy: Any, x: Any, scale: Any, needs: Any) -> Any:
        others = (0, *range(2, len(x.shape)))
        return (
            dy * scale.reshape((-1, *[1] * (len(x.shape) - 2))) if needs[0] else None,
            summed(dy * x, others) if needs[1] else None,
            summed(dy, others) if needs[2] else None,
        )


def batch_norm(
    x: Any, weight: Any, bias: Any, running_mean: Any, running_var: Any, momentum: Any, eps: float
) -> Any:
    """x normalized by the statistics of the batch; running ones, or None, are moved in place.

    `momentum`: a number, or a tensor of one number.
    """
    if isinstance(momentum, (int, float)):
        op = function_of(BatchNorm, eps, float(momentum))
        return op(x, weight, bias, running_mean, running_var, None)
    return function_of(BatchNorm, eps)(x, weight, bias, running_mean, running_var, momentum)


def batch_norm_activation(
    x: Any, weight: Any, bias: Any, running_mean: Any, running_var: Any, momentum: float,
    eps: float, residual: Any = None, low: float = 0.0, high: float | None = None,
) -> Any:
    """`batch_norm`, then + residual (or None), clamped to [low, high] (or None): by one op."""
    op = function_of(BatchNormActivation, eps, float(momentum), low, high)
    return op(x, weight, bias, residual, running_mean, running_var, None)


def frozen_batch_norm(
    x: Any, weight: Any, bias: Any, mean: Any, var: Any, eps: float, bounds: Bounds = None
) -> Any:
    """x normalized by given statistics of its channels, clamped to `bounds`, if there are any."""
    if bounds is None:
        return function_of(FrozenBatchNorm, eps)(x, weight, bias, mean, var)
    op = function_of(FrozenBatchNormActivation, eps, *bounds)
    return op(x, weight, bias, None, mean, var)


def instance_norm(
    x: Any, weight: Any, bias: Any, running_mean: Any, running_var: Any, momentum: float, eps: float
) -> Any:
    """x with each channel of each example normalized; running statistics are moved in place."""
    op = function_of(InstanceNorm, eps, float(momentum))
    return op(x, weight, bias, running_mean, running_var)


def group_norm(x: Any, weight: Any, bias: Any, groups: int, eps: float) -> Any:
    """x with each group of channels of each example normalized."""
    return function_of(GroupNorm, groups, eps)(x, weight, bias)


def layer_norm(x: Any, weight: Any, bias: Any, ndim: int, eps: float) -> Any:
    """x normalized over its last `ndim` axes."""
    return function_of(LayerNorm, ndim, eps)(x, weight, bias)


def rms_norm(x: Any, weight: Any, ndim: int, eps: float) -> Any:
    """x divided by the root of its mean square over its last `ndim` axes."""
    return function_of(RmsNorm, ndim, eps)(x, weight)


def scale_channels(x: Any, scale: Any, shift: Any) -> Any:
    """x * scale + shift with one number of each for every channel, axis 1."""
    return function_of(ScaleChannels)(x, scale, shift)
