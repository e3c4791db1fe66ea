"""`tinygrad-dls warmup`: compile the kernels now, so that no later program waits for it.

Each kernel is compiled when it is first called, and kept. So this calls them: a training step of
each small case of the benchmark, every activation, loss and optimizer, in float32, and what
gradient checks use in float64.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from .. import nn, optim
from .._util.user_folders import user_cache
from ..backend.device import Device
from ..backend.kernels.numba.notice import notice
from ..backend.kernels.table import kernels_for, wants_compiled
from ..errors import DeviceError
from ..nn import functional as F
from ..random import default_generator
from ..tensors import Tensor
from ..train.progress import Progress
from .cases import CASES, FAMILIES
from .ours import build

ACTIVATIONS = ("relu", "relu6", "leaky_relu", "elu", "selu", "gelu", "silu", "mish", "softplus",
               "hardtanh", "hardswish", "hardsigmoid", "sigmoid", "tanh", "logsigmoid")
OPTIMIZERS = ("SGD", "Adagrad", "Adadelta", "RMSprop", "Adam", "AdamW", "Adamax", "NAdam", "RAdam",
              "Lion", "LAMB")
Job = tuple[str, Callable[[], object]]


def jobs() -> Iterator[Job]:
    """(what it is, what calls its kernels)."""
    for name in FAMILIES:
        yield CASES[name].title, partial(_step, name)
    for dtype in ("float32", "float64"):
        yield f"activations, {dtype}", partial(_activations, dtype)
        yield f"losses, {dtype}", partial(_losses, dtype)
        yield f"layers, {dtype}", partial(_layers, dtype)
        yield f"statistics of traces, {dtype}", partial(_statistics, dtype)
    for optimizer in OPTIMIZERS:
        yield optimizer, partial(_optimizer, optimizer)


def _step(name: str) -> None:
    build(CASES[name])()


def _statistics(dtype: str) -> None:
    kernels_for("cpu", np).statistics(np.ones(100, dtype))


def _numbers(*shape: int, dtype: str) -> Tensor:
    values = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    return Tensor(values, requires_grad=True, device="cpu")


def _activations(dtype: str) -> None:
    for name in ACTIVATIONS:
        getattr(F, name)(_numbers(64, 64, dtype=dtype)).sum().backward()
    F.softmax(_numbers(64, 10, dtype=dtype), 1).sum().backward()
    F.dropout(_numbers(64, 64, dtype=dtype), 0.5).sum().backward()


def _losses(dtype: str) -> None:
    x, target = _numbers(64, 10, dtype=dtype), Tensor(np.full((64, 10), 0.5, dtype))
    labels = Tensor(np.arange(64) % 10)
    for loss in (F.mse_loss, F.l1_loss, F.smooth_l1_loss, F.huber_loss,
                 F.binary_cross_entropy_with_logits):
        loss(x, target).backward()
    F.cross_entropy(x, labels).backward()


def _layers(dtype: str) -> None:
    images, rows = _numbers(2, 8, 16, 16, dtype=dtype), _numbers(64, 32, dtype=dtype)
    layers: list[tuple[nn.Module, Tensor]] = [(nn.Linear(32, 64), rows), (nn.LayerNorm(32), rows)]
    layers += [(layer, images) for layer in (
        nn.Conv2d(8, 16, 3, padding=1), nn.Conv2d(8, 8, 3, groups=8, padding=1),
        nn.Conv2d(8, 16, 1), nn.ConvTranspose2d(8, 4, 2, 2), nn.MaxPool2d(2),
        nn.AvgPool2d(2), nn.BatchNorm2d(8), nn.GroupNorm(2, 8),
    )]
    for layer, x in layers:
        layer.to(dtype)(x).sum().backward()


def _optimizer(name: str) -> None:
    parameter = nn.Parameter(np.zeros(1000, "float32"), device="cpu")
    optimizer = getattr(optim, name)([parameter], lr=0.01)
    for _ in range(2):
        parameter.grad = Tensor(np.ones(1000, "float32"), device="cpu")
        optimizer.step()


def add_parser(subparsers: Any) -> None:
    """Add `warmup` to the command line."""
    parser = subparsers.add_parser("warmup", help="compile all kernels now, so nothing waits later")
    parser.set_defaults(run=run_command)


def run_command(arguments: argparse.Namespace) -> int:
    """Compile, with a progress bar; say where the compiled kernels are."""
    if not wants_compiled():
        raise DeviceError(
            "there is nothing to compile: kernels run on NumPy (Numba is missing, or "
            "TINYGRAD_DLS_KERNELS or NUMBA_DISABLE_JIT says so)"
        )
    Device("cpu").kernels  # noqa: B018  (loaded before the clock starts)
    notice.wanted = False  # the bar says it
    start, before = time.perf_counter(), default_generator.get_state()
    todo = list(jobs())
    with Progress(len(todo), "compile kernels") as bar:
        for name, job in todo:
            bar.update(0, name)
            job()
            bar.update()
    default_generator.set_state(before)
    folder = user_cache() / "kernels"
    print(f"{time.perf_counter() - start:.0f} s; compiled kernels are in {folder} "
          f"({_megabytes(folder):.0f} MB)", file=sys.stderr)
    return 0


def _megabytes(folder: Path) -> float:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6
