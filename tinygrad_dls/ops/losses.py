"""Softmax and the losses of Courses 1 and 2, from logits: stable, and one kernel each."""

from typing import Any

import numpy as np

from ..arguments import is_amount
from ..autograd import Array, as_tensor
from ..device import default_device
from ..dtypes import default_dtype
from ..errors import DataError, DeviceError, DtypeError, ShapeError
from .call import function, function_of, operand
from .elementwise import cast, log
from .indexing import check_places
from .op import Op
from .reduction import max as max_of
from .reduction import mean as mean_of
from .reduction import normal_axis
from .reduction import sum as sum_of
from .samples import Rng, Sample, samples_of

ROUNDING = 1e-3  # probabilities that were mixed or averaged may pass 0 and 1 by this


def _softmax(z: Any, axis: int) -> Any:
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


class Softmax(Op):
    """y = exp(x) / sum of exp(x) along an axis.    dL/dx = y * (dL/dy - sum(dL/dy * y))"""

    floats = True
    numpy = staticmethod(_softmax)
    samples = samples_of(
        ([(3, 4)], {"axis": 1}), ([(3, 4)], {"axis": 0}), ([(5,)], {"axis": -1}),
        ([(2, 3, 2)], {"axis": 1}), ([(0, 3)], {"axis": 1}),
    )

    def __init__(self, axis: int) -> None:
        self.axis = axis

    def forward(self, x: Array) -> Array:
        return self.kernels.softmax(x, self.axis)

    def backward(self, dy: Any, y: Any) -> Any:
        return y * (dy - (dy * y).sum(axis=self.axis, keepdims=True))


class LogSoftmax(Op):
    """y = x - log(sum of exp(x)) along an axis.    dL/dx = dL/dy - exp(y) * sum(dL/dy)"""

    floats = True
    numpy = staticmethod(lambda x, axis: np.log(_softmax(x, axis)))
    samples = Softmax.samples

    def __init__(self, axis: int) -> None:
        self.axis = axis

    def forward(self, x: Array) -> Array:
        return self.kernels.log_softmax(x, self.axis)

    def backward(self, dy: Any, y: Any) -> Any:
        return dy - self.xp.exp(y) * dy.sum(axis=self.axis, keepdims=True)


class Loss(Op):
    """Base of the losses: one number for each example, or their mean or sum."""

    def __init__(self, reduction: str = "none") -> None:
        self.reduction = reduction

    def reduce(self, losses: Any) -> Any:
        """The losses as `reduction` asks: "none", "sum" or "mean"."""
        if self.reduction == "none":
            return losses
        if self.reduction == "mean" and losses.size == 0:
            raise DataError("the mean of no losses: the batch is empty")
        total = losses.sum()
        return total * (1.0 / losses.size) if self.reduction == "mean" else total

    def share(self, dy: Any, count: int) -> Any:
        """dL/d(each loss): dy itself, or one number for all `count` of them."""
        return dy * (1.0 / count) if self.reduction == "mean" else dy


def _reductions(samples: list[tuple[Any, ...]]) -> list[Sample]:
    return [Sample(inputs, {"reduction": r}) for r in ("none", "mean", "sum") for inputs in samples]


def _reduced(losses: Any, reduction: str) -> Any:
    return losses if reduction == "none" else getattr(np, reduction)(losses)


def _labelled(rng: Rng) -> list[Sample]:
    shapes = ((4, 3), (1, 5), (3, 1))
    samples = [(rng.standard_normal((m, c)) * 2, rng.integers(0, c, m)) for m, c in shapes]
    return [*_reductions(samples), Sample((np.zeros((0, 4)), np.zeros(0, np.int64)))]


class CrossEntropy(Loss):
    """y = -log softmax(logits)[label], one for each row; logits (m, classes), labels (m,).

    dL/dlogits = dL/dy * (softmax(logits) - onehot(label))
    """

    numpy = staticmethod(
        lambda z, labels, reduction="none": _reduced(
            -np.log(_softmax(z, 1)[np.arange(len(z)), labels]), reduction
        )
    )
    samples = staticmethod(_labelled)

    def forward(self, logits: Array, labels: Array) -> Array:
        return self.reduce(self.kernels.cross_entropy(logits, labels))

    def backward(self, dy: Any, logits: Any, labels: Any, needs: Any) -> Any:
        d = self.share(dy, logits.shape[0])
        labels = getattr(labels, "_data", labels)
        onehot = labels[:, None] == _range_like(labels, logits.shape[1])
        e = self.xp.exp(logits - logits.max(axis=1, keepdims=True))
        dlogits = e / e.sum(axis=1, keepdims=True) - onehot
        return dlogits * (d if d.ndim == 0 else d[:, None]), None

    def backward_kernel(self, dy: Array, logits: Array, labels: Array, needs: Any) -> Any:
        d = self.share(dy, logits.shape[0])
        return self.kernels.cross_entropy_backward(d, logits, labels), None


def _range_like(labels: Array, count: int) -> Array:
    """0 ... count - 1 on the device of `labels`, whichever that is, where there are any labels."""
    one = labels[:1] * 0 + 1
    return one.reshape(-1, 1).repeat(count, axis=1).cumsum(axis=1) - 1  # (1 or 0, count)


class BinaryCrossEntropy(Loss):
    """y = max(z, 0) - z t + log(1 + exp(-|z|)), element-wise: the loss -t log a - (1-t) log(1-a)
    of a = sigmoid(z), without its overflow.

    dL/dz = dL/dy * (sigmoid(z) - t),  dL/dt = -dL/dy * z
    """

    broadcasts = True
    floats = True
    numpy = staticmethod(
        lambda z, t, reduction="none": _reduced(
            -t * np.log(1 / (1 + np.exp(-z))) - (1 - t) * np.log(1 - 1 / (1 + np.exp(-z))),
            reduction,
        )
    )
    samples = staticmethod(
        lambda rng: [
            *_reductions(
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
        d = self.share(dy, z.size)
        dz = self.kernels.binary_cross_entropy_backward(d, z, t) if needs[0] else None
        return dz, (-d * z if needs[1] else None)


_cross_entropy = {r: function(CrossEntropy(r)) for r in ("none", "mean", "sum")}
_binary_cross_entropy = {r: function(BinaryCrossEntropy(r)) for r in ("none", "mean", "sum")}


def softmax(x: Any, axis: int = -1) -> Any:
    """exp(x) / sum(exp(x)) along `axis`; the results along it are positive and sum to 1."""
    return function_of(Softmax, normal_axis(axis, x.ndim, "softmax"))(x)


def log_softmax(x: Any, axis: int = -1) -> Any:
    """log(softmax(x)) along `axis`, without taking the log of a 0."""
    return function_of(LogSoftmax, normal_axis(axis, x.ndim, "log_softmax"))(x)


def logsumexp(x: Any, axis: int = -1, keepdims: bool = False) -> Any:
    """log(sum(exp(x))) along `axis`, without overflow."""
    xp = x.device.xp
    largest = max_of(as_tensor(x._data, x.device), axis, keepdims=True)._data
    top = as_tensor(x.device.asarray(xp.where(xp.isfinite(largest), largest, 0.0)), x.device)
    y = log(sum_of((x - top).exp(), axis=axis, keepdims=True)) + top
    return y if keepdims else y.squeeze(axis)


def _named(losses: dict[str, Any], reduction: str) -> Any:
    if reduction not in losses:
        raise DataError(f"reduction is 'mean', 'sum' or 'none', not {reduction!r}")
    return losses[reduction]


def reduce_loss(losses: Any, reduction: str, weights: Any = None) -> Any:
    """Mean, sum or all ("none") of the losses; a mean divides by the sum of `weights` if given."""
    if reduction == "mean":
        return mean_of(losses) if weights is None else sum_of(losses) / sum_of(weights)
    if reduction == "sum":
        return sum_of(losses)
    if reduction == "none":
        return losses
    raise DataError(f"reduction is 'mean', 'sum' or 'none', not {reduction!r}")


def cross_entropy(
    logits: Any, labels: Any, weight: Any = None, ignore_index: int = -100,
    reduction: str = "mean", label_smoothing: float = 0.0,
) -> Any:
    """Softmax cross-entropy from logits (m, classes) and labels (m,); natural log.

    Labels are integers, or rows of probabilities (m, classes). `weight` (classes,) weighs the
    classes, rows labelled `ignore_index` count for nothing. DataError for a label out of range.
    """
    logits = operand(logits, default_device())
    labels = operand(labels, logits.device)
    if labels.device is not logits.device:
        raise DeviceError(
            f"logits on {logits.device} and labels on {labels.device}: "
            f"labels.to({str(logits.device)!r})"
        )
    if logits.dtype.kind != "f":
        logits = cast(logits, default_dtype())
    if logits.ndim != 2:
        raise ShapeError(f"cross_entropy takes logits (m, classes), not\n  {logits.shape}")
    classes = logits.shape[1]
    if weight is not None:
        weight = operand(weight, logits.device)
        if weight.shape != (classes,):
            raise ShapeError(
                f"one weight for each class:\n  logits  {logits.shape}\n  weight  {weight.shape}"
            )
    if label_smoothing and not (is_amount(label_smoothing) and label_smoothing <= 1):
        raise DataError(f"label_smoothing is a number from 0 to 1, not {label_smoothing!r}")
    if labels.dtype.kind == "f":
        return _soft_cross_entropy(logits, labels, weight, reduction, label_smoothing)
    if labels.dtype.kind not in "iu":
        raise DtypeError(f"labels are integers (or float probabilities), not {labels.dtype}")
    if labels.shape != logits.shape[:1]:
        flat = labels.size == logits.shape[0]
        raise ShapeError(
            f"one label for each row of logits:\n  logits  {logits.shape}\n  labels  {labels.shape}"
            + ("\nwould work: labels.reshape(-1)" if flat else "")
        )
    places = labels._data if hasattr(labels, "_data") else labels
    ignored = places == ignore_index
    plain = weight is None and not label_smoothing
    if logits.device.name == "cpu" and not ignored.any():
        check_places(places, classes, "label")
        if plain:
            return _named(_cross_entropy, reduction)(logits, labels)
    device = logits.device
    safe = device.xp.where(ignored, 0, places)
    if logits.device.name == "cpu":
        check_places(safe, classes, "label")
        if reduction == "mean" and ignored.all():
            raise DataError(f"the mean of no losses: all labels are {ignore_index}, the ignored")
    counted = as_tensor(~ignored, device).astype(logits.dtype)
    shares = counted if weight is None else counted * weight[as_tensor(safe, device)]
    losses = _cross_entropy["none"](logits, as_tensor(safe, device)) * shares
    if label_smoothing:
        logs = log_softmax(logits, 1)
        even = -(sum_of(logs if weight is None else logs * weight, axis=1)) * counted / classes
        losses = losses * (1 - label_smoothing) + even * label_smoothing
    return reduce_loss(losses, reduction, shares)


def _soft_cross_entropy(
    logits: Any, targets: Any, weight: Any, reduction: str, label_smoothing: float
) -> Any:
    if targets.shape != logits.shape:
        raise ShapeError(
            "labels are integers (m,); floats are probabilities, of the shape of the logits:\n"
            f"  logits         {logits.shape}\n  probabilities  {targets.shape}"
        )
    if logits.shape[1] == 1:
        raise DataError(
            "the cross-entropy of one class is 0 whatever it learns: for labels 0 and 1 take "
            "binary_cross_entropy_with_logits"
        )
    check_probabilities(targets, "probabilities")
    if label_smoothing:
        targets = targets * (1 - label_smoothing) + label_smoothing / logits.shape[1]
    logs = log_softmax(logits, 1) * targets
    losses = -sum_of(logs if weight is None else logs * weight, axis=1)
    return reduce_loss(losses, reduction)


def binary_cross_entropy_with_logits(
    logits: Any, targets: Any, weight: Any = None, reduction: str = "mean", pos_weight: Any = None
) -> Any:
    """Loss of sigmoid(logits) against targets in [0, 1] of the same shape; natural log."""
    logits = operand(logits, default_device())
    targets = operand(targets, logits.device)
    same_shape("binary_cross_entropy_with_logits", logits, targets)
    check_probabilities(targets, "targets")
    if weight is None and pos_weight is None:
        return _named(_binary_cross_entropy, reduction)(logits, targets)
    each = _binary_cross_entropy["none"]
    if pos_weight is None:
        losses = each(logits, targets)
    else:
        losses = pos_weight * targets * each(logits, 1.0) + (1 - targets) * each(logits, 0.0)
    weighted = losses if weight is None else losses * weight
    check_weighted(logits, weighted)
    return reduce_loss(weighted, reduction)


def mse_loss(prediction: Any, target: Any, reduction: str = "mean") -> Any:
    """(prediction - target)**2 of tensors of one shape."""
    prediction = operand(prediction, default_device())
    target = operand(target, prediction.device)
    same_shape("mse_loss", prediction, target)
    return reduce_loss((prediction - target) ** 2, reduction)


def check_probabilities(values: Any, what: str) -> None:
    """DataError if a tensor on the CPU has values outside [0, 1]; NaN passes, the loss shows it."""
    array = values._data
    if not isinstance(array, np.ndarray) or not array.size:
        return
    if values.device.kernels.any_outside(array, -ROUNDING, 1 + ROUNDING):
        low, high = array.min(), array.max()
        raise DataError(f"{what} lie between 0 and 1, these between {low:.4g} and {high:.4g}")


def check_weighted(examples: Any, losses: Any) -> None:
    """ShapeError if weights made other losses than one for each of the examples."""
    if losses.shape != examples.shape:
        raise ShapeError(
            "the weights do not fit, broadcasting would make other losses of them:\n"
            f"  examples  {examples.shape}\n  losses    {losses.shape}"
        )


def same_shape(name: str, prediction: Any, target: Any) -> None:
    """ShapeError unless both have one shape: (m, 1) against (m,) would silently make (m, m)."""
    if prediction.shape != target.shape:
        raise ShapeError(
            f"{name} takes two tensors of one shape; broadcasting here would hide a mistake:\n"
            f"  prediction  {prediction.shape}\n  target      {target.shape}"
            + (f"\nwould work: target.reshape({prediction.shape})"
               if prediction.size == target.size else "")
        )

