"""Profile of a training step: each kernel and function, and the time it takes."""

import cProfile
import importlib
import pstats
import time
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from . import ours
from .cases import CASES

PACKAGE = Path(__file__).parents[1]
# Since Python 3.12 the profiler knows compiled functions as calls of something, not by name.
UNNAMED = "<built-in method _operator.call>"


class Line(NamedTuple):
    """A function of a step: where it stands, its calls, and the milliseconds in itself alone."""

    name: str
    kind: str  # "kernel", "NumPy" or "Python"
    calls: float
    ms: float


def profile(case: str, captured: bool = False, steps: int = 20) -> tuple[float, list[Line]]:
    """Milliseconds of a step without profiling, and its functions, the longest first.

    Watching makes each Python call some tenths of a microsecond slower; kernels stay as they are.
    """
    step = ours.build(CASES[case], captured)
    for _ in range(5):
        step()
    plain = 1e3 * median(_seconds(step) for _ in range(steps))
    watch = cProfile.Profile()
    watch.enable()
    for _ in range(steps):
        step()
    watch.disable()
    figures: Any = pstats.Stats(watch)
    lines = [
        Line(*_named(place), calls / steps, 1e3 * own / steps)
        for place, (_, calls, own, _, _) in figures.stats.items()
    ]
    return plain, sorted(lines, key=lambda line: -line.ms)


def _seconds(step: ours.Step) -> float:
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def _named(place: tuple[str, int, str]) -> tuple[str, str]:
    file, _, name = place
    if name == UNNAMED:
        return "kernels", "kernel"
    if file == "~" or "numpy" in Path(file).parts:
        return name.strip("<>").replace("built-in method ", ""), "NumPy"
    path = Path(file)
    if not path.is_relative_to(PACKAGE):
        return name, "Python"
    where = path.relative_to(PACKAGE)
    compiled = where.parts[:3] == ("backend", "kernels", "numba") and _is_compiled(path, name)
    return f"{where.with_suffix('').as_posix()}: {name}", "kernel" if compiled else "Python"


def _is_compiled(path: Path, name: str) -> bool:
    """Return whether `name` is a compiled function of this file of kernels."""
    module = ".".join(("tinygrad_dls", *path.relative_to(PACKAGE).with_suffix("").parts))
    return hasattr(getattr(importlib.import_module(module), name, None), "py_func")


def text(case: str, plain: float, lines: list[Line], count: int = 25) -> str:
    """The figures as a table, and the sums of each kind."""
    total = sum(line.ms for line in lines)
    rows = [f"{case} {CASES[case].title}: {plain:.4g} ms a step ({total:.4g} while watched)", "",
            "| function | kind | calls a step | ms a step | share |", "|---|---|---|---|---|"]
    rows += [
        f"| {line.name} | {line.kind} | {line.calls:g} | {line.ms:.3f} | {line.ms / total:.1%} |"
        for line in lines[:count]
    ]
    rest = sum(line.ms for line in lines[count:])
    rows.append(f"| {max(0, len(lines) - count)} others | | | {rest:.3f} | {rest / total:.1%} |")
    sums = {kind: sum(line.ms for line in lines if line.kind == kind)
            for kind in ("kernel", "NumPy", "Python")}
    rows += ["", "in all: " + ", ".join(f"{kind} {ms / total:.0%}" for kind, ms in sums.items())]
    return "\n".join(rows) + "\n"
