"""tinygrad_dls: deep learning by building it. `import tinygrad_dls as dls`."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .creation import arange as arange
from .creation import eye as eye
from .creation import full as full
from .creation import linspace as linspace
from .creation import one_hot as one_hot
from .creation import ones as ones
from .creation import ones_like as ones_like
from .creation import rand as rand
from .creation import randint as randint
from .creation import randn as randn
from .creation import tensor as tensor
from .creation import zeros as zeros
from .creation import zeros_like as zeros_like
from .device import Device as Device
from .device import default_device as default_device
from .device import set_default_device as set_default_device
from .dtypes import default_dtype as default_dtype
from .dtypes import set_default_dtype as set_default_dtype
from .errors import DataError as DataError
from .errors import DeviceError as DeviceError
from .errors import DtypeError as DtypeError
from .errors import Error as Error
from .errors import FormatError as FormatError
from .errors import GraphError as GraphError
from .errors import ShapeError as ShapeError
from .functions import abs as abs
from .functions import all as all
from .functions import any as any
from .functions import argmax as argmax
from .functions import argmin as argmin
from .functions import broadcast_to as broadcast_to
from .functions import cat as cat
from .functions import clip as clip
from .functions import concatenate as concatenate
from .functions import cos as cos
from .functions import einsum as einsum
from .functions import exp as exp
from .functions import expand_dims as expand_dims
from .functions import expm1 as expm1
from .functions import flatten as flatten
from .functions import leaky_relu as leaky_relu
from .functions import log as log
from .functions import log1p as log1p
from .functions import log_softmax as log_softmax
from .functions import logsumexp as logsumexp
from .functions import matmul as matmul
from .functions import max as max
from .functions import maximum as maximum
from .functions import mean as mean
from .functions import min as min
from .functions import minimum as minimum
from .functions import moveaxis as moveaxis
from .functions import relu as relu
from .functions import reshape as reshape
from .functions import sigmoid as sigmoid
from .functions import sign as sign
from .functions import sin as sin
from .functions import softmax as softmax
from .functions import sqrt as sqrt
from .functions import squeeze as squeeze
from .functions import stack as stack
from .functions import std as std
from .functions import sum as sum
from .functions import swapaxes as swapaxes
from .functions import take_along_axis as take_along_axis
from .functions import tanh as tanh
from .functions import transpose as transpose
from .functions import var as var
from .functions import where as where
from .gradients import checkpoint as checkpoint
from .gradients import grad as grad
from .modes import enable_grad as enable_grad
from .modes import is_grad_enabled as is_grad_enabled
from .modes import no_grad as no_grad
from .modes import trace as trace
from .random import Generator as Generator
from .random import manual_seed as manual_seed
from .tensors import Tensor as Tensor
from .tensors import from_numpy as from_numpy
from .version import __version__ as __version__

if TYPE_CHECKING:
    from .check.compare import compare as compare
    from .check.gradcheck import gradcheck as gradcheck
    from .train.fit import evaluate as evaluate
    from .train.fit import fit as fit
    from .train.metrics import accuracy as accuracy
    from .viz import Graph as Graph
    from .viz import graph as graph

# Rooms that not every program enters are opened at the first use of a name of theirs.
_LATER = {
    "accuracy": "train", "compare": "check", "evaluate": "train", "fit": "train",
    "gradcheck": "check",
    "Graph": "viz", "graph": "viz",
    "bench": "", "check": "", "data": "", "nn": "", "optim": "", "train": "", "viz": "",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f"{__name__}.{_LATER[name] or name}")
    return getattr(module, name) if _LATER[name] else module


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})
