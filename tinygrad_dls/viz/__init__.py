"""Pictures of computation graphs, of models and weights in files, of a training that goes on."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .._util.namespaces import missing as _missing
from .._util.namespaces import public_names as _public_names
from .graphs import Graph as Graph
from .recording import graph as graph
from .tracing import trace as trace
from .watching import watch as watch

if TYPE_CHECKING:
    from .onnx_files import onnx_graph as onnx_graph
    from .weights import read_weights as read_weights

_LATER = {"onnx_graph": "onnx_files", "read_weights": "weights"}  # opened at their first use


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise _missing(__name__, name)
    return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)


def __dir__() -> list[str]:
    return _public_names(globals(), *_LATER)


__all__ = [name for name in __dir__() if not name.startswith("_")]
