"""Cross-entropy of rows of logits and their labels, and the taking of one element of each row."""

from typing import Any

import numpy as np

from ..backend.kernels.adding import summed
from ..engine.autograd import Array
from .call import function, function_of
from .losses import Loss, reduced, with_reductions
from .op import Op
from .samples import Rng, Sample
from .softmax import softmax_of


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
