"""The peak of memory that a training step takes: ours, captured, and PyTorch's."""

import ctypes
import gc
import os
import tracemalloc
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..backend.kernels.sparse_rows import used_memory
from ..capturing import capture
from .cases import CASES
from .ours import training
from .processes import figures
from .run import known

Figures = dict[str, Any]
Step = Callable[[], object]


class Side(NamedTuple):
    """A case as one side runs it: a step, what drops its gradients, and the step to measure."""

    step: Step
    forget: Callable[[], None]
    prepare: Callable[[], Step]


def measure(
    cases: Sequence[str] | None = None, torch: bool = False,
    report: Callable[[str], None] = lambda line: None,
) -> dict[str, Figures]:
    """MB by case: peaks above what is there before a step, of eager, captured, and torch.

    What is there are weights, the optimizer's state, data and code; gradients belong to the step,
    and so does what capturing holds from step to step. Each figure comes from a fresh process, in
    two ways. "arrays": what the array libraries ask for, to the byte, by tracemalloc for NumPy and
    by the events of the profiler for PyTorch; neither sees what compiled kernels take for
    themselves (ours mostly take arrays, oneDNN's scratch is large). "pages": what the system gave,
    VmHWM, which Linux resets when told, after freed memory was handed back: one instrument for
    both, and it misses nothing but what libraries keep from earlier steps; holes between arrays
    count, so it wavers, by tenths of a MB here and a tenth of all with PyTorch's threads, and is
    the least of five. "pages" stays empty where there is no Linux with glibc.
    """
    chosen = known(cases, list(CASES), "case")
    found: dict[str, Figures] = {}
    for name in chosen:
        case = CASES[name]
        report(f"memory of {name}: {case.title}")
        asked = {kind: _ask(name, kind)
                 for kind in ("eager", "captured", *(["torch"] if torch else []))}
        arrays = {kind: answer["arrays"] for kind, answer in asked.items()}
        gradients = sum(a.nbytes for a in case.state().values()) / 1e6
        inside = [arrays[kind] - gradients for kind in ("captured", "eager")]
        found[name] = {
            "title": case.title, "arrays": arrays,
            "pages": {kind: answer["pages"] for kind, answer in asked.items()},
            "ratio": arrays["eager"] / arrays["torch"] if torch else None,
            "captured_ratio": arrays["captured"] / arrays["torch"] if torch else None,
            "intermediates_ratio": inside[0] / inside[1] if min(inside) > 0 else None,
        }
    return found


def _ask(case: str, kind: str) -> dict[str, Any]:
    """The figures of one kind of step, from a process of its own."""
    # With PyTorch no kernels of ours, which would tell the C library to keep freed memory.
    environment = {"TINYGRAD_DLS_KERNELS": "reference"} if kind == "torch" else None
    return figures("memory", case, kind, environment=environment)


def child(case: str, kind: str) -> dict[str, Any]:
    """The figures of one kind of step ("eager", "captured", "torch") of one case."""
    side = _torch(case) if kind == "torch" else _ours(case, kind == "captured")
    for _ in range(3):
        side.step()
    count = _events if kind == "torch" else _traced
    return {"pages": _pages(side), "arrays": count(side)}


def _ours(case: str, captured: bool) -> Side:
    step, x, y, optimizer = training(CASES[case])

    def forget() -> None:
        if optimizer is None:
            return
        given = [p.grad for group in optimizer.param_groups for p in group["params"]]
        kinds = [(g.shape, g.dtype) for g in given if g is not None]
        del given
        optimizer.zero_grad()
        for shape, dtype in kinds:
            used_memory(shape, dtype)  # that of an embedding's gradient is kept for reuse

    def prepare() -> Step:
        train = capture(step) if captured else step
        for _ in range(3 if captured else 0):
            train(x, y)
        return lambda: float(train(x, y))

    return Side(lambda: float(step(x, y)), forget, prepare)


def _torch(case: str) -> Side:
    from .peers import torch_training  # only this process needs it

    step, optimizer = torch_training(CASES[case])
    forget = (lambda: None) if optimizer is None else optimizer.zero_grad
    return Side(step, forget, lambda: step)


# --- arrays --------------------------------------------------------------------------------------


def _traced(side: Side) -> float:
    """MB of NumPy's arrays at most, with Python's own objects, by tracemalloc."""
    tracemalloc.start()
    step = side.prepare()
    side.forget()
    gc.collect()
    arrays = tracemalloc.DomainFilter(True, np.lib.tracemalloc_domain)
    held = tracemalloc.take_snapshot().filter_traces([arrays])
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    step()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return (most - before + sum(trace.size for trace in held.traces)) / 1e6


def _events(side: Side) -> float:
    """MB of PyTorch's tensors at most: its allocations and frees, added up as they came."""
    from torch import profiler

    side.forget()
    with profiler.profile(activities=[profiler.ProfilerActivity.CPU], profile_memory=True) as seen:
        side.step()
    now = most = 0
    memory = [e for e in seen.profiler.kineto_results.events() if e.name() == "[memory]"]
    for event in sorted(memory, key=lambda e: e.start_ns()):
        now += event.nbytes()
        most = max(most, now)
    return most / 1e6


# --- pages ---------------------------------------------------------------------------------------


def _pages(side: Side, repeats: int = 5) -> float | None:
    """MB of memory in use at most, as the system counts pages; None where it does not."""
    trim: Any = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None
    if trim is None or not os.path.exists("/proc/self/clear_refs"):
        return None

    def settled() -> float:
        side.forget()
        gc.collect()
        trim(0)
        return _status("VmRSS")

    before = settled()
    step = side.prepare()
    peaks = []
    for _ in range(repeats):
        settled()
        with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
            file.write("5")  # the most so far is now what there is
        step()
        peaks.append(_status("VmHWM") - before)
    return max(0.0, min(peaks))


def _status(name: str) -> float:
    """MB of "VmRSS", the pages in use, or "VmHWM", the most there were."""
    with open("/proc/self/status", encoding="ascii") as file:
        return next(int(s.split()[1]) * 1024 / 1e6 for s in file if s.startswith(name))


def text(found: dict[str, Figures]) -> str:
    """The figures as a table."""
    names = ["peak of a step, MB", "eager", "captured", "PyTorch", "eager / PyTorch",
             "captured / PyTorch", "intermediates, captured / eager", "pages: eager", "captured",
             "PyTorch"]
    rows = [f"| {' | '.join(names)} |", "|---" * len(names) + "|"]
    for name, case in found.items():
        arrays, pages = (
            [_cell(case[how].get(kind), 3) for kind in ("eager", "captured", "torch")]
            for how in ("arrays", "pages"))
        ratios = [_cell(case[f"{which}ratio"], 2) for which in ("", "captured_", "intermediates_")]
        rows.append(f"| {' | '.join([f'{name} ' + case['title'], *arrays, *ratios, *pages])} |")
    return "\n".join(rows) + "\n"


def _cell(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}g}" if value < 100 else f"{value:.0f}"
