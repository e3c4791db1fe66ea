"""autopsy: a step run again under observation, to find what made the first NaN or Inf."""

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..capturing.captured import Captured
from ..engine.autograd import TensorBase
from ..engine.modes import tracing
from ..errors import DataError, Error
from ..viz import describe
from ..viz.run_script import NEWEST, run_script
from .causes import Case, case_of, cause_of
from .untouched import untouched
from .watching import Fault, Search, Source, Watcher, on_host

GREW = 1e3  # times a parameter's first largest element: then it is the learning rate
HUGE = 1e6  # a parameter so large before the only step was broken by earlier ones


@dataclass(frozen=True)
class Autopsy:
    """The result of `autopsy`: `ok` if all was finite, in all steps. `print` it; `to_json()`."""

    ok: bool
    steps: int  # that were run; 0: a script
    kind: str = ""  # "NaN" or "Inf"
    where: str = ""  # "forward", "backward", "data", "parameter" or "update"
    op: str = ""
    element: tuple[int, ...] = ()
    shape: tuple[int, ...] = ()
    operands: tuple[tuple[str, str], ...] = ()  # (name, its value there, or what it is like)
    source: str = ""  # "file.py:12"
    line: str = ""  # the text of that line
    path: tuple[str, ...] = ()  # calls of modules around it, outermost first
    cause: str = ""
    cure: str = ""
    then: str = ""  # what made a NaN of an Inf later on
    growth: tuple[float, ...] = ()  # the largest parameter before each step
    notes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        times = {0: "the script", 1: "1 step"}.get(self.steps, f"{self.steps} steps")
        if self.ok:
            lines = [f"autopsy: all finite, forward and backward, in {times}"]
        else:
            at = f" in step {self.steps}" if self.steps > 1 else ""
            lines = [f"autopsy: {self._what()}{at}"]
            place = "  ".join(x for x in (self.source, " / ".join(self.path)) if x)
            rows = [("at", place), ("", self.line), ("element", self._element()),
                    *((f"{name} =", value) for name, value in self.operands),
                    ("cause", self.cause), ("cure", self.cure), ("then", self.then)]
            lines += [f"  {name:<9}{value}" for name, value in rows if value]
        if len(self.growth) > 1 and not self.ok:
            shown = [describe.number(x) for x in self.growth]
            shown = shown if len(shown) <= 8 else [*shown[:3], "...", *shown[-4:]]
            lines.append(f"  {'growth':<9}largest parameter before each step: {', '.join(shown)}")
        return "\n".join([*lines, *(f"  note: {note}" for note in self.notes)]) + "\n"

    def _what(self) -> str:
        how = {
            "forward": f"{self.op} made the first {self.kind}",
            "backward": f"the backward rule of {self.op} made the first {self.kind}",
            "data": f"{self.kind} in the data, before any operation",
            "parameter": f"{self.kind} in a parameter, before the step",
            "update": f"the update made the first {self.kind}: loss and gradients are finite",
            "error": "the step raised an error",
        }
        return how[self.where]

    def _element(self) -> str:
        return f"{list(self.element)} of {self.shape}" if self.shape else ""

    def to_json(self) -> str:
        """Everything as strict JSON, with a version."""
        document = {"version": 1, **asdict(self)}
        document["growth"] = [x if math.isfinite(x) else None for x in self.growth]
        return json.dumps(document, allow_nan=False, ensure_ascii=False)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": str(self)}


def autopsy(step: Callable[..., Any], *inputs: Any, steps: int = 1, **options: Any) -> Autopsy:
    """Run `step(*inputs, **options)` again and find the first operation that made a NaN or Inf.

        print(dls.autopsy(train_step, x, y))               # this step, from the state of now
        print(dls.autopsy(train_step, x, y, steps=100))    # up to 100 steps, until it happens

    step: a function that computes a loss, and may call backward() and optimizer.step(); or a
    model, which is then called. It runs with the random numbers it would draw next. Afterwards
    parameters, buffers, optimizers, generators, lists and names that it reaches are as they were
    before; what it prints or writes to files stays.
    The result names the operation, forward or backward, the element and its operands, the line and
    the module, the cause and the stable way to write it. Infinities that a mask puts in on purpose
    are not accused as long as nothing bad comes of them.
    DataError for a number of steps below 1; errors of the step itself are raised unless a NaN or
    Inf came before them.

    >>> found = dls.autopsy(lambda x: dls.log(x).sum(), dls.tensor([1.0, -1.0], requires_grad=True))
    >>> found.kind, found.op, found.element, found.cause
    ('NaN', 'log', (1,), 'the log of a negative number, -1')
    """
    if isinstance(step, Captured):
        step = step.__wrapped__  # type: ignore[attr-defined]
    if not callable(step):
        raise DataError("autopsy(step, *inputs) takes the function of a step, then its inputs, "
                        "not a "
                        f"{type(step).__name__}: it has to run it again")
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
        raise DataError(f"autopsy(..., steps={steps!r}): a whole number of at least 1")
    with untouched(step, inputs, options) as tensors, np.errstate(all="ignore"):
        parameters = [t for t in tensors if t.requires_grad and t._node is None]
        names = _names(step, inputs)
        growth: list[float] = []
        for number in range(1, steps + 1):
            watcher, error, result = Watcher(), None, None
            try:
                with tracing(watcher):
                    result = step(*inputs, **options)
            except Error as raised:
                error = raised
            growth.append(watcher.growth[0])
            found, then = Search(watcher, result).begin()
            if found is not None:
                return _report(found, then, watcher, number, growth, names)
            if error is not None:
                raise error
            if (broken := _broken(parameters)) is not None:
                return _of_update(broken, number, growth, names)
            if not watcher.seen and number == 1:
                note = "no operation on tensors was seen: does the step compute anything?"
                return Autopsy(True, 1, notes=(note,))
        return Autopsy(True, steps, growth=tuple(growth) if steps > 1 else ())


class _Found(BaseException):
    """The script has made a NaN: it need not go on."""


class _Script(Watcher):
    """Watches a script: keeps its newest operations, and stops it at the first NaN."""

    def __init__(self) -> None:
        super().__init__(NEWEST)
        self.found: Any = None

    def operation(
        self, node: Any, inputs: Any, arrays: tuple[Any, ...], made: tuple[Any, ...],
        began: float | None = None,
    ) -> None:
        """Look at one operation more."""
        super().operation(node, inputs, arrays, made, began)
        self.forget(NEWEST)
        if self.seen[node].out.nan:
            self.found = node
            raise _Found


def autopsy_of_script(script: str) -> Autopsy:
    """Run a script up to its first NaN, or its end, and find what made it; DataError if it fails.

    A script runs once, in its own process: nothing is set back. The newest operations are kept;
    what made a NaN that came in earlier ones is not seen any more.
    """
    watcher, found = _Script(), {}
    try:
        with np.errstate(all="ignore"):
            found = run_script(script, watcher)
    except _Found:
        pass
    search = Search(watcher, found.get("loss"))
    cause, then = search.begin([watcher.found] if watcher.found is not None else ())
    if cause is None:
        notes = () if watcher.seen else ("the script runs no operation on tensors",)
        return Autopsy(True, 0, notes=notes)
    return _report(cause, then, watcher, 0, watcher.growth, {})


def _names(step: Any, inputs: tuple[Any, ...]) -> dict[int, str]:
    """Names of tensors and arrays: of models among what the step uses, of its parameters."""
    found: dict[int, str] = {}
    code = getattr(step, "__code__", None)
    arguments = code.co_varnames[: code.co_argcount] if code is not None else ()
    for i, value in enumerate(inputs):
        found[id(value)] = arguments[i] if i < len(arguments) else f"input {i}"
    around: dict[str, Any] = {"": step}
    if code is not None:
        around |= {n: step.__globals__[n] for n in code.co_names if n in step.__globals__}
        cells = zip(code.co_freevars, step.__closure__ or ())
        for name, cell in cells:
            try:
                around[name] = cell.cell_contents
            except ValueError:
                continue
    for name, value in around.items():
        if isinstance(value, TensorBase):
            found.setdefault(id(value), value.name or name)
        elif hasattr(value, "named_parameters") and not isinstance(value, type):
            for inner, tensor in value.named_parameters():
                found.setdefault(id(tensor), inner)
    return found


def _broken(parameters: list[Any]) -> Any:
    return next((p for p in parameters if not np.isfinite(on_host(p._data)).all()), None)


# --- reports -------------------------------------------------------------------------------------


def _report(
    found: Fault | Source, then: Fault | None, watcher: Watcher, number: int, growth: list[float],
    names: dict[int, str],
) -> Autopsy:
    place = {
        "source": found.node.trace.source if found.node.trace else "",
        "line": watcher.line(found.node), "path": watcher.path(found.node),
    }
    if isinstance(found, Source):
        return _of_source(found, number, growth, names, place)
    case = case_of(found)
    what, cure = cause_of(case)
    later = ""
    if then is not None:
        case_then = case_of(then)
        at = then.node.trace.source if then.node.trace else ""
        later = f"{case_then.op} made NaN of it ({at}): {cause_of(case_then).what}"
    report = Autopsy(
        False, number, "NaN" if math.isnan(case.value) else "Inf",
        "backward" if found.backward else "forward", case.op, case.index,
        tuple(case.fault.value.shape), _operands(case), cause=what, cure=cure, then=later,
        growth=tuple(growth) if number > 1 else (), **place,  # type: ignore[arg-type]
    )
    return _with_growth(report, growth)


def _with_growth(report: Autopsy, growth: list[float]) -> Autopsy:
    """Blame the learning rate where the parameters grew without bound, or are huge already."""
    first, last = growth[0], growth[-1]
    if len(growth) > 1 and last > GREW * max(first, 1e-3):
        return Autopsy(**{
            **vars(report),
            "cause": f"an exploding learning rate: the largest parameter grew from "
                     f"{describe.number(first)} to {describe.number(last)}; "
                     f"then {report.cause}",
            "cure": "a learning rate ten times smaller (again, until the loss falls); clipped "
                    "gradients (nn.utils.clip_grad_norm_); inputs of mean 0 and deviation 1",
        })
    if last > HUGE:
        note = (f"the largest parameter is {describe.number(last)} before this step: the steps "
                f"before "
                "it diverged. Start afresh and run autopsy(..., steps=N) to see it grow")
        return Autopsy(**{**vars(report), "notes": (*report.notes, note)})
    return report


def _operands(case: Case) -> tuple[tuple[str, str], ...]:
    """Each operand: its value at the element, or what the whole is like."""
    found = []
    for slot, operand in enumerate(case.fault.operands):
        name = case.fault.node.op.input_name(slot)
        if operand is None:
            continue
        if name in case.at:
            text = describe.number(case.at[name])
        elif hasattr(operand, "shape"):
            text = _described(on_host(operand))
        else:
            continue
        found.append((name, text))
    if case.fault.gradient is not None:
        found.append(("dL/dy", _described(on_host(case.fault.gradient), case.index)))
    made = "inf" if case.value > 0 else "-inf"
    made = "nan" if math.isnan(case.value) else made
    what = f"dL/d{case.fault.node.op.input_name(case.fault.slot)}" if case.fault.backward else "y"
    return (*found, (what, made))


def _described(array: np.ndarray[Any, Any], index: tuple[int, ...] = ()) -> str:
    if array.ndim == len(index) and array.ndim:
        return describe.number(float(array[index]))
    if array.size == 1:
        return describe.number(float(array.reshape(())))
    if array.dtype.kind not in "fiu" or not array.size:
        return f"{array.shape} {array.dtype}"
    values = array.astype(np.float64)
    finite = values[np.isfinite(values)]
    if not finite.size:
        return f"{array.shape}, no finite element"
    text = f"{array.shape} from {describe.number(finite.min())} to {describe.number(finite.max())}"
    bad = array.size - finite.size
    return text + (f", {bad:,} not finite" if bad else "")


def _of_source(
    found: Source, number: int, growth: list[float], names: dict[int, str], place: dict[str, Any]
) -> Autopsy:
    value = found.value
    bad = np.isnan(value) if np.isnan(value).any() else ~np.isfinite(value)
    index = tuple(int(i) for i in np.unravel_index(int(bad.argmax()), value.shape))
    kind = "NaN" if np.isnan(value[index]) else "Inf"
    op = found.node.op
    own = found.node.trace.names[found.slot] if found.node.trace else ""
    name = names.get(id(found.leaf)) or getattr(found.leaf, "name", None) or own \
        or op.input_name(found.slot)
    rows = sorted({int(i) for i in np.nonzero(bad)[0]}) if value.ndim else []
    count = int(bad.sum())
    many = f" ({count:,} of {value.size:,} elements, in rows {_some(rows)})" if rows else ""
    if found.leaf is None:
        where = "data"
        cause = f"the data holds {kind}{many}"
        cure = "look at these rows: np.isnan(x).any(axis=1); leave them out, or fill them in " \
               "(np.nan_to_num, a mean) before training"
    else:
        where = "parameter"
        cause = f"{name} holds {kind} already{many}: an earlier step broke it"
        cure = "make the model again and run autopsy(step, ..., steps=N) from its start"
    return Autopsy(False, number, kind, where, op.name, index, tuple(value.shape),
                   ((name, str(value[index])),), cause=cause, cure=cure,
                   growth=tuple(growth) if number > 1 else (), **place)


def _some(rows: list[int]) -> str:
    return ", ".join(map(str, rows[:6])) + (f" and {len(rows) - 6} more" if len(rows) > 6 else "")


def _of_update(broken: Any, number: int, growth: list[float], names: dict[int, str]) -> Autopsy:
    """A parameter that the optimizer made NaN or Inf, of finite gradients."""
    value = on_host(broken._data)
    place = int((~np.isfinite(value)).argmax())
    index = tuple(int(i) for i in np.unravel_index(place, value.shape))
    name = names.get(id(broken)) or broken.name or "a parameter"
    report = Autopsy(
        False, number, "NaN" if np.isnan(value[index]) else "Inf", "update", "", index,
        tuple(value.shape), ((name, str(value[index])),),
        cause=f"the update of {name} left the range of {value.dtype}",
        cure="a smaller learning rate, clipped gradients (nn.utils.clip_grad_norm_); in Adam an "
             "eps "
             "that is not 0",
        growth=tuple(growth) if number > 1 else (),
    )
    return _with_growth(report, growth)
