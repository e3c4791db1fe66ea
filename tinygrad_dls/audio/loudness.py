"""Loudness in decibels below full scale, and clips brought to the same loudness."""

import math
from typing import Any

import numpy as np

from .._util.arguments import number
from .._util.keywords import near_names
from ..errors import DataError
from .samples import Array, checked


@near_names
def loudness(samples: Any) -> float:
    """Return 20 log10 of the root mean square, in dBFS: 0 is full scale, -inf silence.

    samples: (n,) or (channels, n).

    >>> import numpy as np
    >>> from tinygrad_dls import audio
    >>> round(audio.loudness(np.full(100, 0.1)), 6)
    -20.0
    """
    mean_square = float(np.mean(np.square(checked(samples), dtype=np.float64)))
    return 10 * math.log10(mean_square) if mean_square > 0 else -math.inf


@near_names
def match_loudness(samples: Any, target: float = -20.0) -> Array:
    """Scale samples to a loudness of `target` dBFS; returns float32 of the same shape.

    Peaks may pass 1 where the target is high. DataError for a silent clip, which no factor makes
    louder.

    >>> from tinygrad_dls import audio
    >>> round(audio.loudness(audio.match_loudness(audio.tone(440, 0.1), -30)), 3)
    -30.0
    """
    x, target, now = checked(samples), number("target", target), loudness(samples)
    if not math.isfinite(target):
        raise DataError(f"target is a finite number of dBFS, not {target}")
    if now == -math.inf:
        raise DataError("the clip is silent: no factor brings it to a loudness. Leave it out, or "
                        "record it again")
    return np.asarray(x * 10 ** ((target - now) / 20), np.float32)
