"""Tensor: an array on a device, with names for operations and a way back through them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Never

import numpy as np
from numpy.typing import DTypeLike

from .. import ops
from .._util.callers import calling_line
from .._util.keywords import wrong_keyword
from .._util.namespaces import NoSuchName
from ..backend.device import Device, default_device
from ..backend.dtypes import default_dtype
from ..engine import autograd, versions
from ..engine.autograd import TensorBase, as_tensor, register_tensor
from ..engine.conversion import host_array
from ..engine.modes import mode, no_grad, replayed, traces
from ..errors import DeviceError, DtypeError, GraphError, LengthError, ShapeError
from ..ops.assigning import check_cut
from ..ops.call import unrecorded
from ..ops.scatter import IndexPut
from ..ops.shape import axis_of
from .copying import Copying
from .hooks import Hooked
from .in_place import InPlace
from .like import NewLike
from .methods import Methods
from .numpy_protocol import NumpyDispatch
from .printing import printed
from .torch_names import Synonyms


class Count(int):
    """A number of elements; called as PyTorch's x.size(0) or x.size() it tells of the shape."""

    shape: tuple[int, ...]

    def __call__(self, dim: int | None = None) -> Any:
        if dim is None:
            return self.shape
        return self.shape[axis_of(dim, len(self.shape), "size")]

    def __reduce__(self) -> Any:
        return int, (int(self),)


@register_tensor
class Tensor(Copying, Hooked, NumpyDispatch, Methods, InPlace, NewLike, Synonyms, TensorBase):
    """An n-dimensional array that remembers how it was computed, if it requires grad.

    `data`: numbers, nested lists (floats become float32, see `dls.set_default_dtype`), an array
    (keeps its dtype) or a tensor; always copied. `name` is shown in pictures and messages.

    >>> x = dls.Tensor([1.0, 2.0], requires_grad=True, name="x")
    >>> (x * x).sum().backward()
    >>> x.grad
    Tensor([2., 4.])
    """

    if TYPE_CHECKING:
        device: Device
    __slots__ = ()

    def __init__(
        self,
        data: Any,
        requires_grad: bool = False,
        dtype: DTypeLike | None = None,
        device: str | Device | None = None,
        name: str | None = None,
        **wrong: Never,
    ) -> None:
        if wrong:
            raise wrong_keyword(type(self).__init__, wrong, type(self).__name__)
        if requires_grad.__class__ is int:
            raise DtypeError(f"Tensor({data!r}, {requires_grad!r}): the values come first, then "
                             "requires_grad. A tensor of that shape is "
                             f"dls.empty({data!r}, {requires_grad!r})")
        place = Device(device) if device is not None else None
        if isinstance(data, TensorBase):
            _tell_of_reading(data)
            place = place or data.device
            data = data.device.to_host(data._data)
        self.device = place or default_device()
        self._data = self.device.copy(self.device.from_host(host_array(data, dtype)))
        if traces.active and mode.recorder is not None:
            mode.recorder.created(self._data)
        self._grad = self._hooks = self._node = None
        self.name = name
        self.requires_grad = False
        if requires_grad:
            self.requires_grad_()

    if not TYPE_CHECKING:  # they would take any name for one of its attributes

        def __getattr__(self, name: str) -> Any:
            raise NoSuchName(f"{type(self).__name__!r} object", name, dir(type(self)))

    # --- what it is ------------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """Length along each axis."""
        return self._data.shape  # type: ignore[no-any-return]

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self._data.ndim  # type: ignore[no-any-return]

    @property
    def size(self) -> int:
        """Number of elements; `x.size(0)` is PyTorch's x.shape[0], and `x.size()` its x.shape."""
        count = Count(self._data.size)
        count.shape = self._data.shape
        return count

    @property
    def dtype(self) -> np.dtype[Any]:
        """NumPy dtype of the elements."""
        return self._data.dtype  # type: ignore[no-any-return]

    @property
    def is_leaf(self) -> bool:
        """True if no recorded operation made it."""
        return self._node is None

    @property
    def version(self) -> int:
        """The number of in-place writes to its storage."""
        return versions.version(self._data)

    def __len__(self) -> int:
        if self.ndim == 0:
            raise LengthError("a tensor of shape () has no length: it is one number, x.item()")
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        _tell_of_reading(self)
        body = printed(self.device.to_host(self._data), "Tensor(")
        notes = "" if self.dtype == default_dtype() or self.dtype.kind in "ib" else (
            f", dtype={self.dtype}")
        notes += "" if self.device.name == "cpu" else f", device={self.device.name!r}"
        if self._node is not None:
            notes += f", made by {self._node.op.name}"
        elif self.requires_grad:
            notes += ", requires_grad=True"
        return f"Tensor({body}{notes})"

    # --- its values ------------------------------------------------------------------------------

    def numpy(self) -> np.ndarray[Any, Any]:
        """The values on the host; on the CPU a read-only view of them.

        >>> dls.tensor([1.0, 2.0]).numpy()
        array([1., 2.], dtype=float32)
        """
        _tell_of_reading(self)
        view: np.ndarray[Any, Any] = self.device.to_host(self._data).view()
        view.flags.writeable = False
        return view

    def item(self) -> Any:
        """The one number in it, as a Python number.

        >>> dls.tensor([2.5]).item()
        2.5
        """
        if self.size != 1:
            raise ShapeError(
                f"item() takes the number out of a tensor of one; this has shape\n  {self.shape}"
            )
        _tell_of_reading(self)
        number = self._data.item()
        self.device.raise_troubles()
        return number

    def tolist(self) -> Any:
        """Nested lists of Python numbers.

        >>> dls.tensor([[1, 2], [3, 4]]).tolist()
        [[1, 2], [3, 4]]
        """
        return self.numpy().tolist()

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ShapeError(
                f"a tensor of shape {self.shape} is neither true nor false: use .any() or .all()"
            )
        return bool(self.item())

    def __index__(self) -> int:
        if self.dtype.kind not in "iu" or self.size != 1:
            raise DtypeError(f"an index is one integer, not {self.dtype} of shape {self.shape}")
        return int(self.item())

    def __contains__(self, value: Any) -> bool:
        return bool((self.detach() == value).any())

    def __format__(self, spec: str) -> str:
        if self.size == 1 and spec:
            return format(self.item(), spec)
        try:
            return format(repr(self), spec)
        except ValueError as error:
            raise ShapeError(
                f"{spec!r} formats one number, this tensor has shape\n  {self.shape}"
            ) from error

    __hash__ = object.__hash__

    # --- gradients -------------------------------------------------------------------------------

    @property
    def grad(self) -> Tensor | None:
        """dL/d(this) after `backward()`: a tensor, or None where none was computed."""
        return self._grad  # type: ignore[no-any-return]

    @grad.setter
    @replayed
    def grad(self, value: Tensor | None) -> None:
        if value is not None and (not isinstance(value, Tensor) or value.shape != self.shape):
            raise ShapeError(
                f"x.grad is None or a tensor of x's shape:\n  x     {self.shape}\n  grad  "
                f"{getattr(value, 'shape', type(value).__name__)}"
            )
        if value is not None and value.dtype != self.dtype:
            raise DtypeError(f"x.grad has x's dtype {self.dtype}, not {value.dtype}: use .astype()")
        if value is not None and value.device is not self.device:
            raise DeviceError(f"x.grad is where x is, on {self.device}, not on {value.device}")
        self._grad = value

    def backward(
        self, grad: Any = None, retain_graph: bool | None = None, create_graph: bool = False,
        **wrong: Never,
    ) -> None:
        """Compute dL/dx, L this tensor, for every leaf x it was made from; add it to `x.grad`.

        `grad` is dL/d(this), needed where this is not one number. The graph is freed unless
        `retain_graph`; with `create_graph` gradients can be differentiated again.

        >>> x = dls.tensor([1.0, 2.0], requires_grad=True)
        >>> (x**2).sum().backward()
        >>> x.grad
        Tensor([2., 4.])
        """
        if wrong:
            raise wrong_keyword(Tensor.backward, wrong, "backward")
        if not self.requires_grad:
            raise GraphError(
                "backward() from a tensor that does not require grad: nothing it was made from "
                "does, or it was made under no_grad, by detach() or by numpy()"
            )
        seed = self._seed(grad, create_graph)
        before, mode.grad = mode.grad, create_graph
        try:
            keep = create_graph if retain_graph is None else retain_graph
            autograd.backward(self, seed, keep, create_graph)
        finally:
            mode.grad = before

    def _seed(self, grad: Any, create_graph: bool) -> Any:
        """dL/d(this) to start backward with: an array, or a tensor if gradients have a graph."""
        if self._data.dtype.kind != "f":
            raise DtypeError(f"only floats have gradients, and this tensor is {self.dtype}")
        if grad is None:
            if self._data.size != 1:
                raise GraphError(
                    f"backward() from a tensor of shape {self.shape}: only one number has a "
                    "gradient.\nSum it (.sum(), .mean()), or pass dL/d(this): backward(grad)"
                )
            seed = self.device.ones[self._data.dtype]
            if self._data.ndim:
                seed = seed.reshape(self.shape)
            return as_tensor(seed, self.device, None, self._kind) if create_graph else seed
        tensor = grad if isinstance(grad, Tensor) else Tensor(grad, device=self.device)
        if tensor.shape != self.shape:
            raise ShapeError(
                f"the gradient given has another shape:\n  tensor    {self.shape}\n"
                f"  gradient  {tensor.shape}"
            )
        tensor = tensor.astype(self.dtype)
        return tensor if create_graph else tensor._data

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Ask for a gradient from now on (or no more); floats only.

        >>> dls.tensor([1.0]).requires_grad_().requires_grad
        True
        """
        if self._node is not None and not requires_grad:
            raise GraphError("this tensor was computed from ones that require grad: use detach()")
        if requires_grad and self.dtype.kind != "f":
            raise DtypeError(
                f"only floats have gradients, this tensor is {self.dtype}: write 2.0 for 2, or "
                "x.astype('float32')"
            )
        self.requires_grad = requires_grad
        return self

    def detach(self) -> Tensor:
        """The same values, sharing memory, without history.

        >>> x = dls.tensor([1.0, 2.0], requires_grad=True)
        >>> (2 * x).detach().requires_grad
        False
        """
        return autograd.detached(self)  # type: ignore[no-any-return]

    def retain_grad(self) -> Tensor:
        """Keep `.grad` of this tensor too, although it is not a leaf.

        >>> x = dls.tensor([1.0, 2.0], requires_grad=True)
        >>> y = (2 * x).retain_grad()
        >>> (y**2).sum().backward()
        >>> y.grad
        Tensor([4., 8.])
        """
        if not self.requires_grad:
            raise GraphError("retain_grad() of a tensor that does not require grad")
        if self._node is not None:
            autograd.keep_gradient(self)
        return self

    # --- writing in place ------------------------------------------------------------------------

    @property
    def data(self) -> Any:
        """The raw array. Assigning replaces the values; writes through it are not seen."""
        return versions.exposed(self._data)

    @data.setter
    def data(self, value: Any) -> None:
        array = self._fitting(value, "x.data = v")
        if array.shape != self.shape:
            raise ShapeError(f"x.data = v keeps the shape:\n  x  {self.shape}\n  v  {array.shape}")
        versions.mark_write(self._data, f"x.data = v at {calling_line()}")
        array = array.astype(self.dtype, copy=False)
        self._data = array.copy() if versions.is_read_only(array) else array

    def copy_(self, values: Any) -> Tensor:
        """Write `values` (a tensor, an array or numbers that broadcast) into this tensor.

        >>> dls.zeros(2).copy_(dls.tensor([1.0, 2.0]))
        Tensor([1., 2.])
        """
        self._write(Ellipsis, values, "x.copy_(v)")
        return self

    def __setitem__(self, index: Any, values: Any) -> None:
        self._write(index, values, "x[...] = v")

    def _write(self, index: Any, values: Any, how: str) -> None:
        recorded = isinstance(values, TensorBase) and values.requires_grad
        if mode.grad and (self.requires_grad or recorded):
            ops.assign(self, index, values, how)
            return
        array = self._fitting(values, how)
        versions.check_writable(self._data, how)
        trace = mode.trace if traces.active else None
        maker = None if trace is None else trace.before_write(self._data)
        try:
            plain = ops.indexing.plain_index(index, self, writes=True)
            self._data[plain] = array
        except (ValueError, IndexError) as error:
            raise ShapeError(f"{how}: {error}\n  x  {self.shape}\n  v  {array.shape}") from error
        if trace is not None and maker is not None:
            node = unrecorded(IndexPut(plain).on(self.device), 2, self._data)
            trace.after_write(maker, node, (self, values), (self._data, array))
        versions.mark_write(self._data, f"{how} at {calling_line()}")

    def _fitting(self, values: Any, how: str) -> Any:
        """`values` as an array of this device; DtypeError for floats to be cut to integers."""
        if isinstance(values, Tensor):
            array = values.to(self.device)._data
        elif isinstance(values, self.device.array_type):
            array = values
        else:
            array = self.device.from_host(host_array(values))
        if array.dtype.kind == "f" and self.dtype.kind != "f":
            raise DtypeError(
                f"{how} would cut {array.dtype} values to {self.dtype}: write "
                f"x = x.astype({str(array.dtype)!r}) first, or give integers"
            )
        return array

    def _in_place(self, operation: Callable[[Any, Any], Tensor], other: Any, how: str) -> Tensor:
        """x += v: in place; in a graph x names the result from then on."""
        recorded = isinstance(other, TensorBase) and other.requires_grad
        if not (mode.grad and (self.requires_grad or recorded)):
            with no_grad():
                result = operation(self, other)
            check_cut(self, result, how)
            if result.shape == self.shape:
                versions.check_writable(self._data, how)
                trace = mode.trace if traces.active and not self.requires_grad else None
                if trace is not None:
                    trace.before_write(self._data)
                self._data[...] = result._data.astype(self.dtype, copy=False)
                if trace is not None:
                    trace.moved(result._data, self._data)
                versions.mark_write(self._data, f"{how} at {calling_line()}")
                return self
            raise ShapeError(f"{how} keeps the shape of x:\n  x       {self.shape}\n"
                             f"  result  {result.shape}")
        return ops.update(self, operation, other, how)  # type: ignore[no-any-return]

    def __iadd__(self, other: Any) -> Tensor:  # type: ignore[misc]
        return self._in_place(ops.add, other, "x += v")

    def __isub__(self, other: Any) -> Tensor:  # type: ignore[misc]
        return self._in_place(ops.sub, other, "x -= v")

    def __imul__(self, other: Any) -> Tensor:  # type: ignore[misc]
        return self._in_place(ops.mul, other, "x *= v")

    def __itruediv__(self, other: Any) -> Tensor:  # type: ignore[misc]
        return self._in_place(ops.div, other, "x /= v")

    # --- moving ----------------------------------------------------------------------------------

    def to(
        self, *places: str | Device | DTypeLike | Tensor, device: str | Device | None = None,
        dtype: DTypeLike | None = None, non_blocking: bool = False, copy: bool = False,
    ) -> Tensor:
        """This tensor on another device ("cuda"), in another dtype ("float64"), or like a tensor.

        `copy`: a new tensor in any case. `non_blocking` changes nothing: copies are in order.

        >>> dls.tensor([1.0]).to("float64").dtype
        dtype('float64')
        """
        if not places and device is None and dtype is None and not copy:
            raise DeviceError("to() takes a device, a dtype or a tensor")
        for place in places:
            if isinstance(place, TensorBase):
                device, dtype = place.device, place.dtype
            elif (kind := dtype_or_none(place)) is not None:
                dtype = kind
            else:
                device = Device(place)  # type: ignore[arg-type]
        there: Tensor = self
        if device is not None and (target := Device(device)) is not self.device:
            there = ops.to_device(self, target)
        there = there if dtype is None else there.astype(dtype)
        return ops.clone(self) if copy and there is self else there

    def astype(self, dtype: DTypeLike) -> Tensor:
        """This tensor in another dtype; itself if it has it.

        >>> dls.tensor([1.5, 2.0]).astype("int64")
        Tensor([1, 2])
        """
        return ops.cast(self, dtype)  # type: ignore[no-any-return]


def dtype_or_none(place: Any) -> np.dtype[Any] | None:
    """`place` as a dtype; None if it names a device."""
    if place is None or isinstance(place, Device):  # None would be NumPy's name of float64
        return None
    try:
        kind: np.dtype[Any] = np.dtype(place)
        return kind
    except TypeError:
        return None


def _tell_of_reading(x: Any) -> None:
    """Python learns a value: what it does next may depend on it."""
    if traces.active and mode.recorder is not None:
        mode.recorder.read(x._data)
