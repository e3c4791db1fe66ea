"""Training steps on a busy machine: how much slower they get beside other programs.

A team of threads waits for its slowest member at the end of each kernel. Where another program has
taken that member's core, the wait is a turn of the scheduler, not a microsecond.
"""

import importlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from statistics import median
from typing import Any

from . import ours
from .cases import CASES
from .peers import torch_eager
from .run import known

Times = dict[str, float]
DEFAULT = ("c2", "d1", "e")
# It ends with its parent, even one that was killed.
BUSY = "import os\nparent = os.getppid()\nwhile os.getppid() == parent: sum(range(100000))"


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """Keep so many processes computing, one core each if they get it."""
    running = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(processes)]
    try:
        yield
    finally:
        for process in running:
            process.kill()
        for process in running:
            process.wait()


def measure(
    cases: Sequence[str] | None, processes: int, torch: bool,
    report: Callable[[str], None] = lambda line: None, seconds: float = 1.0,
) -> dict[str, dict[str, Times]]:
    """Mean milliseconds of a step, alone and beside busy processes, by case and contender."""
    if torch:
        importlib.import_module("torch")  # before our first kernel: see run.py
    found = {}
    for name in known(cases, list(CASES), "case") if cases else DEFAULT:
        case = CASES[name]
        report(f"{name}: {case.title}")
        steps = {"eager": ours.build(case), "captured": ours.build_captured(case)}
        if torch:
            steps["torch"] = torch_eager(case)
        for step in (*steps.values(), *steps.values(), *steps.values()):
            step()
        alone = _means(steps, seconds)
        with busy(processes):
            time.sleep(0.2)  # until they run
            found[name] = {"alone": alone, "loaded": _means(steps, seconds)}
    return found


def _means(steps: dict[str, Callable[[], Any]], seconds: float, rounds: int = 3) -> Times:
    """Of each contender the median of `rounds` blocks' means: a wait counts in full."""
    means: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            time.sleep(0.05)  # until the threads of the one before have gone to sleep
            count, start = 0, time.perf_counter()
            while not count or time.perf_counter() - start < seconds:
                step()
                count += 1
            means[name].append(1e3 * (time.perf_counter() - start) / count)
    return {name: median(values) for name, values in means.items()}


def text(found: dict[str, dict[str, Times]], processes: int) -> str:
    """The times as a table, and how our slow-down compares with PyTorch's."""
    lines = [f"| case | who | alone, ms | beside {processes} busy processes, ms | slow-down | "
             "over PyTorch's |", "|---|---|---|---|---|---|"]
    for name, both in found.items():
        alone, loaded = both["alone"], both["loaded"]
        for who, ms in alone.items():
            slower = loaded[who] / ms
            theirs = loaded["torch"] / alone["torch"] if "torch" in alone else None
            over = f"{slower / theirs:.2f}" if theirs and who != "torch" else "-"
            cells = (name, who, f"{ms:.3g}", f"{loaded[who]:.3g}", f"{slower:.2f}", over)
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
