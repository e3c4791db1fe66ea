"""The table of CUDA kernels: the reference, with those in their place that spare launches.

A GPU is kept waiting by small launches and by memory, so what is here does in one launch what takes
several of CuPy's. Matrix products are cuBLAS's through `@`. Launches need no synchronization.
"""

from ..reference import ReferenceKernels
from .activations import Activations
from .attention import Attention
from .convolution import Convolution
from .losses import Losses
from .normalization import Normalization
from .optimizers import Optimizers
from .pooling import Pooling
from .random import Random
from .recurrent import Recurrent
from .scatter import Scatter


class CudaKernels(
    Activations, Attention, Convolution, Losses, Normalization, Optimizers, Pooling, Random,
    Recurrent, Scatter, ReferenceKernels,
):
    """Kernels in CUDA C over those of the reference; what has another dtype goes to the latter."""
