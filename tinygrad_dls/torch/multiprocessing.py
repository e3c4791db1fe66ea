"""torch.multiprocessing: Python's, and `spawn`. Tensors are copied to other processes."""

from __future__ import annotations

import multiprocessing as _python
from multiprocessing import *  # noqa: F403
from typing import Any

from ..errors import DataError


def set_sharing_strategy(new_strategy: str) -> None:
    """Nothing: tensors are copied, not shared."""


def get_sharing_strategy() -> str:
    """The name of PyTorch's default."""
    return "file_descriptor"


class _Started(list[Any]):
    """Processes that `spawn` started."""

    def join(self, timeout: float | None = None) -> bool:
        """Wait for all; DataError if one of them failed."""
        for process in self:
            process.join(timeout)
        failed = [i for i, process in enumerate(self) if process.exitcode]
        if failed:
            for process in self:
                process.terminate()
            raise DataError(f"process {failed[0]} ended with exit code {self[failed[0]].exitcode}: "
                            "its own message is above")
        return all(process.exitcode == 0 for process in self)


def spawn(
    fn: Any, args: tuple[Any, ...] = (), nprocs: int = 1, join: bool = True, daemon: bool = False,
    start_method: str = "spawn",
) -> Any:
    """Run fn(i, *args) in `nprocs` processes, i from 0, and wait for them."""
    context: Any = _python.get_context(start_method)
    started = _Started(
        context.Process(target=fn, args=(i, *args), daemon=daemon) for i in range(nprocs))
    for process in started:
        process.start()
    if not join:
        return started
    started.join()
    return None
