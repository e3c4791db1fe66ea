"""Optimizers and learning-rate schedules: PyTorch's names, arguments and numbers."""

from .._util.namespaces import answer_wrong_names as _answer_wrong_names
from .._util.namespaces import public_names as _public_names
from . import lr_scheduler as lr_scheduler
from . import swa_utils as swa_utils
from .ada import Adadelta as Adadelta
from .ada import Adagrad as Adagrad
from .adafactor import Adafactor as Adafactor
from .adam import Adam as Adam
from .adam import AdamW as AdamW
from .adams import LAMB as LAMB
from .adams import Adamax as Adamax
from .adams import NAdam as NAdam
from .adams import RAdam as RAdam
from .asgd import ASGD as ASGD
from .lbfgs import LBFGS as LBFGS
from .lion import Lion as Lion
from .muon import Muon as Muon
from .optimizer import Optimizer as Optimizer
from .rmsprop import RMSprop as RMSprop
from .rprop import Rprop as Rprop
from .sgd import SGD as SGD
from .sparse_adam import SparseAdam as SparseAdam
from .swa_utils import AveragedModel as AveragedModel
from .swa_utils import ExponentialMovingAverage as ExponentialMovingAverage


def __dir__() -> list[str]:
    return _public_names(globals(), "lr_scheduler", "swa_utils")

_answer_wrong_names(globals())
