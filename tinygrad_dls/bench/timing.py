"""Fair timing: blocks of each contender in turn, medians, and disturbed blocks thrown away.

Two cores and other programs: a block in which somebody else used the processor is measured
again. Sleeps between blocks let one framework's waiting threads go to sleep before the next one
starts. Only ratios within one run mean anything.
"""

import os
import time
from collections.abc import Callable
from statistics import median

Step = Callable[[], object]
TICK = 0.01  # /proc/stat counts hundredths of a second


def _busy_elsewhere() -> float:
    """Processor seconds used by others so far; 0 where the system does not tell."""
    try:
        with open("/proc/stat", encoding="ascii") as file:
            fields = file.readline().split()[1:]
    except OSError:
        return 0.0
    busy = sum(int(fields[i]) for i in (0, 1, 2, 5, 6, 7)) * TICK
    mine = os.times()
    return busy - mine.user - mine.system


def _block(step: Step, seconds: float) -> tuple[list[float], float]:
    """Times of the steps that fit in a block, and what others used meanwhile."""
    step()
    others = _busy_elsewhere()
    times: list[float] = []
    stop = time.perf_counter() + seconds
    while not times or (time.perf_counter() < stop) or len(times) < 3:
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return times, _busy_elsewhere() - others


def interleave(
    steps: dict[str, Step], rounds: int = 5, seconds: float = 0.15,
    report: Callable[[int, int], None] | None = None,
) -> dict[str, float]:
    """Median milliseconds of each step, over `rounds` undisturbed blocks of each."""
    for step in steps.values():
        for _ in range(3):
            step()
    kept: dict[str, list[tuple[float, list[float]]]] = {name: [] for name in steps}
    names = list(steps)
    for attempt in range(3 * rounds):
        for name in names if attempt % 2 == 0 else reversed(names):
            calm = [b for b in kept[name] if b[0] <= 0.03 + 0.1 * seconds]
            if len(calm) >= rounds:
                continue
            time.sleep(0.03)
            times, others = _block(steps[name], seconds)
            kept[name].append((others, times))
        if report:
            report(attempt + 1, 3 * rounds)
        if all(sum(b[0] <= 0.03 + 0.1 * seconds for b in kept[n]) >= rounds for n in names):
            break
    medians = {}
    for name, blocks in kept.items():
        calmest = sorted(blocks, key=lambda block: block[0])[:rounds]
        medians[name] = 1e3 * median(t for _, times in calmest for t in times)
    return medians
