"""Base of all optimizers: groups of parameters with their options, and the state of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import Any, ClassVar

import numpy as np

from .. import ops
from .._util.arguments import is_amount
from .._util.keywords import NearNames
from .._util.namespaces import is_ours
from ..engine.autograd import as_tensor
from ..engine.modes import enable_grad, mode, traces
from ..engine.versions import check_writable, mark_write
from ..errors import DataError, DtypeError, Error, GraphError, ShapeError
from ..tensors import Tensor

Group = dict[str, Any]
State = dict[str, Any]

# Options of PyTorch's that say how to compute a step, not what it is.
HOW_ONLY = frozenset({"foreach", "fused", "capturable", "differentiable"})
# Numbers in the state of a parameter, not arrays.
COUNTS = frozenset({"step", "mu_product", "eta", "mu"})


class Optimizer(NearNames):
    """Base of the optimizers: changes parameters, in place, along their gradients.

    `parameters`: tensors, or dictionaries {"params": tensors, "lr": ...} with options of their
    own. A parameter without gradient is passed over. `param_groups` can be changed at any time.

    >>> from tinygrad_dls import nn, optim
    >>> model = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 2))
    >>> groups = [{"params": model[0].parameters(), "lr": 0.01}, {"params": model[1].parameters()}]
    >>> opt = optim.SGD(groups, lr=0.1)
    >>> isinstance(opt, optim.Optimizer), [group["lr"] for group in opt.param_groups]
    (True, [0.01, 0.1])
    """

    defaults: Group
    at_least_zero: ClassVar[tuple[str, ...]] = ("lr", "weight_decay")
    keeps: ClassVar[frozenset[str]] = frozenset()  # names in the state of a parameter: always,
    may_keep: ClassVar[frozenset[str]] = frozenset()  # or as its options ask for

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if is_ours(cls) and "__init__" in vars(cls):
            cls.__init__ = without_how(vars(cls)["__init__"])  # type: ignore[method-assign]

    def __init__(self, parameters: Iterable[Any], defaults: Group) -> None:
        if isinstance(parameters, Tensor) or not isinstance(parameters, Iterable):
            hint = ": write model.parameters()" if hasattr(parameters, "parameters") else ""
            raise DtypeError(
                "an optimizer takes a list of parameters, not a "
                f"{type(parameters).__name__}{hint}"
            )
        if hasattr(parameters, "parameters"):  # a Sequential can be iterated, but over layers
            raise DtypeError("an optimizer takes parameters: write model.parameters()")
        self.defaults = defaults
        self.param_groups: list[Group] = []
        self.state: dict[Tensor, State] = {}
        given = list(parameters)
        if not given:
            raise DataError(
                "there are no parameters to optimize: the model has none, or its parameters() "
                "were used up by another loop"
            )
        for group in given if isinstance(given[0], Mapping) else [{"params": given}]:
            self.add_param_group(group)

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """More parameters, {"params": tensors, ...}; options not named are the defaults."""
        if not isinstance(group, Mapping):
            raise DataError('a group is {"params": a list of parameters, and options of its own}, '
                            f"not {group!r}")
        if unknown := [n for n in group if n not in {"params", "initial_lr", *self.defaults}]:
            raise DataError(
                f"{type(self).__name__} has no option {', '.join(map(repr, unknown))}: choose from "
                + ", ".join(self.defaults)
            )
        given = group.get("params")
        if not isinstance(given, Iterable):
            raise DataError('a group is {"params": a list of parameters, and options of its own}')
        tensors = [given] if isinstance(given, Tensor) else [
            p[1] if isinstance(p, tuple) else p for p in given  # named_parameters() will do
        ]
        known = {id(p) for other in self.param_groups for p in other["params"]}
        for i, p in enumerate(tensors):
            if not isinstance(p, Tensor):
                raise DtypeError(f"an optimizer takes tensors, parameter {i} is a "
                                 f"{type(p).__name__}")
            if p._node is not None:
                raise GraphError(
                    f"parameter {i} of shape {p.shape} was computed (by '{p._node.op.name}'): only "
                    "leaves can be optimized; use x.detach().requires_grad_()"
                )
            if p.dtype.kind != "f":
                raise DtypeError(f"parameter {i} holds {p.dtype}; only floats can be optimized")
            check_writable(p._data, f"{type(self).__name__}.step()")
            if id(p) in known:
                raise DataError(f"parameter {i} of shape {p.shape} is there twice")
            known.add(id(p))
        made = {**self.defaults, **group, "params": tensors}
        self.check(made)
        self.param_groups.append(made)

    def check(self, group: Group) -> None:
        """DataError for options that make no sense."""
        for name in self.at_least_zero:
            if not is_amount(group[name]):
                raise DataError(
                    f"{type(self).__name__}: {name} is at least 0 and finite, not {group[name]!r}"
                )
        if "betas" in group:
            betas = group["betas"]
            two = isinstance(betas, (tuple, list)) and len(betas) == 2
            if not two or not all(is_amount(beta) and beta < 1 for beta in betas):
                raise DataError(
                    f"{type(self).__name__}: betas are two numbers, 0 <= beta < 1, not {betas!r}"
                )

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients: None, or zeros."""
        if traces.active and mode.recorder is not None:
            given = () if set_to_none else (set_to_none,)
            return mode.recorder.call(Optimizer.zero_grad, (self, *given), {})  # type: ignore[no-any-return]
        for group in self.param_groups:
            for p in group["params"]:
                if p._grad is not None:
                    p._grad = None if set_to_none else p._grad * 0

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change every parameter that has a gradient.

        `closure`: recomputes the loss and its gradients; its value is returned.
        """
        if traces.active and mode.recorder is not None:  # as `replayed` does, without its call
            given = () if closure is None else (closure,)
            return mode.recorder.call(Optimizer.step, (self, *given), {})
        loss = None
        if closure is not None:
            if not callable(closure):
                raise DtypeError("step() takes nothing, or a function that computes the loss and "
                                 f"its gradients, not {closure!r}")
            with enable_grad():
                loss = closure()
        for group in self.param_groups:
            if group["lr"].__class__ is not float:
                self.check(group)
            self._step_group(group, f"{type(self).__name__}.step()")
        return loss

    def _step_group(self, group: Group, place: str) -> None:
        """Parameters alike in device, dtype and clock take their step together, in one call."""
        names = self.buffers(group)
        alike: dict[Any, tuple[list[Any], ...]] = {}
        before: Any = None  # the key of the last one: mostly of all
        columns: Any = ()
        copied: list[tuple[Any, Any]] = []  # parameters, and copies in C order
        for p in group["params"]:
            grad = p._grad
            if grad is None:
                continue
            w, g = p._data, grad._data
            clock: Any = None
            arrays: list[Any] = []
            if names or self.keeps:
                state = self.state.get(p)
                if state is None:
                    state = self.state[p] = {}
                clock = self.clock(state, group)
                arrays = [self._buffer(state, name, p) for name in names]
            if not g.flags.c_contiguous:
                g = p.device.copy(g)
            if not w.flags.c_contiguous:  # kernels go through memory in order
                copied.append((w, p.device.copy(w)))
                w = copied[-1][1]
            key = (p.device, w.dtype, clock)
            if key != before:
                before = key
                columns = alike.setdefault(key, tuple([] for _ in range(2 + len(names))))
            columns[0].append(w)
            columns[1].append(g)
            for column, array in zip(columns[2:], arrays):
                column.append(array)
        for (device, _, clock), columns in alike.items():
            self.update(device.kernels, group, clock, *columns)
            for w in columns[0]:
                mark_write(w, place)
        for w, ordered in copied:
            w[...] = ordered
            mark_write(w, place)

    def buffers(self, group: Group) -> tuple[str, ...]:
        """The names of the arrays that the step of a group needs in the state of each parameter."""
        return ()

    def clock(self, state: State, group: Group) -> Any:
        """Count a step of one parameter; what `update` must know of it: here how many there were.

        Called before its arrays are made. Parameters of different clocks are updated apart.
        """
        state["step"] = count = state.get("step", 0) + 1
        return count

    def update(
        self, kernels: Any, group: Group, clock: Any, ws: list[Any], gs: list[Any],
        *buffers: list[Any],
    ) -> None:
        """One step of parameters alike: their arrays `ws`, to be written, and gradients `gs`."""
        raise NotImplementedError(f"{type(self).__name__} does not define update()")

    def _buffer(self, state: State, name: str, p: Tensor) -> Any:
        """An array of the state, zeros at first; where the parameter was moved it comes along."""
        value = state.get(name)
        if value is None:
            value = state[name] = ops.zeros_like(p)
        elif value.device is not p.device or value._data.dtype is not p._data.dtype:
            value = state[name] = value.to(p.device).astype(p.dtype)
        return value._data

    # --- state -----------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """A snapshot in PyTorch's form: {"state": {place: ...}, "param_groups": [...]}."""
        places: dict[Tensor, int] = {}
        groups = []
        for group in self.param_groups:
            for p in group["params"]:
                places[p] = len(places)
            options = {n: v for n, v in group.items() if n != "params"}
            groups.append({**options, "params": [places[p] for p in group["params"]]})
        state = {
            places[p]: {n: _copied(v) for n, v in values.items()}
            for p, values in self.state.items()
            if p in places
        }
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on where `state_dict()` was taken, to the bit; PyTorch's fit too. All or nothing."""
        groups, state = self.check_state_dict(state_dict)
        self.param_groups[:] = groups
        self.state = state

    def check_state_dict(
        self, state_dict: Mapping[str, Any]
    ) -> tuple[list[Group], dict[Tensor, State]]:
        """The groups and the state that it says; DataError or ShapeError if it does not fit."""
        try:
            return self._restored(state_dict)
        except (TypeError, KeyError, AttributeError, ValueError) as error:
            if isinstance(error, Error):
                raise
            raise DataError(
                'no state of an optimizer, {"state": ..., "param_groups": [...]}, nothing was '
                f"changed: {type(error).__name__}: {error}"
            ) from error

    def _restored(self, state_dict: Mapping[str, Any]) -> tuple[list[Group], dict[Tensor, State]]:
        """The groups and the state that `state_dict` says, made beside those there are."""
        saved = state_dict["param_groups"]
        have = [len(group["params"]) for group in self.param_groups]
        if [len(group["params"]) for group in saved] != have:
            raise DataError(
                f"this optimizer has groups of {have} parameters, the saved one of "
                f"{[len(group['params']) for group in saved]}; nothing was changed"
            )
        groups = []
        for group, options in zip(self.param_groups, saved):
            unknown = [n for n, v in options.items() if v is True and n not in self.defaults]
            if refused := [n for n in unknown if n not in HOW_ONLY]:
                raise DataError(f"the saved optimizer has {refused[0]}=True, which "
                                f"{type(self).__name__} does not have; nothing was changed")
            known = {n: options[n] for n in (*group, "initial_lr") if n in options}
            for name, value in known.items():  # a file gives lists for tuples
                if isinstance(value, list) and isinstance(group.get(name), tuple):
                    known[name] = tuple(value)
            made = {**group, **known, "params": group["params"]}
            self.check(made)
            groups.append(made)
        places = [i for group in saved for i in group["params"]]
        by_place = dict(zip(places, (p for group in groups for p in group["params"])))
        state: dict[Tensor, State] = {}
        for i, values in state_dict["state"].items():
            if (p := by_place.get(i)) is None:
                raise DataError(f"the saved state is of a parameter {i} that is in no group")
            state[p] = {n: self.restored(n, v, p) for n, v in values.items() if v is not None}
            self.check_state(state[p])
        return groups, state

    def restored(self, name: str, value: Any, p: Tensor) -> Any:
        """A saved value of the state of p, made ready to be used."""
        return _restored(name, value, p, self.state_shape(name, p))

    def state_shape(self, name: str, p: Tensor) -> tuple[int, ...]:
        """The shape of an array of the state of p: that of p, if a class does not say another."""
        return p.shape

    def check_state(self, state: State) -> None:
        """DataError unless a saved state is one of this class of optimizer."""
        strange = state.keys() - {*self.keeps, *self.may_keep}
        missing = self.keeps - state.keys() if state else set()
        if strange or missing:
            what = f"has {min(strange)!r}" if strange else f"lacks {min(missing)!r}"
            raise DataError(
                f"the saved state {what}: it is of another optimizer than {type(self).__name__}; "
                "nothing was changed"
            )

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            count = sum(p.size for p in group["params"])
            lines.append(f"  group {i}: {len(group['params'])} tensors, {count:,} parameters")
            lines += [f"    {n}: {v}" for n, v in group.items() if n != "params"]
        return "\n".join([*lines, ")"])


def without_how(init: Callable[..., None]) -> Callable[..., None]:
    """`init`, which takes and passes over PyTorch's `foreach`, `fused` and `capturable`."""

    @wraps(init)
    def call(self: Any, *given: Any, **options: Any) -> None:
        if options.get("differentiable"):
            raise DataError(f"{type(self).__name__}: steps are not differentiable here")
        init(self, *given, **{n: v for n, v in options.items() if n not in HOW_ONLY})

    return call


def _restored(name: str, value: Any, p: Tensor, shape: tuple[int, ...]) -> Any:
    """A saved value: a count as a number, an array in the place and dtype of the parameter."""
    if name in COUNTS:
        return int(value) if name == "step" else float(value)
    array = Tensor.numpy(value) if isinstance(value, Tensor) else np.asarray(value)
    if array.shape != shape:
        wanted = "" if shape == p.shape else f"\n  wanted     {shape}"
        raise ShapeError(
            f"the saved {name} has another shape than its parameter; nothing was changed:\n"
            f"  parameter  {p.shape}{wanted}\n  saved      {array.shape}"
        )
    made = np.empty(shape, p.dtype)  # unpickled arrays have a dtype of their own, not NumPy's one
    made[...] = array
    return as_tensor(p.device.from_host(made), p.device, None, p._kind)


def _copied(value: Any) -> Any:
    """A value of the state, or a list of them, that later steps do not write to."""
    if isinstance(value, list):
        return [_copied(item) for item in value]
    return value.clone() if isinstance(value, Tensor) else value
