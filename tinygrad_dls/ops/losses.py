"""Losses: of differences, of logits, of rows of logits and their labels; one op each.

A loss op ends in the mean or the sum by itself, so that going back starts from one number.
"""

from typing import Any

import numpy as np

from ..backend.kernels.adding import summed
from ..engine.autograd import Array
from ..errors import DataError
from .call import function, function_of
from .op import Op
from .samples import Rng, Sample
from .softmax import softmax_of

SMALLEST = 1e-45  # a positive number of float32 and float64 whose logarithm is below -100
REDUCTIONS = ("none", "mean", "sum")


class Loss(Op):
    """Base of the losses: one number for each example, or their mean or sum."""

    in_float32 = True

    def __init__(self, reduction: str = "none") -> None:
        self.reduction = reduction

    def reduce(self, losses: Any) -> Any:
        """The losses as `reduction` asks: "none", "sum" or "mean"."""
        if self.reduction == "none":
            return losses
        if self.reduction == "mean" and losses.size == 0:
            raise DataError("the mean of no losses: the batch is empty")
        return self.kernels.total(losses, self.part(losses.size))

    def part(self, count: int) -> float:
        """Return the weight of each of `count` losses."""
        return 1.0 / count if self.reduction == "mean" else 1.0

    def share(self, dy: Any, count: int) -> Any:
        """dL/d(each loss): dy itself, or one number for all `count` of them."""
        return dy * self.part(count) if self.reduction == "mean" else dy


def with_reductions(
    samples: list[tuple[Any, ...]], parameters: dict[str, Any] | None = None
) -> list[Sample]:
    """Each sample with each reduction."""
    return [Sample(inputs, {**(parameters or {}), "reduction": r})
            for r in REDUCTIONS for inputs in samples]


def reduced(losses: Any, reduction: str) -> Any:
    """In plain NumPy, for oracles."""
    return losses if reduction == "none" else getattr(np, reduction)(losses)


# --- of a difference -----------------------------------------------------------------------------


def _pairs(*parameters: dict[str, Any]) -> Any:
    def make(rng: Rng) -> list[Sample]:
        samples = []
        for choice in parameters or ({},):
            pairs = []
            for shape in ((4, 2), (5,), (), (1, 1)):
                a = rng.standard_normal(shape)
                size = rng.choice([0.3, 0.7, 1.4, 2.3], shape)  # away from the kinks
                pairs.append((a, np.asarray(a + size * rng.choice([-1, 1], shape))))
            empty = (np.zeros((0, 2)), np.zeros((0, 2)))
            samples += [*with_reductions(pairs, choice), Sample(empty, choice)]
        return samples

    return staticmethod(make)


class _OfDifference(Loss):
    """Base of the losses v(d) of a difference d = a - b.

    dL/da = dL/dy * v'(d) = -dL/db
    """

    broadcasts = True
    floats = True

    def slope(self, d: Any) -> Any:
        """v'(d)."""
        raise NotImplementedError

    def in_one_pass(self, a: Any, b: Any) -> bool:
        """Return whether a kernel may sum the losses as it makes them: both are arrays, of one
        shape, and not empty."""
        return (self.reduction != "none"
                and getattr(a, "shape", 0) == getattr(b, "shape", 1) and a.size > 0)

    def backward(self, dy: Any, a: Any, b: Any, needs: Any) -> Any:
        d = a - b
        share = self.slope(d) * self.share(dy, d.size)
        return share if needs[0] else None, -share if needs[1] else None


class SquaredError(_OfDifference):
    """y = (a - b)**2.    dL/da = dL/dy * 2 (a - b) = -dL/db"""

    numpy = staticmethod(lambda a, b, reduction="none": reduced((a - b) ** 2, reduction))
    samples = _pairs()

    def forward(self, a: Array, b: Array) -> Array:
        if not self.in_one_pass(a, b):
            d = a - b
            return self.reduce(d * d)
        return self.kernels.squared_distance(a, b) * self.part(a.size)

    def backward_kernel(self, dy: Array, a: Array, b: Array, needs: Any) -> Any:
        if not self.in_one_pass(a, b):
            return self.backward(dy, a, b, needs)
        share = self.kernels.scaled_difference(a, b, 2 * self.share(dy, a.size))
        return share if needs[0] else None, -share if needs[1] else None

    def slope(self, d: Any) -> Any:
        return 2 * d


class AbsoluteError(_OfDifference):
    """y = |a - b|.    dL/da = dL/dy * sign(a - b) = -dL/db, and 0 where a = b"""

    numpy = staticmethod(lambda a, b, reduction="none": reduced(np.abs(a - b), reduction))
    samples = _pairs()

    def forward(self, a: Array, b: Array) -> Array:
        return self.reduce(abs(a - b))

    def slope(self, d: Any) -> Any:
        return self.xp.sign(d)


def _huber(a: Any, b: Any, delta: float, scale: float = 1.0, reduction: str = "none") -> Any:
    d = np.abs(a - b)
    losses = np.where(d <= delta, 0.5 * d * d, delta * (d - 0.5 * delta))
    return reduced(scale * losses, reduction)


class HuberError(_OfDifference):
    """y = scale * d**2 / 2 where |d| <= delta, else scale * delta (|d| - delta / 2); d = a - b.

    dL/da = dL/dy * scale * (d clamped to [-delta, delta]) = -dL/db
    (Huber 1964; with scale = 1 / delta it is the smooth L1 of Girshick 2015)
    """

    numpy = staticmethod(_huber)
    samples = _pairs({"delta": 1.0, "scale": 1.0}, {"delta": 0.5, "scale": 2.0})

    def __init__(self, delta: float, scale: float = 1.0, reduction: str = "none") -> None:
        self.delta, self.scale, self.reduction = delta, scale, reduction

    def forward(self, a: Array, b: Array) -> Array:
        if self.in_one_pass(a, b):
            total = self.kernels.huber_distance(a, b, self.delta)
            return total * (self.scale * self.part(a.size))
        d = a - b
        clamped = self.xp.clip(d, -self.delta, self.delta)
        return self.reduce(clamped * (d - 0.5 * clamped) * self.scale)

    def backward_kernel(self, dy: Array, a: Array, b: Array, needs: Any) -> Any:
        if not self.in_one_pass(a, b):
            return self.backward(dy, a, b, needs)
        factor = self.scale * self.share(dy, a.size)
        share = self.kernels.clamped_difference(a, b, self.delta, factor)
        return share if needs[0] else None, -share if needs[1] else None

    def slope(self, d: Any) -> Any:
        return self.xp.clip(d, -self.delta, self.delta) * self.scale


# --- of logits -----------------------------------------------------------------------------------


class BinaryCrossEntropy(Loss):
    """y = max(z, 0) - z t + log(1 + exp(-|z|)), element-wise: the loss -t log a - (1-t) log(1-a)
    of a = sigmoid(z), without its overflow.

    dL/dz = dL/dy * (sigmoid(z) - t),  dL/dt = -dL/dy * z
    """

    broadcasts = True
    floats = True
    numpy = staticmethod(
        lambda z, t, reduction="none": reduced(
            t * np.logaddexp(0, -z) + (1 - t) * np.logaddexp(0, z), reduction,
        )
    )
    samples = staticmethod(
        lambda rng: [
            *with_reductions(
                [(rng.standard_normal(s) * 3, rng.uniform(0, 1, s)) for s in ((4, 1), (5,), ())]
            ),
            Sample((np.zeros((0, 2)), np.zeros((0, 2)))),
        ]
    )

    def forward(self, z: Array, t: Array) -> Array:
        return self.reduce(self.kernels.binary_cross_entropy(z, t))

    def backward(self, dy: Any, z: Any, t: Any, needs: Any) -> Any:
        d = self.share(dy, z.size)
        return d * (self.kernels.sigmoid(z) - t), (-d * z if needs[1] else None)

    def backward_kernel(self, dy: Array, z: Array, t: Array, needs: Any) -> Any:
        dz = None
        if needs[0]:
            dz = self.kernels.binary_cross_entropy_backward(dy, z, t, self.part(z.size))
        return dz, (-self.share(dy, z.size) * z if needs[1] else None)


class BinaryCrossEntropyOfProbabilities(Loss):
    """y = -t log(p) - (1 - t) log(1 - p), element-wise, with logarithms of at least -100.

    dL/dp = dL/dy * (p - t) / max(p (1 - p), 1e-12),  dL/dt = dL/dy * (log(1 - p) - log(p))
    """

    broadcasts = True
    floats = True
    numpy = staticmethod(
        lambda p, t, reduction="none": reduced(
            -t * np.log(np.maximum(p, np.exp(-100.0)))
            - (1 - t) * np.log(np.maximum(1 - p, np.exp(-100.0))), reduction,
        )
    )
    samples = staticmethod(
        lambda rng: [
            *with_reductions(
                [(rng.uniform(0.1, 0.9, s), rng.uniform(0, 1, s)) for s in ((4, 1), (5,), ())]
            ),
            Sample((np.zeros((0, 2)), np.zeros((0, 2)))),
        ]
    )

    def logs(self, p: Any) -> tuple[Any, Any]:
        """log(p) and log(1 - p), each at least -100."""
        xp = self.xp
        hit, miss = (xp.log(xp.maximum(a, SMALLEST)) for a in (p, 1 - p))
        return xp.maximum(hit, -100.0), xp.maximum(miss, -100.0)

    def forward(self, p: Array, t: Array) -> Array:
        hit, miss = self.logs(p)
        return self.reduce(-(t * hit + (1 - t) * miss))

    def backward(self, dy: Any, p: Any, t: Any, needs: Any) -> Any:
        d = self.share(dy, p.size)
        dt = None
        if needs[1]:
            hit, miss = self.logs(p)
            dt = d * (miss - hit)
        # The slope of the clamped logarithm would be 0 at p = 0, and endless beside it.
        return d * (p - t) / self.xp.maximum(p * (1 - p), 1e-12), dt


def _by_reduction(op: type[Loss]) -> dict[str, Any]:
    return {r: function(op(r)) for r in REDUCTIONS}


squared_error = _by_reduction(SquaredError)
absolute_error = _by_reduction(AbsoluteError)
binary_cross_entropy_of_logits = _by_reduction(BinaryCrossEntropy)
binary_cross_entropy_of_probabilities = _by_reduction(BinaryCrossEntropyOfProbabilities)


def huber_error(a: Any, b: Any, delta: float, scale: float, reduction: str) -> Any:
    """scale times the Huber loss of a - b."""
    return function_of(HuberError, float(delta), float(scale), reduction)(a, b)


# --- of rows of logits and their labels ----------------------------------------------------------


def _labelled(rng: Rng) -> list[Sample]:
    shapes = ((4, 3), (1, 5), (3, 1))
    samples: list[tuple[Any, ...]] = [
        (rng.standard_normal((m, c)) * 2, rng.integers(0, c, m)) for m, c in shapes
    ]
    return [
        *with_reductions(samples), *with_reductions(samples, {"smoothing": 0.2}),
        Sample((np.zeros((0, 4)), np.zeros(0, np.int64))),
    ]


def _numpys(z: Any, labels: Any, reduction: str = "none", smoothing: float = 0.0) -> Any:
    logs = np.log(softmax_of(z, 1))
    hits = logs[np.arange(len(z)), labels]
    return reduced(-(1 - smoothing) * hits - smoothing * logs.mean(axis=1), reduction)


class CrossEntropy(Loss):
    """y = -log softmax(logits)[label], one for each row; logits (m, classes), labels (m,).

    dL/dlogits = dL/dy * (softmax(logits) - onehot(label))
    `smoothing`: that part of onehot is spread evenly over the classes (Szegedy et al. 2016).
    """

    extras = ("tops", "exp_sums")  # largest logit of each row, sum(exp(logits - top))
    numpy = staticmethod(_numpys)
    samples = staticmethod(_labelled)

    def __init__(self, reduction: str = "none", smoothing: float = 0.0) -> None:
        self.reduction, self.smoothing = reduction, smoothing

    def forward(self, logits: Array, labels: Array) -> Any:
        losses, tops, exp_sums = self.kernels.cross_entropy(logits, labels, self.smoothing)
        return self.reduce(losses), tops, exp_sums

    def backward(
        self, dy: Any, logits: Any, labels: Any, tops: Any, exp_sums: Any, needs: Any
    ) -> Any:
        d = self.share(dy, logits.shape[0])
        labels = getattr(labels, "_data", labels)
        onehot = labels[:, None] == _range_like(labels, logits.shape[1])
        target = onehot * (1.0 - self.smoothing) + self.smoothing / logits.shape[1]
        # Both extras depend on the logits; to be differentiated, the softmax is computed again.
        e = self.xp.exp(logits - logits.max(axis=1, keepdims=True))
        dlogits = e / summed(e, 1, keepdims=True) - target.astype(logits.dtype)
        return dlogits * (d if d.ndim == 0 else d[:, None]), None

    def backward_kernel(
        self, dy: Array, logits: Array, labels: Array, tops: Array, exp_sums: Array, needs: Any
    ) -> Any:
        part = self.part(logits.shape[0])
        return self.kernels.cross_entropy_backward(
            dy, logits, labels, tops, exp_sums, self.smoothing, part), None


def _range_like(labels: Array, count: int) -> Array:
    """0 ... count - 1 on the device of `labels`, if there are any labels."""
    one = labels[:1] * 0 + 1
    return one.reshape(-1, 1).repeat(count, axis=1).cumsum(axis=1) - 1  # (1 or 0, count)


def _picked(rng: Rng) -> list[Sample]:
    return [Sample((rng.standard_normal((m, c)), rng.integers(0, c, m)))
            for m, c in ((4, 3), (1, 1), (0, 2))]


class Pick(Op):
    """y[i] = x[i, places[i]], one element of each row.    dL/dx = dL/dy there, 0 elsewhere"""

    numpy = staticmethod(lambda x, places: x[np.arange(len(x)), places])
    samples = staticmethod(_picked)

    def forward(self, x: Array, places: Array) -> Array:
        return x[self.xp.arange(x.shape[0]), places]

    def backward(self, dy: Any, places: Any, shapes: Any) -> Any:
        places = getattr(places, "_data", places)
        here = places[:, None] == _range_like(places, shapes[0][1])
        return dy[:, None] * here, None

    def backward_kernel(self, dy: Array, places: Array, shapes: Any) -> Any:
        dx = self.xp.zeros(shapes[0], dtype=dy.dtype)
        dx[self.xp.arange(shapes[0][0]), places] = dy
        return dx, None


pick = function(Pick())


def cross_entropy_of_rows(z: Any, labels: Any, reduction: str, smoothing: float = 0.0) -> Any:
    """The losses of rows of logits (m, classes) against labels (m,) in range."""
    return function_of(CrossEntropy, reduction, float(smoothing))(z, labels)
