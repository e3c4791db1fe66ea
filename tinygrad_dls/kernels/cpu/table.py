"""The compiled table: the reference, with the kernels that beat it in their place.

A kernel takes contiguous arrays of one float dtype (those with exp: float32, where NumPy's
float64 is as fast); any other call goes on to the reference. One file for each family: first the
loops, then the class that chooses between them and the reference.
"""

from ..reference import ReferenceKernels
from .activations import Activations
from .linear import Linear
from .losses import Losses
from .optimizers import Optimizers
from .random import Random
from .spreading import Spreading


class CompiledKernels(
    Activations, Linear, Losses, Optimizers, Random, Spreading, ReferenceKernels
):
    """Kernels compiled by Numba, over those of the reference."""
