"""torch.nn.parallel: wrappers that hand the module through, as there is one device."""

from __future__ import annotations

from typing import Any


class DataParallel:
    """The module itself."""

    def __new__(cls, module: Any, *_: Any, **__: Any) -> Any:
        """Return `module`."""
        return module


DistributedDataParallel = DataParallel
