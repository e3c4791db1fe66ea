"""Writing at an index, as a function: y is x with other values there, and x stays as it is."""

from typing import Any

import numpy as np

from ..engine.autograd import Array, TensorBase, constant, sum_to
from ..engine.modes import mode
from ..errors import DtypeError, ShapeError
from .arithmetic import add, mul
from .call import SCALARS, function, function_of, operand
from .comparison import where
from .elementwise import cast
from .gathering import along, first_places, gather
from .indexing import add_at, getitem, places_of, plain_index
from .op import Op
from .samples import Rng, Sample
from .shape import axis_of, broadcast_to, reshape, row


def _samples(rng: Rng) -> list[Sample]:
    x = rng.standard_normal((4, 5, 2))
    cases: list[tuple[Any, tuple[int, ...]]] = [
        (1, (5, 2)), ((slice(1, 3),), (2, 5, 2)), ((slice(None), 2), ()), ((Ellipsis, 0), (5,)),
        (np.array([3, 0]), (2, 1, 2)), ((slice(None, None, -2), np.array([1, 4])), (2, 2, 2)),
        ((slice(0, 0),), (0, 5, 2)), (x > 0, ()), ((), (4, 5, 2)), ((2, -1, 1), ()),
        (np.array([True, False, True, False]), (2, 5, 2)), ((slice(1, 2),), (1, 1, 5, 2)),
    ]
    return [Sample((x, rng.standard_normal(shape)), {"index": index}) for index, shape in cases]


def _written(x: Any, values: Any, index: Any) -> Any:
    y = x.copy()
    y[index] = values
    return y


class IndexPut(Op):
    """y = x, with y[index] = values.

    dL/dx = dL/dy with 0 at the index,  dL/dvalues = dL/dy[index]
    """

    numpy = staticmethod(_written)
    samples = staticmethod(_samples)

    def __init__(self, index: Any) -> None:
        self.index = index

    def label(self) -> str:
        return "index_put"

    def forward(self, x: Array, values: Array) -> Array:
        y = self.xp.array(x)
        y[self.index] = values
        return y

    def backward_x(self, dy: Any) -> Any:
        if isinstance(dy, TensorBase):
            return index_put(dy, self.index, 0.0)
        rest = self.xp.array(dy)
        rest[self.index] = 0.0
        return rest

    def backward_values(self, dy: Any, shapes: Any) -> Any:
        share, shape = dy[self.index], shapes[1]
        extra = max(0, len(shape) - share.ndim)  # an assignment drops leading axes of length 1
        share = sum_to(share, shape[extra:])
        return share.reshape(shape) if extra else share


def _places(rng: Rng) -> list[Sample]:
    """Places that differ along the axis; fewer than x has, along the others too."""
    cases: list[tuple[tuple[int, ...], tuple[int, ...], int]] = [
        ((3, 4), (3, 2), 1), ((3, 4), (2, 3), 0), ((5,), (5,), 0), ((2, 3, 4), (2, 1, 3), 2),
        ((3, 4), (3, 0), 1), ((1, 1), (1, 1), 0), ((0, 4), (0, 2), 1),
    ]
    return [
        Sample((rng.standard_normal(shape), places, rng.standard_normal(places.shape)),
               {"axis": axis, "adds": adds})
        for shape, some, axis in cases for adds in (False, True)
        for places in [rng.random(shape).argsort(axis)[tuple(map(slice, some))]]
    ]


def _put_along(x: Any, places: Any, values: Any, axis: int, adds: bool) -> Any:
    y = x.copy()
    for i in np.ndindex(places.shape):
        at = (*i[:axis], places[i], *i[axis + 1:])
        y[at] = values[i] + (y[at] if adds else 0.0)
    return y


class PutAlongAxis(Op):
    """y = x, with the values at `places` along an axis; `adds`: added to what is there.

    dL/dx = dL/dy, with 0 at the places unless it `adds`;  dL/dvalues = dL/dy at the places
    """

    numpy = staticmethod(_put_along)
    samples = staticmethod(_places)

    def __init__(self, axis: int, adds: bool) -> None:
        self.axis, self.adds = axis, adds

    def forward(self, x: Array, places: Array, values: Array) -> Array:
        at = along(self.xp, places.shape, places, self.axis)
        if self.adds:
            return x + self.kernels.add_at(values, x.shape, at)
        y = self.xp.array(x)
        y[at] = values
        return y

    def backward_x(self, dy: Any, places: Any) -> Any:
        if self.adds:
            return dy
        if isinstance(dy, TensorBase):
            return function_of(PutAlongAxis, self.axis, False)(
                dy, places, gather(dy, self.axis, places) * 0.0)
        rest = self.xp.array(dy)
        rest[along(self.xp, places.shape, places, self.axis)] = 0.0
        return rest

    def backward_values(self, dy: Any, places: Any) -> Any:
        if isinstance(dy, TensorBase):
            return gather(dy, self.axis, places)
        return dy[along(self.xp, places.shape, places, self.axis)]


def index_put(x: Any, index: Any, values: Any, accumulate: bool = False) -> Any:
    """x with `values` (which broadcast) at `index`: y = x; y[index] = values, and a gradient.

    The index is whatever x[index] takes; places must differ, for which of two values stays is not
    defined. With `accumulate` values are added to x, and places may repeat.

    >>> dls.index_put(dls.zeros(3), dls.tensor([2, 0]), dls.tensor([5.0, 7.0]))
    Tensor([7., 0., 5.])
    """
    plain = plain_index(index, x, keep=mode.grad, writes=True)
    values = values_for(x, values, "index_put")
    if accumulate:
        at = _shape_at(x, plain)
        values = values if values.shape == at else broadcast_to(values, at)
        return add(x, add_at(values, x.shape, plain))
    return function(IndexPut(plain))(x, values)


def values_for(x: Any, values: Any, name: str) -> Any:
    """`values` as a tensor of x's dtype; DtypeError for floats among integers."""
    if isinstance(values, SCALARS) and x.dtype.kind == "f":
        return constant(x.device.from_host(np.asarray(values, x.dtype)), x.device)
    values = operand(values, x.device)
    if values.dtype.kind == "f" and x.dtype.kind != "f":
        raise DtypeError(
            f"{name} would cut {values.dtype} values to {x.dtype}: write "
            f"x.astype({str(values.dtype)!r}) first, or give integers"
        )
    return values if values.dtype == x.dtype else cast(values, x.dtype)


def _shape_at(x: Any, index: Any) -> tuple[int, ...]:
    """The shape of x[index], without reading x."""
    xp = x.device.xp
    stand_in = xp.broadcast_to(xp.zeros((), dtype=bool), x.shape)
    try:
        return tuple(stand_in[index].shape)
    except IndexError:
        return tuple(getitem(x, index).shape)  # raises, with the card of x[index]


def index_add(x: Any, axis: int, index: Any, source: Any, *, alpha: float = 1) -> Any:
    """x with the slices of `source` (times alpha) added at places `index` along an axis.

    A place named twice gets both. As PyTorch's, without its in-place form. A single number counts
    as a row of one.

    >>> dls.index_add(dls.zeros(3), 0, dls.tensor([2, 2]), dls.tensor([5.0, 7.0]))
    Tensor([ 0.,  0., 12.])
    """
    places, source = places_of(index, x, "index_add"), values_for(x, source, "index_add")
    if x.ndim == 0:
        return reshape(index_add(row(x), axis, places, row(source), alpha=alpha), ())
    place = axis_of(axis, x.ndim, "index_add")
    wanted = (*x.shape[:place], places.size, *x.shape[place + 1 :])
    if places.ndim > 1 or source.shape != wanted:
        raise ShapeError(
            f"index_add: one place for each slice of source along axis {axis}:\n  x       "
            f"{x.shape}\n  index   {places.shape}\n  source  {source.shape}"
        )
    added = add_at(source, x.shape, (*(slice(None),) * place, places.reshape(-1)))
    return add(x, added if alpha == 1 else mul(added, alpha))


def put_along_axis(x: Any, indices: Any, values: Any, axis: int) -> Any:
    """x with `values` at `indices` along `axis`: what `take_along_axis` would take there.

    As NumPy's, but a new tensor; places must differ.

    >>> dls.put_along_axis(dls.zeros(2, 2), dls.tensor([[1], [0]]), 9.0, axis=1)
    Tensor([[0., 9.],
            [9., 0.]])
    """
    place = axis_of(axis, x.ndim, "put_along_axis")
    places = places_of(indices, x, "put_along_axis")
    if places.ndim != x.ndim:
        raise ShapeError(
            "put_along_axis takes as many axes of places as x has:\n"
            f"  x       {x.shape}\n  places  {places.shape}"
        )
    shape = tuple(m if i == place else n for i, (m, n) in enumerate(zip(places.shape, x.shape)))
    values = values_for(x, values, "put_along_axis")
    places, values = (v if v.shape == shape else broadcast_to(v, shape) for v in (places, values))
    return function_of(PutAlongAxis, place, False)(x, places, values)


def scatter(x: Any, axis: int, index: Any, src: Any) -> Any:
    """x with src[i][j] at place [i][index[i][j]] (for axis 1), as PyTorch's; places must differ.

    `src` is a tensor at least as long as `index` along every axis, or one number.

    >>> dls.scatter(dls.zeros(3), 0, dls.tensor([2, 0]), dls.tensor([5.0, 7.0]))
    Tensor([7., 0., 5.])
    """
    return _scattered("scatter", x, axis, index, src, accumulate=False)


def scatter_add(x: Any, axis: int, index: Any, src: Any) -> Any:
    """x with src[i][j] added at place [i][index[i][j]] (for axis 1), as PyTorch's.

    A place named twice gets the sum.

    >>> dls.scatter_add(dls.zeros(3), 0, dls.tensor([2, 2]), dls.tensor([5.0, 7.0]))
    Tensor([ 0.,  0., 12.])
    """
    return _scattered("scatter_add", x, axis, index, src, accumulate=True)


def _scattered(name: str, x: Any, axis: int, index: Any, src: Any, accumulate: bool) -> Any:
    places = places_of(index, x, name)
    if 0 in (x.ndim, places.ndim):  # a single number or place counts as a row of one
        return reshape(_scattered(name, row(x), axis, row(places), src, accumulate), x.shape)
    place = axis_of(axis, x.ndim, name)
    first_places(name, x, places, place)
    number = isinstance(src, SCALARS)
    src = values_for(x, src, name)
    if number:  # the same at each replay of a captured step
        src = constant(x.device.xp.broadcast_to(src._data, places.shape), x.device)
    elif src.ndim:
        if src.ndim != x.ndim or any(m > n for m, n in zip(places.shape, src.shape)):
            raise ShapeError(
                f"{name}: src is at least as long as the places along every axis:\n"
                f"  places  {places.shape}\n  src     {src.shape}"
            )
        if src.shape != places.shape:
            src = getitem(src, tuple(slice(0, n) for n in places.shape))
    else:
        src = broadcast_to(src, places.shape)
    return function_of(PutAlongAxis, place, accumulate)(x, places, src)


def masked_fill(x: Any, mask: Any, value: Any) -> Any:
    """x with `value` (one number) where the mask holds; x and the mask broadcast.

    >>> x = dls.tensor([1.0, -2.0])
    >>> dls.masked_fill(x, x < 0, 0.0)
    Tensor([1., 0.])
    """
    mask = operand(mask, x.device)
    if mask.dtype.kind != "b":
        raise DtypeError(f"masked_fill takes a mask of bools, not of {mask.dtype}: m != 0 is one")
    value = values_for(x, value, "masked_fill")
    if value.ndim:
        raise ShapeError(
            f"masked_fill takes one number, not a tensor of shape\n  {value.shape}\n"
            "dls.where(mask, values, x) takes one for each place"
        )
    return where(mask, value, x)
