"""The command `tinygrad-dls benchmark`."""

import argparse
import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

from .._util.atomic_files import check_parent, whole_file, write_whole
from .._util.usage import usage
from ..errors import DataError

NAMES = "a b c1 c2 d1 d2 e f g h_lstm h_gru h_bi i j k l m n o p q r s t u"  # bench.cases is slow


def add_parser(subparsers: Any) -> None:
    """Add `benchmark` to the command line."""
    parser = subparsers.add_parser(
        "benchmark", help="time steps of networks side by side with what else is installed"
    )
    parser.add_argument("--peers", help="torch,dezero,... (all that are installed)")
    parser.add_argument("--cases", metavar="a,b,...",
                        help=f"some of {NAMES} (all)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write a table there")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw the ratios (.png, .svg)")
    parser.add_argument("--profile", metavar="CASE",
                        help="only: where the time of a step of this case goes, eager and captured")
    parser.add_argument("--kernels", action="store_true",
                        help="only: matrix products and convolutions by themselves, in GFLOP/s")
    parser.add_argument("--memory", action="store_true",
                        help="only: the peak of memory that a step takes, eager and captured")
    parser.add_argument("--scaling", action="store_true",
                        help="only: how the time of an MLP's step grows with its sizes and with "
                             "threads (these also for --cases)")
    parser.add_argument("--roofline", action="store_true",
                        help="only: the least time this machine allows for a step, beside ours")
    parser.add_argument("--sweep", type=int, nargs="?", const=200, metavar="N",
                        help="only: N (200) random layers of the networks beside PyTorch's, and "
                             "the slowest of them")
    parser.add_argument("--operations", action="store_true",
                        help="only: single operations beside PyTorch's, the slowest first")
    parser.add_argument("--load", type=int, metavar="N",
                        help="only: how much slower steps get beside N busy processes (--cases "
                             "c2,d1,e)")
    parser.add_argument("--ranks", action="store_true",
                        help="only, under mpiexec -n N: one training alone and shared among N "
                             "processes (--cases lenet,resnet20,lstm --steps 20 --batch 64)")
    parser.add_argument("--steps", type=int, default=20, help="with --ranks: steps to time")
    parser.add_argument("--batch", type=int, default=64, help="with --ranks: of all together")
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32",
                        help="with --ranks: of the networks; float64 shows what rounding does")
    parser.set_defaults(run=run_command)


def run_command(arguments: argparse.Namespace) -> int:
    """Run the benchmark, print the table, write the files asked for."""
    if arguments.ranks:
        from . import ranks  # its networks are loaded only here

        return ranks.run_command(arguments)
    from .run import run  # frameworks are loaded only when they are timed

    for path in (arguments.json, arguments.markdown, arguments.picture):
        if path is not None:
            check_parent(path)
    for name, what in (("sweep", "layers"), ("load", "busy processes")):
        if (count := getattr(arguments, name)) is not None and count < 1:
            with usage():
                raise DataError(f"--{name} takes a number of {what} from 1, not {count}")
    cases = arguments.cases.split(",") if arguments.cases else None
    peers = arguments.peers.split(",") if arguments.peers else None
    asked = ("profile", "kernels", "memory", "scaling", "roofline", "sweep", "operations", "load")
    if any(getattr(arguments, name) for name in asked):
        if arguments.picture:
            beside = ", ".join(f"--{n}" for n in asked if getattr(arguments, n))
            with usage():
                raise DataError("--picture draws the ratios of the whole benchmark: not beside "
                                f"{beside}")
        found, table = _look_inside(arguments, cases, peers)
    else:
        found = run(cases, peers, report=_report)
        table = markdown(found)
        print(table)
    if arguments.json:
        write_whole(arguments.json, json.dumps(found, indent=1) + "\n")
    if arguments.markdown:
        write_whole(arguments.markdown, table)
    if arguments.picture:
        draw(found, arguments.picture)
    return 0


def _report(line: str) -> None:
    print(f"measuring {line}", file=sys.stderr, flush=True)


def _look_inside(
    arguments: argparse.Namespace, cases: list[str] | None, peers: list[str] | None
) -> tuple[dict[str, Any], str]:
    """The figures and the tables of the options that look at one thing only, printed as they come.

    PyTorch stands beside ours where it is installed, and among the peers if these are named.
    """
    from . import load, memory, operations, products, profile, roofline, scaling, sweep
    from .cases import CASES
    from .peers import PEERS, installed
    from .run import known, machine

    known(None if arguments.profile is None else [arguments.profile], list(CASES), "case")
    known(cases, list(CASES), "case")
    torch = "torch" in installed() and (peers is None or "torch" in known(
        peers, list(PEERS), "peer"))
    for option in ("sweep", "operations"):
        if getattr(arguments, option) and not torch:
            raise DataError(f"--{option} times ours beside PyTorch's: pip install torch")
    about = machine()
    average = f", load {os.getloadavg()[0]:.2f}" if hasattr(os, "getloadavg") else ""
    found: dict[str, Any] = {"machine": about}
    tables = [f"{about['processor']}, {about['cores']} cores{average}\n"]
    print(tables[0])

    def add(name: str, figures: Any, table: str) -> None:
        found[name] = figures
        tables.append(table)
        print(table)

    module: Any = None
    if torch and (arguments.kernels or arguments.scaling or arguments.sweep
                  or arguments.operations):
        module = importlib.import_module("torch")  # before our first kernel: see run.py
    for captured in (False, True) if arguments.profile else ():
        how = "captured" if captured else "eager"
        plain, lines = profile.profile(arguments.profile, captured)
        add(f"profile, {how}", {"ms": plain, "lines": [line._asdict() for line in lines]},
            f"{how}: {profile.text(arguments.profile, plain, lines)}")
    if arguments.kernels:
        rows = products.measure(module, _report)
        add("kernels", dict(rows), products.text(rows))
    if arguments.memory:
        peaks = memory.measure(cases, torch, _report)
        add("memory", peaks, memory.text(peaks))
    if arguments.scaling:
        grown = scaling.measure(cases, torch, _report)
        add("scaling", grown, scaling.text(grown))
    if arguments.roofline:
        allowed = roofline.measure(cases, _report)
        add("roofline", allowed, roofline.text(allowed))
    if arguments.sweep:
        swept = sweep.measure(arguments.sweep, report=_report)
        add("sweep", [row._asdict() for row in swept], sweep.text(swept))
    if arguments.operations:
        each = operations.measure(_report)
        add("operations", [row._asdict() for row in each], operations.text(each))
    if arguments.load:
        slower = load.measure(cases, arguments.load, torch, _report)
        add("load", slower, load.text(slower, arguments.load))
    return found, "\n".join(tables)


def draw(found: dict[str, Any], path: Path) -> None:
    """Bars of our time by PyTorch's, for each case: eager by eager, captured by its best."""
    from matplotlib.figure import Figure

    cases = {n: c for n, c in found["cases"].items() if c["ratio"] is not None}
    if not cases:
        raise DataError("a picture of ratios needs PyTorch among the peers")
    figure = Figure(figsize=(9, 0.45 * len(cases) + 1.6), layout="constrained")
    ax = figure.subplots()
    for i, case in enumerate(reversed(cases.values())):
        for offset, key, colour in ((0.2, "ratio", "tab:blue"),
                                    (-0.2, "captured_ratio", "tab:orange")):
            ax.barh(i + offset, case[key], 0.38, color=colour)
            ax.text(case[key] + 0.01, i + offset, f"{case[key]:.2f}", va="center", fontsize=8)
    ax.set_yticks(range(len(cases)), [c["title"] for c in reversed(cases.values())], fontsize=8)
    ax.axvline(1, color="black", linewidth=1)
    ax.set_xlabel("time of our training step / PyTorch's (left of 1: faster)")
    bars: list[Any] = list(ax.containers[:2])
    figure.legend(bars, ["eager / eager", "captured / the best of its ways"],
                  loc="outside lower center", ncols=2, fontsize=8)
    ax.margins(x=0.08, y=0.01)
    about = found["machine"]
    ax.set_title(f"{about['processor']}, {about['cores']} cores", fontsize=9)
    with whole_file(path) as part:
        figure.savefig(part, dpi=120)


def markdown(found: dict[str, Any]) -> str:
    """The figures as a table: milliseconds of a step, and our time by theirs (below 1: faster)."""
    peers = list(dict.fromkeys(p for case in found["cases"].values() for p in case["peers"]))
    about = found["machine"]
    lines = [
        f"{about['processor']}, {about['cores']} cores, NumPy {about['numpy']}, "
        f"load {found['load']:.2f}; milliseconds of a training step (ratio ours / theirs)", "",
        "| case | ours | captured | bare NumPy | " + " | ".join(peers) + " |",
        "|---|---|---|---|" + "---|" * len(peers),
    ]
    for name, case in found["cases"].items():
        cells = [f"{case['peers'][p]:.4g} ({case['ratios'][p]:.2f})" if p in case["peers"] else "-"
                 for p in peers]
        ours = [f"{case[key]:.4g}" if case[key] else "-"
                for key in ("ours_ms", "captured_ms", "numpy_ms")]
        row = [f"{name} {case['title']}", *ours, *cells]
        lines.append(f"| {' | '.join(row)} |")
    for name, cost in found.get("tape", {}).items():
        peer = f"; PyTorch {cost['torch_us']:.2f} us in all" if "torch_us" in cost else ""
        lines.append(f"\ntape, {name}: {cost['overhead_us']:.2f} us per op, forward and backward, "
                     f"over its kernel ({cost['kernel_us']:.2f} us){peer}")
    for name, seconds in found.get("latency", {}).items():
        lines.append(f"\n{name}: {seconds:.3f}")
    return "\n".join(lines) + "\n"
