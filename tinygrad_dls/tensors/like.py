"""New tensors of the dtype and place of another: `x.new_zeros(2, 3)`, under PyTorch's names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numpy.typing import DTypeLike

from ..backend.device import Device

if TYPE_CHECKING:
    from .tensor import Tensor


class NewLike:
    """`x.new_zeros(...)` and the like: the dtype and device of x, unless others are given."""

    __slots__ = ()

    def new_zeros(
        self, *shape: Any, dtype: DTypeLike | None = None, device: str | Device | None = None,
        requires_grad: bool = False, size: Any = None,
    ) -> Tensor:
        """All elements 0.

        >>> dls.ones(2).new_zeros(3)
        Tensor([0., 0., 0.])
        """
        return self.new_full(size if size is not None else shape, 0, dtype, device, requires_grad)

    def new_ones(
        self, *shape: Any, dtype: DTypeLike | None = None, device: str | Device | None = None,
        requires_grad: bool = False, size: Any = None,
    ) -> Tensor:
        """All elements 1.

        >>> dls.ones(2).new_ones(3)
        Tensor([1., 1., 1.])
        """
        return self.new_full(size if size is not None else shape, 1, dtype, device, requires_grad)

    new_empty = new_zeros

    def new_full(
        self, size: Any, fill_value: float, dtype: DTypeLike | None = None,
        device: str | Device | None = None, requires_grad: bool = False,
    ) -> Tensor:
        """All elements `fill_value`.

        >>> dls.ones(2).new_full((3,), 7.0)
        Tensor([7., 7., 7.])
        """
        from .creation import full, shape_of  # which makes the class of x

        x: Any = self
        lengths = shape_of(size if isinstance(size, tuple) else (size,))
        return full(lengths, fill_value, dtype or x.dtype, requires_grad, device or x.device)

    def new_tensor(
        self, data: Any, dtype: DTypeLike | None = None, device: str | Device | None = None,
        requires_grad: bool = False,
    ) -> Tensor:
        """A copy of `data`.

        >>> dls.ones(2).new_tensor([1, 2])
        Tensor([1., 2.])
        """
        from .tensor import Tensor  # the class of x

        x: Any = self
        return Tensor(data, requires_grad, dtype or x.dtype, device or x.device)
