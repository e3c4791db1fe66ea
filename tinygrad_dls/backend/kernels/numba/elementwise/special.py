"""The error function: one pass over memory."""

import math
from typing import Any

import numpy as np

from ...reference import special as reference
from ..compile import kernel
from ..layout import F32, flat
from .functions import erf32

Array = Any


@kernel
def erf32_loop(x: Array, y: Array) -> None:
    for i in range(x.size):
        y[i] = erf32(x[i])


@kernel
def erf64_loop(x: Array, y: Array) -> None:
    for i in range(x.size):
        y[i] = math.erf(x[i])


class Special(reference.Special):
    """Those of the reference that compiled loops beat."""

    def erf(self, x: Any) -> Any:
        y = np.empty_like(x)
        views = flat(x, y)
        if views is None:
            return super().erf(x)
        (erf32_loop if x.dtype is F32 else erf64_loop)(*views)
        return y
