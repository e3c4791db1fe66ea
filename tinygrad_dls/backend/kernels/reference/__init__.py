"""The readable reference of every kernel, for any array namespace: NumPy, CuPy or strict."""

from .activations import Activations
from .adam_family import AdamFamily
from .attention import Attention
from .axis_sums import AxisSums
from .batch_norm import BatchNorm
from .boxes import Boxes
from .convolution import Convolution
from .ctc import Ctc
from .gated import Gated
from .joining import Joining
from .linear import Linear
from .losses import Losses
from .normalization import Normalization
from .optimizers import Optimizers
from .pooling import Pooling
from .random import Random
from .recurrent import Recurrent
from .resampling import Resampling
from .scan import Scan
from .scatter import Scatter
from .selection import Selection
from .special import Special
from .statistics import Statistics


class ReferenceKernels(
    BatchNorm, Activations, AdamFamily, AxisSums, Attention, Boxes, Convolution, Ctc, Gated,
    Joining, Linear, Losses, Normalization, Optimizers, Pooling, Random, Recurrent, Resampling,
    Scan, Scatter, Selection, Special, Statistics,
):
    """All kernels in plain array operations; `xp` is the array namespace they work in."""


__all__ = ["ReferenceKernels"]
