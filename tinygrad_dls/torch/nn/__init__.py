"""torch.nn: the core's layers with tensors of this namespace as parameters."""

from typing import Any

from ..._util.namespaces import answer_wrong_names as _answer_wrong_names
from ..layout import lay_out as _lay_out
from . import functional as functional
from . import init as init
from . import modules as modules
from . import parallel as parallel
from . import parameter as parameter
from . import utils as utils
from .layers import ModuleDict as ModuleDict
from .layers import ModuleList as ModuleList
from .layers import Sequential as Sequential
from .layers import all_layers as _all_layers
from .module import Module as Module
from .parallel import DataParallel as DataParallel
from .parameter import Buffer as Buffer
from .parameter import Parameter as Parameter
from .parameter import UninitializedParameter as UninitializedParameter

_LAYERS = _all_layers(__name__)
globals().update(_LAYERS)
NLLLoss2d = _LAYERS["NLLLoss"]
_PLACED = {**_LAYERS, "Module": Module, "ModuleDict": ModuleDict, "ModuleList": ModuleList,
           "Sequential": Sequential}
_FILES = ("activation", "batchnorm", "container", "conv", "dropout", "flatten", "instancenorm",
          "linear", "loss", "module", "normalization", "padding", "pixelshuffle", "pooling", "rnn",
          "sparse", "transformer", "upsampling")
vars(modules).update(_PLACED, **_lay_out(modules.__name__, _FILES, _PLACED))
_places: Any = modules
_places.linear.NonDynamicallyQuantizableLinear = _LAYERS["Linear"]  # MultiheadAttention's
_answer_wrong_names(globals())
