"""Divisors and bits of whole numbers: gcd, lcm, shifts, made on the host; no gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..engine.autograd import TensorBase
from ..errors import DtypeError
from .operands import array_of, promote, tensor_like


def _of_whole(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    def call(input: Any, other: Any) -> Any:
        like = input if isinstance(input, TensorBase) else other
        arrays = [array_of(x) if isinstance(x, TensorBase) else x for x in (input, other)]
        for array in arrays:
            if not isinstance(array, int) and array.dtype.kind not in "iu":
                raise DtypeError(f"{name} is of whole numbers, not of {array.dtype}: write "
                                 "x.long()")
        if all(isinstance(a, np.ndarray) for a in arrays):
            arrays = list(promote(*arrays))
        return tensor_like(np.asarray(function(*arrays)), like)

    call.__name__ = call.__qualname__ = name
    return call


gcd, lcm = _of_whole(np.gcd, "gcd"), _of_whole(np.lcm, "lcm")
bitwise_left_shift = _of_whole(np.left_shift, "bitwise_left_shift")
bitwise_right_shift = _of_whole(np.right_shift, "bitwise_right_shift")
gcd.__doc__ = "The greatest common divisor of two whole numbers, element by element."
lcm.__doc__ = "The least common multiple of two whole numbers, element by element."
bitwise_left_shift.__doc__ = "The bits moved to the left: x * 2**other."
bitwise_right_shift.__doc__ = "The bits moved to the right: x // 2**other."
