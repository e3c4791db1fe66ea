"""Allocation of kernels' arrays, and their launch: here, at once.

A wrapper of kernels that makes arrays only by `empty`, runs kernels only by `run`, and decides by
shapes and dtypes alone can be carried out ahead of time, too: a captured step does so once
(capturing/plan/stand_ins.py) and then only calls the kernels.
"""

from operator import call
from typing import Any

import numpy as np


class Running:
    """At once."""

    empty: Any = staticmethod(np.empty)  # (shape, dtype)
    empty_like: Any = staticmethod(np.empty_like)
    run: Any = staticmethod(call)  # (kernel, *arguments); the kernel returns nothing


AT_ONCE = Running()
