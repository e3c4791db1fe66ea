"""torch.nn.modules: where PyTorch keeps its layers, for sources that import from there."""

from . import batchnorm as batchnorm
from . import conv as conv
from . import utils as utils
