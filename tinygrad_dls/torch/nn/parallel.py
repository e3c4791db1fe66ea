"""torch.nn.parallel: wrappers that hand the module through, as there is one device."""

from __future__ import annotations

from typing import Any


class DataParallel:
    """The module itself."""

    def __new__(cls, module: Any, *_: Any, **__: Any) -> Any:
        """Return `module`."""
        return module


DistributedDataParallel = DataParallel


def data_parallel(module: Any, inputs: Any, device_ids: Any = None, *_: Any, **__: Any) -> Any:
    """`module` of the inputs, on the one device."""
    return module(*inputs) if isinstance(inputs, tuple) else module(inputs)
