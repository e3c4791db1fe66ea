"""Embeddings: rows of a table, looked up by number."""

from typing import Any

import numpy as np

from ..engine.autograd import Array, TensorBase
from .call import function_of
from .op import Op
from .samples import Rng, Sample


def _samples(rng: Rng) -> list[Sample]:
    places = [np.array([[0, 2], [2, 3]]), np.array(1), np.zeros((0, 2), np.int64),
              np.array([3, 3, 3, 0])]
    return [
        Sample((rng.standard_normal((4, width)), p)) for p in places for width in (3, 1)
    ]


class Embedding(Op):
    """y[i] = weight[places[i]], for places of any shape.

    dL/dweight[p] = sum of dL/dy[i] over all i with places[i] = p
    If asked, not quite that: row `padding_idx` gets 0 (it stands for no word), and `by_freq`
    divides each row by how often its place occurs.
    """

    numpy = staticmethod(lambda weight, places: weight[places])
    samples = staticmethod(_samples)

    def __init__(self, padding_idx: int | None = None, by_freq: bool = False) -> None:
        self.padding_idx, self.by_freq = padding_idx, by_freq

    def forward(self, weight: Array, places: Array) -> Array:
        return weight.take(places, axis=0)

    def backward_weight(self, dy: Any, places: Any, shapes: Any) -> Any:
        total = self.kernels.add_at(dy, shapes[0], (places,))
        if self.padding_idx is None and not self.by_freq:
            return total
        device = dy.device if isinstance(dy, TensorBase) else self.device
        return total * self._factors(device, getattr(places, "_data", places), shapes[0], dy.dtype)

    def _factors(self, device: Any, places: Array, shape: tuple[int, ...], dtype: Any) -> Array:
        """Return the factor of each row of the gradient (count, 1)."""
        factors = device.xp.ones((shape[0],), dtype=dtype)
        if self.by_freq:
            once = device.xp.ones(places.shape, dtype=dtype)
            counts = device.kernels.add_at(once, (shape[0],), (places,))
            factors = factors / device.xp.maximum(counts, 1.0)
        if self.padding_idx is not None:
            factors[self.padding_idx] = 0.0
        return factors[:, None]


def embedding(
    weight: Any, places: Any, padding_idx: int | None = None, by_freq: bool = False
) -> Any:
    """The rows of `weight` (count, n) at `places`, integers in range."""
    return function_of(Embedding, padding_idx, bool(by_freq))(weight, places)
