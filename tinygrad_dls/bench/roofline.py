"""The roofline: the least time this machine allows for a step, beside the time measured."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..backend.device import Device
from ..backend.kernels.adding import added
from . import ours
from .cases import CASES
from .products import MATRICES
from .run import known
from .timing import interleave
from .work import count

SIZES = tuple(1024 * 4**k for k in range(3, 8))  # numbers in an array that is added, up to 64 MB


class Roofs(NamedTuple):
    """The best that was measured: GFLOP/s of a product, and GB/s by the bytes that are moved."""

    gflops: float
    product: str
    rates: dict[int, float]

    def rate(self, size: int) -> float:
        """GB/s for so many bytes: the best of all sums that moved as many or more."""
        fitting = [rate for moved, rate in self.rates.items() if moved >= size]
        return max(fitting, default=self.rates[max(self.rates)])


def roofs(matrices: Sequence[tuple[int, int, int]] = MATRICES, sizes: Sequence[int] = SIZES
          ) -> Roofs:
    """Our products of these shapes (m, n, k) and sums a + b of these sizes, on all threads."""
    kernels, random = Device("cpu").kernels, np.random.default_rng(0)
    products: dict[str, float] = {}
    for m, n, k in matrices:
        a, b = (random.standard_normal(s).astype("f") for s in ((m, k), (k, n)))
        speed = 2e-9 * m * n * k / _fastest(partial(kernels.matmul, a, b))
        products[f"({m}, {k}) @ ({k}, {n})"] = speed
    best = max(products, key=lambda name: products[name])
    rates = {}
    for size in sizes:
        a, b = np.ones(size, "f"), np.ones(size, "f")
        rates[3 * a.nbytes] = 3e-9 * a.nbytes / _fastest(partial(added, a, b))
    return Roofs(products[best], best, rates)


def _fastest(step: Callable[[], object], seconds: float = 0.3) -> float:
    """Seconds of the quickest of all runs: a roof is what can be, not what is usual."""
    step()
    best, stop = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < stop:
        start = time.perf_counter()
        step()
        best = min(best, time.perf_counter() - start)
    return best



def measure(
    cases: Sequence[str] | None = None, report: Callable[[str], None] = lambda line: None
) -> dict[str, Any]:
    """The roofs, and for each case its work, the least time for it, and our captured time."""
    chosen = known(cases, list(CASES), "case")
    report("roofs of this machine")
    top = roofs()
    found: dict[str, Any] = {"roofs": top._asdict(), "cases": {}}
    for name in chosen:
        report(f"roofline of {name}: {CASES[name].title}")
        step = ours.build(CASES[name])
        step()  # makes the optimizer's state
        work = count(step)
        times = [(w.flops / (1e6 * top.gflops), w.bytes / (1e6 * top.rate(w.bytes)))
                 for w in work]
        captured = interleave({"captured": ours.build_captured(CASES[name])})["captured"]
        least = sum(map(max, times))
        found["cases"][name] = {
            "title": CASES[name].title, "gflop": sum(w.flops for w in work) / 1e9,
            "mb": sum(w.bytes for w in work) / 1e6, "arithmetic_ms": sum(t[0] for t in times),
            "moving_ms": sum(t[1] for t in times), "least_ms": least, "captured_ms": captured,
            "share": least / captured,
        }
    return found


def text(found: dict[str, Any]) -> str:
    """The figures as a table."""
    top = found["roofs"]
    speeds = ", ".join(f"{rate:.0f} moving {size / 1e6:.3g} MB"
                       for size, rate in top["rates"].items())
    rows = [f"roofs: {top['gflops']:.0f} GFLOP/s, {top['product']}; GB/s of a sum: {speeds}", "",
            "| case | GFLOP | MB | ms of arithmetic | of moving | least | captured | share |",
            "|---|---|---|---|---|---|---|---|"]
    for name, case in found["cases"].items():
        cells = [f"{case[key]:.3g}" for key in ("gflop", "mb", "arithmetic_ms", "moving_ms",
                                                "least_ms", "captured_ms")]
        rows.append(f"| {name} {case['title']} | {' | '.join(cells)} | {case['share']:.0%} |")
    return "\n".join(rows) + "\n"
