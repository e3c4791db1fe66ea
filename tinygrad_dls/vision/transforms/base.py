"""Base of all transforms: functions of pictures, single or in batches, with a generator."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..._util.keywords import near_names
from ...engine.autograd import TensorBase
from ...errors import DtypeError, GraphError, ShapeError
from ...random import Generator, chosen
from ..operands import as_given, on_host

Array = np.ndarray[Any, Any]


class Transform:
    """A function of a picture (channels, height, width) or of a batch (m, channels, h, w).

    Arrays and tensors go in, and the same comes out, of the same dtype: uint8 stays uint8. What
    is random is drawn for each picture of a batch by itself, from `generator` or else from the
    generator of dls.manual_seed, on the host.
    """

    generator: Generator | None = None

    def __call__(self, images: Any) -> Any:
        batch = pictures(images)
        changed = self.apply(batch.reshape(-1, *batch.shape[-3:]))
        changed = changed.reshape(*batch.shape[:-3], *changed.shape[1:])
        return as_given(np.ascontiguousarray(changed), images)

    @near_names
    def apply(self, images: Array) -> Array:
        """Transform a batch (m, channels, height, width) of NumPy."""
        raise NotImplementedError

    @near_names
    def uniform(self, low: float, high: float, *shape: int) -> Array:
        """Draw float64 numbers, low <= x < high."""
        return self.random.uniform(shape, low, high, "float64")

    @property
    def random(self) -> Generator:
        """The generator that it draws from."""
        return chosen(self.generator)

    def __repr__(self) -> str:
        shown = {k: v for k, v in vars(self).items() if k != "generator"}
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in shown.items())})"


class Compose:
    """Apply transforms one after the other.

    >>> import numpy as np
    >>> from tinygrad_dls.vision import transforms
    >>> both = transforms.Compose([transforms.Resize((8, 8)), transforms.CenterCrop(6)])
    >>> both(np.zeros((2, 3, 16, 16), np.float32)).shape
    (2, 3, 6, 6)
    """

    @near_names
    def __init__(self, transforms: Sequence[Callable[[Any], Any]]) -> None:
        self.transforms = list(transforms)

    def __call__(self, images: Any) -> Any:
        for transform in self.transforms:
            images = transform(images)
        return images

    def __repr__(self) -> str:
        lines = "".join(f"\n    {transform!r}," for transform in self.transforms)
        return f"Compose([{lines}\n])"


def pictures(images: Any) -> Array:
    """The pictures (..., channels, height, width) on the host; errors name what is wrong."""
    if isinstance(images, TensorBase) and images.requires_grad:
        raise GraphError("a transform would lose the history of a tensor that requires grad: "
                         "x.detach() first (Normalize keeps it)")
    batch = on_host(images)
    if batch.ndim < 3 or 0 in batch.shape[-2:]:
        raise ShapeError("pictures are (channels, height, width) or (m, channels, height, width), "
                         f"not\n  {batch.shape}")
    if batch.shape[-3] > 4 and batch.shape[-1] in (1, 3, 4):
        axes = "(2, 0, 1)" if batch.ndim == 3 else "(0, 3, 1, 2)"
        raise ShapeError(f"channels come before rows here, not as in\n  {batch.shape}\n"
                         f"x.transpose{axes} turns them so")
    if batch.dtype != np.uint8 and batch.dtype.kind != "f":
        raise DtypeError(f"pictures are uint8 (0 to 255) or floats, not {batch.dtype}")
    return batch


def pair(value: Any, name: str) -> tuple[int, int]:
    """(height, width) of one number or of two; ShapeError for anything else."""
    both = tuple(value) if isinstance(value, Sequence) else (value, value)
    if len(both) == 1:
        both *= 2
    if len(both) != 2 or not all(isinstance(n, int) and n > 0 for n in both):
        raise ShapeError(f"{name} is a whole number from 1, or (height, width), not {value!r}")
    return both
