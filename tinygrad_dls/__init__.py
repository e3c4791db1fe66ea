"""tinygrad_dls: deep learning by building it. `import tinygrad_dls as dls`."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._util.callers import point_numpy_warnings_at_users as _point_numpy_warnings_at_users
from ._util.namespaces import answer_calls_of_modules as _answer_calls_of_modules
from ._util.namespaces import missing as _missing
from ._util.namespaces import public_names as _public_names
from .capturing import capture as capture
from .creation import arange as arange
from .creation import empty as empty
from .creation import empty_like as empty_like
from .creation import eye as eye
from .creation import full as full
from .creation import full_like as full_like
from .creation import linspace as linspace
from .creation import one_hot as one_hot
from .creation import ones as ones
from .creation import ones_like as ones_like
from .creation import tensor as tensor
from .creation import zeros as zeros
from .creation import zeros_like as zeros_like
from .device import Device as Device
from .device import default_device as default_device
from .device import set_default_device as set_default_device
from .dtypes import default_dtype as default_dtype
from .dtypes import set_default_dtype as set_default_dtype
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
from .functions import abs as abs
from .functions import acos as acos
from .functions import acosh as acosh
from .functions import add as add
from .functions import all as all
from .functions import allclose as allclose
from .functions import any as any
from .functions import arccos as arccos
from .functions import arccosh as arccosh
from .functions import arcsin as arcsin
from .functions import arcsinh as arcsinh
from .functions import arctan as arctan
from .functions import arctan2 as arctan2
from .functions import arctanh as arctanh
from .functions import argmax as argmax
from .functions import argmin as argmin
from .functions import argsort as argsort
from .functions import argwhere as argwhere
from .functions import array_equal as array_equal
from .functions import array_split as array_split
from .functions import asin as asin
from .functions import asinh as asinh
from .functions import atan as atan
from .functions import atan2 as atan2
from .functions import atanh as atanh
from .functions import bitwise_and as bitwise_and
from .functions import bitwise_invert as bitwise_invert
from .functions import bitwise_not as bitwise_not
from .functions import bitwise_or as bitwise_or
from .functions import bitwise_xor as bitwise_xor
from .functions import bmm as bmm
from .functions import broadcast_arrays as broadcast_arrays
from .functions import broadcast_to as broadcast_to
from .functions import cat as cat
from .functions import ceil as ceil
from .functions import chunk as chunk
from .functions import clamp as clamp
from .functions import clip as clip
from .functions import concatenate as concatenate
from .functions import cos as cos
from .functions import cosh as cosh
from .functions import count_nonzero as count_nonzero
from .functions import cumprod as cumprod
from .functions import cumsum as cumsum
from .functions import diag as diag
from .functions import diag_embed as diag_embed
from .functions import diagonal as diagonal
from .functions import diff as diff
from .functions import divide as divide
from .functions import divmod as divmod
from .functions import dot as dot
from .functions import einsum as einsum
from .functions import equal as equal
from .functions import erf as erf
from .functions import erfc as erfc
from .functions import exp as exp
from .functions import exp2 as exp2
from .functions import expand as expand
from .functions import expand_dims as expand_dims
from .functions import expm1 as expm1
from .functions import flatten as flatten
from .functions import flip as flip
from .functions import floor as floor
from .functions import floor_divide as floor_divide
from .functions import fmod as fmod
from .functions import gather as gather
from .functions import greater as greater
from .functions import greater_equal as greater_equal
from .functions import hstack as hstack
from .functions import hypot as hypot
from .functions import index_add as index_add
from .functions import index_put as index_put
from .functions import index_select as index_select
from .functions import inner as inner
from .functions import isclose as isclose
from .functions import isfinite as isfinite
from .functions import isinf as isinf
from .functions import isnan as isnan
from .functions import leaky_relu as leaky_relu
from .functions import lerp as lerp
from .functions import less as less
from .functions import less_equal as less_equal
from .functions import log as log
from .functions import log1p as log1p
from .functions import log2 as log2
from .functions import log10 as log10
from .functions import log_softmax as log_softmax
from .functions import logaddexp as logaddexp
from .functions import logical_and as logical_and
from .functions import logical_not as logical_not
from .functions import logical_or as logical_or
from .functions import logical_xor as logical_xor
from .functions import logsumexp as logsumexp
from .functions import masked_fill as masked_fill
from .functions import masked_select as masked_select
from .functions import matmul as matmul
from .functions import max as max
from .functions import maximum as maximum
from .functions import mean as mean
from .functions import median as median
from .functions import meshgrid as meshgrid
from .functions import min as min
from .functions import minimum as minimum
from .functions import mm as mm
from .functions import moveaxis as moveaxis
from .functions import movedim as movedim
from .functions import multiply as multiply
from .functions import nan_to_num as nan_to_num
from .functions import negative as negative
from .functions import nonzero as nonzero
from .functions import norm as norm
from .functions import not_equal as not_equal
from .functions import outer as outer
from .functions import pad as pad
from .functions import permute as permute
from .functions import permute_dims as permute_dims
from .functions import pow as pow
from .functions import power as power
from .functions import prod as prod
from .functions import put_along_axis as put_along_axis
from .functions import ravel as ravel
from .functions import reciprocal as reciprocal
from .functions import relu as relu
from .functions import remainder as remainder
from .functions import repeat as repeat
from .functions import repeat_interleave as repeat_interleave
from .functions import reshape as reshape
from .functions import roll as roll
from .functions import rot90 as rot90
from .functions import round as round
from .functions import rsqrt as rsqrt
from .functions import scatter as scatter
from .functions import scatter_add as scatter_add
from .functions import sigmoid as sigmoid
from .functions import sign as sign
from .functions import sin as sin
from .functions import sinh as sinh
from .functions import softmax as softmax
from .functions import sort as sort
from .functions import split as split
from .functions import split_with_sizes as split_with_sizes
from .functions import sqrt as sqrt
from .functions import square as square
from .functions import squeeze as squeeze
from .functions import stack as stack
from .functions import std as std
from .functions import subtract as subtract
from .functions import sum as sum
from .functions import swapaxes as swapaxes
from .functions import swapdims as swapdims
from .functions import take as take
from .functions import take_along_axis as take_along_axis
from .functions import tan as tan
from .functions import tanh as tanh
from .functions import tensordot as tensordot
from .functions import tile as tile
from .functions import topk as topk
from .functions import transpose as transpose
from .functions import tril as tril
from .functions import triu as triu
from .functions import trunc as trunc
from .functions import unbind as unbind
from .functions import unflatten as unflatten
from .functions import unsqueeze as unsqueeze
from .functions import unstack as unstack
from .functions import var as var
from .functions import vdot as vdot
from .functions import vector_norm as vector_norm
from .functions import vstack as vstack
from .functions import where as where
from .gradients import checkpoint as checkpoint
from .gradients import grad as grad
from .random import Generator as Generator
from .random import manual_seed as manual_seed
from .random_tensors import bernoulli as bernoulli
from .random_tensors import multinomial as multinomial
from .random_tensors import normal as normal
from .random_tensors import rand as rand
from .random_tensors import rand_like as rand_like
from .random_tensors import randint as randint
from .random_tensors import randn as randn
from .random_tensors import randn_like as randn_like
from .random_tensors import randperm as randperm
from .tensors import Tensor as Tensor
from .tensors import from_numpy as from_numpy
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
