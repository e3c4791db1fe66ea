"""Losses as modules. `reduction`: "mean", "sum", or "none" for one loss each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..tensors import Tensor
from . import functional as F
from .module import Module


class _Loss(Module):
    """Base of the losses: how the losses of the examples become one number."""

    def __init__(self, reduction: str = "mean") -> None:
        self.reduction = reduction


class MSELoss(_Loss):
    """Mean squared error: the mean of (input - target)**2.

    `reduction`, here and in all losses: "mean", "sum", or "none" for a loss of each element.
    Shape: any, all of one shape.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.MSELoss()(dls.tensor([1.0, 2.0]), dls.tensor([1.0, 5.0]))
    Tensor(4.5)
    """

    def forward(self, input: Tensor, target: Any) -> Tensor:
        return F.mse_loss(input, target, self.reduction)


class L1Loss(_Loss):
    """Mean absolute error: the mean of |input - target|.

    Shape: any, all of one shape.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.L1Loss()(dls.tensor([1.0, 2.0]), dls.tensor([1.0, 5.0]))
    Tensor(1.5)
    """

    def forward(self, input: Tensor, target: Any) -> Tensor:
        return F.l1_loss(input, target, self.reduction)


class SmoothL1Loss(_Loss):
    """Smooth absolute error: d**2 / (2 beta) where |d| < beta, else |d| - beta / 2.

    d = input - target (Girshick 2015).
    Shape: any, all of one shape.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.SmoothL1Loss(reduction="none")(dls.tensor([0.5, 3.0]), dls.tensor([0.0, 0.0]))
    Tensor([0.125, 2.5  ])
    """

    def __init__(self, reduction: str = "mean", beta: float = 1.0) -> None:
        super().__init__(reduction)
        self.beta = beta

    def forward(self, input: Tensor, target: Any) -> Tensor:
        return F.smooth_l1_loss(input, target, self.reduction, self.beta)


class HuberLoss(_Loss):
    """Huber's error: d**2 / 2 where |d| <= delta, else delta (|d| - delta / 2).

    d = input - target; it is delta times `SmoothL1Loss` with beta = delta (Huber 1964).
    Shape: any, all of one shape.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.HuberLoss("none", delta=2.0)(dls.tensor([1.0, 3.0]), dls.tensor([0.0, 0.0]))
    Tensor([0.5, 4. ])
    """

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction)
        self.delta = delta

    def forward(self, input: Tensor, target: Any) -> Tensor:
        return F.huber_loss(input, target, self.reduction, self.delta)


class SoftMarginLoss(_Loss):
    """Logistic loss: log(1 + exp(-target * input)), targets 1 and -1.

    Shape: any, all of one shape.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.SoftMarginLoss(reduction="none")(dls.tensor([2.0, 2.0]), dls.tensor([1.0, -1.0]))
    Tensor([0.1269, 2.1269])
    """

    def forward(self, input: Tensor, target: Any) -> Tensor:
        return F.soft_margin_loss(input, target, self.reduction)


class _MarginLoss(_Loss):
    """Base of the losses whose first option is a margin."""

    def __init__(self, margin: float = 0.0, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.margin = margin


class HingeEmbeddingLoss(_MarginLoss):
    """Hinge of distances: x where the target is 1, max(0, margin - x) where it is -1.

    Shape: any, all of one shape.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> loss = nn.HingeEmbeddingLoss(reduction="none")
    >>> loss(dls.tensor([0.25, 0.25]), dls.tensor([1.0, -1.0]))
    Tensor([0.25, 0.75])
    """

    def __init__(self, margin: float = 1.0, reduction: str = "mean") -> None:
        super().__init__(margin, reduction)

    def forward(self, input: Tensor, target: Any) -> Tensor:
        return F.hinge_embedding_loss(input, target, self.margin, self.reduction)


class CosineEmbeddingLoss(_MarginLoss):
    """Loss of the angle between vectors: 1 - cos where the target is 1, else max(0, cos - margin).

    Shape: x1 and x2 (m, d), targets (m,) 1 or -1.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> a, b = dls.tensor([[1.0, 0.0], [1.0, 0.0]]), dls.tensor([[0.0, 1.0], [2.0, 0.0]])
    >>> nn.CosineEmbeddingLoss(reduction="none")(a, b, dls.tensor([1.0, -1.0]))
    Tensor([1., 1.])
    """

    def forward(self, input1: Tensor, input2: Tensor, target: Any) -> Tensor:
        return F.cosine_embedding_loss(input1, input2, target, self.margin, self.reduction)


class MarginRankingLoss(_MarginLoss):
    """Hinge of a difference: max(0, -target (input1 - input2) + margin), targets 1 and -1.

    Target 1: input1 is to be the larger one.
    Shape: any, all of one shape.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> a, b = dls.tensor([2.0, 2.0]), dls.tensor([0.0, 3.0])
    >>> nn.MarginRankingLoss(margin=0.5, reduction="none")(a, b, dls.tensor([1.0, 1.0]))
    Tensor([0. , 1.5])
    """

    def forward(self, input1: Tensor, input2: Tensor, target: Any) -> Tensor:
        return F.margin_ranking_loss(input1, input2, target, self.margin, self.reduction)


class TripletMarginLoss(_Loss):
    """Hinge of two distances: max(0, |anchor - positive| - |anchor - negative| + margin).

    Distances of `nn.PairwiseDistance(p, eps)`; `swap` takes the smaller one of |anchor -
    negative| and |positive - negative| (Schroff et al. 2015). Shape: three times (m, d).

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> anchor, near, far = dls.tensor([[0.0]]), dls.tensor([[1.0]]), dls.tensor([[1.5]])
    >>> nn.TripletMarginLoss(margin=1.0)(anchor, near, far).round(decimals=3)
    Tensor(0.5)
    """

    def __init__(
        self, margin: float = 1.0, p: float = 2.0, eps: float = 1e-6, swap: bool = False,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction)
        self.margin, self.p, self.eps, self.swap = margin, p, eps, swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        return F.triplet_margin_loss(
            anchor, positive, negative, self.margin, self.p, self.eps, self.swap, self.reduction
        )


class TripletMarginWithDistanceLoss(_Loss):
    """TripletMarginLoss with a distance of your own: max(0, d(a, p) - d(a, n) + margin).

    `distance_function(x, y)` gives a distance for each pair; `nn.PairwiseDistance()` by default.
    Shape: three times one shape that the distance function takes.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> def squares(x, y):
    ...     return ((x - y) ** 2).sum(1)
    >>> loss = nn.TripletMarginWithDistanceLoss(distance_function=squares)
    >>> loss(dls.tensor([[0.0]]), dls.tensor([[1.0]]), dls.tensor([[1.25]]))
    Tensor(0.4375)
    """

    def __init__(
        self, *, distance_function: Callable[[Any, Any], Tensor] | None = None,
        margin: float = 1.0, swap: bool = False, reduction: str = "mean",
    ) -> None:
        super().__init__(reduction)
        self.distance_function, self.margin, self.swap = distance_function, margin, swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        return F.triplet_margin_with_distance_loss(
            anchor, positive, negative, distance_function=self.distance_function,
            margin=self.margin, swap=self.swap, reduction=self.reduction,
        )


class KLDivLoss(_Loss):
    """Kullback-Leibler divergence: target (log(target) - input), input of log-probabilities.

    `reduction` "batchmean", the sum divided by the batch, is the divergence itself; "mean"
    divides by the number of elements. `log_target`: the target holds logarithms, too.
    Shape: any, all of one shape.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> p, q = dls.tensor([[0.5, 0.5]]), dls.tensor([[0.9, 0.1]])
    >>> nn.KLDivLoss(reduction="batchmean")(dls.log(q), p)
    Tensor(0.5108)
    """

    def __init__(self, reduction: str = "mean", log_target: bool = False) -> None:
        super().__init__(reduction)
        self.log_target = log_target

    def forward(self, input: Tensor, target: Any) -> Tensor:
        return F.kl_div(input, target, self.reduction, self.log_target)


class PoissonNLLLoss(_Loss):
    """Negative log-likelihood of counts: exp(input) - target * input.

    With `log_input=False`, input is the mean itself: input - target log(input + eps). `full` adds
    Stirling's approximation of log(target!) where target > 1.
    Shape: any, all of one shape.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.PoissonNLLLoss()(dls.tensor([0.0, 1.0]), dls.tensor([1.0, 2.0]))
    Tensor(0.8591)
    """

    def __init__(
        self, log_input: bool = True, full: bool = False, eps: float = 1e-8,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction)
        self.log_input, self.full, self.eps = log_input, full, eps

    def forward(self, log_input: Tensor, target: Any) -> Tensor:
        return F.poisson_nll_loss(
            log_input, target, self.log_input, self.full, self.eps, self.reduction
        )


class GaussianNLLLoss(_Loss):
    """Negative log-likelihood of normal distributions: (log(var) + (input - target)**2 / var) / 2.

    Call it with (input, target, var). var is clamped at `eps` from below; `full` adds
    log(2 pi) / 2.
    Shape: input and target any, of one shape; `var` of that shape, or without its last axis.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.GaussianNLLLoss()(dls.tensor([1.0]), dls.tensor([3.0]), dls.tensor([4.0]))
    Tensor(1.1931)
    """

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.full, self.eps = full, eps

    def forward(self, input: Tensor, target: Any, var: Any) -> Tensor:
        return F.gaussian_nll_loss(input, target, var, self.full, self.eps, self.reduction)


class CTCLoss(_Loss):
    """Connectionist temporal classification: the labels of a sequence longer than they are.

    -log of the summed probabilities of all ways to spread the labels over the steps, with
    repetitions and blanks between (Graves et al. 2006).

    Shape: log-probabilities (T, N, C) or (T, C), targets (N, S) or one after the other, lengths
    of both (N,). "mean" divides each loss by its number of labels first. `zero_infinity`: 0 for
    targets that cannot fit into their steps; see `F.ctc_loss`.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> log_probs = dls.log(dls.full((2, 1, 2), 0.5))  # 2 steps, blank and label 1 equally likely
    >>> nn.CTCLoss()(log_probs, dls.tensor([[1]]), [2], [1])  # -log(3/4): "1-", "-1" and "11"
    Tensor(0.2877)
    """

    def __init__(
        self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False
    ) -> None:
        super().__init__(reduction)
        self.blank, self.zero_infinity = blank, zero_infinity

    def forward(
        self, log_probs: Tensor, targets: Any, input_lengths: Any, target_lengths: Any
    ) -> Tensor:
        return F.ctc_loss(
            log_probs, targets, input_lengths, target_lengths, self.blank, self.reduction,
            self.zero_infinity,
        )


class _WeightedLoss(_Loss):
    """With a `weight` that moves with the module: of the classes, or of the examples."""

    weight: Tensor | None

    def __init__(self, weight: Tensor | None = None, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.register_buffer("weight", weight)


class BCELoss(_WeightedLoss):
    """Binary cross-entropy of probabilities p: -(t log(p) + (1 - t) log(1 - p)).

    Shape: probabilities and targets t, both in [0, 1], of one shape. Logarithms are clamped at
    -100. `nn.BCEWithLogitsLoss` takes logits and is exact where p rounds to 0 or 1.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.BCELoss()(dls.tensor([0.9, 0.5]), dls.tensor([1.0, 0.0]))
    Tensor(0.3993)
    """

    def forward(self, input: Tensor, target: Any) -> Tensor:
        return F.binary_cross_entropy(input, target, self.weight, self.reduction)


class BCEWithLogitsLoss(_WeightedLoss):
    """Binary cross-entropy of logits x: -(t log(sigmoid(x)) + (1 - t) log(sigmoid(-x))).

    Computed without overflow. Shape: logits and targets t in [0, 1] of one shape. `pos_weight`:
    a factor for the term of the targets 1, by class.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.BCEWithLogitsLoss()(dls.tensor([0.0, 200.0]), dls.tensor([1.0, 0.0]))
    Tensor(100.3466)
    """

    pos_weight: Tensor | None

    def __init__(
        self, weight: Tensor | None = None, reduction: str = "mean",
        pos_weight: Tensor | None = None,
    ) -> None:
        super().__init__(weight, reduction)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input: Tensor, target: Any) -> Tensor:
        return F.binary_cross_entropy_with_logits(
            input, target, self.weight, self.reduction, self.pos_weight
        )


class MultiLabelSoftMarginLoss(_WeightedLoss):
    """Binary cross-entropy of logits, averaged over the classes, the last axis.

    Shape: logits and targets 0 or 1 (m, classes). `weight` (classes,).

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.MultiLabelSoftMarginLoss()(dls.tensor([[0.0, 9.0]]), dls.tensor([[1.0, 1.0]]))
    Tensor(0.3466)
    """

    def forward(self, input: Tensor, target: Any) -> Tensor:
        return F.multilabel_soft_margin_loss(input, target, self.weight, self.reduction)


class MultiMarginLoss(_WeightedLoss):
    """Hinge of classes: (sum over j != label of max(0, margin - x[label] + x[j])**p) / classes.

    Shape: x (m, classes), labels (m,). `weight` (classes,) weighs the labels.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.MultiMarginLoss()(dls.tensor([[1.0, 0.5, 3.0]]), dls.tensor([0]))
    Tensor(1.1667)
    """

    def __init__(
        self, p: int = 1, margin: float = 1.0, weight: Tensor | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight, reduction)
        self.p, self.margin = p, margin

    def forward(self, input: Tensor, target: Any) -> Tensor:
        return F.multi_margin_loss(
            input, target, self.p, self.margin, self.weight, self.reduction
        )


class NLLLoss(_WeightedLoss):
    """Negative log-likelihood: -x[label] of log-probabilities x.

    Shape: x (m, classes, ...) and labels (m, ...). `weight` and `ignore_index` as
    `CrossEntropyLoss`, which is `nn.LogSoftmax` followed by this.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> x = dls.log(dls.tensor([[0.25, 0.75]]))
    >>> nn.NLLLoss()(x, dls.tensor([0]))
    Tensor(1.3863)
    """

    def __init__(
        self, weight: Tensor | None = None, ignore_index: int = -100, reduction: str = "mean"
    ) -> None:
        super().__init__(weight, reduction)
        self.ignore_index = ignore_index

    def forward(self, input: Tensor, target: Any) -> Tensor:
        return F.nll_loss(input, target, self.weight, self.ignore_index, self.reduction)


class CrossEntropyLoss(_WeightedLoss):
    """Cross-entropy of the softmax of logits: -log(exp(x[label]) / sum of exp(x)).

    Shape: logits (m, classes, ...) and labels (m, ...), whole numbers, or probabilities
    (m, classes, ...); one example without m. `weight` (classes,) weighs the labels, and the mean
    is then divided by the sum of weights. Labels equal to `ignore_index` do not count.
    `label_smoothing` s: targets 1 - s + s / classes and s / classes.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> loss = nn.CrossEntropyLoss()
    >>> loss(dls.tensor([[0.0, 0.0], [0.0, 9.0]]), dls.tensor([0, 1]))
    Tensor(0.3466)
    """

    def __init__(
        self, weight: Tensor | None = None, ignore_index: int = -100, reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight, reduction)
        self.ignore_index, self.label_smoothing = ignore_index, label_smoothing

    def forward(self, input: Tensor, target: Any) -> Tensor:
        return F.cross_entropy(
            input, target, self.weight, self.ignore_index, self.reduction, self.label_smoothing
        )
