"""x[index] = v inside a graph: the write is one more operation, and x names its result.

It goes into x's own memory, and only where nothing else looks at that: a view made before, an
array that backward needs or a NumPy array would hold other values all of a sudden, and be
differentiated as if it still had the old ones. Such a write is refused, with the way round it.
"""

import weakref
from sys import getrefcount
from typing import Any

from .. import storage
from ..autograd import Node, as_tensor
from ..errors import GraphError
from ..modes import mode
from .call import REFUSALS, record
from .cards import explain
from .indexing import plain_index
from .scatter import IndexPut, values_for


def assign(x: Any, index: Any, values: Any, how: str) -> None:
    """x[index] = values, differentiable in both; GraphError where that cannot be."""
    node = x._node
    if x.requires_grad and node is None:
        raise GraphError(
            f"{how} on a leaf that requires grad: what is written is no part of the graph.\n"
            "Write it under `with dls.no_grad():`, or y = dls.index_put(x, index, v) for a new "
            "tensor"
        )
    _keep_pictures(node, storage.owner_of(x._data))
    if mode.trace:  # which keeps every value it meets: they stay as they are
        x._data = x.device.copy(x._data)
    if not owns_memory(x):
        raise GraphError(
            f"{how} in a graph changes values that others hold as well: a view of x, a tensor or "
            "array that shares its memory, or a step whose backward needs them.\n"
            "Write y = dls.index_put(x, index, v), which is a new tensor, or dls.where(mask, v, x),"
            " dls.stack or dls.concatenate; outside of the graph, `with dls.no_grad():`"
        )
    storage.check_writable(x._data, how)
    plain = plain_index(index, x, keep=True)
    values = values_for(x, values, how)
    op = IndexPut(plain).on(x.device)
    try:
        x._data[plain] = values._data
    except REFUSALS as error:
        raise explain(op, (x, values), error) from error
    storage.mark_write(x._data, f"{how} at {storage.calling_line()}")
    plan = op.plan((x.requires_grad, values.requires_grad))
    written = record(plan, (x, values), (x._data, values._data), (x._data,))
    _move_retained(x, node, written)
    x._node, x.requires_grad = written, True


def _keep_pictures(node: Any, memory: Any) -> None:
    """Values kept for pictures are copied out of memory that is written to: they show the old."""
    while node.__class__ is Node and node.value is not None:
        if storage.owner_of(node.value) is not memory:
            return
        node.value = node.value.copy()
        node = node.edges[0]


def _move_retained(x: Any, before: Any, after: Any) -> None:
    """`retain_grad()` of x is about what x is now."""
    mine = weakref.ref(x)
    for hook in tuple(before.hooks or ()) if before is not None else ():
        if getattr(hook, "keeps", None) is mine:
            before.hooks.remove(hook)
            after.hooks = [*(after.hooks or ()), hook]


def owns_memory(x: Any) -> bool:
    """Return whether nothing but the tensor x holds its array, or the memory that this views.

    How references are counted depends on the interpreter, so a twin that has one holder for certain
    is counted along with x.
    """
    is_view = x._data.base is not None
    if is_view and (type(x._data.base) is not type(x._data) or x._data.base.base is not None):
        return False  # memory of an object of another kind
    twin = as_tensor(x.device.xp.zeros(1), x.device)
    if is_view:
        twin._data = twin._data[:]
    arrays, bases = [], []
    for one in (twin, x):
        array = one._data
        arrays.append(getrefcount(array))
        array = array.base
        bases.append(getrefcount(array))
    return arrays[1] <= arrays[0] and (not is_view or bases[1] <= bases[0])
