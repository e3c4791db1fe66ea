"""The readable reference of every kernel, for any array namespace: NumPy, CuPy or strict."""

from .activations import Activations
from .linear import Linear
from .losses import Losses
from .optimizers import Optimizers
from .random import Random
from .spreading import Spreading


class ReferenceKernels(Activations, Linear, Losses, Optimizers, Random, Spreading):
    """All kernels in plain array operations; `xp` is the array namespace they work in."""


__all__ = ["ReferenceKernels"]
