"""The command `tinygrad-dls benchmark`."""

import argparse
import json
from pathlib import Path
from typing import Any

from ..files import check_parent, write_whole


def add_parser(subparsers: Any) -> None:
    """Add `benchmark` to the command line."""
    parser = subparsers.add_parser(
        "benchmark", help="time training steps side by side with what else is installed"
    )
    parser.add_argument("--peers", help="torch,dezero,... (all that are installed)")
    parser.add_argument("--cases", help="a,b,c1,... (all)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write a table there")
    parser.set_defaults(run=run_command)


def run_command(arguments: argparse.Namespace) -> int:
    """Run the benchmark, print the table, write the files asked for."""
    from .run import run  # frameworks are loaded only when they are timed

    for path in (arguments.json, arguments.markdown):
        if path is not None:
            check_parent(path)
    cases = arguments.cases.split(",") if arguments.cases else None
    peers = arguments.peers.split(",") if arguments.peers else None
    found = run(cases, peers, report=lambda line: print(f"measuring {line}", flush=True))
    table = markdown(found)
    print(table)
    if arguments.json:
        write_whole(arguments.json, json.dumps(found, indent=1) + "\n")
    if arguments.markdown:
        write_whole(arguments.markdown, table)
    return 0


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
