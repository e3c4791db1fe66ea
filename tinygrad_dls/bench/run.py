"""Run the cases against the peers, and put the figures together."""

import os
import platform
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .._util.usage import usage
from ..errors import DataError
from . import ours
from .cases import CASES, Perceptron
from .latency import latencies
from .peers import PEERS, Builder, installed, takes
from .tape import tape_costs
from .timing import interleave

Report = Callable[[str], None]


def run(
    cases: Sequence[str] | None = None, peers: Sequence[str] | None = None, extras: bool = True,
    report: Report = lambda line: None,
) -> dict[str, Any]:
    """All figures as plain numbers: machine, load, cases; with `extras` tape and latency too."""
    chosen = known(cases, list(CASES), "case")
    others = known(peers, list(PEERS), "peer") if peers is not None else installed()
    if missing := [name for name in others if name not in installed()]:
        raise DataError(f"not installed here: {', '.join(missing)}")
    if any(name.startswith("torch") for name in others):
        import torch  # noqa: F401  (before our first kernel: both then share one OpenMP library)

    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    found: dict[str, Any] = {"machine": machine(), "load": load, "cases": {}}
    for name in chosen:
        found["cases"][name] = run_case(name, others, report)
    if extras:
        report("cost of the tape")
        found["tape"] = tape_costs("torch" in others)
        report("latency")
        found["latency"] = latencies("torch" in others)
    return found


def run_case(name: str, peers: Sequence[str], report: Report) -> dict[str, Any]:
    """One case: milliseconds of a step by contender, ratios, and how far the losses differ."""
    case = CASES[name]
    steps = {"ours": ours.build(case), "captured": ours.build_captured(case)}
    if isinstance(case, Perceptron):
        steps["numpy"] = ours.reference(case)
    failed = {}
    for peer in (peer for peer in peers if takes(peer, case)):
        try:
            steps[peer] = PEERS[peer](case)
            steps[peer]()
        except Exception as error:  # a peer that cannot run here must not end the benchmark
            failed[peer] = f"{type(error).__name__}: {error}"
            steps.pop(peer, None)
    losses = {n: [build() for _ in range(3)] for n, build in _fresh(name, list(steps)).items()}
    report(f"{name}: {case.title}")
    times = interleave(dict(steps))
    mine, replayed, bare = times.pop("ours"), times.pop("captured"), times.pop("numpy", None)
    torch = [ms for peer, ms in times.items() if peer.startswith("torch")]
    result: dict[str, Any] = {
        "title": case.title, "ours_ms": mine, "captured_ms": replayed, "numpy_ms": bare,
        "peers": times,
        "ratios": {peer: mine / ms for peer, ms in times.items()},
        "ratio": mine / times["torch"] if "torch" in times else None,
        "captured_ratio": replayed / min(torch) if torch else None,
        "loss_difference": {
            n: max(abs(a - b) / max(abs(a), 1e-30) for a, b in zip(losses["ours"], other))
            for n, other in losses.items() if n != "ours"
        },
    }
    if failed:
        result["failed"] = failed
    return result


def _fresh(name: str, contenders: list[str]) -> dict[str, Callable[[], float]]:
    """New steps of one case, that all begin at the same weights."""
    builders: dict[str, Builder] = {
        "ours": ours.build, "captured": ours.build_captured, "numpy": ours.reference, **PEERS}
    return {contender: builders[contender](CASES[name]) for contender in contenders}


def known(chosen: Sequence[str] | None, all_names: list[str], kind: str) -> list[str]:
    """The names chosen, or all; DataError if one is unknown."""
    if unknown := [name for name in chosen or () if name not in all_names]:
        names = ", ".join(all_names)
        with usage():
            raise DataError(f"no {kind} is called {', '.join(unknown)}: there are {names}")
    return all_names if chosen is None else list(chosen)


def machine() -> dict[str, Any]:
    """The machine that the figures were measured on."""
    model = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            model = next(line.split(":")[1].strip() for line in file if "model name" in line)
    except (OSError, StopIteration):
        pass
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {"processor": model, "cores": cores, "system": platform.system(),
            "python": platform.python_version(), "numpy": np.__version__}
