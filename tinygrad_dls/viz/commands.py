"""The command `tinygrad-dls graph`: of a script, a saved graph, a model, a file of weights."""

import argparse
from pathlib import Path
from typing import Any

from .._util.atomic_files import check_parent
from .._util.usage import usage
from ..engine.autograd import TensorBase
from ..engine.collector import Collector
from ..errors import DataError, Error, FormatError
from .graphs import ENDINGS, Graph, check_ending
from .page import backward_steps
from .picture import SHOWS, Options
from .recording import graph, settled
from .run_script import NEWEST, check_name, missing, run_script
from .weights import ENDINGS as TABLES
from .weights import READERS, read_weights


def add_parser(subparsers: Any) -> None:
    """Add `graph` to a command line; `args.run(args)` returns the exit code."""
    parser = subparsers.add_parser(
        "graph", help="run a script and draw the graph of what it computed",
        description="Runs SCRIPT and draws the graph of its tensor `loss`, with all values, and "
        "with gradients if the script called backward(). If the script fails, what ran before is "
        "drawn, and the operation that failed is marked. SCRIPT may also be a graph saved as "
        ".json, a model in .onnx, or a file of weights (.safetensors .npz .h5 .keras .pth .pt), of "
        "which a table is made.",
    )
    parser.add_argument("script", metavar="SCRIPT", nargs="?")
    parser.add_argument("--diff", nargs=2, metavar=("BEFORE", "AFTER"),
                        help="compare two graphs that were saved as .json, in place of SCRIPT")
    parser.add_argument("--out", type=Path, metavar="FILE",
                        help="what to write, by its ending: .html (interactive) .svg .png .dot "
                        ".json .txt; without it the table is printed")
    parser.add_argument("--show", type=_shown, default=Options().show, metavar="LINES",
                        help="what stands on a box, with commas between: "
                        f"{', '.join(SHOWS)} (default: {','.join(Options().show)})")
    parser.add_argument("--name", default="loss", help="the tensor to draw instead of `loss`")
    parser.add_argument("--depth", type=_depth, default="auto", metavar="N",
                        help="fold modules nested deeper than this: a number, 'layers', 'auto' ("
                        "default: to stay readable) or 'none'")
    parser.add_argument("--step", type=int, metavar="K",
                        help="print the link that opens an .html at this step")
    parser.add_argument("--rankdir", choices=("TB", "LR"), default="TB",
                        help="top to bottom, or left to right")
    parser.add_argument("--check", action="store_true",
                        help="check the backward rule of each operation; what is wrong is marked. "
                        "Exit code 1 if one is wrong")
    parser.set_defaults(run=_run)


def _depth(text: str) -> Any:
    return None if text == "none" else int(text) if text.isdigit() else text


def _shown(text: str) -> tuple[str, ...]:
    words = tuple(filter(None, text.split(",")))
    if wrong := [word for word in words if word not in SHOWS]:
        raise argparse.ArgumentTypeError(f"{wrong[0]!r}: choose from {', '.join(SHOWS)}")
    return words


def _run(args: argparse.Namespace) -> int:
    failed = 0
    ending = "" if args.script is None else Path(args.script).suffix.lower()
    endings = TABLES if ending in READERS else ENDINGS
    with usage():  # before the script runs, which may take long
        if (args.script is None) == (args.diff is None):
            raise DataError("name one thing to draw: a SCRIPT, or --diff BEFORE AFTER")
        if args.out is not None:
            check_ending(args.out, endings)
        if args.check and (args.diff or ending in (*READERS, ".json", ".onnx")):
            raise DataError("--check needs a script: a saved graph or model has no rules to run")
    if args.out is not None:
        check_parent(args.out)
    if ending in READERS:
        return _table(args)
    options = Options(depth=args.depth, rankdir=args.rankdir, show=args.show)
    if args.diff:
        before, after = (_saved(path) for path in args.diff)
        drawn: Graph = before.diff(after, (Path(args.diff[0]).name, Path(args.diff[1]).name))
    elif ending == ".json":
        drawn = _saved(args.script)
    elif ending == ".onnx":
        from .onnx_files import onnx_graph  # whose readers no other graph needs

        drawn = onnx_graph(args.script)
    else:
        drawn, failed = _of_script(args)
    drawn.options = options
    if args.out is None:
        print(drawn.table(), end="")
        return failed
    if args.step is not None:
        _check_step(args.step, drawn)
    path = drawn.save(args.out)
    print(f"{drawn!r} -> {path}")
    if args.step is not None and path.suffix.lower() == ".html":
        print(f"step {args.step}: {path.resolve().as_uri()}#t={args.step}")
    return failed


def _check_step(step: int, drawn: Graph) -> None:
    forward = sum(bool(node.op) for node in drawn.record.nodes)
    back = len(backward_steps(drawn.record))
    if not 0 <= step <= forward + back:
        raise DataError(f"--step {step}: the page has the steps 0 (the whole graph) to "
                        f"{forward + back}, of which {forward} forward and {back} backward")


def _table(args: argparse.Namespace) -> int:
    """Tell what is in a file of weights."""
    found = read_weights(args.script)
    if args.out is None:
        print(found, end="")
    else:
        print(f"{found!r} -> {found.save(args.out)}")
    return 0


def _saved(path: str) -> Graph:
    """The graph in a .json file."""
    try:
        return Graph.from_json(_text(path))
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from error


def _text(path: str) -> str:
    try:
        return Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: {error}") from error


def _of_script(args: argparse.Namespace) -> tuple[Graph, int]:
    """(the graph, exit code): of the tensor asked for, or of what ran before an error."""
    check_name(args.script, args.name)
    collector = Collector(NEWEST)
    try:
        found = run_script(args.script, collector)
    except Error as error:
        if not collector.nodes and collector.failure is None:
            raise
        print(f"{error}\nDrawn is what ran before it.")
        return Graph(settled(collector, error).record()), 1
    if args.name not in found:
        raise missing(args.script, args.name, found)
    value = found[args.name]
    if not isinstance(value, TensorBase):
        raise DataError(f"{args.name!r} in {args.script} is a {type(value).__name__}, no tensor")
    models = [v for v in found.values()
              if hasattr(v, "named_parameters") and not isinstance(v, type)]
    models.sort(key=lambda v: v is not found.get("model"))  # that called `model` first
    names = {n: v for n, v in found.items() if isinstance(v, TensorBase)}
    drawn = graph(value, models, names)
    if args.check:
        report = drawn.check()
        print(report)
        return drawn, 0 if report.ok else 1
    return drawn, 0
