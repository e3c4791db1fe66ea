"""The result of a gradient check, as an object to assert on and as a few lines to read."""

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from .jsons import strict
from .numeric import Verdict


@dataclass(frozen=True, slots=True)
class Check:
    """One gradient that was checked: of an op's rule, or of an input of the whole function."""

    name: str  # "tanh", or "dW2"
    source: str = ""  # "file.py:12": the line that called the op
    input: str = ""  # which input of the op
    verdict: Verdict = "right"
    hint: str = ""  # what is wrong, or why it cannot be checked
    difference: float | None = None  # the course's formula, for this gradient alone

    @property
    def place(self) -> str:
        """tanh (at file.py:12)."""
        return f"{self.name} (at {self.source})" if self.source else self.name

    def __str__(self) -> str:
        if self.verdict == "wrong":
            what = f": dL/d{self.input} is wrong: " if self.input else ": "
            return f"{self.place}{what}{self.hint}"
        return f"{self.place}: {self.hint or self.verdict}"


@dataclass(frozen=True)
class Report:
    """The verdict of a gradient check. `bool(report)` is `report.ok`.

    `difference` is the course's formula over the whole gradient; None where only the ops were
    checked. `ops` are the rules in forward order, `gradients` the inputs and parameters.
    """

    ops: tuple[Check, ...] = ()
    gradients: tuple[Check, ...] = ()
    difference: float | None = None
    tolerance: float = 1e-6
    elements: tuple[int, int] = (0, 0)  # compared with differences, of all there are
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = field(default=())  # of the function itself: no rule is to blame
    causes: tuple[str, ...] = ()  # lines to mend, of which each makes several gradients right

    @property
    def checks(self) -> tuple[Check, ...]:
        """All of them: ops in forward order, then gradients."""
        return self.ops + self.gradients

    @property
    def wrong(self) -> tuple[Check, ...]:
        """The checks that failed."""
        return tuple(check for check in self.checks if check.verdict == "wrong")

    @property
    def ok(self) -> bool:
        """Return whether everything is right, as far as it could be checked, and anything was
        checked.
        """
        return not self.wrong and not self.problems and not self.nothing

    @property
    def nothing(self) -> bool:
        """Return whether nothing could be checked, for instance because forward made NaN."""
        return bool(self.checks) and all(check.verdict == "unknown" for check in self.checks)

    @property
    def first(self) -> Check | None:
        """The first wrong op in forward order; else the first wrong gradient."""
        return self.wrong[0] if self.wrong else None

    def __bool__(self) -> bool:
        return self.ok

    def to_json(self) -> str:
        """The verdict and every check, as strict JSON."""
        return strict({
            "version": 1, "ok": self.ok, "difference": self.difference,
            "tolerance": self.tolerance, "elements": list(self.elements),
            "ops": [asdict(check) for check in self.ops],
            "gradients": [asdict(check) for check in self.gradients],
            "notes": list(self.notes), "problems": list(self.problems), "causes": list(self.causes),
        })

    def __str__(self) -> str:
        found = "right" if self.ok else "WRONG" if self.wrong or self.problems else (
            "nothing could be checked")
        return "\n".join([f"gradient check: {found}", *self._lines()])

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": str(self)}

    def _lines(self) -> list[str]:
        lines = [f"  {problem}" for problem in (*self.problems, *self.causes)]
        if self.difference is not None:
            some, all_ = self.elements
            of = f"{some:,} of " if some != all_ else ""
            over = f"over {of}{all_:,} number{'s' * (all_ != 1)}"
            lines.append(f"  difference  {self.difference:.10g}  ({over})")
        wrong = [check for check in self.ops if check.verdict == "wrong"]
        if wrong:
            lines.append(f"  first wrong op: {wrong[0]}")
            lines += [f"  also: {text}" for text in _folded(wrong[1:])]
        elif self.ops:
            checked = [check for check in self.ops if check.verdict not in ("kink", "unknown")]
            lines += [f"  ops         {_rules(len(checked))} right"] * bool(checked)
        kinks = [check for check in self.ops if check.verdict == "kink"]
        lines += [f"  not differentiable here: {text}" for text in _folded(kinks)]
        unknown = [check for check in self.ops if check.verdict == "unknown"]
        lines += [f"  not checked: {text}" for text in _folded(unknown)]
        bad = [check.name for check in self.gradients if check.verdict == "wrong"]
        if wrong and bad:  # their own lines would only repeat the blame
            lines.append(f"  wrong because of it: {_listed(bad)}")
        else:
            width = max([len(check.name) for check in self.gradients], default=0)
            lines += self._gradient_lines(width)
        return lines + [f"  note: {note}" for note in self.notes]

    def _gradient_lines(self, width: int) -> list[str]:
        """A line for each gradient; a mistake is told once."""
        told: dict[str, str] = {}
        lines = []
        for check in self._worth_a_line():
            if check.hint in self.causes:
                check = replace(check, hint="right after the mend")
            elif check.verdict == "wrong" and check.hint:
                first = told.setdefault(check.hint, check.name)
                if first != check.name:
                    check = replace(check, hint=f"as {first}")
            lines.append(f"  {_gradient_line(check, width)}")
        return lines

    def _worth_a_line(self) -> list[Check]:
        """All gradients if they are few; the wrong ones of many."""
        few = len(self.gradients) <= 12
        return [check for check in self.gradients if few or check.verdict != "right"]


def _gradient_line(check: Check, width: int) -> str:
    verdict = "WRONG" if check.verdict == "wrong" else check.verdict
    difference = "" if check.difference is None else f"  difference {check.difference:.3g}"
    return f"{check.name:<{width}}  {verdict}{difference}" + (f": {check.hint}" * bool(check.hint))


def _folded(checks: list[Check]) -> list[str]:
    """One text for each op and mistake, however often it was called."""
    texts: dict[str, list[str]] = {}
    for check in checks:
        bare = Check(check.name, "", check.input, check.verdict, check.hint)
        texts.setdefault(str(bare), []).append(check.source)
    folded = []
    for text, sources in texts.items():
        lines = list(dict.fromkeys(source for source in sources if source))
        more = f" and {len(lines) - 3} more lines" if len(lines) > 3 else ""
        folded.append(text + (f" (at {', '.join(lines[:3])}{more})" if lines else ""))
    return folded


def _rules(count: int) -> str:
    return "the one rule is" if count == 1 else f"all {count} rules are"


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return "the gradients of " + ", ".join(names[:8]) + more
