"""Scaling of a training step: with the batch, width and depth of an MLP, and with threads."""

import importlib
from collections.abc import Callable, Sequence
from typing import Any

from . import ours
from .cases import CASES, Case, perceptron
from .peers import torch_eager
from .processes import figures
from .run import known, machine
from .timing import interleave

Times = dict[str, float]
Rows = list[dict[str, Any]]  # {"what": "batch", "value": 128, "ms": {"eager": ...}}
FACTORS = (1 / 4, 1, 4)
BATCH, WIDTH, DEPTH = 128, 256, 4  # of the MLP in the middle; its depth is its hidden layers


def network(batch: int = BATCH, width: int = WIDTH, depth: int = DEPTH) -> Case:
    """An MLP 784-width-...-width-10 with ReLU, cross-entropy and Adam."""
    return perceptron("mlp", f"MLP 784-{depth}x{width}-10, batch {batch}",
                      (784, *[width] * depth, 10), "relu", "ce", "adam", 1e-3, batch)


def measure(
    cases: Sequence[str] | None = None, torch: bool = False,
    report: Callable[[str], None] = lambda line: None, factors: Sequence[float] = FACTORS,
) -> Rows:
    """Milliseconds of a step by contender: eager, captured, torch.

    Batch, width and depth are multiplied by each of `factors`, one at a time. Threads are 1, 2,
    4 ... and as many as there are cores, each in a fresh process, for the MLP and for `cases`.
    """
    chosen = [] if cases is None else known(cases, list(CASES), "case")
    if torch:
        importlib.import_module("torch")  # before our first kernel: see run.py
    rows: Rows = []
    for what, middle in (("batch", BATCH), ("width", WIDTH), ("depth", DEPTH)):
        for factor in factors:
            value = max(1, round(middle * factor))
            case = network(**{what: value})
            report(f"{what} {value}: {case.title}")
            rows.append({"what": what, "value": value, "ms": times(case, torch)})
    cores = int(machine()["cores"] or 1)
    for name in ("mlp", *chosen):
        for threads in sorted({2**k for k in range(cores.bit_length())} | {cores}):
            report(f"{threads} threads: {name}")
            rows.append({"what": f"threads, {name}", "value": threads,
                         "ms": _with_threads(name, threads, torch)})
    return rows


def times(case: Case, torch: bool) -> Times:
    """Milliseconds of a step of each contender, in blocks by turns."""
    steps = {"eager": ours.build(case), "captured": ours.build_captured(case)}
    if torch:
        steps["torch"] = torch_eager(case)
    return interleave(dict(steps), rounds=3)


def _with_threads(name: str, threads: int, torch: bool) -> Times:
    return figures("scaling", name, threads, torch,
                   environment={"TINYGRAD_DLS_NUM_THREADS": str(threads)})


def child(name: str, threads: int, torch: bool) -> Times:
    """Milliseconds of "mlp" or one of CASES, in a process of so many threads."""
    if torch:
        importlib.import_module("torch").set_num_threads(threads)
    return times(network() if name == "mlp" else CASES[name], torch)


def text(rows: Rows) -> str:
    """The figures as a table; growth: an eager step's time divided by that of the row above."""
    lines = [f"MLP 784-{DEPTH}x{WIDTH}-10, batch {BATCH}, Adam, unless the row says otherwise", "",
             "| ms of a step | eager | captured | PyTorch | eager / PyTorch | captured / PyTorch "
             "| growth | PyTorch's growth |", "|---|---|---|---|---|---|---|---|"]
    above: dict[str, Any] = {"what": ""}
    for row in rows:
        ms, cells = row["ms"], []
        for kind in ("eager", "captured", "torch"):
            cells.append(f"{ms[kind]:.3g}" if kind in ms else "-")
        for kind in ("eager", "captured"):
            cells.append(f"{ms[kind] / ms['torch']:.2f}" if "torch" in ms else "-")
        for kind in ("eager", "torch"):
            grown = above["what"] == row["what"] and kind in ms
            cells.append(f"{ms[kind] / above['ms'][kind]:.2f}" if grown else "")
        lines.append(f"| {row['what']} {row['value']} | {' | '.join(cells)} |")
        above = row
    return "\n".join(lines) + "\n"
