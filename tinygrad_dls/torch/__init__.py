"""The namespace in which names mean what PyTorch means: `import tinygrad_dls.torch as torch`.

Every import line of a PyTorch script works with `tinygrad_dls.` before torch:

    import tinygrad_dls.torch as torch
    import tinygrad_dls.torch.nn as nn
    import tinygrad_dls.torch.nn.functional as F
    from tinygrad_dls.torch.utils.data import DataLoader

`tinygrad_dls` itself has NumPy's meaning: `x.max(axis=1)` gives values there, and the pair of
values and places here. Both are right in one program, because the meaning belongs to the class of
a tensor and to the function that is called:

- `torch.Tensor` is a subclass of `dls.Tensor` without fields of its own. Where the two libraries
  differ it has PyTorch's method (max, std, repeat, split, transpose, norm, equal ...); all else is
  inherited. Every function of `dls` takes it: a torch tensor is a tensor.
- Results have the class of their inputs, and where both meet, the subclass wins. That is one rule
  of the core, for any subclass of Tensor (`TensorBase._kind`), as NumPy's arrays have it: it costs
  an operation one attribute. Gradients have the class of what they are gradients of.
- Functions of this namespace have PyTorch's meaning for tensors of either class. Those that mean
  the same in both are the same objects; creation functions make torch tensors.
- Layers are subclasses of the core's (`torch.nn.Linear` of `dls.nn.Linear`), whose parameters are
  torch tensors. They run the core's forward, so a step takes the core's operations and kernels.
- The core knows nothing of this package, and calls none of the methods that differ on tensors it
  was given: it calls `ops`. A test makes these methods raise, and runs layers, losses, optimizers,
  `fit` and `capture` on such tensors.

`isinstance(x, torch.Tensor)` tells which meaning the methods of x have. Memory is shared across:
`torch.as_tensor(x)` of a `dls.Tensor`, `dls.Tensor` functions of a torch tensor.

What differs from PyTorch: dtypes are NumPy's (`torch.float32` is `np.dtype("float32")`), errors
are this library's, random streams are NumPy's, there are no complex or quantized tensors, and of
sparse ones what graph networks use (`torch.sparse`).
"""

from typing import Any

from .._util.namespaces import missing as _missing
from ..backend.device import Device as Device
from ..backend.dtypes import default_dtype as default_dtype
from ..backend.dtypes import set_default_dtype as set_default_dtype
from ..engine.modes import enable_grad as enable_grad
from ..engine.modes import inference_mode as inference_mode
from ..engine.modes import is_grad_enabled as is_grad_enabled
from ..engine.modes import no_grad as no_grad
from ..engine.modes import set_grad_enabled as set_grad_enabled
from .amp import autocast as autocast
from .creation import arange as arange
from .creation import as_tensor as as_tensor
from .creation import asarray as asarray
from .creation import bernoulli as bernoulli
from .creation import e as e
from .creation import empty as empty
from .creation import empty_like as empty_like
from .creation import eye as eye
from .creation import from_numpy as from_numpy
from .creation import full as full
from .creation import full_like as full_like
from .creation import hamming_window as hamming_window
from .creation import hann_window as hann_window
from .creation import inf as inf
from .creation import linspace as linspace
from .creation import logspace as logspace
from .creation import multinomial as multinomial
from .creation import nan as nan
from .creation import normal as normal
from .creation import ones as ones
from .creation import ones_like as ones_like
from .creation import pi as pi
from .creation import poisson as poisson
from .creation import rand as rand
from .creation import rand_like as rand_like
from .creation import randint as randint
from .creation import randint_like as randint_like
from .creation import randn as randn
from .creation import randn_like as randn_like
from .creation import randperm as randperm
from .creation import range as range
from .creation import scalar_tensor as scalar_tensor
from .creation import tensor as tensor
from .creation import tril_indices as tril_indices
from .creation import triu_indices as triu_indices
from .creation import zeros as zeros
from .creation import zeros_like as zeros_like
from .dtypes import bool as bool
from .dtypes import double as double
from .dtypes import dtype as dtype
from .dtypes import finfo as finfo
from .dtypes import float as float
from .dtypes import float16 as float16
from .dtypes import float32 as float32
from .dtypes import float64 as float64
from .dtypes import half as half
from .dtypes import iinfo as iinfo
from .dtypes import int as int
from .dtypes import int8 as int8
from .dtypes import int16 as int16
from .dtypes import int32 as int32
from .dtypes import int64 as int64
from .dtypes import long as long
from .dtypes import short as short
from .dtypes import uint8 as uint8
from .functions import *  # noqa: F403
from .functions import _assert as _assert
from .printing import set_printoptions as set_printoptions
from .random import Generator as Generator
from .random import get_rng_state as get_rng_state
from .random import initial_seed as initial_seed
from .random import manual_seed as manual_seed
from .random import seed as seed
from .random import set_rng_state as set_rng_state
from .serialization import load as load
from .serialization import save as save
from .settings import are_deterministic_algorithms_enabled as are_deterministic_algorithms_enabled
from .settings import compile as compile
from .settings import get_num_threads as get_num_threads
from .settings import is_autocast_enabled as is_autocast_enabled
from .settings import set_default_device as set_default_device
from .settings import set_default_tensor_type as set_default_tensor_type
from .settings import set_float32_matmul_precision as set_float32_matmul_precision
from .settings import set_num_threads as set_num_threads
from .settings import use_deterministic_algorithms as use_deterministic_algorithms
from .size import Size as Size
from .tensor import LEGACY as _LEGACY
from .tensor import Tensor as Tensor

from . import _C as _C  # isort: skip
from . import accelerator as accelerator  # isort: skip
from . import amp as amp  # isort: skip
from . import autograd as autograd  # isort: skip
from . import backends as backends  # isort: skip
from . import cuda as cuda  # isort: skip
from . import distributed as distributed  # isort: skip
from . import distributions as distributions  # isort: skip
from . import fx as fx  # isort: skip
from . import hub as hub  # isort: skip
from . import jit as jit  # isort: skip
from . import linalg as linalg  # isort: skip
from . import multiprocessing as multiprocessing  # isort: skip
from . import nn as nn  # isort: skip
from . import onnx as onnx  # isort: skip
from . import optim as optim  # isort: skip
from . import random as random  # isort: skip
from . import sparse as sparse  # isort: skip
from . import special as special  # isort: skip
from . import utils as utils  # isort: skip

get_default_dtype = default_dtype
lgamma, digamma, erfinv = special.lgamma, special.digamma, special.erfinv
device = Device
inverse, det, slogdet = linalg.inv, linalg.det, linalg.slogdet
sparse_coo_tensor, spmm = sparse.sparse_coo_tensor, sparse.mm
__version__ = "2.0.0+tinygrad_dls"
strided = "torch.strided"
contiguous_format = preserve_format = channels_last = None
globals().update(_LEGACY)


def __getattr__(name: str) -> Any:
    raise _missing(__name__, name)
