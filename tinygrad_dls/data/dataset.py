"""Data sets: examples by number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .._util.keywords import near_names
from ..backend.device import default_device
from ..engine.autograd import as_tensor
from ..errors import DataError, GraphError, ShapeError
from ..tensors import Tensor, from_numpy


class Dataset:
    """Base of data sets: define `__len__` and `__getitem__(i)`, which gives one example.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import data
    >>> class Squares(data.Dataset):
    ...     def __len__(self):
    ...         return 4
    ...     def __getitem__(self, i):
    ...         return dls.tensor([float(i)]), dls.tensor([float(i**2)])
    >>> [x.shape for x in next(iter(data.DataLoader(Squares(), batch_size=3)))]
    [(3, 1), (3, 1)]
    """

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__} does not define __len__")

    def __getitem__(self, index: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} does not define __getitem__(i)")


    def __add__(self, other: Any) -> Any:
        from .joined import ConcatDataset  # a data set, too

        return ConcatDataset([self, other])


class TensorDataset(Dataset):
    """Tensors or arrays with one example along axis 0; example i is the tuple of their [i].

    NumPy arrays keep their dtype and, on the CPU, are not copied. ShapeError where lengths differ.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import data
    >>> examples = data.TensorDataset(dls.zeros(10, 4), dls.arange(10))
    >>> x, label = examples[3]
    >>> len(examples), x.shape, label.item()
    (10, (4,), 3)
    """

    def __init__(self, *tensors: Any) -> None:
        if not tensors:
            raise DataError("TensorDataset takes tensors or arrays, and got none")
        self.tensors = tuple(map(_data, tensors))
        if any(t.ndim == 0 for t in self.tensors) or len({len(t) for t in self.tensors}) > 1:
            raise ShapeError(
                "TensorDataset takes as many examples (axis 0) in each tensor:\n"
                + "\n".join(f"  tensor {i}  {t.shape}" for i, t in enumerate(self.tensors))
            )

    def __len__(self) -> int:
        return len(self.tensors[0])

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(t[index] for t in self.tensors)

    @near_names
    def batch_at(self, places: np.ndarray[Any, Any] | slice) -> tuple[Tensor, ...]:
        """The examples at `places` as one batch, copied."""
        batch, on_device = [], {}
        for t in self.tensors:
            if isinstance(places, slice):
                rows = t.device.copy(t._data[places])
            else:
                if t.device not in on_device:  # the places go there once
                    on_device[t.device] = t.device.from_host(places)
                rows = t._data[on_device[t.device]]
            batch.append(as_tensor(rows, t.device, None, t._kind))
        return tuple(batch)


class Subset(Dataset):
    """Examples of `dataset` at the places `indices`, in that order.

    DataError for places that it does not have.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import data
    >>> examples = data.TensorDataset(dls.arange(10))
    >>> [x.item() for x, in data.Subset(examples, [7, 0, 7])]
    [7, 0, 7]
    """

    @near_names
    def __init__(self, dataset: Any, indices: Sequence[int] | np.ndarray[Any, Any]) -> None:
        self.dataset = dataset
        places = np.asarray(indices)
        if places.ndim != 1 or (places.size and places.dtype.kind not in "iu"):
            raise DataError(
                "a subset takes a list of places, whole numbers, not "
                f"{places.dtype} of shape {places.shape}"
                + ("; of a mask: np.flatnonzero(mask)" if places.dtype.kind == "b" else "")
            )
        self.indices = places.astype(np.int64)
        count = len(dataset)
        if self.indices.size and not (
            -count <= self.indices.min() and self.indices.max() < count
        ):
            raise DataError(f"a subset's places are below {count}, the number of examples")

    @property
    def batch_at(self) -> Callable[[Any], Any]:
        """Several examples as one batch; there where the data set has it."""
        whole = self.dataset.batch_at
        return lambda places: whole(self.indices[places])

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: Any) -> Any:
        places = self.indices[index]
        return self.dataset[int(places) if places.ndim == 0 else places]


def _data(values: Any) -> Tensor:
    """Values as a tensor without history; arrays are wrapped where that needs no copy."""
    if isinstance(values, Tensor):
        if values._node is not None:
            raise GraphError("a data set would lose the history of a computed tensor: x.detach()")
        return values.detach()
    if isinstance(values, np.ndarray) and default_device().xp is np:
        return from_numpy(values)
    return Tensor(values)
