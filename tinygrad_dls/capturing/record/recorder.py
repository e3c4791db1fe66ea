"""Recorder of one training step: writes it down as a list of instructions while it runs.

A step is run as always; the engine tells the recorder of each operation, of each rule that
backward goes through, of calls that act on more than their result (an optimizer's step) and of
seeds drawn. Arrays get names by their identity: whatever an instruction takes was made by an
earlier one, or is an argument of the step ("x0"), or is held by a tensor from outside such as a
parameter ("w0"), or is a constant ("c0"). What fits none of these was computed behind the
engine's back: the step is then not captured, and `reason` says why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from ..._util.callers import calling_line
from ...engine.autograd import Node, TensorBase, topological_order
from ...engine.modes import recording
from ...engine.observer import Observer
from ...engine.versions import owner_of
from .backward import BackwardRecorder
from .operands import (
    AsTensor,
    ByOperand,
    Constant,
    External,
    Input,
    Literal,
    Made,
    Named,
    Operand,
    Seed,
    Slot,
    Value,
)

Name = TypeVar("Name", bound=Named)
PLAIN = (type(None), bool, int, float, str, tuple)  # not told apart by identity
BEHIND = {  # operations that do more than compute an output from their operands
    "checkpoint": "dls.checkpoint is used in it", "to_device": "it moves tensors between devices",
    "synchronized_batch_norm": "its batch norm waits for other ranks",
}
WRITTEN_BY_OPS = ("batch_norm()", "instance_norm()")  # running statistics, replayed with the op


class Instruction(NamedTuple):
    """One line of the program: `makes` = what the kind of instruction does with `takes`."""

    kind: str  # forward, backward, cast, sum_to, add, gradient, seed, call, wrote
    takes: tuple[Operand, ...]
    makes: tuple[Made, ...]
    subject: Any  # the op, the plan of its backward, the leaf, the function ...
    detail: Any = None  # what else two recordings must have in common


class Forward(NamedTuple):
    """The detail of a "forward": what an operation draws, and what it makes."""

    drawn: dict[str, Seed]  # its parameters that are seeds
    shapes: list[tuple[int, ...]]  # of the output, then of the extras


class ArrayInfo(NamedTuple):
    """The properties of an array that are known by its name."""

    shape: tuple[int, ...]
    dtype: Any
    order: str  # in memory: rows (as C has it), channels last, broadcast (one number), other
    owner: int  # stands for the array that owns the memory
    bytes: int  # of the owner


class Held(NamedTuple):
    """A tensor from outside of the step: a parameter, a buffer, data."""

    name: External
    tensor: Any
    array: Any
    requires_grad: bool


class Recorder:
    """Listens to one run of a step, in its thread."""

    def __init__(self, arguments: Sequence[Any]) -> None:
        self.instructions: list[Instruction] = []
        self.held: list[Held] = []
        self.constants: ByOperand[Any] = {}
        self.infos: ByOperand[ArrayInfo] = {}  # of NumPy arrays
        self.modules: list[tuple[Any, bool]] = []
        self.reason: str | None = None
        self._names: dict[int, Named] = {}
        self._alive: list[Any] = []  # an id is only worth something while its array lives
        self._new: set[int] = set()  # arrays that functions like dls.zeros made in the step
        self._seeds: dict[int, Seed] = {}
        self._nodes: set[Node] = set()
        self._counts: dict[type[Named], int] = {}
        self._given = {id(x) for x in arguments}  # and what the step detaches of them
        self._alive += arguments
        for x in arguments:
            self.name(Input, x._data)

    def refuse(self, reason: str) -> None:
        """The step cannot be captured: what happens from here on does not matter."""
        if self.reason is None:
            self.reason = f"{reason} ({calling_line()})"
            self._names.clear()
            self._alive.clear()
            self._nodes.clear()

    # --- names -----------------------------------------------------------------------------------

    def name(self, kind: type[Name], value: Any) -> Name:
        """A new name for a value."""
        count = self._counts[kind] = self._counts.get(kind, -1) + 1
        name = kind(count)
        if not isinstance(value, PLAIN):
            self._names[id(value)] = name
            self._alive.append(value)
        if value.__class__ is np.ndarray:
            self.infos[name] = info_of(value)
        return name

    def constant(self, value: Any) -> Constant | Literal:
        """The operand for a value that does not change: a whole number is written out."""
        if value is None or isinstance(value, (bool, int)):
            return Literal(value)
        name = self.name(Constant, value)
        self.constants[name] = value
        return name

    def of_value(self, value: Any) -> Named | Literal:
        """The name of what an op saved, or of any other value."""
        found = None if isinstance(value, PLAIN) else self._names.get(id(value))
        return found or self.constant(value)

    def of_tensor(self, x: Any) -> Named | Literal:
        """The name of the array of a tensor."""
        array = x._data
        name = self._names.get(id(array))
        if name is not None:
            if isinstance(name, Input) and id(x) not in self._given:
                self.refuse("it takes a tensor from outside that shares its array with an argument")
            return name
        if x._node is not None:
            self.refuse("it uses a tensor that was computed before it")
        if id(array) in self._new:
            return self.constant(array)
        held = self.name(External, array)
        self.held.append(Held(held, x, array, x.requires_grad))
        return held

    def _operand(self, given: Any, array: Any) -> Named | Literal:
        if not isinstance(given, TensorBase):
            return self.of_value(array)
        name = self.of_tensor(given)
        if array is given._data:
            return name
        if array.shape != given._data.shape:
            self.refuse("an operand was changed before its operation")
        made = self.name(Value, array)
        self.add("cast", (name,), (made,), array.dtype)
        return made

    def add(
        self, kind: str, takes: Sequence[Operand], makes: Sequence[Made], subject: Any,
        detail: Any = None,
    ) -> None:
        """One more line of the program."""
        self.instructions.append(Instruction(kind, tuple(takes), tuple(makes), subject, detail))

    # --- what the engine tells -------------------------------------------------------------------

    def created(self, array: Any) -> None:
        """A tensor was made of numbers: not of other tensors."""
        self._new.add(id(array))
        self._alive.append(array)

    def detached(self, x: Any, result: Any) -> None:
        """A tensor of the step is another name for the array of `x`."""
        if id(x) in self._given:
            self._given.add(id(result))
            self._alive.append(result)

    def read(self, array: Any) -> None:
        """Python asked for the values of a tensor."""
        if id(array) not in self._new:
            self.refuse("it reads a value, by item(), numpy(), print or an `if`: return the tensor "
                        "and read it outside")

    def indexes(self, array: Any, writes: bool) -> None:
        """A tensor is an index: a parameter of the operation, which a replay has as it was."""
        name = self._names.get(id(array))
        if not isinstance(name, (Input, Slot)):
            return
        if writes:
            self.refuse("it writes at places given by a tensor that differs from call to call: "
                        "make a new tensor with dls.scatter(x, axis, places, v) or "
                        "dls.where(mask, v, x), whose places are an operand")
        else:
            self.refuse("it indexes by a tensor that differs from call to call: use dls.take, "
                        "dls.take_along_axis or F.embedding, whose places are an operand")

    def drew(self, generator: Any, seed: int) -> None:
        """A seed was drawn, for dropout."""
        name = self.name(Seed, seed)
        self._seeds[seed] = name
        self.add("seed", (), (name,), generator)

    def wrote(self, array: Any, place: str) -> None:
        """An array was written in place."""
        if place in WRITTEN_BY_OPS:
            self.add("wrote", (self.of_value(array),), (), place)
        else:
            self.refuse(f"it writes in place, by {place}: an optimizer does so outside of the "
                        "operations, x = x + 1 needs no write")

    def module(self, module: Any) -> None:
        """A module was called: whether it trains is part of what the program depends on."""
        self.modules.append((module, module.training))
        if module._hooks:
            self.refuse(f"a {type(module).__name__} in it has hooks, which are called each time")

    def operation(
        self, op: Any, inputs: Sequence[Any], arrays: Sequence[Any], made: Sequence[Any],
        node: Node | None,
    ) -> None:
        """An op made `made` (its output, then extras) of `arrays`; `inputs` as they were given."""
        if self.reason is not None:
            return
        if op.name in BEHIND:
            return self.refuse(BEHIND[op.name])
        takes = [self._operand(given, array) for given, array in zip(inputs, arrays, strict=True)]
        drawn = {k: self._seeds[v] for k, v in vars(op).items()
                 if v.__class__ is int and v in self._seeds}
        if any(id(v) in self._names for v in op.parameters.values() if not isinstance(v, PLAIN)):
            return self.refuse(f"'{op.name}' has a computed parameter")
        shapes = [getattr(a, "shape", ()) for a in made]
        makes = [self.name(Value, a) for a in made]
        if node is not None:
            self._nodes.add(node)
        self.add("forward", takes, makes, op, Forward(drawn, shapes))

    def call(self, function: Callable[..., Any], args: Sequence[Any], kwargs: Any) -> Any:
        """Call a function that a replay calls again, such as an optimizer's step."""
        args = [list(a) if isinstance(a, Iterator) else a for a in args]
        with recording(None):
            result = function(*args, **kwargs)
        if self.reason is None:
            takes = [self._argument(a) for a in args]
            makes: list[Value] = []
            if isinstance(result, TensorBase):
                makes = [self.name(Value, result._data)]
            elif result is not None and result is not True:
                self.refuse(f"{function.__name__}() in it gives Python a number")
            self.add("call", takes, makes, function, kwargs)
        return result

    def _argument(self, value: Any) -> Operand:
        """A tensor that the step computed goes by its array, all else as it is."""
        inside = value if isinstance(value, list) else ()
        if any(isinstance(v, TensorBase) and v._node is not None for v in inside):
            self.refuse("computed tensors are passed in a list")
        array = value._data if isinstance(value, TensorBase) else value
        name = None if isinstance(array, PLAIN) else self._names.get(id(array))
        if name is None or isinstance(name, (External, Constant)):
            return self.constant(value)
        return AsTensor(name) if isinstance(value, TensorBase) else name

    def backward(self, root: Any, seed: Any, create_graph: bool) -> Observer | None:
        """The observer that records the walk back from `root`; None if that cannot be captured."""
        order = topological_order([] if root._node is None else [root._node])
        leaves = {e for node in order for e in node.edges if isinstance(e, TensorBase)}
        if create_graph:
            self.refuse("it differentiates gradients")
        elif any(x.hooks for x in order) or any(x._hooks for x in leaves):
            self.refuse("a gradient in it goes through a hook")
        elif not all(node in self._nodes for node in order) or root._node is None:
            self.refuse("it goes back through a graph that was made before it")
        return None if self.reason else BackwardRecorder(self, root._node, seed)

    # --- the result ------------------------------------------------------------------------------

    def results(self, value: Any) -> Any:
        """Return the result of the step, with names in place of its tensors."""
        if isinstance(value, TensorBase):
            return Result(self.of_tensor(value), value.device, value._kind)
        if isinstance(value, (list, tuple)) and (
                type(value) in (list, tuple) or hasattr(value, "_fields")):
            inside = [self.results(v) for v in value]
            made = type(value)
            return made(*inside) if hasattr(value, "_fields") else made(inside)
        if type(value) is dict:
            return {k: self.results(v) for k, v in value.items()}
        if not isinstance(value, PLAIN) or isinstance(value, tuple):
            self.refuse(f"it returns a {type(value).__name__}: return tensors, lists, tuples or "
                        "dictionaries")
        return value


class Result(NamedTuple):
    """A tensor that the step returns: the name of its array, where it is, and its class."""

    name: Named | Literal
    device: Any
    kind: type[TensorBase]


def info_of(array: Any) -> ArrayInfo:
    """Describe a NumPy array by everything except its numbers."""
    owner = owner_of(array)
    if array.flags.c_contiguous:
        order = "rows"
    elif array.size and not any(s for s, n in zip(array.strides, array.shape) if n > 1):
        order = "broadcast"
    elif array.ndim > 2 and np.moveaxis(array, 1, -1).flags.c_contiguous:
        order = "channels last"
    else:
        order = "other"
    return ArrayInfo(array.shape, array.dtype, order, id(owner), owner.nbytes)
