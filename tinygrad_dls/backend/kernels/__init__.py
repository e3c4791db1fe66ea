"""Hot loops: for each device one table of kernels, chosen when it is first used."""

from .table import compile_ahead as _compile_ahead
from .table import kernels_for as kernels_for

_compile_ahead()
