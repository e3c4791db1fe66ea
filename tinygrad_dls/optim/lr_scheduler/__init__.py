"""Schedules: the learning rate as a function of the epoch. Call `step()` after each epoch.

(Or after each step: an epoch is whatever lies between two calls.) Schedules of one optimizer
multiply: each changes the rate by the factor by which its own formula changes, as in PyTorch.
Exceptions have the rate for themselves: LambdaLR, CosineAnnealingWarmRestarts, CyclicLR and
OneCycleLR.

Warm-up, linear over 5 epochs, then a cosine to 0 at epoch 100:

    warm = LinearLR(opt, start_factor=0.01, total_iters=5)
    rest = CosineAnnealingLR(opt, T_max=95)
    schedule = SequentialLR(opt, [warm, rest], milestones=[5])

The transformer's (Vaswani et al. 2017, section 5.3), with lr=1 and a step after each batch:

    LambdaLR(opt, lambda t: d_model**-0.5 * min((t + 1) ** -0.5, (t + 1) * warmup**-1.5))

Warm-up before any other schedule, the two multiplied:

    ChainedScheduler([LinearLR(opt, 0.1, total_iters=5), ExponentialLR(opt, 0.95)])
"""

from ..._util.namespaces import answer_wrong_names as _answer_wrong_names
from .base import LRScheduler as LRScheduler
from .cosine import CosineAnnealingLR as CosineAnnealingLR
from .cosine import CosineAnnealingWarmRestarts as CosineAnnealingWarmRestarts
from .course import InverseSquareRootDecay as InverseSquareRootDecay
from .course import InverseTimeDecay as InverseTimeDecay
from .cycles import CyclicLR as CyclicLR
from .cycles import OneCycleLR as OneCycleLR
from .decays import ConstantLR as ConstantLR
from .decays import ExponentialLR as ExponentialLR
from .decays import LinearLR as LinearLR
from .decays import MultiStepLR as MultiStepLR
from .decays import PolynomialLR as PolynomialLR
from .decays import StepLR as StepLR
from .functions import LambdaLR as LambdaLR
from .functions import MultiplicativeLR as MultiplicativeLR
from .plateau import ReduceLROnPlateau as ReduceLROnPlateau
from .together import ChainedScheduler as ChainedScheduler
from .together import SequentialLR as SequentialLR

_answer_wrong_names(globals())
