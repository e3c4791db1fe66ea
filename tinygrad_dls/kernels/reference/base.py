"""What every family of reference kernels has: the array namespace."""

from typing import Any


class Family:
    """Kernels as methods; `self.xp` is numpy, cupy or the strict namespace."""

    def __init__(self, xp: Any) -> None:
        self.xp = xp
