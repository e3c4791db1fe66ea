"""`tinygrad-dls benchmark --ranks`: one training alone, and the same one shared among ranks of MPI.

    mpiexec -n 2 tinygrad-dls benchmark --ranks

Rank 0 first trains by itself, on whole batches, while the others wait. Then all train together,
each with its share of the same batches. What is compared: the losses, the gradients of the first
step, the time of a step, the bytes that were handed to MPI, and the share of their time on the way
that backward covered.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from statistics import median
from typing import Any, NamedTuple

import numpy as np

from .._util.atomic_files import write_whole
from ..distributed import GradientAverager, SyncBatchNorm, World, broadcast_state, init, manual_seed
from ..errors import DataError
from ..nn import functional as F
from ..optim import SGD
from ..tensors import Tensor
from . import networks

WARM = 2  # steps in which kernels are loaded, not timed


class Task(NamedTuple):
    """A network, and random examples for it."""

    network: Callable[[Any], Any]
    shape: tuple[int, ...]  # of an example
    classes: int
    labels: tuple[int, ...] = ()  # their shape


TASKS = {
    "lenet": Task(networks.lenet5, (1, 28, 28), 10),
    "resnet20": Task(networks.resnet20, (3, 32, 32), 10),
    "lstm": Task(lambda lib: networks.letters(lib, "LSTM"), (50, 27), 27, (50,)),
}


class Training(NamedTuple):
    """The figures of one training."""

    losses: list[float]
    seconds: float  # of a step, the median
    cpu: float  # seconds of the processor for a step, the median: waiting is not part of it
    gradients: list[Any]  # of the first step


def train(
    task: Task, batches: list[tuple[Any, Any]], world: World | None
) -> tuple[Training, GradientAverager | None]:
    """Train on some batches: alone, or on this rank's share of each."""
    import tinygrad_dls as dls

    manual_seed(1, world or _Alone())  # type: ignore[arg-type]
    model = task.network(dls).to(dtype=batches[0][0].dtype)
    opt, averager, share = SGD(model.parameters(), lr=0.02, momentum=0.9), None, slice(None)
    if world is not None:
        model = SyncBatchNorm.convert(model, world)
        broadcast_state(model, opt, world)
        averager = GradientAverager(model, world)
        share = slice(world.rank, None, world.size)
    losses, seconds, cpu, gradients = [], [], [], []
    for x, y in batches:
        mine = Tensor(np.ascontiguousarray(x[share])), Tensor(np.ascontiguousarray(y[share]))
        began, used = time.perf_counter(), time.process_time()
        opt.zero_grad()
        loss = F.cross_entropy(model(mine[0]), mine[1])
        loss.backward()
        if averager is not None:
            averager.finish()
        opt.step()
        seconds.append(time.perf_counter() - began)
        cpu.append(time.process_time() - used)
        losses.append(loss.item())
        if len(losses) == 1:
            gradients = [p.grad.numpy().copy() for p in model.parameters()]
    if world is not None:
        losses = world.all_reduce(np.array(losses), "mean").tolist()
    return Training(losses, median(seconds[WARM:]), median(cpu[WARM:]), gradients), averager


class _Alone:
    rank, size = 0, 1


def measure(world: World, name: str, steps: int, batch: int, dtype: str) -> dict[str, Any]:
    """The figures of one network, the same on all ranks."""
    task, rng = TASKS[name], np.random.default_rng(0)
    batches = [(rng.standard_normal((batch, *task.shape)).astype(dtype),
                rng.integers(0, task.classes, (batch, *task.labels))) for _ in range(steps + WARM)]
    alone: Training = world.first(lambda: train(task, batches, None)[0], "rank 0's own training")
    before = {purpose: traffic.bytes for purpose, traffic in world.traffic.items()}
    world.barrier()
    together, averager = train(task, batches, world)
    assert averager is not None
    sent = {purpose: (traffic.bytes - before[purpose]) / len(batches)
            for purpose, traffic in world.traffic.items()}
    times = averager.times
    return {
        "network": name, "ranks": world.size, "batch": batch, "losses": together.losses,
        "losses_alone": alone.losses,
        "loss_difference": max(abs(a - b) for a, b in zip(together.losses, alone.losses)),
        "gradient_difference": max(_apart(a, b) for a, b in zip(
            together.gradients, alone.gradients)),
        "ms_alone": 1e3 * alone.seconds, "ms": 1e3 * together.seconds,
        "throughput": alone.seconds / together.seconds,
        "cpu_ms_alone": 1e3 * alone.cpu,
        "cpu_ms": 1e3 * world.all_reduce(together.cpu, "max"),  # of the slowest rank
        "gradient_bytes": sum(g.nbytes for g in alone.gradients),
        "sent_bytes": sent["gradients"], "statistics_bytes": sent["statistics"],
        "hidden": times.hidden, "waited_ms": 1e3 * times.waited / max(1, times.steps),
    }


def _apart(a: Any, b: Any) -> float:
    """The largest difference, beside the largest entry."""
    return float(np.abs(a - b).max() / max(np.abs(b).max(), 1e-30))


def text(rows: list[dict[str, Any]]) -> str:
    """The figures as a table."""
    columns = ("ranks", "step alone", "together", "throughput", "by processor time",
               "sent / gradients", "hidden", "losses differ", "gradients differ")
    lines = [f"| network, batch | {' | '.join(columns)} |", "|---|" + "---:|" * len(columns)]
    lines += [
        f"| {r['network']}, {r['batch']} | {r['ranks']} | {r['ms_alone']:.1f} ms | "
        f"{r['ms']:.1f} ms | {r['throughput']:.2f} | "
        f"{r['cpu_ms_alone'] / r['cpu_ms']:.2f} | {r['sent_bytes'] / r['gradient_bytes']:.3f} | "
        f"{100 * r['hidden']:.0f} % | {r['loss_difference']:.1e} | {r['gradient_difference']:.1e} |"
        for r in rows
    ]
    return "\n".join(lines) + "\n"


def run_command(arguments: argparse.Namespace) -> int:
    """Measure, and let rank 0 print the table and write the files."""
    names = arguments.cases.split(",") if arguments.cases else list(TASKS)
    if unknown := [name for name in names if name not in TASKS]:
        raise DataError(f"--ranks has no case {unknown[0]!r}: there are {', '.join(TASKS)}")
    world = init()
    if arguments.batch % world.size:
        raise DataError(f"a batch of {arguments.batch} cannot be shared out evenly among "
                        f"{world.size} ranks: --batch names another")
    rows = [measure(world, name, arguments.steps, arguments.batch, arguments.dtype)
            for name in names]
    if world.rank == 0:
        print(text(rows))
        if arguments.json:
            write_whole(arguments.json, json.dumps(rows, indent=1) + "\n")
        if arguments.markdown:
            write_whole(arguments.markdown, text(rows))
    return 0
