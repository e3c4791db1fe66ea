"""The names of what a record holds: a model's, its user's, a tensor's own."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..engine.autograd import TensorBase
from .record import Kind


class Names:
    """The names of leaves, nodes and arrays; a model's names win over a tensor's own."""

    def __init__(
        self, outputs: Sequence[TensorBase], models: Sequence[Any],
        names: Mapping[str, Any] | None,
    ) -> None:
        self.found: dict[Any, str] = {}
        self.kinds: dict[int, Kind] = {}  # of arrays that belong to a model
        self.parameters: set[Any] = set()  # of models
        for model in models:
            for name, tensor in model.named_parameters():
                self._add(name, tensor)
                self.parameters.add(tensor)
                self.kinds[id(tensor._data)] = "param"
            for name, tensor in model.named_buffers() if hasattr(model, "named_buffers") else ():
                self._add(name, tensor)
                self.kinds[id(tensor._data)] = "buffer"
        for output in outputs:
            self._add(output.name or "", output)
        for name, tensor in (names or {}).items():
            if not name.startswith("_"):
                self._add(getattr(tensor, "name", None) or name, tensor)

    def _add(self, name: str, tensor: Any) -> None:
        if isinstance(tensor, TensorBase) and name:
            self.found.setdefault(tensor._node or tensor, name)
            if tensor._node is None:
                self.found.setdefault(id(tensor._data), name)

    def get(self, key: Any) -> str:
        """The name of a node, a leaf or the id of an array; "" without one."""
        return self.found.get(key, "")
