"""One loop that trains all models of word vectors: word2vec's and GloVe."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from .._util.keywords import near_names
from ..capturing import capture
from ..errors import DataError, ShapeError
from ..nn import Module
from ..optim import Adagrad, Adam
from ..random import Generator, chosen
from ..tensors import Tensor
from .glove import GloVe
from .word2vec import check_words


@near_names
def fit_word_vectors(
    model: Any, *examples: Any, epochs: int = 5, batch_size: int = 512, lr: float | None = None,
    generator: Generator | None = None, counting: Callable[[int], Iterable[int]] = range,
) -> list[float]:
    """Train a SkipGram, CBOW or GloVe on examples, arrays (n, ...); returns each epoch's loss.

    Examples are shuffled in each epoch; the last ones that fill no batch wait for another epoch.
    GloVe learns by AdaGrad (lr .05), as published, the others by Adam (lr .005), whose gradients
    touch only rows of the table that a batch looks up. DataError for words outside of the model's
    vocabulary, and where the loss is not finite any more. counting: `range`, or a range with a
    progress bar, as `lesson.steps("word vectors")` makes one.
    """
    arrays = [np.asarray(part) for part in examples]
    sizes = {len(part) for part in arrays}
    if len(sizes) != 1 or not sizes.copy().pop():
        raise ShapeError(f"examples are arrays of one length, not of {sorted(sizes)}")
    words = next(iter(model.parameters())).shape[0]
    for part in arrays:
        if part.dtype.kind in "iu":
            check_words(part, words)
    n = len(arrays[0])
    batch_size = min(batch_size, n)
    glove = isinstance(model, GloVe)
    rate = lr if lr is not None else (0.05 if glove else 0.005)
    optimizer = (Adagrad if glove else Adam)(model.parameters(), lr=rate)
    step = capture(_step_of(model, optimizer))
    source, losses = chosen(generator), []
    starts = range(0, n - batch_size + 1, batch_size)
    for epoch in counting(epochs):
        order, total = source.permutation(n), 0.0
        for start in starts:
            batch = [part[order[start:start + batch_size]] for part in arrays]
            batch += model.extras(*batch, generator=source)
            total += step(*(Tensor(_float32(part)) for part in batch)).item()
        losses.append(total / len(starts))
        if not np.isfinite(losses[-1]):
            raise DataError(f"the loss is {losses[-1]} in epoch {epoch + 1}: try a smaller lr "
                            f"than {rate:g}")
    return losses


def _step_of(model: Module, optimizer: Any) -> Any:
    def step(*batch: Any) -> Any:
        optimizer.zero_grad()
        loss = model(*batch)
        loss.backward()
        optimizer.step()
        return loss

    return step


def _float32(part: Any) -> Any:
    return part.astype(np.float32) if part.dtype == np.float64 else part
