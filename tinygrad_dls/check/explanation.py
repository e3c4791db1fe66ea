"""The result of `explain`, as an object, as text, as LaTeX and as JSON."""

import html
import json
import math
from dataclasses import asdict, dataclass, field
from typing import Any, TypeAlias

from ..viz import describe
from . import derivatives
from .repeats import Run, runs

LONGEST = 40  # steps that are printed as they are

Shape: TypeAlias = tuple[int, ...]


@dataclass(frozen=True)
class Share:
    """The part that one operation adds to the gradient of one of its operands."""

    to: str  # the name of the operand
    operand: str  # what the operation calls it
    rule: str  # the derivative as declared, with the operation's own names
    text: str  # the same with the names of this computation
    latex: str
    shape: Shape
    summed: str = ""  # "sum over axis 0: (32, 10) -> (10,)": broadcasting undone
    norm: float | None = None  # Euclidean; None: not kept


@dataclass(frozen=True)
class Step:
    """One operation on the way from the loss back to the parameter."""

    number: int
    output: str  # the name of its output
    op: str
    call: str  # "linear(x=a1 (32, 128), weight=W2 (10, 128))"
    value: str  # the formula of the output, as declared
    shape: Shape
    source: str  # "file.py:12"; "": not traced
    path: tuple[str, ...]  # calls of modules it was made in, outermost first
    shares: tuple[Share, ...]
    norm: float | None = None  # of the gradient that arrives; None: not kept


@dataclass(frozen=True)
class Total:
    """The sum of several shares: a value that was used more than once."""

    of: str
    steps: tuple[int, ...]  # that gave them, in the order in which they arrive
    norms: tuple[float | None, ...]
    after: int  # the step behind which the sum is complete
    norm: float | None = None


@dataclass(frozen=True)
class Explanation:
    """The way of one gradient. `print` it; `latex()`, `to_json()`; notebooks show it as a table."""

    loss: str
    parameter: str
    shape: Shape
    paths: int  # ways from the loss to the parameter, each a product of derivatives
    steps: tuple[Step, ...]  # from the loss to the parameter
    totals: tuple[Total, ...] = ()
    norm: float | None = None  # of the whole gradient
    notes: tuple[str, ...] = ()
    longest: int = field(default=LONGEST, compare=False)

    def __str__(self) -> str:
        return "\n".join([self._head(), *self._lines()]) + "\n"

    def _head(self) -> str:
        ways = "1 path" if self.paths == 1 else f"{_count(self.paths)} paths, their sum"
        norm = f", norm {describe.number(self.norm)}" if self.norm is not None else ""
        steps = f"{len(self.steps)} step{'s' * (len(self.steps) != 1)}"
        return (f"dL/d{self.parameter} {self.shape}{norm}: the chain rule from "
                f"L = {self.loss} in {steps}, {ways}")

    def _lines(self) -> list[str]:
        lines: list[str] = []
        for run in self._runs():
            for i in range(run.start, run.start + run.length):
                lines += self._step_lines(self.steps[i])
            if run.times > 1:
                first, last = run.start + run.length + 1, run.start + run.length * run.times
                what = f"the {run.length} steps above" if run.length > 1 else "the step above"
                lines.append(f"  ...   {what}: x {run.times} (steps {first} to {last} are alike)")
        if len(lines) > 8 * self.longest:
            cut = 4 * self.longest
            lines = [*lines[:cut], f"  ...   {len(lines) - 2 * cut} lines left out: "
                     "explain(..., longest=N) prints more", *lines[-cut:]]
        return lines + [f"note: {note}" for note in self.notes]

    def _runs(self) -> list[Run]:
        """The steps in order, with neighbours that repeat rolled up where there are many."""
        alike = [(s.op, s.shape, tuple((x.rule, x.shape, x.summed) for x in s.shares))
                 for s in self.steps]
        return runs(alike) if len(self.steps) > self.longest else [
            Run(i, 1, 1) for i in range(len(self.steps))]

    def _step_lines(self, step: Step) -> list[str]:
        place = "  ".join(x for x in (step.source, " / ".join(step.path)) if x)
        head = f"{step.number:>3}.  {step.output} {step.shape} = {step.call}"
        lines = ["", head + (f"    [{place}]" if place else "")]
        if step.value:
            lines.append(f"      {step.value}")
        for share in step.shares:
            norm = "" if share.norm is None else f"  norm {describe.number(share.norm)}"
            lines.append(f"      dL/d{share.to} = {share.text}    {share.shape}{norm}")
            lines += [f"      {share.summed}"] * bool(share.summed)
        return lines + [f"      {_total_text(total)}" for total in self.totals
                        if total.after == step.number]

    def latex(self) -> str:
        """The chain rule as LaTeX: an `aligned` block, one line for each derivative and sum."""
        lines = [f"{derivatives.gradient_latex(self.loss)} &= 1 \\quad (L = "
                 f"{derivatives.name_latex(self.loss)})"]
        for run in self._runs():
            for i in range(run.start, run.start + run.length):
                lines += self._step_latex(self.steps[i])
            if run.times > 1:
                lines.append(rf"&\;\;\vdots \quad \text{{the {run.length} above}} "
                             rf"\times {run.times}")
        return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"

    def _step_latex(self, step: Step) -> list[str]:
        several = {total.of for total in self.totals}
        lines = []
        for share in step.shares:
            left = derivatives.gradient_latex(share.to)
            if share.to in several:
                left += rf"\Big|_{{{step.number}}}"
            summed = rf" \quad \text{{{share.summed.replace('->', 'to')}}}" if share.summed else ""
            lines.append(f"{left} &= {share.latex}{summed}")
        for total in self.totals:
            if total.after == step.number:
                left = derivatives.gradient_latex(total.of)
                parts = [rf"{left}\Big|_{{{n}}}" for n in total.steps[:6]]
                parts += [r"\cdots"] * (len(total.steps) > 6)
                lines.append(f"{left} &= {' + '.join(parts)}")
        return lines

    def to_json(self) -> str:
        """Everything as strict JSON, all steps, with a version."""
        document = {"version": 1, **asdict(self), "paths": str(self.paths)}
        del document["longest"]
        return json.dumps(_strict(document), allow_nan=False, ensure_ascii=False)

    def _repr_latex_(self) -> str:
        return f"$$\n{self.latex()}\n$$"

    def _repr_html_(self) -> str:
        """The printed text, which shows as it is in every notebook."""
        return f"<pre>{html.escape(str(self))}</pre>"


def _total_text(total: Total) -> str:
    norms = [describe.number(norm) for norm in total.norms if norm is not None]
    more = "" if len(total.steps) <= 6 else f" and {len(total.steps) - 6} more"
    steps = ", ".join(map(str, total.steps[:6])) + more
    text = f"dL/d{total.of} = the sum of {len(total.steps)} shares, from steps {steps}"
    if len(norms) != len(total.norms):
        return text
    sizes = " + ".join(norms[:6]) + (" + ..." if len(norms) > 6 else "")
    return f"{text}: norms {sizes}, of the sum {describe.number(total.norm)}"


def _count(paths: int) -> str:
    return f"{paths:,}" if paths < 10**9 else f"about 10^{len(str(paths)) - 1}"


def _strict(value: Any) -> Any:
    """The value with NaN and infinities as words, which JSON has no numbers for."""
    if isinstance(value, dict):
        return {key: _strict(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_strict(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value
