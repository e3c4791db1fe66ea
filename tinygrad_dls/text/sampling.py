"""Drawing the next token: temperature, top-k, top-p and min-p."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._util.keywords import near_names
from ..errors import DataError
from ..random import Generator, chosen
from .operands import Array, as_given, log_probabilities, on_host, whole


@near_names
def sample(
    logits: Any, temperature: float = 1.0, top_k: int | None = None, top_p: float | None = None,
    min_p: float | None = None, generator: Generator | None = None,
) -> Any:
    """Draw one token for each row of logits (..., tokens); returns int64 (...).

    logits: an array or a tensor of logits or log-probabilities; the tokens come back as what went
    in. The options are those of `sampling_distribution`. Draws from `generator`, that of
    `dls.manual_seed` if None.

    >>> import numpy as np
    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import text
    >>> int(text.sample(np.log([0.1, 0.7, 0.2]), temperature=0))
    1
    >>> text.sample(np.zeros((4, 3)), generator=dls.Generator(0)).shape
    (4,)
    """
    chances = sampling_distribution(logits, temperature, top_k, top_p, min_p)
    drawn = chosen(generator).uniform(chances.shape[:-1], dtype="float64")
    sums = np.cumsum(chances, axis=-1)
    below = sums <= drawn[..., None] * sums[..., -1:]  # a token of chance 0 is never drawn
    tokens = below.sum(axis=-1, dtype=np.int64)
    return as_given(np.asarray(tokens), logits)


@near_names
def sampling_distribution(
    logits: Any, temperature: float = 1.0, top_k: int | None = None, top_p: float | None = None,
    min_p: float | None = None,
) -> Array:
    """The chances that `sample` draws from: float64 (..., tokens), on the host.

    First p = softmax(logits / temperature); 0 leaves only the largest. Then, each on what the one
    before left: top_k keeps the k largest; top_p the fewest tokens, largest first, whose chances
    sum to at least p (Holtzman et al. 2020); min_p those of at least min_p times the largest
    chance (Nguyen et al. 2024). Of equal ones the first stays.

    >>> import numpy as np
    >>> from tinygrad_dls import text
    >>> text.sampling_distribution(np.log([0.5, 0.3, 0.15, 0.05]), top_p=0.7)
    array([0.625, 0.375, 0.   , 0.   ])
    """
    scores = log_probabilities(on_host(logits))
    if not 0 <= temperature < np.inf:
        raise DataError(f"temperature is a number of at least 0, not {temperature!r}")
    if temperature == 0:
        return np.asarray(np.arange(scores.shape[-1]) == scores.argmax(-1)[..., None], np.float64)
    with np.errstate(over="ignore"):  # a tiny temperature makes -inf of small scores, rightly
        scores = (scores - scores.max(-1, keepdims=True)) / temperature
    chances = np.exp(scores)
    chances /= chances.sum(-1, keepdims=True)
    order = np.argsort(-chances, axis=-1, kind="stable")
    largest_first = np.take_along_axis(chances, order, -1)
    if top_k is not None:
        largest_first[..., whole("top_k", top_k):] = 0
    if top_p is not None:
        _check_share("top_p", top_p)
        shares = largest_first / largest_first.sum(-1, keepdims=True)
        before = np.cumsum(shares, axis=-1) - shares
        kept = before < top_p - 1e-12  # rounding lets in no token more
        kept[..., 0] = True
        largest_first = np.where(kept, largest_first, 0)
    if min_p is not None:
        _check_share("min_p", min_p)
        lowest = min_p * largest_first[..., :1] * (1 - 1e-12)
        largest_first = np.where(largest_first >= lowest, largest_first, 0)
    np.put_along_axis(chances, order, largest_first, -1)
    return np.asarray(chances / chances.sum(-1, keepdims=True))


def _check_share(name: str, value: float) -> None:
    if not 0 < value <= 1:
        raise DataError(f"{name} is a number above 0 and at most 1, not {value!r}")
