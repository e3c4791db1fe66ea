"""The strict device: a double of CuPy over NumPy that proves, without a GPU, that code is clean."""

from .array import Array
from .counters import Counters, count, counters
from .namespace import xp
from .refusals import (
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
