"""The commands `tinygrad-dls lint`, `explain` and `autopsy`, each of a SCRIPT that is run."""

import argparse
from pathlib import Path
from typing import Any

from .._util.atomic_files import check_parent, write_whole
from ..engine.autograd import TensorBase
from ..errors import DataError
from ..nn import Module
from ..optim import Optimizer
from ..viz.run_script import check_name, missing, run_script
from .autopsy import Autopsy, autopsy_of_script
from .explain import explain
from .explanation import Explanation
from .lint import Lint, lint


def add_parser(subparsers: Any) -> None:
    """Add the three commands; `args.run(args)` returns the exit code."""
    linting = _command(
        subparsers, "lint", "run a script and look for mistakes that train without an error",
        "Runs SCRIPT and looks at the step of its tensor `loss`, with its model and its optimizer. "
        "Exit code 0: nothing to mend, 1: findings.", lambda args: lint_script(
            args.script, args.name))
    linting.add_argument("--name", default="loss", help="the loss, if it is not called `loss`")
    explaining = _command(
        subparsers, "explain", "run a script and print the chain rule of one gradient",
        "Runs SCRIPT and explains how the gradient of its tensor `loss` with respect to one tensor "
        "or parameter comes about, step by step.", lambda args: explain_script(
            args.script, args.name, args.loss))
    explaining.add_argument("--name", required=True, metavar="W1",
                            help="a tensor of the script, or a parameter of its model: 0.weight")
    explaining.add_argument("--loss", default="loss", help="the loss, if it is not called `loss`")
    _command(
        subparsers, "autopsy", "run a script until the first NaN or Inf, and say what made it",
        "Runs SCRIPT and stops it at the first NaN; names the operation, element, line and cause. "
        "Exit code 0: all was finite, 1: it was not.", lambda args: autopsy_of_script(args.script))


def _command(subparsers: Any, name: str, help_: str, description: str, find: Any) -> Any:
    parser = subparsers.add_parser(name, help=help_, description=description)
    parser.add_argument("script", metavar="SCRIPT")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result there, too")
    parser.set_defaults(run=lambda args: _run(args, find))
    return parser


def _run(args: argparse.Namespace, find: Any) -> int:
    if args.json is not None:
        check_parent(args.json)  # before the script runs, which may take long
    found: Lint | Explanation | Autopsy = find(args)
    print(found)
    if args.json is not None:
        write_whole(args.json, found.to_json())
    return 0 if getattr(found, "ok", True) else 1


def lint_script(script: str, name: str = "loss") -> Lint:
    """Run a script and lint its loss, its model and its optimizer, if it has one."""
    check_name(script, name)
    found = run_script(script)
    loss = _tensor(script, name, found)
    models = _models(found)
    if not models:
        raise DataError(f"{script} has no model to look at: an nn.Module, called `model` best")
    optimizers = [v for v in found.values() if isinstance(v, Optimizer)]
    return lint(loss, models[0], optimizers[0] if optimizers else None)


def explain_script(script: str, name: str, loss: str = "loss") -> Explanation:
    """Run a script and explain the gradient of one of its tensors or parameters."""
    check_name(script, loss)
    found = run_script(script)
    root = _tensor(script, loss, found)
    parameters = {n: p for model in _models(found) for n, p in model.named_parameters()}
    target = found[name] if isinstance(found.get(name), TensorBase) else parameters.get(
        name.removeprefix("model."))
    if target is None:
        known = ", ".join([*(n for n, v in found.items() if isinstance(v, TensorBase)),
                           *parameters])
        raise DataError(f"{script} has no tensor or parameter {name!r}. It has: {known}")
    tensors = {n: v for n, v in found.items() if isinstance(v, TensorBase)}
    return explain(root, target, {**parameters, **tensors})


def _tensor(script: str, name: str, found: dict[str, Any]) -> Any:
    if not isinstance(found.get(name), TensorBase):
        raise missing(script, name, found)
    return found[name]


def _models(found: dict[str, Any]) -> list[Any]:
    """The modules of a script that are not part of another, the one called `model` first."""
    models = [v for v in found.values() if isinstance(v, Module)]
    inner = {id(part) for model in models for part in model.modules() if part is not model}
    outer = [model for model in models if id(model) not in inner]
    return sorted(outer, key=lambda v: v is not found.get("model"))
