"""torch.amp: mixed precision, which is not here; switched off it changes nothing."""

from __future__ import annotations

from typing import Any

from ..errors import DataError


class autocast:
    """Taken with enabled=False, and where there is no GPU; DataError else: there is none here."""

    def __init__(self, device_type: str = "cuda", dtype: Any = None, enabled: bool = True,
                 cache_enabled: bool = True) -> None:
        if enabled and device_type != "cuda":
            raise DataError("there is no autocast here: pass enabled=False, or cast with x.half()")

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass

    def __call__(self, function: Any) -> Any:
        return function


class GradScaler:
    """Hands through: gradients of float32 need no scale."""

    def __init__(self, device: str = "cuda", enabled: bool = True, **_: Any) -> None:
        self.enabled = enabled

    def scale(self, outputs: Any) -> Any:
        """The loss itself."""
        return outputs

    def unscale_(self, optimizer: Any) -> None:
        """Nothing."""

    def step(self, optimizer: Any, *args: Any, **options: Any) -> Any:
        """The optimizer's step."""
        return optimizer.step(*args, **options)

    def update(self, new_scale: Any = None) -> None:
        """Nothing."""

    def state_dict(self) -> dict[str, Any]:
        """Nothing to keep."""
        return {}

    def load_state_dict(self, state_dict: Any) -> None:
        """Nothing to restore."""
