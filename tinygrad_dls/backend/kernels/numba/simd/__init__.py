"""A vector register as a value in kernels, and mathematics on it; `intrinsics.py` tells how."""

from . import operators as operators
from .intrinsics import absolute as absolute
from .intrinsics import any_nonzero as any_nonzero
from .intrinsics import fma as fma
from .intrinsics import full as full
from .intrinsics import lane_numbers as lane_numbers
from .intrinsics import lanes as lanes
from .intrinsics import largest as largest
from .intrinsics import load as load
from .intrinsics import load_some as load_some
from .intrinsics import nearest as nearest
from .intrinsics import root as root
from .intrinsics import store as store
from .intrinsics import store_some as store_some
from .intrinsics import total as total
from .intrinsics import where as where
from .math import erf as erf
from .math import exp as exp
from .math import log as log
from .math import sigmoid as sigmoid
from .math import tanh as tanh
