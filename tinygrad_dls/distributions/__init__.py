"""Probability distributions: densities with gradients, samples, entropies, divergences.

PyTorch's names and numbers. Parameters are numbers, arrays or tensors that broadcast. `sample`
draws without history; `rsample` draws so that gradients reach the parameters (Kingma and Welling
2014); `log_prob` of samples is what a policy gradient multiplies (Williams 1992).

    policy = distributions.Categorical(logits=network(state))
    action = policy.sample()
    loss = -policy.log_prob(action) * reward
"""

from .._util.namespaces import answer_wrong_names as _answer_wrong_names
from .._util.namespaces import public_names as _public_names
from .bernoulli import Bernoulli as Bernoulli
from .categorical import Categorical as Categorical
from .categorical import OneHotCategorical as OneHotCategorical
from .cauchy import Cauchy as Cauchy
from .distribution import Distribution as Distribution
from .divergence import kl_divergence as kl_divergence
from .independent import Independent as Independent
from .normal import LogNormal as LogNormal
from .normal import Normal as Normal
from .uniform import Exponential as Exponential
from .uniform import Uniform as Uniform


def __dir__() -> list[str]:
    return _public_names(globals())


_answer_wrong_names(globals())
