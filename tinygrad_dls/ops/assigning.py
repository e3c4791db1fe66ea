"""x[index] = v and x += v inside a graph: the write is one more operation, x names its result.

It goes into x's own memory. Whoever looks at that sees the new values, as in NumPy: an array, a
detached tensor. A step whose backward needs the old ones says so when it comes to that
(versions.py). What the graph cannot follow is refused here: another tensor of it that is a view of
the same places would be differentiated as if it still had the old values.
"""

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from .._util.callers import calling_line
from ..engine import versions
from ..engine.autograd import Node
from ..engine.modes import mode, traces
from ..errors import DtypeError, GraphError, ShapeError
from .call import REFUSALS, record
from .cards import explain
from .indexing import GetItem, getitem, plain_index
from .scatter import IndexPut, values_for
from .shape import clone

# Of NumPy's search for a common place of two views; beyond, they may have one. Any: the types of
# NumPy before 2.5 know only 0 and -1.
WORK: Any = 1000


def assign(x: Any, index: Any, values: Any, how: str) -> None:
    """x[index] = values, differentiable in both; GraphError where that cannot be."""
    plain = plain_index(index, x, keep=True, writes=True)
    if _is_view_of(values, x, plain):
        return  # x[i] *= 2: the view has written it
    _write(x, plain, values_for(x, values, how), how, _lookers(x, plain))


def update(
    x: Any, operation: Callable[[Any, Any], Any], other: Any, how: str
) -> Any:
    """x += v and the like in a graph: x, which now names the result.

    Where x is x0[index] of a tensor x0, that is written to as well.
    """
    _refuse_leaf(x, how)
    lookers = _lookers(x, Ellipsis)
    result = operation(clone(x) if lookers else x, other)  # its backward may need the old values
    if result.shape != x.shape:
        raise ShapeError(f"{how} keeps the shape of x:\n  x       {x.shape}\n"
                         f"  result  {result.shape}")
    check_cut(x, result, how)
    result = result.astype(x.dtype)
    whole = next((t for t in lookers if _is_view_of(x, t)), None)
    if whole is not None:
        index = x._node.op.index
        _write(whole, index, result, how, [t for t in _lookers(whole, index) if t is not x])
        result = getitem(whole, index)
    elif lookers:
        raise _seen_by_others(how)
    if x._node is None and traces.active and mode.recorder is not None:
        mode.recorder.wrote(x._data, f"{how} at {calling_line()}")
    before, x._data, x._node, x.requires_grad = x._node, result._data, result._node, True
    if whole is not None:
        versions.share(whole, x)
    _move_retained(x, before, x._node)
    return x


def check_cut(x: Any, result: Any, how: str) -> None:
    """DtypeError if `result`, written into x, would be cut to x's dtype: floats to integers."""
    if np.can_cast(result.dtype, x.dtype, "same_kind"):
        return
    instead = f", or x = x {how[2:-3]} v" if how.endswith("= v") else ""
    raise DtypeError(
        f"{how} of {result.dtype} values would cut them to {x.dtype}: write "
        f"x = x.astype({str(result.dtype)!r}) first{instead}"
    )


def _write(x: Any, plain: Any, values: Any, how: str, lookers: list[Any]) -> None:
    """x[plain] = values; `lookers`: tensors of the graph that see these places."""
    node = x._node
    _refuse_leaf(x, how)
    _keep_pictures(node, versions.owner_of(x._data))
    if mode.trace is not None:  # which keeps every value it meets: they stay as they are
        x._data = x.device.copy(x._data)
    elif lookers:
        raise _seen_by_others(how)
    versions.check_writable(x._data, how)
    op = IndexPut(plain).on(x.device)
    try:
        x._data[plain] = values._data
    except REFUSALS as error:
        raise explain(op, (x, values), error) from error
    versions.mark_write(x._data, f"{how} at {calling_line()}")
    plan = op.plan((x.requires_grad, values.requires_grad))
    written = record(plan, (x, values), (x._data, values._data), (x._data,))
    _move_retained(x, node, written)
    x._node, x.requires_grad = written, True


def _refuse_leaf(x: Any, how: str) -> None:
    if x.requires_grad and x._node is None:
        raise GraphError(
            f"{how} on a leaf that requires grad: what is written cannot be part of the graph.\n"
            "Write it under `with dls.no_grad():`, or y = dls.index_put(x, index, v) for a new "
            "tensor"
        )


def _seen_by_others(how: str) -> GraphError:
    return GraphError(
        f"{how} in a graph changes places that another tensor sees as well: x is a view of it, or "
        "it is one of x.\n"
        "Write into the whole tensor while no view of these places is in use, or "
        "y = dls.index_put(x, index, v), which is a new tensor, dls.where(mask, v, x),"
        " dls.stack or dls.concatenate; outside of the graph, `with dls.no_grad():`"
    )


def _lookers(x: Any, plain: Any) -> list[Any]:
    """Other tensors that see the places x[plain]."""
    others = versions.sharing(x)
    if not others or x.device.xp is not np:
        return others
    try:
        part = x._data[plain]
    except REFUSALS:
        return []  # the write itself says what is wrong
    part = part if np.may_share_memory(part, x._data) else x._data  # a copy says nothing
    return [t for t in others if np.may_share_memory(t._data, part, WORK)]


_ANY: Any = object()


def _is_view_of(view: Any, x: Any, index: Any = _ANY) -> bool:
    """Return whether `view` is x[index], as x is now."""
    node = getattr(view, "_node", None)
    if node is None or type(node.op) is not GetItem or view._data.base is None:
        return False
    return node.edges[0] is (x._node or x) and (
        index is _ANY or _same_index(node.op.index, index))


def _same_index(a: Any, b: Any) -> bool:
    """Return whether two indices, of integers and slices alone, are equal."""
    plain = (int, slice, type(None), type(Ellipsis))
    parts = [i if isinstance(i, tuple) else (i,) for i in (a, b)]
    return all(isinstance(i, plain) for part in parts for i in part) and parts[0] == parts[1]


def _keep_pictures(node: Any, memory: Any) -> None:
    """Values kept for pictures are copied out of memory that is written to: they show the old."""
    while node.__class__ is Node and node.value is not None:
        if versions.owner_of(node.value) is not memory:
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
