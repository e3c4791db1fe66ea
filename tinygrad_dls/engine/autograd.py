"""Reverse-mode automatic differentiation: the graph, and the walk back through it.

Forward, each operation on tensors leaves a `Node`: which nodes and leaves its inputs came from
(`edges`), the rule that turns dL/dy into the gradients of the inputs (`plan`), and the arrays that
this rule needs (`saved`). No computed tensor is kept, so there is no reference cycle, and a graph
is freed as soon as the last tensor that leads to it is.

Backward walks the nodes from the newest to the oldest. A node is always newer than what it was made
from, so the creation number is a topological order, and each node runs once, after all that used
its output have added their share: d(x*x + x)/dx is 2x + 1, however often x is used. The walk is a
loop, never a recursion: a chain of a million operations is handled like one of ten. Its heart, in
`propagate`, is

    for node in newest_first:
        dy = grads.pop(node)                                # dL/d(output of node), all shares in
        for edge, share in zip(node.edges, node.plan.back(dy, node.saved)):
            grads[edge] = grads[edge] + share if edge in grads else share

This walk is the only one. Whoever wants to see it, a trace or a recording of the step, is its
`Observer`, and is told of each rule that ran and of what became of its shares.
"""

import weakref
from collections.abc import Callable, Sequence
from operator import attrgetter
from time import perf_counter
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeAlias

from .._util.locks import new_lock
from ..backend.dtypes import promote
from ..backend.kernels.adding import add_into, added, summed
from ..errors import DtypeError, GraphError
from . import versions
from .completion import AfterAdding, after_adding, completions, last_uses
from .graph_errors import check_overwritten, freed, miscounted
from .modes import mode, traces
from .observer import Observer

if TYPE_CHECKING:
    from ..ops.op import BackwardRule, Op
    from .collector import Trace

Array: TypeAlias = Any  # of NumPy, of CuPy or of the strict device
Hook: TypeAlias = Callable[[Any], Any]

Edge: TypeAlias = "Node | TensorBase"

ABSENT: Any = type("Absent", (), {"__slots__": ()})()  # the edge of an input that was left out
KEPT_FOR_PICTURES = 16  # elements: outputs of at most this many stay at their node, for pictures


class TensorBase:
    """The part of a tensor that the graph needs; `Tensor` adds the names of operations.

    A tensor with a `_node` was computed; one without is a leaf, and if it requires grad it is
    where gradients end up.

    What operations make of a tensor has the class that `_kind` names: of a parameter Tensor. A
    subclass that names itself survives operations, and may promote dtypes by a rule of its own.
    Where kinds meet, the subclass wins.
    """

    __slots__ = ("__weakref__", "_data", "_grad", "_hooks", "_node", "_sharing", "device", "name",
                 "requires_grad")
    _data: Array
    _grad: Any
    _hooks: list[Hook] | None
    _node: "Node | None"
    device: Any
    name: str | None
    requires_grad: bool
    _kind: ClassVar[Any]
    _promote: ClassVar[Callable[..., Any]] = staticmethod(promote)


class Node:
    """One operation of a recorded graph, and how to go back through it."""

    __slots__ = ("__weakref__", "dtype", "edges", "grad", "hooks", "plan", "saved", "scope", "seq",
                 "shape", "trace", "value")
    seq: int  # creation number: newer nodes have larger ones
    plan: "BackwardRule"  # the op, and how to go back through it
    saved: tuple[Any, ...] | None  # what that takes; None: freed
    edges: "tuple[Any, ...]"  # of each input; None, a number: constant; ABSENT: not given
    shape: tuple[int, ...]
    dtype: Any
    value: Array | None  # the output, where it is tiny or traced
    grad: Array | None  # dL/d(output), where `value` is kept, after backward
    hooks: list[Hook] | None
    scope: "Scope | None"
    trace: "Trace | None"  # the observer of this node, where it ran under `with trace():`
    _kind: ClassVar[None] = None  # a node knows no class of tensors

    @property
    def op(self) -> "Op":
        """The operation, bound to its device."""
        return self.plan.op

    @property
    def device(self) -> Any:
        """The device of the output."""
        return self.plan.device


class Scope(NamedTuple):
    """Nodes reachable from here and newer than `start` belong to a call of `module`.

    `outer` is the mark that the same node had before: of a call inside, that ended earlier.
    """

    module: Any
    start: int
    outer: "Scope | None"


def as_tensor(
    array: Array, device: Any, edge: "Node | None" = None, kind: "type[TensorBase] | None" = None
) -> Any:
    """A tensor around `array`, of class `kind`, whose history is `edge`."""
    tensor = new(kind or Tensor)
    tensor._data = array
    tensor.device = device
    tensor.requires_grad = edge is not None
    tensor._node = edge
    tensor._grad = tensor._hooks = tensor.name = None
    return tensor


def constant(array: Array, device: Any, kind: "type[TensorBase] | None" = None) -> Any:
    """A tensor of an array that is the same whatever other tensors hold: zeros, a range ..."""
    if traces.active and mode.recorder is not None:
        mode.recorder.created(array)
    return as_tensor(array, device, None, kind)


def detached(x: Any) -> Any:
    """A tensor of the array of `x`, without its history."""
    result = as_tensor(x._data, x.device, None, x._kind)
    if traces.active and mode.recorder is not None:
        mode.recorder.detached(x, result)
    return result


new = object.__new__  # makes a tensor without running its __init__
Tensor: Any = TensorBase  # until tensor.py, which stands on this file, registers the full class


def register_tensor(cls: type[TensorBase]) -> type[TensorBase]:
    """Class decorator: results of operations are objects of this class."""
    global Tensor
    Tensor = cls._kind = cls
    return cls


# --- backward ------------------------------------------------------------------------------------


def backward(root: Any, gradient: Any, retain_graph: bool, create_graph: bool) -> None:
    """Add dL/dx to `x.grad` of every leaf x that `root` was computed from."""
    observer = None
    if traces.active and mode.recorder is not None:
        observer = mode.recorder.backward(root, gradient, create_graph)
    early = complete if completions.hooks and not create_graph and observer is None else None
    grads, owned = propagate([(root, gradient)], retain_graph, create_graph, None, observer, early)
    leaves = [leaf for leaf in grads if isinstance(leaf, TensorBase)]
    for leaf in leaves:  # all hooks before the first `.grad` changes: one may raise
        if leaf._hooks:
            grads[leaf] = through_hooks(leaf._hooks, grads[leaf], leaf, create_graph)
            owned.discard(leaf)
    for leaf in leaves:
        if not create_graph:
            array = add_gradient(leaf, grads[leaf], leaf in owned)
            if observer is not None:
                observer.ended(leaf, array, leaf in owned)
        else:
            with _adding:
                before = leaf._grad
                leaf._grad = grads[leaf] if before is None else before + grads[leaf]
        if leaf._hooks:
            after_adding(leaf)


def add_gradient(leaf: Any, gradient: Array, sole: bool) -> Array:
    """Add to `leaf.grad`, and return its array; `sole`: no one else holds that of `gradient`."""
    device = leaf.device
    with _adding:
        before = leaf._grad
        gradient = own(gradient, device, sole) if before is None else device.asarray(
            before._data + gradient)
        leaf._grad = as_tensor(gradient, device, None, leaf._kind)
    return gradient


def complete(leaf: Any, gradient: Array, sole: bool) -> None:
    """Add a gradient that no other node adds to any more, while the walk goes on."""
    if any(hook.__class__ is not AfterAdding for hook in leaf._hooks):
        gradient, sole = through_hooks(leaf._hooks, gradient, leaf, False), False
    add_gradient(leaf, gradient, sole)
    after_adding(leaf)


_adding = new_lock()  # two threads may add to the gradient of one leaf


def own(gradient: Array, device: Any, sole: bool) -> Array:
    """`gradient` if no one else holds it, else a copy: others would see what is added to it."""
    if sole and gradient.flags.c_contiguous:
        return gradient if gradient.__class__ is device.array_type else device.asarray(gradient)
    return device.copy(gradient)


def propagate(
    roots: Sequence[tuple[Any, Any]],
    retain_graph: bool,
    create_graph: bool,
    targets: Sequence[Edge] | None = None,
    observer: Observer | None = None,
    early: Callable[[Any, Array, bool], None] | None = None,
) -> tuple[dict[Edge, Any], set[Edge]]:
    """The gradients of all leaves (or of `targets`), and the set of those that the walk owns.

    An array is the walk's own if it is a sum that the walk made, or comes from a rule that says
    that it made it (`Op.new_gradients`). `roots` are pairs (tensor, gradient of the loss with
    respect to it). With `create_graph` gradients are tensors with a graph of their own, else
    arrays. `observer` is told of every node, else each node's own trace of it.
    `early` gets (leaf, gradient, owned?) of a leaf with hooks of `AfterAdding` as soon as its last
    node has run; it is not among the results then.
    """
    grads: dict[Edge, Any] = {}
    owned: set[Edge] = set()
    for tensor, gradient in roots:
        edge = tensor if tensor._node is None else tensor._node
        before = grads.get(edge)
        grads[edge] = gradient if before is None else before + gradient
    # From here on all nodes are keys of `grads`, with None until their first share comes.
    order = topological_order([edge for edge in grads if isinstance(edge, Node)], grads)
    clock = versions.clock
    wanted: dict[Edge, Any] = dict.fromkeys(targets) if targets is not None else {}
    useful = leading_to(wanted, order) if targets is not None else None
    last = last_uses(order, Node) if early is not None else None

    for node in order:
        dy = grads.pop(node, None)
        if dy is None:
            continue
        if node.hooks:
            dy = through_hooks(node.hooks, dy, node, create_graph)
        if useful is not None:
            if node in wanted:
                wanted[node] = dy
            if node not in useful:
                continue
        told = node.trace if observer is None else observer
        if node.value is not None:
            seen = dy._data if create_graph else dy
            if node.trace is not None and node.grad is not None:  # the second backward()
                seen = node.grad + seen
            node.grad = seen
        saved = node.saved
        if saved is None:
            raise freed(node)
        if node.seq < clock.newest:  # only then a saved value can have been overwritten
            check_overwritten(node)
        began = None if told is None else perf_counter()
        shares = differentiable(node, dy) if create_graph else node.plan.back(dy, saved)
        edges = node.edges
        if len(shares) != len(edges):
            raise miscounted(node, len(shares))
        if told is not None and began is not None:
            told.ran(node, dy, shares, perf_counter() - began, targets is not None)
        if not retain_graph:
            node.saved = saved = None  # memory is freed while the walk goes on
        for edge, share in zip(edges, shares):
            if share is None or edge is None:
                continue
            of = edge if edge.__class__ is Node else edge._data
            if share.shape != of.shape or share.dtype is not of.dtype:
                share = fit(share, edge, node, observer)
            before = grads.get(edge)
            if before is None:
                grads[edge] = share
                if edge.__class__ is not Node and not create_graph and is_new(share, dy, node):
                    owned.add(edge)  # a leaf may keep this array as its gradient
            elif create_graph or edge not in owned or observer is not None:
                grads[edge] = added(before, share)
                owned.add(edge)
            else:
                grads[edge] = add_into(before, share)
            if observer is not None:
                observer.arrived(edge, grads[edge])
        if last is not None and early is not None and node in last:
            for leaf in last[node]:
                if leaf in grads:
                    early(leaf, grads.pop(leaf), leaf in owned)
    if targets is not None:
        grads = {t: wanted[t] if isinstance(t, Node) else grads.get(t) for t in targets}
    return grads, owned


def is_new(share: Array, dy: Array, node: Node) -> bool:
    """Return whether the rule of `node` made the array `share`, so that no one else holds it."""
    kind = share.__class__
    return (share is not dy and share.base.__class__ is not kind  # not dy itself, not a view
            and node.plan.op.new_gradients)


def topological_order(
    roots: Sequence[Node], found: dict[Any, Any] | None = None
) -> list[Node]:
    """All nodes reachable from `roots`, newest first: O(nodes + edges).

    `found` marks those seen: it holds the roots, and gets all others as keys.
    """
    found = dict.fromkeys(roots) if found is None else found
    order = list(dict.fromkeys(roots))
    for node in order:  # grows while it is walked
        for edge in node.edges:
            if edge.__class__ is Node and edge not in found:
                found[edge] = None
                order.append(edge)
    order.sort(key=_creation, reverse=True)
    return order


_creation = attrgetter("seq")


def leading_to(targets: dict[Edge, Any], order: Sequence[Node]) -> set[Edge]:
    """Those nodes of `order` (newest first) that a path to one of the targets leaves from."""
    useful: set[Edge] = set()
    for node in reversed(order):
        for edge in node.edges:
            if edge in useful or edge in targets:
                useful.add(node)
                break
    return useful


def differentiable(node: Node, dy: Any) -> tuple[Any, ...]:
    """The gradients of the inputs as tensors: what was saved is given its history back."""
    plan = node.plan.on_tensors()
    history: dict[str, Edge | None] = dict(zip(node.op.inputs, node.edges))
    history["y"] = node
    revived = []
    for name, value in zip(plan.names, node.saved or ()):
        edge = history.get(name)
        if isinstance(edge, TensorBase):
            value = edge
        elif isinstance(value, node.device.array_type):
            value = as_tensor(value, node.device, edge)
        revived.append(value)
    return plan.back(dy, tuple(revived))


def fit(share: Any, edge: Any, node: Node, observer: Observer | None = None) -> Any:
    """Undo broadcasting, and cast to the input's dtype; anything else is a wrong rule."""
    if share.shape != edge.shape:
        lead = share.ndim - len(edge.shape)
        same = lead >= 0 and node.op.broadcasts and share.shape == node.shape
        if not same:
            raise GraphError(
                f"the backward of '{node.op.name}' gave input "
                f"'{node.op.input_name(node.edges.index(edge))}' a gradient of shape\n"
                f"  {share.shape}\nwhere the input has shape\n  {edge.shape}\n"
                "A gradient has the shape of what it is the gradient of: mend the rule."
            )
        share = sum_to(share, edge.shape)
        if observer is not None:
            observer.fitted("sum_to", share, edge.shape)
    if edge.dtype.kind != "f":
        raise DtypeError(
            f"a tensor of {edge.dtype} and shape {edge.shape} was marked as requiring grad: only "
            "floats have gradients.\nWrite x.astype('float32') before requires_grad_()"
        )
    if share.dtype != edge.dtype:
        share = share.astype(edge.dtype)
        if observer is not None:
            observer.fitted("cast", share, edge.dtype)
    return share


def sum_to(share: Any, shape: tuple[int, ...]) -> Any:
    """Undo broadcasting: the sum over the axes along which `shape` was stretched."""
    if share.shape == shape:
        return share
    lead = share.ndim - len(shape)
    stretched = [lead + i for i, n in enumerate(shape) if n != share.shape[lead + i]]
    return summed(share, (*range(lead), *stretched), keepdims=True).reshape(shape)


def through_hooks(hooks: list[Hook], gradient: Any, owner: Any, create_graph: bool) -> Any:
    """Show hooks the gradient as a tensor; what one returns takes the gradient's place."""
    for hook in tuple(hooks):  # a hook may remove itself
        if hook.__class__ is AfterAdding:
            continue
        result = hook(gradient if create_graph else as_tensor(
            gradient, owner.device, None, owner._kind))
        if result is None:
            continue
        if not isinstance(result, Tensor) or result.shape != owner.shape:
            raise GraphError(
                f"a gradient hook returned {type(result).__name__} of shape "
                f"{getattr(result, 'shape', None)}; return None, or a tensor of shape {owner.shape}"
            )
        result = result.to(owner.device).astype(owner.dtype)
        gradient = result if create_graph else result._data
    return gradient


def add_hook(tensor: Any, hook: Hook) -> Callable[[], None]:
    """Run `hook` on the gradient of `tensor` in backward; returns a function that removes it."""
    holder, name = (tensor, "_hooks") if tensor._node is None else (tensor._node, "hooks")
    hooks = getattr(holder, name) or []
    hooks.append(hook)
    setattr(holder, name, hooks)

    def remove() -> None:
        if hook in hooks:
            hooks.remove(hook)

    return remove


def keep_gradient(tensor: Any) -> None:
    """Let backward set `.grad` of a computed tensor, as long as someone holds the tensor."""
    holder = weakref.ref(tensor)
    if any(getattr(hook, "keeps", None) is holder for hook in tensor._node.hooks or ()):
        return  # weakref.ref gives the same reference again

    def keep(gradient: Any) -> None:
        kept = holder()
        if kept is not None:
            before = kept._grad
            gradient = gradient.clone() if before is None else before + gradient
            kept._grad = as_tensor(gradient._data, gradient.device, gradient._node, kept._kind)

    keep.keeps = holder  # type: ignore[attr-defined]
    add_hook(tensor, keep)
