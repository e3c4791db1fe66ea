"""Hot loops: for each device one table of kernels, chosen when it is first used."""

from .table import kernels_for as kernels_for
