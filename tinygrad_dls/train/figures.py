"""The figures of one pass through the data: running means that wait on the device."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np

from .._util.arguments import is_whole
from ..backend.device import Device
from ..errors import DataError, ShapeError
from ..tensors import Tensor


class Figures:
    """Running means of the loss and the metrics, weighed by the sizes of the batches.

    On a GPU the numbers of each step stay there until `read`, which fetches all at once.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        self.sums = np.zeros(len(names))
        self.examples = 0
        self.steps = 0  # read so far
        self._waiting: list[tuple[int, list[Any]]] = []

    def add(self, examples: int, values: Sequence[Any]) -> None:
        """The figures of one batch: tensors of one number, or numbers."""
        for name, v in zip(self.names, values):
            if not isinstance(v, Real) and not (isinstance(v, Tensor) and v.size == 1):
                what = v.shape if isinstance(v, Tensor) else type(v).__name__
                raise ShapeError(f"the metric {name!r} gives one number for a batch, not {what}")
        self._waiting.append((examples, [v.detach() if isinstance(v, Tensor) else v
                                         for v in values]))

    def read(self) -> int | None:
        """Bring the means up to date; the step (from 1) whose loss was no number, if any."""
        bad = None
        for row, (examples, _) in zip(_to_host([v for _, v in self._waiting]), self._waiting):
            self.steps += 1
            if bad is None and not math.isfinite(row[0]):
                bad = self.steps
            self.sums += examples * np.asarray(row)
            self.examples += examples
        self._waiting.clear()
        return bad

    def means(self) -> dict[str, float]:
        """name -> mean over all examples so far."""
        return dict(zip(self.names, (self.sums / max(self.examples, 1)).tolist()))

    def state_dict(self) -> dict[str, Any]:
        """Return the figures read so far, in plain numbers."""
        return {"names": list(self.names), "sums": self.sums.tolist(), "examples": self.examples,
                "steps": self.steps}

    def check_state(self, state_dict: Any) -> None:
        """DataError unless it is what `state_dict` gives."""
        if isinstance(state_dict, Mapping) and state_dict.keys() == self.state_dict().keys():
            names, sums = state_dict["names"], state_dict["sums"]
            if (isinstance(names, list) and isinstance(sums, list) and len(names) == len(sums)
                    and all(isinstance(name, str) for name in names)
                    and all(type(number) in (int, float) for number in sums)
                    and is_whole(state_dict["examples"]) and is_whole(state_dict["steps"])):
                return
        raise DataError("the figures of the checkpoint are not those of an epoch")

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on there, with the figures of the same names; new ones begin at 0."""
        sums = dict(zip(state_dict["names"], state_dict["sums"]))
        self.sums = np.array([float(sums.get(name, 0.0)) for name in self.names])
        self.examples, self.steps = int(state_dict["examples"]), int(state_dict["steps"])


def _to_host(rows: list[list[Any]]) -> list[list[float]]:
    """The numbers of all steps on the host, with one transfer for each device."""
    waiting: dict[Any, list[Any]] = {}
    for value in (value for row in rows for value in row):
        if isinstance(value, Tensor):
            waiting.setdefault(value.device, []).append(value._data.reshape(()))
    read = {device: iter(_numbers(device, arrays)) for device, arrays in waiting.items()}
    return [[next(read[v.device]) if isinstance(v, Tensor) else float(v) for v in row]
            for row in rows]


def _numbers(device: Device, arrays: list[Any]) -> list[float]:
    """The numbers in arrays of shape ()."""
    if device.xp is np:
        return [float(array) for array in arrays]
    stacked = device.xp.stack([array.astype("float64") for array in arrays])
    numbers: list[float] = device.to_host(stacked).tolist()
    return numbers
