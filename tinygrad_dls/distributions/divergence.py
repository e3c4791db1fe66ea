"""The Kullback-Leibler divergence of two distributions of a kind."""

from __future__ import annotations

import numpy as np

from .. import ops
from ..errors import DataError
from ..tensors import Tensor
from .bernoulli import Bernoulli
from .categorical import Categorical
from .cauchy import Cauchy
from .distribution import Distribution
from .independent import Independent
from .normal import Normal
from .uniform import Exponential, Uniform


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """KL(p || q): the mean of log p - log q over draws of p, in nats; 0 where they are the same.

    Of two distributions of one kind: normal (also lognormal), Bernoulli, categorical, uniform,
    exponential, and `Independent` of these. DataError for others. The loss of a variational
    autoencoder has it for the code beside a standard normal (Kingma and Welling 2014).

    >>> from tinygrad_dls import distributions
    >>> p, q = distributions.Normal(1.0, 1.0), distributions.Normal(0.0, 1.0)
    >>> distributions.kl_divergence(p, q)
    Tensor(0.5)
    """
    if isinstance(p, Independent) and isinstance(q, Independent):
        n = p.reinterpreted_batch_ndims
        if n == q.reinterpreted_batch_ndims:
            inner = kl_divergence(p.base_dist, q.base_dist)
            return ops.sum(inner, tuple(range(-n, 0))) if n else inner
    if isinstance(p, Normal) and isinstance(q, Normal) and type(p) is type(q):
        ratio = ops.square(p.scale / q.scale)
        shift = ops.square((p.loc - q.loc) / q.scale)
        return 0.5 * (ratio + shift - 1 - ops.log(ratio))  # type: ignore[no-any-return]
    if isinstance(p, Bernoulli) and isinstance(q, Bernoulli):
        one = p.probs * (ops.softplus(-q.logits) - ops.softplus(-p.logits))
        zero = (1 - p.probs) * (ops.softplus(q.logits) - ops.softplus(p.logits))
        return one + zero  # type: ignore[no-any-return]
    if isinstance(p, Categorical) and isinstance(q, Categorical):
        terms = p.probs * (p.logits - q.logits)
        impossible = (q.probs == 0).detach() & (p.probs > 0).detach()
        terms = ops.where(impossible, np.inf, terms)
        return ops.sum(ops.where((p.probs == 0).detach(), 0.0, terms), -1)  # type: ignore[no-any-return]
    if isinstance(p, Uniform) and isinstance(q, Uniform):
        inside = (p.low >= q.low).detach() & (p.high <= q.high).detach()
        ratio = ops.log((q.high - q.low) / (p.high - p.low))
        return ops.where(inside, ratio, np.inf)  # type: ignore[no-any-return]
    if isinstance(p, Exponential) and isinstance(q, Exponential):
        ratio = q.rate / p.rate
        return ratio - 1 - ops.log(ratio)  # type: ignore[no-any-return]
    if isinstance(p, Cauchy) and isinstance(q, Cauchy):
        apart = ops.square(p.scale + q.scale) + ops.square(p.loc - q.loc)
        return ops.log(apart / (4 * p.scale * q.scale))  # type: ignore[no-any-return]
    raise DataError(f"no divergence of {type(p).__name__} and {type(q).__name__} is known: take "
                    "the mean of p.log_prob(x) - q.log_prob(x) over samples x of p")
