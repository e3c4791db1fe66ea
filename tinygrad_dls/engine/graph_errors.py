"""Errors raised when a graph is misused."""

from typing import TYPE_CHECKING

from ..errors import GraphError
from . import versions

if TYPE_CHECKING:
    from .autograd import Node


def freed(node: "Node") -> GraphError:
    """The error for a second walk through a graph that the first one freed."""
    return GraphError(
        f"this graph was freed: backward already went through '{node.op.name}' (shape {node.shape})"
        " and dropped what it had saved.\nTo go through it twice write"
        " backward(retain_graph=True) the first time; else compute the loss again."
    )


def miscounted(node: "Node", count: int) -> GraphError:
    """The error for a rule that returned `count` gradients, and not one for each input."""
    return GraphError(
        f"the backward of '{node.op.name}' returned {count} gradients for {len(node.edges)} inputs:"
        " return one for each, None where there is none"
    )


def check_overwritten(node: "Node") -> None:
    """Raise if a value that `node` saved was written in place after it was saved."""
    for value in node.saved or ():
        if not isinstance(value, node.device.array_type):
            continue
        place = versions.written_after(value, node.seq)
        if place is not None:
            made = f" at {node.trace.source}" if node.trace else ""
            raise GraphError(
                f"a value that the backward of '{node.op.name}' needs was overwritten:\n"
                f"  saved:        {value.shape} {value.dtype}, by '{node.op.name}'{made}\n"
                f"  overwritten:  by {place}\n"
                "Write to a copy (x.clone()), make a new tensor (x = x + 1), "
                "or call backward() before the write."
            )
