"""Resampling: the same sound with another number of samples per second."""

from math import gcd
from typing import Any

import numpy as np

from .._util.keywords import near_names
from .._util.machine import refuse_beyond_memory
from .._util.optional import need
from .samples import Array, checked, checked_rate

TAPS = 20  # of SciPy's filter, for each step of the larger rate
COPIES = 6  # of the filter at a time, while SciPy makes it


@near_names
def resample(samples: Any, rate: int, new_rate: int) -> Array:
    """Resample (n,) or (channels, n) to `new_rate`: float32 (..., ceil(n * new_rate / rate)).

    What is above half the new rate is filtered out first, so that it does not come back as another
    tone. Polyphase filtering by SciPy (`scipy.signal.resample_poly`), whose filter is 20 times as
    long as the larger rate, divided by what both have in common. DataError where filter and result
    would take more than a quarter of the memory.

    >>> from tinygrad_dls import audio
    >>> audio.resample(audio.tone(440, 1.0, rate=44100), 44100, 16000).shape
    (16000,)
    """
    x = checked(samples)
    rate, new_rate = checked_rate(rate), checked_rate(new_rate, "new_rate")
    if rate == new_rate:
        return x.astype(np.float32)
    common = gcd(rate, new_rate)
    made, taps = x.size * new_rate // rate, TAPS * max(rate, new_rate) // common
    refuse_beyond_memory(8 * (2 * made + COPIES * taps),
                         f"resample: {made:,} samples at {new_rate:,} a second")
    signal = need("scipy.signal", "resampling")
    resampled = signal.resample_poly(x.astype(np.float64), new_rate // common, rate // common,
                                     axis=-1)
    return np.asarray(resampled, np.float32)
