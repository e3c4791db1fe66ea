"""The compiled table: the reference, with the kernels that beat it in their place.

A kernel takes contiguous arrays of one float dtype (those with exp: float32, where NumPy's
float64 is as fast); any other call goes on to the reference. One file for each family: first the
loops, then the class that chooses between them and the reference.
"""

from ..reference import ReferenceKernels
from .along_axes.axis_sums import AxisSums
from .along_axes.scan import Scan
from .conv.conv import Convolution
from .conv.pooling import Pooling
from .conv.resampling import Resampling
from .elementwise.activations import Activations
from .elementwise.gated import Gated
from .elementwise.random import Random
from .elementwise.selection import Selection
from .elementwise.special import Special
from .elementwise.statistics import Statistics
from .indexing.boxes import Boxes
from .indexing.joining import Joining
from .indexing.scatter import Scatter
from .losses.ctc import Ctc
from .losses.losses import CrossEntropy, Losses
from .matmul.attention import Attention
from .matmul.linear import Linear
from .memory import keep_freed_memory
from .norm.batch_norm import BatchNorm
from .norm.normalization import Normalization
from .optim.adam_family import AdamFamily
from .optim.optimizers import Optimizers
from .recurrent.layers import Recurrent


class CompiledKernels(
    BatchNorm, Activations, AdamFamily, AxisSums, Attention, Boxes, Convolution, CrossEntropy, Ctc,
    Gated, Joining, Linear, Losses, Normalization, Optimizers, Pooling, Random, Recurrent,
    Resampling, Scan, Scatter, Selection, Special, Statistics, ReferenceKernels,
):
    """Kernels compiled by Numba, over those of the reference."""


keep_freed_memory()
