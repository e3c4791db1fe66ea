"""`dls.capture`: a training step that is recorded, and from then on replayed."""

from __future__ import annotations

import functools
import math
import threading
import warnings
from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeVar

from .._util.callers import is_all_ours
from .._util.keywords import near_names
from .._util.locks import new_rlock
from ..engine.autograd import TensorBase
from ..engine.modes import mode, recording
from ..errors import DataError, DtypeError
from .emit.program import Program
from .record.compare import difference, same
from .record.recorder import Held, Recorder

T = TypeVar("T")
TRIES = 4  # runs of a step after which two in a row must have been the same program
CHANGES = 16  # of modes and the like, each of which takes a new recording
PROGRAMS = 16  # of one step: other kinds of arguments than the first so many are not recorded


class Captured(Generic[T]):
    """A step and its programs: one for each kind of arguments it was called with.

    `reason`: why it is not replayed, if it is not; `source()`: the programs, to be read.
    """

    def __init__(self, step: Callable[..., T]) -> None:
        functools.update_wrapper(self, step)
        self.step = step
        self.reason: str | None = None
        self._signatures: dict[Any, Signature] = {}
        self._lock = new_rlock()
        self._busy: int | None = None  # the thread that replays: in it the step may be called

    def __call__(self, *args: Any, **kwargs: Any) -> T:
        if mode.recorder is not None or mode.trace is not None:
            return self.step(*args, **kwargs)
        tensors: list[Any] = []
        key = (mode.grad, len(args), *kwargs, *[_kind_of(x, tensors) for x in args],
               *[_kind_of(x, tensors) for x in kwargs.values()], _shared(tensors))
        with self._lock:
            if self._busy == threading.get_ident():
                return self.step(*args, **kwargs)
            kind = self._signatures.get(key)
            if kind is None:
                if len(self._signatures) >= PROGRAMS:
                    self._give_up(
                        f"the step was called with more than {PROGRAMS} kinds of arguments: where "
                        "lengths change, pad or cut to a few; pass numbers that change as tensors",
                        f"is replayed for the first {PROGRAMS} kinds, and runs as it is for others")
                    self._forget_recordings()
                    return self.step(*args, **kwargs)
                kind = self._signatures[key] = Signature()
            program = kind.program
            if program is None:
                if not kind.tries and (unfit := _is_unfit(key)):
                    kind.tries = TRIES
                    self._give_up(f"it is given a {unfit.__name__}, which may change: pass tensors")
                return self._record(kind, args, kwargs, tensors)
            if not fits(program):
                kind.program, kind.tries = None, 0
                kind.changes += 1
                if kind.changes > CHANGES:
                    kind.tries = TRIES
                    self._give_up("it, or what is around it, changes modes (train, eval), hooks or "
                                  "frozen parameters too often")
                return self._record(kind, args, kwargs, tensors)
            if program.threads is not None and program.threads() != program.team:
                return self.step(*args, **kwargs)  # as in a forked child, which has but one
            self._busy = threading.get_ident()
            try:
                return program.run(*[x._data for x in tensors])  # type: ignore[no-any-return]
            except Exception as error:
                told = _told(error)
                if told is error:
                    raise
                raise told from error
            finally:
                self._busy = None

    def _record(self, kind: Signature, args: Any, kwargs: Any, tensors: list[Any]) -> T:
        """Run the step as it is, and write down what it does."""
        if kind.tries >= TRIES:
            return self.step(*args, **kwargs)
        kind.tries += 1
        recorder = Recorder(tensors)
        for x in tensors:
            if x.requires_grad:
                recorder.refuse("an argument of it requires grad")
        with recording(recorder):
            result = self.step(*args, **kwargs)
            answer = recorder.results(result)
        reason = recorder.reason
        if reason is not None:
            kind.tries = TRIES
        elif kind.last is not None:
            before, said = kind.last
            reason = difference(before, recorder)
            if reason is None and not same(said, answer):
                reason = "it returns another Python value each time: return tensors"
            if reason is None:
                taken = [*tensors, *(h.tensor for h in recorder.held)]
                device = taken[0].device if taken else None
                kind.program = Program(recorder, len(tensors), answer, device)
                kind.last = None
                return result
        kind.last = None if recorder.reason else (recorder, answer)
        if reason is not None and kind.tries >= TRIES:
            kind.last = None
            self._give_up(reason)
        return result

    def _give_up(self, reason: str, what: str = "is not captured, it runs as it is") -> None:
        if self.reason is None:
            warnings.warn(f"{self._name()} {what}: {reason}", stacklevel=4)
        self.reason = reason

    def _forget_recordings(self) -> None:
        """First recordings hold all arrays of their run: of kinds that come once, for nothing."""
        for kind in self._signatures.values():
            kind.last = None

    def source(self) -> str:
        """The programs as Python; one comment if there are none yet, or why there are none."""
        programs = [k.program for k in self._signatures.values() if k.program is not None]
        if programs:
            return "\n\n".join(p.source for p in programs)
        return f"# {self._name()} is not captured" + (
            f": {self.reason}\n" if self.reason else " yet: call it twice\n")

    def _name(self) -> str:
        return getattr(self.step, "__name__", "the step")

    def __repr__(self) -> str:
        count = sum(k.program is not None for k in self._signatures.values())
        state = f"{count} programs" if count != 1 else "1 program"
        return f"<captured {self._name()}: {self.reason or state}>"


class Signature:
    """The properties that arguments of one kind share."""

    def __init__(self) -> None:
        self.program: Program | None = None
        self.last: tuple[Recorder, Any] | None = None
        self.tries = self.changes = 0


@near_names
def capture(step: Callable[..., T]) -> Captured[T]:
    """Run `step` faster: recorded twice, it is then replayed without building a graph.

    The step takes tensors (and Python values), computes a loss, calls backward() and an
    optimizer's step, and returns tensors. Results equal those of the step itself to the bit, though
    neighbours are fused: a layer and its ReLU, batch norm with a residual and ReLU, chains of
    element-wise operations.

    Values that change from call to call are arguments: numbers and arrays that the step takes from
    elsewhere are as they were when it was recorded; parameters, buffers, rates of optimizers and
    the seeds of dropout are as they are at each call. Other shapes, dtypes, numbers, modes (train,
    eval) or frozen parameters are recorded as well, up to 16 kinds of arguments; further ones run
    as they are, while the first go on being replayed. So pad sequences of many lengths to a few.
    Whether a loss leaves out labels of -100, or another `ignore_index` outside the classes, is
    settled at the recording: record with a batch that has some.

    A step that cannot be replayed, because it reads a value or writes in place, runs as it is: a
    warning says why, and so does `reason`. `source()` gives the recorded programs as text.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn, optim
    >>> model = nn.Linear(4, 1)
    >>> opt = optim.SGD(model.parameters(), lr=0.1)
    >>> def step(x, y):
    ...     loss = nn.functional.mse_loss(model(x), y)
    ...     opt.zero_grad()
    ...     loss.backward()
    ...     opt.step()
    ...     return loss
    >>> fast = dls.capture(step)
    >>> x, y = dls.randn(8, 4), dls.randn(8, 1)
    >>> losses = [fast(x, y).item() for _ in range(5)]
    >>> losses[-1] < losses[0], fast.reason
    (True, None)
    """
    if not callable(step):
        raise DtypeError(f"capture takes a function, the step, not a {type(step).__name__}")
    return Captured(step)


def fits(program: Program) -> bool:
    """Return whether everything the program was recorded with is unchanged."""
    for module, training in program.modules:
        if module.training is not training or module._hooks:
            return False
    for attributes, name, tensor in program.attributes:
        if attributes.get(name) is not tensor:  # another parameter in its place
            return False
    return all(map(_as_recorded, program.held))


def _told(error: Exception) -> Exception:
    """An error of a replay, with a note; of a label out of range and the like as the step has it.

    An error that passed a user's code, such as the rule of an operation, stays what it is.
    """
    told = DataError(str(error)) if type(error) is IndexError and is_all_ours(error) else error
    told.add_note("This was a replay of a captured step; the step itself, without dls.capture, "
                  "says more.")
    return told


def _as_recorded(held: Held) -> bool:
    x, array = held.tensor, held.tensor._data
    if x.requires_grad is not held.requires_grad or x._hooks:
        return False
    return array is held.array or (
        array.shape == held.array.shape and array.dtype == held.array.dtype
        and isinstance(array, type(held.array))
        and ((array.flags.c_contiguous and held.array.flags.c_contiguous)
             or array.strides == held.array.strides))


class _Unfit(NamedTuple):
    """Stands for an argument that may change without being another one."""

    kind: type


def _kind_of(x: Any, tensors: list[Any]) -> Any:
    """Describe the part of an argument that the program depends on; its tensors are added to
    `tensors`.
    """
    if isinstance(x, TensorBase):
        tensors.append(x)
        array = x._data
        layout = array.flags.c_contiguous or array.strides
        return array.shape, array.dtype, layout, x.device, x.requires_grad, x._kind
    if isinstance(x, (list, tuple)):
        return type(x), tuple([_kind_of(value, tensors) for value in x])
    if isinstance(x, dict):
        return type(x), tuple([(name, _kind_of(value, tensors)) for name, value in x.items()])
    try:
        hash(x)
    except TypeError:
        return _Unfit(type(x))
    return type(x), x, isinstance(x, float) and math.copysign(1.0, x)  # 0.0 equals -0.0


def _is_unfit(key: Any) -> type | None:
    """The kind of an argument for which there can be no program, if there is one."""
    if isinstance(key, _Unfit):
        return key.kind
    return next(filter(None, map(_is_unfit, key)), None) if isinstance(key, tuple) else None


def _shared(tensors: list[Any]) -> Any:
    """Find out which of them are the same array."""
    ids = [id(x._data) for x in tensors]
    return None if len(set(ids)) == len(ids) else tuple(map(ids.index, ids))
