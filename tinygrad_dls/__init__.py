"""tinygrad_dls: deep learning by building it. `import tinygrad_dls as dls`."""

from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as _np

from ._util.callers import point_numpy_warnings_at_users as _point_numpy_warnings_at_users
from ._util.namespaces import answer_calls_of_modules as _answer_calls_of_modules
from ._util.namespaces import missing as _missing
from ._util.namespaces import public_names as _public_names
from .backend.device import default_device as default_device
from .backend.device import set_default_device as set_default_device
from .backend.dtypes import NAMES as _DTYPES
from .backend.dtypes import default_dtype as default_dtype
from .backend.dtypes import set_default_dtype as set_default_dtype
from .capturing import capture as capture
from .device import Device as Device
from .engine.modes import enable_grad as enable_grad
from .engine.modes import inference_mode as inference_mode
from .engine.modes import is_grad_enabled as is_grad_enabled
from .engine.modes import no_grad as no_grad
from .engine.modes import set_grad_enabled as set_grad_enabled
from .errors import DataError as DataError
from .errors import DeviceError as DeviceError
from .errors import DtypeError as DtypeError
from .errors import Error as Error
from .errors import FormatError as FormatError
from .errors import GraphError as GraphError
from .errors import RankError as RankError
from .errors import ShapeError as ShapeError
from .random import Generator as Generator
from .random import manual_seed as manual_seed
from .tensors import Tensor as Tensor
from .tensors import from_numpy as from_numpy
from .tensors.creation import arange as arange
from .tensors.creation import as_tensor as as_tensor
from .tensors.creation import asarray as asarray
from .tensors.creation import bincount as bincount
from .tensors.creation import empty as empty
from .tensors.creation import empty_like as empty_like
from .tensors.creation import eye as eye
from .tensors.creation import full as full
from .tensors.creation import full_like as full_like
from .tensors.creation import linspace as linspace
from .tensors.creation import one_hot as one_hot
from .tensors.creation import ones as ones
from .tensors.creation import ones_like as ones_like
from .tensors.creation import tensor as tensor
from .tensors.creation import zeros as zeros
from .tensors.creation import zeros_like as zeros_like
from .tensors.exchange import from_dlpack as from_dlpack
from .tensors.functions import *  # noqa: F403 (the names of ops/names.py)
from .tensors.gradients import checkpoint as checkpoint
from .tensors.gradients import grad as grad
from .tensors.printing import set_printoptions as set_printoptions
from .tensors.random_tensors import bernoulli as bernoulli
from .tensors.random_tensors import multinomial as multinomial
from .tensors.random_tensors import normal as normal
from .tensors.random_tensors import rand as rand
from .tensors.random_tensors import rand_like as rand_like
from .tensors.random_tensors import randint as randint
from .tensors.random_tensors import randn as randn
from .tensors.random_tensors import randn_like as randn_like
from .tensors.random_tensors import randperm as randperm
from .tensors.torch_names import is_floating_point as is_floating_point
from .tensors.torch_names import is_tensor as is_tensor
from .tensors.torch_names import numel as numel
from .tensors.torch_names import t as t
from .version import __version__ as __version__

if TYPE_CHECKING:
    from . import cuda as cuda
    from .check.autopsy import autopsy as autopsy
    from .check.compare import compare as compare
    from .check.explain import explain as explain
    from .check.gradcheck import gradcheck as gradcheck
    from .check.lint import lint as lint
    from .check.manual import manual as manual
    from .io.safetensors import load as load
    from .io.safetensors import save as save
    from .train.fit import evaluate as evaluate
    from .train.fit import fit as fit
    from .train.metrics import accuracy as accuracy
    from .viz import Graph as Graph
    from .viz import graph as graph
    from .viz import trace as trace
    from .viz import watch as watch

    _Dtype: TypeAlias = _np.dtype[Any]
    bool: _Dtype
    int: _Dtype
    int8: _Dtype
    int16: _Dtype
    int32: _Dtype
    int64: _Dtype
    short: _Dtype
    long: _Dtype
    uint8: _Dtype
    uint16: _Dtype
    uint32: _Dtype
    uint64: _Dtype
    half: _Dtype
    float: _Dtype
    double: _Dtype
    float16: _Dtype
    float32: _Dtype
    float64: _Dtype

pi, e, inf, nan, newaxis = _np.pi, _np.e, _np.inf, _np.nan, None
device = Device  # bound after the module of this name, which pickles name
_point_numpy_warnings_at_users()

# Rooms that not every program enters are opened at the first use of a name of theirs.
_LATER = {
    "accuracy": "train", "autopsy": "check", "compare": "check",
    "evaluate": "train", "explain": "check",
    "fit": "train", "gradcheck": "check", "load": "io", "save": "io",
    "Graph": "viz", "graph": "viz", "lint": "check", "manual": "check", "trace": "viz",
    "watch": "viz",
    "audio": "", "bench": "", "check": "", "cuda": "", "data": "", "distributed": "",
    "distributions": "", "io": "", "models": "", "nn": "",
    "optim": "", "text": "", "torch": "", "train": "", "vision": "", "viz": "",
}


def __getattr__(name: str) -> Any:
    if name in _DTYPES:  # not in the namespace: `from tinygrad_dls import *` leaves Python's float
        return _DTYPES[name]
    if name not in _LATER:
        raise _missing(__name__, name)
    module = import_module(f"{__name__}.{_LATER[name] or name}")
    return getattr(module, name) if _LATER[name] else module


def __dir__() -> list[str]:
    constants = ("pi", "e", "inf", "nan", "newaxis")
    return _public_names(globals(), *_LATER, *_DTYPES, *constants)


_answer_calls_of_modules(globals())
