"""The command `tinygrad-dls gradcheck SCRIPT`."""

import argparse
from pathlib import Path
from typing import Any

from .._util.atomic_files import check_parent, write_whole
from ..engine.autograd import TensorBase
from ..errors import DataError
from ..viz.run_script import missing, run_script
from .gradcheck import check_graph, gradcheck
from .report import Report
from .subject import is_model


def add_parser(subparsers: Any) -> None:
    """Adds `gradcheck` to a command line; `args.run(args)` returns the exit code."""
    parser = subparsers.add_parser(
        "gradcheck", help="run a script and check the gradients of what it computed",
        description="Runs SCRIPT and checks the rule of every op that made its tensor `loss`, or "
        "its model `model` at `inputs`. Exit code 0: right, 1: wrong.",
    )
    parser.add_argument("script", metavar="SCRIPT")
    parser.add_argument("--name", help="the tensor, or the model, to check instead of `loss`")
    parser.add_argument("--seed", type=int, default=0, help="of the random directions")
    parser.add_argument("--json", type=Path, metavar="FILE",
                        help="write the report to FILE as JSON, too")
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    if args.json is not None:
        check_parent(args.json)  # before the script runs, which may take long
    report = check_script(args.script, args.name, args.seed)
    print(report)
    if args.json is not None:
        write_whole(args.json, report.to_json())
    return 0 if report.ok else 1


def check_script(script: str, name: str | None = None, seed: int = 0) -> Report:
    """Run `script` and check its tensor `loss` (or `name`), or its `model` at its `inputs`."""
    found = run_script(script)
    wanted = name or ("loss" if "loss" in found or "model" not in found else "model")
    if wanted not in found:
        raise missing(script, wanted, found)
    value = found[wanted]
    if isinstance(value, TensorBase):
        return check_graph(value, seed=seed)  # type: ignore[arg-type]
    if not is_model(value):
        raise DataError(f"{wanted!r} in {script} is a {type(value).__name__}, no tensor or model")
    if "inputs" not in found:
        raise DataError(f"{script} has a model but no `inputs` for it: a tensor, or a tuple")
    inputs = found["inputs"]
    return gradcheck(value, *(inputs if isinstance(inputs, tuple) else (inputs,)), seed=seed)
