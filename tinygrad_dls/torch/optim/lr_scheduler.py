"""torch.optim.lr_scheduler: the core's schedules."""

from ...optim.lr_scheduler import ChainedScheduler as ChainedScheduler
from ...optim.lr_scheduler import ConstantLR as ConstantLR
from ...optim.lr_scheduler import CosineAnnealingLR as CosineAnnealingLR
from ...optim.lr_scheduler import CosineAnnealingWarmRestarts as CosineAnnealingWarmRestarts
from ...optim.lr_scheduler import CyclicLR as CyclicLR
from ...optim.lr_scheduler import ExponentialLR as ExponentialLR
from ...optim.lr_scheduler import InverseSquareRootDecay as InverseSquareRootDecay
from ...optim.lr_scheduler import InverseTimeDecay as InverseTimeDecay
from ...optim.lr_scheduler import LambdaLR as LambdaLR
from ...optim.lr_scheduler import LinearLR as LinearLR
from ...optim.lr_scheduler import LRScheduler as LRScheduler
from ...optim.lr_scheduler import MultiplicativeLR as MultiplicativeLR
from ...optim.lr_scheduler import MultiStepLR as MultiStepLR
from ...optim.lr_scheduler import OneCycleLR as OneCycleLR
from ...optim.lr_scheduler import PolynomialLR as PolynomialLR
from ...optim.lr_scheduler import ReduceLROnPlateau as ReduceLROnPlateau
from ...optim.lr_scheduler import SequentialLR as SequentialLR
from ...optim.lr_scheduler import StepLR as StepLR

_LRScheduler = LRScheduler
