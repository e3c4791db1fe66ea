"""The command `tinygrad-dls graph SCRIPT --out FILE`."""

import argparse
from pathlib import Path
from typing import Any

from ..autograd import TensorBase
from ..errors import DataError
from ..files import check_parent
from ..scripts import missing, run_script
from .recording import graph


def add_parser(subparsers: Any) -> None:
    """Add `graph` to a command line; `args.run(args)` returns the exit code."""
    parser = subparsers.add_parser(
        "graph", help="run a script and draw the graph of what it computed",
        description="Runs SCRIPT and draws the graph of its tensor `loss`, with all values, and "
        "with gradients if the script called backward().",
    )
    parser.add_argument("script", metavar="SCRIPT")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE",
                        help="what to write, by its ending: .svg .png .dot .json .txt")
    parser.add_argument("--name", default="loss", help="the tensor to draw instead of `loss`")
    parser.add_argument("--depth", type=int, help="fold modules nested deeper than this")
    parser.add_argument("--rankdir", choices=("TB", "LR"), help="top to bottom, or left to right")
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    check_parent(args.out)  # before the script runs, which may take long
    found = run_script(args.script)
    if args.name not in found:
        raise missing(args.script, args.name, found)
    value = found[args.name]
    if not isinstance(value, TensorBase):
        raise DataError(f"{args.name!r} in {args.script} is a {type(value).__name__}, no tensor")
    model = found.get("model")
    names = {n: v for n, v in found.items() if isinstance(v, TensorBase)}
    given = {k: v for k, v in (("depth", args.depth), ("rankdir", args.rankdir)) if v is not None}
    drawn = graph(value, model if hasattr(model, "named_parameters") else None, names, **given)
    print(f"{drawn!r} -> {drawn.save(args.out)}")
    return 0
