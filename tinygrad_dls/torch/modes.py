"""Modes: recording on and off."""

from __future__ import annotations

import functools
from typing import Any

from ..engine.modes import enable_grad, mode, no_grad


class inference_mode(no_grad):
    """Record nothing, as no_grad; `inference_mode(False)` changes nothing."""

    def __new__(cls, mode: Any = True) -> Any:
        """`inference_mode` itself, or what decorates a function."""
        if callable(mode):
            return no_grad()(mode)
        return super().__new__(cls) if mode else set_grad_enabled(True)

    def __init__(self, mode: Any = True) -> None:
        super().__init__()


class set_grad_enabled:
    """Record or not, from now on; as `with set_grad_enabled(flag):` inside the block."""

    def __init__(self, mode_: bool) -> None:
        self._before, self._wanted, mode.grad = mode.grad, bool(mode_), bool(mode_)

    def __enter__(self) -> None:
        mode.grad = self._wanted

    def __exit__(self, *_: object) -> None:
        mode.grad = self._before

    def __call__(self, function: Any) -> Any:
        mode.grad = self._before

        @functools.wraps(function)
        def wrapped(*args: Any, **options: Any) -> Any:
            with enable_grad() if self._wanted else no_grad():
                return function(*args, **options)

        return wrapped


class set_detect_anomaly:
    """Taken, and without effect: `dls.explain` and `dls.autopsy` look for bad numbers."""

    def __init__(self, mode: bool = True, check_nan: bool = True) -> None:
        pass

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass
