"""torch.fx: `wrap`, which model sources call; there is no symbolic tracing."""

from __future__ import annotations

from typing import Any

from ..errors import DataError


def wrap(fn_or_name: Any) -> Any:
    """The function, or name, itself."""
    return fn_or_name


class Proxy:
    """Never made: asked for in isinstance alone."""


class GraphModule:
    """Never made: asked for in isinstance alone."""


def symbolic_trace(*_: Any, **__: Any) -> Any:
    """Not here."""
    raise DataError("there is no symbolic tracing: dls.graph(outputs, model) shows a graph, "
                    "dls.capture(step) records a step")
