"""Fuse adjacent operations into one: batch norm (+ residual) and ReLU, a layer and ReLU.

Where nothing else looks at what is between two of them, one pass through memory does both:

    t5 = batch_norm(t4, w1, w2); t6 = add(t5, t3); t7 = relu(t6)

becomes t7 = batch_norm_activation(t4, w1, w2, t3), and the three gradients become one. Batch norm
in use writes over what a layer made for it alone. Fused operations round as their parts do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ...ops.activations import Hardtanh, Relu
from ...ops.arithmetic import Add
from ...ops.convolution import Convolution, ConvolutionRelu
from ...ops.matmul import Linear, LinearRelu
from ...ops.normalization import (
    BatchNorm,
    BatchNormActivation,
    FrozenBatchNorm,
    FrozenBatchNormActivation,
    InstanceNorm,
)
from ...ops.op import is_built_in
from ..record.operands import ByOperand, Gradient, Literal, Made, Named, Operand, Slot, named
from ..record.recorder import Forward, Instruction, Recorder

NORMS = (BatchNorm, FrozenBatchNorm)
LAYERS = (*NORMS, Linear, Convolution)
TRACKING = (BatchNorm, InstanceNorm)  # their running statistics are a result, too


class FusedGroup(NamedTuple):
    """Places in the recording of what is to become one operation."""

    layer: int
    add: int | None
    activation: int
    residual: Operand | None  # the other operand of the addition


def fuse_pairs(recorder: Recorder, returned: set[Named]) -> list[Instruction]:
    """The recorded instructions with neighbours fused, and without operations whose results nobody
    takes (such as the last state of a layer); `returned`: names that the step returns."""
    return _without_unused(_Pairs(recorder, returned).fused(), returned)


def _without_unused(instructions: Sequence[Instruction], returned: set[Named]) -> list[Instruction]:
    taken: set[Named | None] = {*returned}
    kept: list[Instruction] = []
    for i in reversed(instructions):
        if i.kind == "forward" and taken.isdisjoint(i.makes) and _only_computes(i.subject):
            continue
        taken.update(named(i.takes))
        kept.append(i)
    return kept[::-1]


def _only_computes(op: Any) -> bool:
    """Return whether it only computes. A user's operation may do anything."""
    return is_built_in(op) and not isinstance(op, TRACKING)


class _Pairs:
    def __init__(self, recorder: Recorder, returned: set[Named]) -> None:
        self.recorder, self.returned, self.old = recorder, returned, recorder.instructions
        self.new: list[Instruction | None] = list(self.old)
        self.users: ByOperand[list[int]] = {}
        self.infos = recorder.infos
        self.made_by: ByOperand[Any] = {}  # the operation
        for place, instruction in enumerate(self.old):
            if instruction.kind == "forward":
                self.made_by[instruction.makes[0]] = instruction.subject
            for name in named(instruction.takes):
                self.users.setdefault(name, []).append(place)

    def fused(self) -> list[Instruction]:
        for place, instruction in enumerate(self.old):
            if instruction.kind == "forward" and type(instruction.subject) in LAYERS:
                group = self._group(place)
                back = self._gradients(group) if group else None
                if group is not None and back is not None:
                    self._replace(group, back)
        return [self._in_place(i) for i in self.new if i is not None]

    # --- finding ---------------------------------------------------------------------------------

    def _group(self, layer: int) -> FusedGroup | None:
        """The layer with the activation after it, if nothing else sees what is between them."""
        made, add, residual = self.old[layer].makes[0], None, None
        if made not in self.infos:  # no NumPy array
            return None
        last = self._only_user(made)
        if last is not None and type(self.old[layer].subject) in NORMS and (
                type(self.old[last].subject) is Add):
            add, (a, b) = last, self.old[last].takes
            residual = b if a == made else a
            if residual not in self.infos or self.infos[residual][:3] != self.infos[made][:3]:
                return None  # shape, dtype and order in memory: sums after it have that order, too
            last = self._only_user(self.old[add].makes[0])
        if last is None or not self._quiet(layer, last):
            return None
        group = FusedGroup(layer, add, last, residual)
        return group if self._operation(group) is not None else None

    def _only_user(self, name: Operand | None) -> int | None:
        """The one forward instruction that takes `name`; Hardtanh's own gradient may, too."""
        if name in self.returned or not self.users.get(name):
            return None
        forward, *others = self.users[name]
        if self.new[forward] is None:  # fused with another one before
            return None
        user = self.old[forward]
        if user.kind != "forward" or user.takes.count(name) != 1:
            return None
        if type(user.subject) is Hardtanh:
            others = [p for p in others if not self._is_gradient(p, user, name)]
        return None if others else forward

    def _is_gradient(self, place: int, of: Instruction, saved: Operand | None) -> bool:
        """Return whether this is the gradient of an activation, `of`, that saved one array."""
        i = self.old[place]
        return i.kind == "backward" and i.subject.op is of.subject and i.takes[1:] == (saved,)

    def _quiet(self, begin: int, end: int) -> bool:
        """Return whether the instruction at `begin` may run at `end`. Calls between them may write
        to its operands: all calls except functions of other tensors, such as counting batches.
        """
        taken = [h.tensor for h in self.recorder.held if h.name in self.old[begin].takes]
        for i in self.old[begin:end]:
            if i.kind == "call":
                given = [self.recorder.constants.get(name) for name in i.takes]
                if hasattr(i.subject, "__self__") or i.detail or any(
                        not hasattr(g, "_data") or any(g is t for t in taken) for g in given):
                    return False
        return True

    def _gradients(self, group: FusedGroup) -> list[int] | None:
        """Places of the gradients: the activation's, the addition's, the layer's. [] if the step
        does not go back through them; None if something else takes what is between them."""
        activation = self.old[group.activation]
        saved = activation.makes[0] if type(activation.subject) is Relu else activation.takes[0]
        found = [p for p in self.users.get(saved, []) if self._is_gradient(p, activation, saved)]
        if not found:
            return []
        parts = [group.layer] if group.add is None else [group.add, group.layer]
        name = self.old[found[0]].makes[0]
        for part in parts:
            users = self.users.get(name, [])
            if len(users) != 1:
                return None
            back = self.old[users[0]]
            if back.kind != "backward" or back.subject.op is not self.old[part].subject:
                return None
            found.append(users[0])
            if part == group.add:
                name = back.makes[self.old[part].takes.index(self.old[group.layer].makes[0])]
        if any(i.kind == "call" for i in self.old[found[0]:found[-1]]):
            return None
        return found if len(found) == 1 + len(parts) else None

    # --- replacing -------------------------------------------------------------------------------

    def _operation(self, group: FusedGroup, reuse: bool = False) -> Any | None:
        """The operation that does it all, on the layer's device; None if there is none."""
        layer, activation = self.old[group.layer].subject, self.old[group.activation].subject
        bounds: tuple[float, float | None] = (0.0, None)
        if type(activation) is Hardtanh and type(layer) in NORMS:
            bounds = activation.low, activation.high
        elif type(activation) is not Relu:
            return None
        if type(layer) is BatchNorm:
            op: Any = BatchNormActivation(layer.eps, layer.momentum, *bounds)
        elif type(layer) is FrozenBatchNorm:
            op = FrozenBatchNormActivation(layer.eps, *bounds)
        elif type(layer) is Linear:
            op = LinearRelu(reuse)
        else:
            op = ConvolutionRelu(layer.stride, layer.padding, layer.dilation, layer.groups, reuse)
        return op.on(layer.device)

    def _replace(self, group: FusedGroup, back: list[int]) -> None:
        """The fused operation where the activation was, its gradient where that one's was."""
        dy = self.old[back[0]].takes[0] if back else None
        reuse = isinstance(dy, Gradient) and self._is_free(
            dy, self.old[group.activation].makes[0])
        op, layer = self._operation(group, reuse), self.old[group.layer]
        activation, takes = self.old[group.activation], list(layer.takes)
        normalized = isinstance(op, (BatchNormActivation, FrozenBatchNormActivation))
        if normalized:
            takes.insert(3, group.residual or Literal(None))
        gradient = self._gradient(op, group, back, takes) if back else None
        for place in (group.layer, group.add, *back):
            if place is not None:
                self.new[place] = None
        detail = Forward({}, [activation.detail.shapes[0], *layer.detail.shapes[1:]])
        makes = (activation.makes[0], *layer.makes[1:])
        self.new[group.activation] = Instruction("forward", tuple(takes), makes, op, detail)
        if back:
            self.new[back[0]] = gradient

    def _in_place(self, i: Instruction) -> Instruction:
        """Batch norm in use of what a layer made, written over it where nothing else reads it."""
        op, made = i.subject, self.made_by.get(i.takes[0]) if i.takes else None
        if (i.kind != "forward" or type(op) not in (FrozenBatchNorm, FrozenBatchNormActivation)
                or type(made) not in (Linear, Convolution)
                or not self._is_free(i.takes[0], i.makes[0])):
            return i
        again: Any = (FrozenBatchNorm(op.eps, True) if type(op) is FrozenBatchNorm else
                      FrozenBatchNormActivation(op.eps, op.low, op.high, True))
        return i._replace(subject=again.on(op.device))

    def _is_free(self, name: Operand | None, y: Made) -> bool:
        """Return whether what an instruction takes under this name, and nothing else does, lies as
        y and may be written over.
        """
        kind = self.infos.get(name)
        if kind is None or not isinstance(name, Slot) or name in self.returned:
            return False
        holders = [n for n, other in self.infos.items() if other.owner == kind.owner]
        return (holders == [name] and len(self.users[name]) == 1
                and kind[:3] == self.infos[y][:3])

    def _gradient(
        self, op: Any, group: FusedGroup, back: Sequence[int], takes: Sequence[Operand]
    ) -> Instruction:
        """The gradient of the fused operation, of what those of its parts took and made."""
        activation, layer = self.old[back[0]], self.old[back[-1]]
        needs, makes = list(layer.subject.needs), list(layer.makes)
        if isinstance(op, BatchNormActivation):
            share: Made = None  # of dL/dy, for the residual
            if group.add is not None:
                (one, two) = self.old[back[1]].makes
                share = two if one == layer.takes[0] else one
            needs.insert(3, share is not None)
            makes.insert(3, share)
        plan = op.plan(tuple(needs))
        known = dict(zip(op.inputs, takes))
        known.update(zip(layer.subject.names, layer.takes[1:]))
        known["y"] = self.old[group.activation].makes[0]
        known["needs"] = self.recorder.constant(tuple(needs))
        if "shapes" not in known:
            known["shapes"] = self.recorder.constant(tuple(
                self.infos[name].shape if name in self.infos else () for name in takes))
        saved = (known[name] for name in plan.names)
        return Instruction("backward", (activation.takes[0], *saved), tuple(makes), plan)
