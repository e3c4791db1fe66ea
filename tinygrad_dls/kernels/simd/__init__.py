"""A vector register as a value in kernels, and mathematics on it; `vector.py` tells how."""

from . import operators as operators
from .mathematics import erf as erf
from .mathematics import exp as exp
from .mathematics import log as log
from .mathematics import sigmoid as sigmoid
from .mathematics import tanh as tanh
from .vector import absolute as absolute
from .vector import fma as fma
from .vector import full as full
from .vector import lanes as lanes
from .vector import largest as largest
from .vector import load as load
from .vector import load_some as load_some
from .vector import nearest as nearest
from .vector import root as root
from .vector import store as store
from .vector import store_some as store_some
from .vector import total as total
from .vector import where as where
