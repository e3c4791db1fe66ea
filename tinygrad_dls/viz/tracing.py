"""trace: the block of code whose computation is kept whole, and drawn."""

import functools
import inspect
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, TypeVar

from ..engine.collector import Collector
from ..engine.modes import tracing
from ..errors import GraphError
from ..tensors import Tensor
from .checking import Operations, with_verdicts
from .graphs import Graph
from .picture import Options
from .record import Record
from .recording import Settled, check_names, settled

Function = TypeVar("Function", bound=Callable[..., Any])
AT_ONCE = 1 << 28  # bytes of arrays: after larger steps the record is written, and they are let go


class trace(Graph):
    """Keep the value, the gradient and the source line of every operation in a block.

        with dls.trace() as t:
            loss = F.cross_entropy(model(x), y)
            loss.backward()
        t.save("step.svg", depth="layers")
        print(t)

    The trace is a `dls.Graph` of all that ran in the block, also without gradients; values and
    gradients are those at its end (a gradient that was reset by then is the sum of what came). If
    an error leaves the block, what ran before it is there, and the operation that raised it is
    marked. The first backward() after the block is seen, too.
    `@dls.trace()` does the same for each call of a function; `function.trace` is the one that
    ended last.
    The numbers are looked at when the block ends, and the record is written when it is first asked
    for. Until then the trace keeps the arrays of a step, if they take less than 256 MiB.
    names: a dict of tensors by name, such as `locals()`, which is read when the block ends.
    options: those of `dls.graph`.
    `dls.trace(m)` of a matrix m is the sum of its diagonal, as in NumPy: m.trace().

    >>> x = dls.tensor([1.0, 2.0], requires_grad=True)
    >>> with dls.trace() as t:
    ...     (x**2).sum().backward()
    >>> t
    <Graph: 2 operations, 1 parameters, gradients computed>
    """

    def __new__(
        cls, function: Any = None, *, names: Mapping[str, Any] | None = None, **options: Any
    ) -> Any:
        """`@trace` and `@trace()` decorate alike; of a matrix it is the sum of its diagonal."""
        if isinstance(function, Tensor):
            return function.trace()
        if function is not None and not callable(function):
            raise GraphError(
                f"trace takes a function to decorate, not a {type(function).__name__}: "
                "write `with trace() as t:`"
            )
        _check_runs_at_once(function)
        made = super().__new__(cls)
        return made if function is None else made(function)

    def __init__(self, *, names: Mapping[str, Any] | None = None, **options: Any) -> None:
        check_names(names)
        self._names = names
        self.options = Options.of(options)
        self._collector: Collector | None = Collector()  # None: the record is final
        self._settled: Settled | None = None  # what the record is still to be written of
        self._record = None
        self._operations = Operations()
        self._verdicts = {}
        self._block: AbstractContextManager[Any] | None = None

    def __enter__(self) -> "trace":
        if self._block is not None:
            raise GraphError("this trace has had its block: write another `with dls.trace() as t:`")
        self._block = tracing(self._collector)
        self._block.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 where: TracebackType | None) -> None:
        assert self._block is not None and self._collector is not None
        self._block.__exit__(None, None, None)
        self._settled = settled(self._collector, error, self._names)
        if error is not None or self._settled.backward_ran:
            self._collector = None
        if self._settled.bytes > AT_ONCE:
            self.record  # noqa: B018  the arrays go as soon as nobody else needs them

    def __call__(self, function: Function) -> Function:
        _check_runs_at_once(function)
        given = vars(self).get("options", Options())  # without options __init__ has not run
        names = vars(self).get("_names")
        options = {name: getattr(given, name) for name in Options.__dataclass_fields__}

        @functools.wraps(function)
        def traced(*args: Any, **kwargs: Any) -> Any:
            t = trace(names=names, **options)
            try:
                with t:
                    return function(*args, **kwargs)
            finally:
                traced.trace = t  # type: ignore[attr-defined]

        return traced  # type: ignore[return-value]

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy, also by pickle, is the graph."""
        return Graph, (self.record, self.options)

    def __str__(self) -> str:
        return self.table()

    @property
    def record(self) -> Record:
        """All that ran in the block so far."""
        collector = self._collector
        if self._settled is None and self._record is None:  # the block goes on
            assert collector is not None
            return self._written(settled(collector, None, self._names))
        if collector is not None and any(node.grad is not None for node in collector.nodes):
            self._settled, self._collector = settled(collector, None, self._names), None
        if self._settled is not None:
            self._record = with_verdicts(self._written(self._settled), self._verdicts)
            self._settled = None
        assert self._record is not None
        return self._record

    def _written(self, known: Settled) -> Record:
        self._operations.update(known.operations())
        return known.record()


def _check_runs_at_once(function: Any) -> None:
    """GraphError for what has not run its body when a call of it returns."""
    for is_one, what in ((inspect.isgeneratorfunction, "a generator"),
                         (inspect.iscoroutinefunction, "a coroutine"),
                         (inspect.isasyncgenfunction, "an asynchronous generator"),
                         (inspect.isclass, "a class")):
        if is_one(function):
            raise GraphError(f"trace cannot decorate {what}: the call returns before its body has "
                             "run.\nWrite `with dls.trace() as t:` around the code that uses it")
