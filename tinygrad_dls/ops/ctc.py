"""Connectionist temporal classification: labels of sequences longer than they are."""

import itertools
from typing import Any

import numpy as np

from ..engine.autograd import Array
from .call import function_of
from .op import Op
from .samples import Rng, Sample


def _samples(rng: Rng) -> list[Sample]:
    cases: list[tuple[int, int, int, list[int], list[int], int]] = [
        (4, 2, 3, [4, 3], [2, 1], 0), (3, 1, 2, [3], [0], 0), (5, 1, 3, [5], [3], 2),
        (1, 2, 2, [1, 1], [1, 0], 1), (4, 2, 3, [2, 4], [1, 2], 0),
    ]
    samples = []
    for steps, batch, classes, input_lengths, target_lengths, blank in cases:
        z = rng.standard_normal((steps, batch, classes))
        symbols = [c for c in range(classes) if c != blank]
        targets = rng.choice(symbols, (batch, max(1, *target_lengths, 0)))
        samples.append(Sample(
            (z - np.log(np.exp(z).sum(axis=2, keepdims=True)), targets, np.array(input_lengths),
             np.array(target_lengths)), {"blank": blank},
        ))
    return samples


def _every_path(
    log_probs: Any, targets: Any, input_lengths: Any, target_lengths: Any, blank: int
) -> Any:
    """The definition: of all sequences of symbols those that collapse to the labels."""
    _, batch, classes = log_probs.shape
    losses = np.empty(batch, log_probs.dtype)
    for n in range(batch):
        wanted = tuple(targets[n, : target_lengths[n]])
        chance = 0.0
        for path in itertools.product(range(classes), repeat=int(input_lengths[n])):
            kept = [c for c, _ in itertools.groupby(path) if c != blank]
            if tuple(kept) == wanted:
                chance += np.exp(sum(log_probs[t, n, c] for t, c in enumerate(path)))
        losses[n] = -np.log(chance)
    return losses


class Ctc(Op):
    """y[n] = -log of the summed chance of all paths that collapse to the labels of example n.

    dL/dlog_probs[t, n, c] = -dL/dy[n] * (chance that such a path has symbol c at time t)
    log_probs (T, N, C), targets (N, S) beside the blank, both lengths (N,) (Graves et al. 2006).
    """

    in_float32 = True
    extras = ("alpha",)
    once = "its gradient is a fused pass over the sequence; take differences of first gradients"
    numpy = staticmethod(_every_path)
    samples = staticmethod(_samples)

    def __init__(self, blank: int = 0) -> None:
        self.blank = blank

    def forward(
        self, log_probs: Array, targets: Array, input_lengths: Array, target_lengths: Array
    ) -> Any:
        return self.kernels.ctc(log_probs, targets, input_lengths, target_lengths, self.blank)

    def backward(
        self, dy: Any, log_probs: Any, targets: Any, input_lengths: Any, target_lengths: Any,
        y: Any, alpha: Any,
    ) -> Any:
        share = self.kernels.ctc_backward(
            dy, log_probs, targets, input_lengths, target_lengths, y, alpha, self.blank
        )
        return share, None, None, None


def ctc(
    log_probs: Any, targets: Any, input_lengths: Any, target_lengths: Any, blank: int = 0
) -> Any:
    """The losses (N,) of log-probabilities (T, N, C) and labels (N, S); see `Ctc`."""
    return function_of(Ctc, int(blank))(log_probs, targets, input_lengths, target_lengths)
