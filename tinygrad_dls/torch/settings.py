"""Settings of PyTorch's that are taken here: some have an effect, the rest change nothing."""

from __future__ import annotations

from typing import Any

from .. import nn as core
from ..backend.device import set_default_device as set_default_device
from ..backend.dtypes import set_default_dtype
from ..capturing import capture
from . import dtypes


def compile(model: Any = None, **_: Any) -> Any:
    """A function recorded and replayed by `dls.capture`; a module as it is.

    To be captured, a step holds forward, backward and the optimizer: compile the function that
    makes it. A decorator with or without options, as in PyTorch.
    """
    if model is None:
        return compile
    return model if isinstance(model, core.Module) else capture(model)


def set_default_tensor_type(t: Any) -> None:
    """Make floats of this tensor type the default."""
    set_default_dtype(dtypes.dtype_named(t))


def set_num_threads(int: int) -> None:
    """Nothing: TINYGRAD_DLS_NUM_THREADS says how many threads kernels use."""


def get_num_threads() -> int:
    """1: see `set_num_threads`."""
    return 1


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Nothing: results are the same each time."""


def are_deterministic_algorithms_enabled() -> bool:
    """True: results are the same each time."""
    return True


def set_float32_matmul_precision(precision: str) -> None:
    """Nothing: products of float32 are of full precision."""


def is_autocast_enabled(device_type: str = "cuda") -> bool:
    """False: there is no autocast here."""
    return False
