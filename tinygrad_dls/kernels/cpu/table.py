"""The compiled table: the reference, with the kernels that beat it in their place.

A kernel takes contiguous arrays of one float dtype (those with exp: float32, where NumPy's
float64 is as fast); any other call goes on to the reference. One file for each family: first the
loops, then the class that chooses between them and the reference.
"""

from ..reference import ReferenceKernels
from .activations import Activations
from .adams import Adams
from .along import Along
from .attention import Attention
from .batch_norm import BatchNorm
from .boxes import Boxes
from .convolution import Convolution
from .cross_entropy import CrossEntropy
from .ctc import Ctc
from .joining import Joining
from .linear import Linear
from .losses import Losses
from .memory import keep_freed_memory
from .normalization import Normalization
from .optimizers import Optimizers
from .pooling import Pooling
from .random import Random
from .recurrent import Recurrent
from .resampling import Resampling
from .scan import Scan
from .scatter import Scatter
from .special import Special


class CompiledKernels(
    BatchNorm, Activations, Adams, Along, Attention, Boxes, Convolution, CrossEntropy, Ctc,
    Joining, Linear, Losses, Normalization, Optimizers, Pooling, Random, Recurrent, Resampling,
    Scan, Scatter, Special, ReferenceKernels,
):
    """Kernels compiled by Numba, over those of the reference."""


keep_freed_memory()
