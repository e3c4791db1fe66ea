"""tinygrad_dls: deep learning by building it. `import tinygrad_dls as dls`."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._util.callers import point_numpy_warnings_at_users as _point_numpy_warnings_at_users
from ._util.namespaces import answer_calls_of_modules as _answer_calls_of_modules
from ._util.namespaces import missing as _missing
from ._util.namespaces import public_names as _public_names
from .backend.device import default_device as default_device
from .backend.device import set_default_device as set_default_device
from .backend.dtypes import default_dtype as default_dtype
from .backend.dtypes import set_default_dtype as set_default_dtype
from .capturing import capture as capture
from .device import Device as Device
from .engine.modes import enable_grad as enable_grad
from .engine.modes import is_grad_enabled as is_grad_enabled
from .engine.modes import no_grad as no_grad
from .errors import DataError as DataError
from .errors import DeviceError as DeviceError
from .errors import DtypeError as DtypeError
from .errors import Error as Error
from .errors import FormatError as FormatError
from .errors import GraphError as GraphError
from .errors import ShapeError as ShapeError
from .random import Generator as Generator
from .random import manual_seed as manual_seed
from .tensors import Tensor as Tensor
from .tensors import from_numpy as from_numpy
from .tensors.creation import arange as arange
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
from .tensors.functions import abs as abs
from .tensors.functions import acos as acos
from .tensors.functions import acosh as acosh
from .tensors.functions import add as add
from .tensors.functions import all as all
from .tensors.functions import allclose as allclose
from .tensors.functions import any as any
from .tensors.functions import arccos as arccos
from .tensors.functions import arccosh as arccosh
from .tensors.functions import arcsin as arcsin
from .tensors.functions import arcsinh as arcsinh
from .tensors.functions import arctan as arctan
from .tensors.functions import arctan2 as arctan2
from .tensors.functions import arctanh as arctanh
from .tensors.functions import argmax as argmax
from .tensors.functions import argmin as argmin
from .tensors.functions import argsort as argsort
from .tensors.functions import argwhere as argwhere
from .tensors.functions import array_equal as array_equal
from .tensors.functions import array_split as array_split
from .tensors.functions import asin as asin
from .tensors.functions import asinh as asinh
from .tensors.functions import atan as atan
from .tensors.functions import atan2 as atan2
from .tensors.functions import atanh as atanh
from .tensors.functions import bitwise_and as bitwise_and
from .tensors.functions import bitwise_invert as bitwise_invert
from .tensors.functions import bitwise_not as bitwise_not
from .tensors.functions import bitwise_or as bitwise_or
from .tensors.functions import bitwise_xor as bitwise_xor
from .tensors.functions import bmm as bmm
from .tensors.functions import broadcast_arrays as broadcast_arrays
from .tensors.functions import broadcast_to as broadcast_to
from .tensors.functions import cat as cat
from .tensors.functions import ceil as ceil
from .tensors.functions import chunk as chunk
from .tensors.functions import clamp as clamp
from .tensors.functions import clip as clip
from .tensors.functions import concatenate as concatenate
from .tensors.functions import cos as cos
from .tensors.functions import cosh as cosh
from .tensors.functions import count_nonzero as count_nonzero
from .tensors.functions import cumprod as cumprod
from .tensors.functions import cumsum as cumsum
from .tensors.functions import diag as diag
from .tensors.functions import diag_embed as diag_embed
from .tensors.functions import diagonal as diagonal
from .tensors.functions import diff as diff
from .tensors.functions import divide as divide
from .tensors.functions import divmod as divmod
from .tensors.functions import dot as dot
from .tensors.functions import einsum as einsum
from .tensors.functions import equal as equal
from .tensors.functions import erf as erf
from .tensors.functions import erfc as erfc
from .tensors.functions import exp as exp
from .tensors.functions import exp2 as exp2
from .tensors.functions import expand as expand
from .tensors.functions import expand_dims as expand_dims
from .tensors.functions import expm1 as expm1
from .tensors.functions import flatten as flatten
from .tensors.functions import flip as flip
from .tensors.functions import floor as floor
from .tensors.functions import floor_divide as floor_divide
from .tensors.functions import fmod as fmod
from .tensors.functions import gather as gather
from .tensors.functions import greater as greater
from .tensors.functions import greater_equal as greater_equal
from .tensors.functions import hstack as hstack
from .tensors.functions import hypot as hypot
from .tensors.functions import index_add as index_add
from .tensors.functions import index_put as index_put
from .tensors.functions import index_select as index_select
from .tensors.functions import inner as inner
from .tensors.functions import isclose as isclose
from .tensors.functions import isfinite as isfinite
from .tensors.functions import isinf as isinf
from .tensors.functions import isnan as isnan
from .tensors.functions import leaky_relu as leaky_relu
from .tensors.functions import lerp as lerp
from .tensors.functions import less as less
from .tensors.functions import less_equal as less_equal
from .tensors.functions import log as log
from .tensors.functions import log1p as log1p
from .tensors.functions import log2 as log2
from .tensors.functions import log10 as log10
from .tensors.functions import log_softmax as log_softmax
from .tensors.functions import logaddexp as logaddexp
from .tensors.functions import logical_and as logical_and
from .tensors.functions import logical_not as logical_not
from .tensors.functions import logical_or as logical_or
from .tensors.functions import logical_xor as logical_xor
from .tensors.functions import logsumexp as logsumexp
from .tensors.functions import masked_fill as masked_fill
from .tensors.functions import masked_select as masked_select
from .tensors.functions import matmul as matmul
from .tensors.functions import max as max
from .tensors.functions import maximum as maximum
from .tensors.functions import mean as mean
from .tensors.functions import median as median
from .tensors.functions import meshgrid as meshgrid
from .tensors.functions import min as min
from .tensors.functions import minimum as minimum
from .tensors.functions import mm as mm
from .tensors.functions import moveaxis as moveaxis
from .tensors.functions import movedim as movedim
from .tensors.functions import multiply as multiply
from .tensors.functions import nan_to_num as nan_to_num
from .tensors.functions import negative as negative
from .tensors.functions import nonzero as nonzero
from .tensors.functions import norm as norm
from .tensors.functions import not_equal as not_equal
from .tensors.functions import outer as outer
from .tensors.functions import pad as pad
from .tensors.functions import permute as permute
from .tensors.functions import permute_dims as permute_dims
from .tensors.functions import pow as pow
from .tensors.functions import power as power
from .tensors.functions import prod as prod
from .tensors.functions import put_along_axis as put_along_axis
from .tensors.functions import ravel as ravel
from .tensors.functions import reciprocal as reciprocal
from .tensors.functions import relu as relu
from .tensors.functions import remainder as remainder
from .tensors.functions import repeat as repeat
from .tensors.functions import repeat_interleave as repeat_interleave
from .tensors.functions import reshape as reshape
from .tensors.functions import roll as roll
from .tensors.functions import rot90 as rot90
from .tensors.functions import round as round
from .tensors.functions import rsqrt as rsqrt
from .tensors.functions import scatter as scatter
from .tensors.functions import scatter_add as scatter_add
from .tensors.functions import sigmoid as sigmoid
from .tensors.functions import sign as sign
from .tensors.functions import sin as sin
from .tensors.functions import sinh as sinh
from .tensors.functions import softmax as softmax
from .tensors.functions import sort as sort
from .tensors.functions import split as split
from .tensors.functions import split_with_sizes as split_with_sizes
from .tensors.functions import sqrt as sqrt
from .tensors.functions import square as square
from .tensors.functions import squeeze as squeeze
from .tensors.functions import stack as stack
from .tensors.functions import std as std
from .tensors.functions import subtract as subtract
from .tensors.functions import sum as sum
from .tensors.functions import swapaxes as swapaxes
from .tensors.functions import swapdims as swapdims
from .tensors.functions import take as take
from .tensors.functions import take_along_axis as take_along_axis
from .tensors.functions import tan as tan
from .tensors.functions import tanh as tanh
from .tensors.functions import tensordot as tensordot
from .tensors.functions import tile as tile
from .tensors.functions import topk as topk
from .tensors.functions import transpose as transpose
from .tensors.functions import tril as tril
from .tensors.functions import triu as triu
from .tensors.functions import trunc as trunc
from .tensors.functions import unbind as unbind
from .tensors.functions import unflatten as unflatten
from .tensors.functions import unsqueeze as unsqueeze
from .tensors.functions import unstack as unstack
from .tensors.functions import var as var
from .tensors.functions import vdot as vdot
from .tensors.functions import vector_norm as vector_norm
from .tensors.functions import vstack as vstack
from .tensors.functions import where as where
from .tensors.gradients import checkpoint as checkpoint
from .tensors.gradients import grad as grad
from .tensors.random_tensors import bernoulli as bernoulli
from .tensors.random_tensors import multinomial as multinomial
from .tensors.random_tensors import normal as normal
from .tensors.random_tensors import rand as rand
from .tensors.random_tensors import rand_like as rand_like
from .tensors.random_tensors import randint as randint
from .tensors.random_tensors import randn as randn
from .tensors.random_tensors import randn_like as randn_like
from .tensors.random_tensors import randperm as randperm
from .version import __version__ as __version__

if TYPE_CHECKING:
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

device = Device  # bound after the module of this name, which pickles name
_point_numpy_warnings_at_users()

# Rooms that not every program enters are opened at the first use of a name of theirs.
_LATER = {
    "accuracy": "train", "autopsy": "check", "compare": "check",
    "evaluate": "train", "explain": "check",
    "fit": "train", "gradcheck": "check", "load": "io", "save": "io",
    "Graph": "viz", "graph": "viz", "lint": "check", "manual": "check", "trace": "viz",
    "watch": "viz",
    "audio": "", "bench": "", "check": "", "data": "", "io": "", "models": "", "nn": "",
    "optim": "", "text": "", "train": "", "vision": "", "viz": "",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise _missing(__name__, name)
    module = import_module(f"{__name__}.{_LATER[name] or name}")
    return getattr(module, name) if _LATER[name] else module


def __dir__() -> list[str]:
    return _public_names(globals(), *_LATER)


_answer_calls_of_modules(globals())
