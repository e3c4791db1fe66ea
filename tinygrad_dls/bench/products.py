"""Throughput of products and convolutions alone, in billions of operations a second."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ..backend.device import Device
from .timing import interleave

Steps = dict[str, Callable[[], object]]
Rows = list[tuple[str, dict[str, float]]]
MATRICES = ((32, 512, 128), (64, 128, 784), (2048, 128, 128), (2048, 512, 128), (2048, 128, 512),
            (1024, 1024, 1024), (209, 20, 12288), (32768, 16, 144))  # (m, n, k)
IMAGES = ((32, 32, 16, 16, 3, 1), (32, 16, 32, 32, 3, 1), (32, 8, 64, 64, 3, 1),
          (32, 32, 16, 32, 3, 2), (4, 96, 16, 16, 3, 1), (64, 28, 1, 6, 5, 1))  # n h c o k s


def measure(torch: Any = None, report: Callable[[str], None] = lambda line: None) -> Rows:
    """GFLOP/s of each shape by contender: ours, NumPy, and PyTorch if its module is given."""
    kernels = Device("cpu").kernels
    random = np.random.default_rng(0)
    rows: Rows = []

    def take(name: str, operations: float, steps: Steps) -> None:
        report(name)
        times = interleave(steps, rounds=3, seconds=0.05)
        rows.append((name, {who: operations / (1e6 * ms) for who, ms in times.items()}))

    for m, n, k in MATRICES:
        a, b = (random.standard_normal(s).astype("f") for s in ((m, k), (k, n)))
        steps: Steps = {"ours": partial(kernels.matmul, a, b), "NumPy": partial(np.matmul, a, b)}
        if torch is not None:
            steps["PyTorch"] = partial(torch.matmul, torch.tensor(a), torch.tensor(b))
        take(f"({m}, {k}) @ ({k}, {n})", 2.0 * m * n * k, steps)
    for n, h, c, o, k, s in IMAGES:
        pad = k // 2
        x = random.standard_normal((n, h, h, c)).astype("f").transpose(0, 3, 1, 2)
        w = random.standard_normal((o, c, k, k)).astype("f")
        dy = np.ones((n, -(-h // s), -(-h // s), o), "f").transpose(0, 3, 1, 2)
        at: tuple[Any, ...] = ((s, s), ((pad, pad), (pad, pad)), (1, 1), 1)
        ours = {
            "forward": partial(kernels.convolution, x, w, None, *at),
            "dx": partial(kernels.transposed_convolution, dy, w, None, (h, h), *at),
            "dW": partial(kernels.convolution_weight_gradient, x, dy, (k, k), *at),
        }
        theirs: Steps = {}
        if torch is not None:
            image, filters, error = map(torch.tensor, (x, w, dy))
            theirs = {
                "forward": partial(torch.nn.functional.conv2d, image, filters, None, s, pad),
                "dx": partial(torch.nn.grad.conv2d_input, x.shape, filters, error, s, pad),
                "dW": partial(torch.nn.grad.conv2d_weight, image, w.shape, error, s, pad),
            }
        name = f"{n}x{h}x{h}, {c} to {o}, {k}x{k}" + (f" by {s}" if s > 1 else "")
        for kind, mine in ours.items():
            steps = {"ours": mine}
            if kind in theirs:
                steps["PyTorch"] = theirs[kind]
            take(f"{name}: {kind}", 2.0 * dy.size * c * k * k, steps)
    return rows


def text(rows: Rows) -> str:
    """The figures as a table."""
    names = list(dict.fromkeys(who for _, figures in rows for who in figures))
    lines = ["| GFLOP/s | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
    lines += [
        f"| {name} | " + " | ".join(f"{f[who]:.0f}" if who in f else "-" for who in names) + " |"
        for name, f in rows
    ]
    return "\n".join(lines) + "\n"
