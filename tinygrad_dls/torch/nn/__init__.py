"""torch.nn: the core's layers with tensors of this namespace as parameters."""

from typing import Any

from ..._util.namespaces import answer_wrong_names as _answer_wrong_names
from . import functional as functional
from . import init as init
from . import parameter as parameter
from . import utils as utils
from .layers import ModuleDict as ModuleDict
from .layers import ModuleList as ModuleList
from .layers import Sequential as Sequential
from .layers import all_layers as _all_layers
from .module import Module as Module
from .parameter import Buffer as Buffer
from .parameter import Parameter as Parameter


class DataParallel(Module):
    """The module itself: there is one device."""

    def __new__(cls, module: Any, *_: Any, **__: Any) -> Any:
        """Return `module`."""
        return module


globals().update(_all_layers(__name__))
_answer_wrong_names(globals())
