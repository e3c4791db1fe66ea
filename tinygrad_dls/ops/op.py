"""An operation: one declaration, from which everything else follows.

    class Tanh(Op):
        '''y = tanh(x), element-wise.    dL/dx = dL/dy * (1 - y**2)'''
        def forward(self, x):
            return self.kernels.tanh(x)
        def backward(self, dy, y):
            return dy * (1 - y * y)

`forward` gets arrays; its parameters are the op's inputs. A rule names what it needs after `dy`:
inputs, the output `y`, what forward returned beside it (`extras`), `needs` (for each input: does
it want a gradient?) and `shapes` (of the inputs). Only that is kept alive. An op with one
input, or one whose gradients share their work, has one rule `backward`; an op of several inputs
may have one for each, `backward_a(self, dy, b)`, and then nothing is computed or kept for inputs
without gradient.
A rule is written with operators and `self.xp`, so that it works on arrays and also on tensors, when
a gradient is itself differentiated. An op may add `backward_kernel`, with the same parameters: a
faster path for plain arrays.

An op object holds parameters (axis, p ...), never the state of a call.
"""

import inspect
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import Any, ClassVar, NamedTuple, TypeAlias

from .._util.callers import GENERATED
from ..backend.kernels.reference import ReferenceKernels
from ..engine.autograd import Array
from ..errors import GraphError

Needs: TypeAlias = tuple[bool, ...]


class BackwardRule(NamedTuple):
    """The way back through one op, for one choice of inputs that want a gradient."""

    op: "Op"
    device: Any
    needs: Needs
    names: tuple[str, ...]  # what is saved
    keep: Callable[..., tuple[Any, ...]]  # picks it out of (*inputs, y, *extras, needs)
    back: Callable[[Any, tuple[Any, ...]], tuple[Any, ...]]  # (dy, saved) -> dL/d(each input)

    def on_tensors(self) -> "BackwardRule":
        """The same, recording its own steps: for gradients of gradients."""
        op = self.op
        if op.once:
            raise GraphError(
                f"'{op.name}' has no second derivative: {op.once}\n"
                "(backward(create_graph=True) or grad(create_graph=True) asked for one)"
            )
        return op.on(_Tensors).plan(self.needs, fast=False)


class Op:
    """Base class of all operations; see the module's text for how to declare one."""

    inputs: ClassVar[tuple[str, ...]] = ()
    extras: ClassVar[tuple[str, ...]] = ()  # names of what forward returns beside the output
    broadcasts: ClassVar[bool] = False  # inputs are broadcast against each other
    floats: ClassVar[bool] = False  # the result is a float even of integers: they are cast first
    in_float32: ClassVar[bool] = False  # of float16 inputs, too: its sums or powers overflow
    views: ClassVar[bool] = False  # the output may be a view of the input
    written: ClassVar[tuple[str, ...]] = ()  # inputs that forward writes to
    differentiable: ClassVar[bool] = True  # False: results never require grad (comparisons ...)
    # Rules return arrays that nothing else holds, views, or dy itself: none that the op keeps. A
    # leaf then takes such an array as its gradient; from other ops it takes a copy.
    new_gradients: ClassVar[bool] = False
    once: ClassVar[str] = ""  # why there is no second derivative, and the alternative to report
    numpy: ClassVar[Any] = None  # the same in plain NumPy: the oracle of the tests
    samples: ClassVar[Any] = ()  # inputs that prove it: see samples.py

    registry: ClassVar[dict[str, type["Op"]]] = {}
    device: Any
    xp: Any  # the array namespace of the device (or our own functions, on tensors)
    kernels: Any  # the kernel table of the device

    def __init_subclass__(cls) -> None:
        if "forward" not in cls.__dict__:
            return  # an intermediate base
        cls.inputs = _parameters(cls.forward)
        known = {*cls.inputs, "y", *cls.extras, "needs", "shapes"}
        for name, rule in cls._rules(tuple(True for _ in cls.inputs)):
            asked = _parameters(rule)[1:]
            if unknown := [n for n in asked if n not in known]:
                raise TypeError(f"{cls.__name__}.{name} asks for {unknown}: choose from {known}")
        if hasattr(cls, "backward") and hasattr(cls, "backward_kernel"):
            if _parameters(cls.backward) != _parameters(cls.backward_kernel):
                raise TypeError(f"{cls.__name__}: backward_kernel must ask for what backward asks")
        Op.registry.setdefault(cls.__name__, cls)  # ours stay if a user's class has the same name

    @property
    def name(self) -> str:
        """The name in messages and pictures: the class's, in snake case."""
        return snake_case(type(self).__name__)

    @property
    def parameters(self) -> dict[str, Any]:
        """The arguments this object was made with (axis, p ...), for labels."""
        return {k: v for k, v in vars(self).items() if k not in _BOUND}

    def label(self) -> str:
        """The name with its parameters, for pictures."""
        shown = {k: v for k, v in self.parameters.items() if v is not None and v is not False}
        inside = ", ".join(f"{k}={v}" for k, v in shown.items())
        return f"{self.name}({inside})" if inside else self.name

    def input_name(self, place: int) -> str:
        """The declared name of input number `place` (of the last one, if it takes many)."""
        return self.inputs[min(place, len(self.inputs) - 1)].lstrip("*")

    def forward(self, *inputs: Array) -> Any:
        """The output array, or (output, *extras)."""
        raise GraphError(f"{type(self).__name__} does not say how to go forward")

    # --- binding to a device ---------------------------------------------------------------------

    def on(self, place: Any) -> "Op":
        """This op with the namespace and the kernels of `place` (a device, or `_Tensors`)."""
        bound = object.__new__(type(self))
        bound.__dict__.update(self.__dict__, xp=place.xp, kernels=place.kernels, device=place)
        return bound

    def plan(self, needs: Needs, fast: bool = True) -> BackwardRule:
        """Return the way back when the inputs marked in `needs` want a gradient.

        The op does not remember its plans, which hold the op: that would be a reference cycle.
        """
        kind: Any = type(self)
        names, keep, back_of = _plan_of(kind, needs, fast)
        return BackwardRule(self, self.device, needs, names, keep, back_of(self))

    @classmethod
    def _rules(cls, needs: Sequence[bool]) -> list[tuple[str, Any]]:
        if hasattr(cls, "backward"):
            return [("backward", cls.backward)] if any(needs) else []
        names = [f"backward_{n}" for n, need in zip(cls.inputs, needs) if need]
        return [(name, getattr(cls, name)) for name in names if hasattr(cls, name)]


class _Kernel:
    """A method of an op that is a kernel of its table: found there when the op is bound, so that a
    call goes from the op's caller to the kernel without a frame between.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.__signature__ = inspect.signature(getattr(ReferenceKernels, name))

    def __get__(self, op: Op | None, owner: type[Op]) -> Any:
        return self if op is None else getattr(op.kernels, self.name)

    def __call__(self, op: Op, *inputs: Array) -> Any:
        return getattr(op.kernels, self.name)(*inputs)


def kernel(name: str) -> Any:
    """`forward` or `backward_kernel` of an op that does no more than call this kernel.

    It asks for what the reference's kernel of this name asks for: `relu_backward(self, dy, y)`.
    """
    return _Kernel(name)


@lru_cache(maxsize=4096)
def _plan_of(
    op: type[Op], needs: Needs, fast: bool
) -> tuple[tuple[str, ...], Callable[..., tuple[Any, ...]], Callable[[Op], Callable[..., Any]]]:
    """(names of what is saved, `keep`, `back` of an op), each one expression: a call is cheap.

    Of Mul, where both inputs want a gradient, they read
    keep    = lambda x0, x1, y, needs: (x1, x0)
    back_of = lambda op: (lambda backward_a, backward_b:
                          lambda dy, s: (backward_a(dy, s[0]), backward_b(dy, s[1]))
                         )(op.backward_a, op.backward_b)
    """
    rules = op._rules(needs)
    if fast and hasattr(op, "backward_kernel"):
        rules = [("backward_kernel", op.backward_kernel)]
    variadic = op.inputs[0].startswith("*")
    arguments = [f"x{i}" for i in range(len(needs))]
    known = dict(zip(op.inputs, arguments)) | {n: n for n in ("y", *op.extras, "needs")}
    known["shapes"] = f"({' '.join(f'shape({x}),' for x in arguments)})"  # of a number ()
    names: list[str] = []
    calls: dict[str, str] = {}
    for rule, method in rules:
        asked = _parameters(method)[1:]
        names += [name for name in asked if name not in names]
        calls[rule] = f"{rule}({', '.join(['dy', *(f's[{names.index(n)}]' for n in asked)])})"
    if len(calls) == 1 and next(iter(calls)) in ("backward", "backward_kernel"):
        (call,) = calls.values()
        gradients = call if variadic or len(needs) > 1 else f"({call},)"
        if not all(needs) and len(needs) == 2 and not variadic:
            # The edge of an operand that is a number is that number: no gradient may go there.
            kept = "a, None" if needs[0] else "None, b"
            gradients = f"(lambda a, b: ({kept}))(*{gradients})"
    else:
        gradients = "".join(f"{calls.get(f'backward_{n}')}, " for n in op.inputs)
        gradients = f"({gradients})"
    signature = ", ".join([*arguments, "y", *op.extras, "needs"])
    saved = "".join(f"{known[n]}, " for n in names)
    keep = _generated(f"lambda {signature}: ({saved})", shape=_shape)
    bound = ", ".join(f"op.{rule}" for rule in calls)  # looked up once, not at each call
    back_of = _generated(
        f"lambda op: (lambda {', '.join(calls)}: lambda dy, s: {gradients})({bound})")
    return tuple(names), keep, back_of


def _generated(expression: str, **names: Any) -> Any:
    return eval(compile(expression, GENERATED, "eval"), names)


def _shape(operand: Any) -> tuple[int, ...]:
    return getattr(operand, "shape", ())


_BOUND = ("device", "xp", "kernels")


class _Tensors:
    """The namespace of an op that works on tensors: `xp` is our own functions."""

    xp: Any = None
    kernels: Any = None


def register_functions(namespace: Any) -> None:
    """Let rules on tensors find our functions under `self.xp`."""
    _Tensors.xp = _Tensors.kernels = namespace


@cache
def _parameters(function: Any) -> tuple[str, ...]:
    """The names of a method's parameters after self."""
    return tuple(
        f"*{p.name}" if p.kind is p.VAR_POSITIONAL else p.name
        for p in list(inspect.signature(function).parameters.values())[1:]
    )


def is_built_in(op: Any) -> bool:
    """Return whether the op is declared in this package; one of a user may do anything."""
    return type(op).__module__.startswith(f"{__package__}.")


@cache
def snake_case(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")
