"""torch.utils.checkpoint: forward run again in backward instead of remembered."""

from typing import Any

from ...tensors.gradients import checkpoint as _checkpoint


def checkpoint(function: Any, *args: Any, use_reentrant: Any = None, **options: Any) -> Any:
    """function(*args), computed again in backward instead of kept."""
    return _checkpoint(function, *args)


def checkpoint_sequential(functions: Any, segments: int, input: Any, **options: Any) -> Any:
    """A chain of modules in so many pieces, each of them checkpointed."""
    modules = list(functions)
    size = -(-len(modules) // segments)
    for start in range(0, len(modules), size):
        part = modules[start : start + size]

        def run(x: Any, part: Any = part) -> Any:
            for module in part:
                x = module(x)
            return x

        input = _checkpoint(run, input)
    return input
