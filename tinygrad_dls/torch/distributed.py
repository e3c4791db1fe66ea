"""torch.distributed as a script that runs alone meets it: one process, of rank 0.

`tinygrad_dls.distributed` trains on several.
"""

from __future__ import annotations


def is_available() -> bool:
    """Tell whether PyTorch's functions can make groups of processes: they cannot."""
    return False


def is_initialized() -> bool:
    """Tell whether a group of processes is there: it is not."""
    return False


def get_rank(group: object = None) -> int:
    """The number of this process: 0."""
    return 0


def get_world_size(group: object = None) -> int:
    """Count the processes: 1."""
    return 1
