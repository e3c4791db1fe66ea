"""The strict device: a double of CuPy over NumPy that proves, without a GPU, that code is clean."""

from tinygrad_dls.strict.array import Array
from tinygrad_dls.strict.counters import Counters, count, counters
from tinygrad_dls.strict.namespace import xp
from tinygrad_dls.strict.refusals import (
    HostMixError,
    IndexingError,
    MissingNameError,
    SignatureError,
    UnsupportedError,
)

__all__ = [
    "Array",
    "Counters",
    "HostMixError",
    "IndexingError",
    "MissingNameError",
    "SignatureError",
    "UnsupportedError",
    "count",
    "counters",
    "xp",
]
