"""Embeddings: one row of a trained table for each word, or for each bag of words."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike

from .._util.arguments import is_whole
from ..backend.device import Device
from ..backend.dtypes import default_dtype, float_dtype
from ..engine.modes import no_grad
from ..errors import DataError, ShapeError
from ..random import Generator
from ..tensors import Tensor
from . import functional as F
from . import init
from .module import Module
from .parameter import Parameter


class _Table(Module):
    """Base of both: `weight` (num_embeddings, embedding_dim), standard normal at the start."""

    weight: Parameter

    def _make(
        self, num_embeddings: int, embedding_dim: int, padding_idx: int | None, sparse: bool,
        device: str | Device | None, dtype: DTypeLike | None, generator: Generator | None,
    ) -> None:
        name = type(self).__name__
        if not is_whole(num_embeddings, 1) or not is_whole(embedding_dim, 1):
            raise ShapeError(
                f"{name}({num_embeddings!r}, {embedding_dim!r}): both are whole numbers from 1"
            )
        if sparse:
            raise DataError("gradients of embeddings are dense here: leave sparse=False")
        if padding_idx is not None:
            if not -num_embeddings <= padding_idx < num_embeddings:
                raise DataError(f"padding_idx {padding_idx} is not a row of {num_embeddings}")
            padding_idx = int(padding_idx) % num_embeddings
        self.num_embeddings, self.embedding_dim = int(num_embeddings), int(embedding_dim)
        self.padding_idx = padding_idx
        kind = float_dtype(dtype or default_dtype())
        empty = np.empty((self.num_embeddings, self.embedding_dim), kind)
        self.weight = Parameter(empty, device=device)
        self.reset_parameters(generator)

    def reset_parameters(self, generator: Generator | None = None) -> None:
        """Re-initialize the table; row `padding_idx` is 0."""
        init.normal_(self.weight, generator=generator)
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx] = 0.0

    @classmethod
    def from_pretrained(
        cls, embeddings: Any, freeze: bool = True, padding_idx: int | None = None, **options: Any
    ) -> Self:
        """A layer with this table (count, n), which is not trained if `freeze`."""
        table = embeddings if isinstance(embeddings, Tensor) else Tensor(embeddings)
        if table.ndim != 2:
            raise ShapeError(f"a table of embeddings is (count, n), not\n  {table.shape}")
        layer = cls(*table.shape, padding_idx=padding_idx, **options)  # type: ignore[call-arg]
        layer.weight = Parameter(table.detach(), device=table.device)
        layer.weight.requires_grad_(not freeze)
        return layer

    def extra_repr(self) -> str:
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"


class Embedding(_Table):
    """Table of vectors: y = weight[x], the rows of `weight` at the indices x (Course 5, week 2).

    Shape: x (...) of whole numbers, y (..., embedding_dim), `weight` (num_embeddings,
    embedding_dim), which starts standard normal. Row `padding_idx` starts at 0 and gets no
    gradient. Rows longer than `max_norm` (in the `norm_type`-norm) are shortened when they are
    looked up. `scale_grad_by_freq` divides each row's gradient by how often it was looked up.
    `sparse` must be False: gradients are dense.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> words = nn.Embedding(1000, 8, padding_idx=0)
    >>> words(dls.tensor([[4, 7, 0], [9, 0, 0]])).shape
    (2, 3, 8)
    """

    def __init__(
        self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None,
        max_norm: float | None = None, norm_type: float = 2.0, scale_grad_by_freq: bool = False,
        sparse: bool = False, device: str | Device | None = None, dtype: DTypeLike | None = None,
        generator: Generator | None = None,
    ) -> None:
        self.max_norm, self.norm_type = max_norm, norm_type
        self.scale_grad_by_freq, self.sparse = scale_grad_by_freq, sparse
        self._make(num_embeddings, embedding_dim, padding_idx, sparse, device, dtype, generator)

    def forward(self, input: Tensor) -> Tensor:
        return F.embedding(
            input, self.weight, self.padding_idx, self.max_norm, self.norm_type,
            self.scale_grad_by_freq,
        )


class EmbeddingBag(_Table):
    """Sum, mean or maximum (`mode`) of the rows of each bag of indices.

    Shape: indices (bags, n), or all one after the other with `offsets` (bags,), where each bag
    begins; y (bags, embedding_dim). The rows are not kept, so it takes less memory than
    `Embedding` and a mean. Other options as `Embedding`; see `F.embedding_bag`.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> bag = nn.EmbeddingBag(1000, 8, mode="sum")
    >>> bag(dls.tensor([4, 7, 9, 1]), offsets=dls.tensor([0, 3])).shape
    (2, 8)
    """

    def __init__(
        self, num_embeddings: int, embedding_dim: int, max_norm: float | None = None,
        norm_type: float = 2.0, scale_grad_by_freq: bool = False, mode: str = "mean",
        sparse: bool = False, include_last_offset: bool = False, padding_idx: int | None = None,
        device: str | Device | None = None, dtype: DTypeLike | None = None,
        generator: Generator | None = None,
    ) -> None:
        self.max_norm, self.norm_type = max_norm, norm_type
        self.scale_grad_by_freq, self.mode, self.sparse = scale_grad_by_freq, mode, sparse
        self.include_last_offset = include_last_offset
        self._make(num_embeddings, embedding_dim, padding_idx, sparse, device, dtype, generator)

    def forward(
        self, input: Tensor, offsets: Any = None, per_sample_weights: Any = None
    ) -> Tensor:
        return F.embedding_bag(
            input, self.weight, offsets, self.max_norm, self.norm_type, self.scale_grad_by_freq,
            self.mode, False, per_sample_weights, self.include_last_offset, self.padding_idx,
        )

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, mode={self.mode!r}"
