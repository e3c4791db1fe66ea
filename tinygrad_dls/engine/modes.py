"""Modes of recording, one per thread: no_grad, enable_grad, trace, and who is told of it."""

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from ..errors import GraphError

Function = TypeVar("Function", bound=Callable[..., Any])


class _Mode(threading.local):
    """A thread's modes. `grad`: operations leave nodes; `trace`: the collector of all values, if
    any.

    `listener` is told of each operation that leaves none (its op, operands and output).
    `recorder` is told of all that a step does, by `dls.capture`.
    """

    grad = True
    trace: Any = None
    listener: Callable[..., None] | None = None
    recorder: Any = None


mode = _Mode()


class _Traces:
    """The number of active traces and recordings in all threads: a cheap test before the thread-
    local one.
    """

    active = 0


traces = _Traces()


class _Switch:
    """Set one flag of the mode for a `with` block, or for the calls of a decorated function."""

    flag: str
    value: bool

    def __new__(cls, function: Any = None) -> Any:
        """`@no_grad` and `@no_grad()` decorate alike."""
        switch = super().__new__(cls)
        switch._before = []
        if function is not None and not callable(function):
            raise GraphError(
                f"{cls.__name__} takes a function to decorate, not a {type(function).__name__}: "
                f"write `with {cls.__name__}():`"
            )
        return switch if function is None else switch(function)

    _before: list[bool]

    def __enter__(self) -> None:
        self._before.append(getattr(mode, self.flag))
        setattr(mode, self.flag, self.value)

    def __exit__(self, *_: object) -> None:
        setattr(mode, self.flag, self._before.pop())

    def __call__(self, function: Function) -> Function:
        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with type(self)():
                return function(*args, **kwargs)

        return wrapped  # type: ignore[return-value]


class no_grad(_Switch):
    """Record nothing: results do not require grad. `with no_grad():` or `@no_grad()`.

    >>> x = dls.tensor([1.0, 2.0], requires_grad=True)
    >>> with dls.no_grad():
    ...     y = 2 * x
    >>> y.requires_grad
    False
    """

    flag, value = "grad", False


class enable_grad(_Switch):
    """Record again inside a `no_grad` block.

    >>> x = dls.tensor([1.0, 2.0], requires_grad=True)
    >>> with dls.no_grad(), dls.enable_grad():
    ...     y = 2 * x
    >>> y.requires_grad
    True
    """

    flag, value = "grad", True


class inference_mode(no_grad):
    """PyTorch's name of `no_grad`; `inference_mode(False)` records again.

    >>> x = dls.tensor([1.0, 2.0], requires_grad=True)
    >>> with dls.inference_mode():
    ...     y = 2 * x
    >>> y.requires_grad
    False
    """

    def __new__(cls, mode: Any = True) -> Any:
        if isinstance(mode, bool):
            return super().__new__(cls) if mode else enable_grad()
        return super().__new__(cls, mode)


class set_grad_enabled(_Switch):
    """Record from now on, or not; used in `with`, until the block ends.

    >>> import tinygrad_dls as dls
    >>> with dls.set_grad_enabled(False):
    ...     print(dls.is_grad_enabled())
    False
    >>> dls.is_grad_enabled()
    True
    """

    flag = "grad"

    def __new__(cls, mode: bool) -> Any:
        if not isinstance(mode, bool):
            raise GraphError(f"set_grad_enabled takes True or False, not {mode!r}")
        switch = object.__new__(cls)
        switch.value, switch.before, switch._before = mode, _set_grad(mode), []
        return switch

    before: bool

    def __enter__(self) -> None:
        self._before.append(self.before)
        mode.grad = self.value

    def __call__(self, function: Function) -> Function:
        mode.grad, value = self.before, self.value  # a decorator says nothing of now

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with set_grad_enabled(value):
                return function(*args, **kwargs)

        return wrapped  # type: ignore[return-value]


def _set_grad(value: bool) -> bool:
    """Set the mode of recording; return what it was."""
    before, mode.grad = mode.grad, value
    return before


@contextmanager
def tracing(collector: Any) -> Iterator[Any]:
    """Let `collector` keep the value, the gradient and the source line of every operation."""
    if mode.recorder is not None:
        mode.recorder.refuse("dls.trace looks at a part of it: trace the whole step, from outside")
    collector.begin(mode.trace)
    mode.trace = collector
    traces.active += 1
    try:
        yield collector
    finally:
        traces.active -= 1
        mode.trace = collector.end(mode.trace)


@contextmanager
def listening(listener: Callable[..., None]) -> Iterator[None]:
    """Record nothing, and tell `listener` of every operation, as (op, inputs, arrays, output)."""
    before = mode.listener
    mode.listener = listener
    traces.active += 1
    try:
        with no_grad():
            yield
    finally:
        traces.active -= 1
        mode.listener = before


@contextmanager
def recording(recorder: Any) -> Iterator[None]:
    """Tell `recorder` of all that happens to tensors in this thread; None: nobody, for a while."""
    before = mode.recorder
    mode.recorder = recorder
    traces.active += 1
    try:
        yield
    finally:
        traces.active -= 1
        mode.recorder = before


def replayed(function: Function) -> Function:
    """Decorator for functions with side effects: a captured step calls it again each time."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if traces.active and mode.recorder is not None:
            return mode.recorder.call(function, args, kwargs)
        return function(*args, **kwargs)

    return call  # type: ignore[return-value]


def is_grad_enabled() -> bool:
    """Return whether operations are recorded in this thread at this moment.

    >>> with dls.no_grad():
    ...     dls.is_grad_enabled()
    False
    """
    return mode.grad
