"""The command `tinygrad-dls lesson NAME | --list | --all`."""

import argparse
import json
import os
import runpy
import subprocess
import sys
import time
import traceback
from dataclasses import replace
from pathlib import Path
from typing import Any

from .._util.atomic_files import open_folder
from ..errors import Error
from .catalog import Entry, UnknownLesson, find_lesson, lessons
from .lesson import text_table
from .options import Options, add_options

DONE, FAILED, WRONG_USAGE, STOPPED = 0, 1, 2, 130
LOG = "output.txt"  # what a lesson says while `--all` runs it


class LessonFailed(Error, RuntimeError):
    """A lesson that did not run to its end; the cause is attached."""


def add_parser(subparsers: Any) -> None:
    """Adds `lesson` to a command line: `args.run(args)` returns the exit code or raises Error."""
    parser = subparsers.add_parser(
        "lesson",
        help="run a lesson: training, checks, pictures",
        description="Run a lesson from top to bottom; pictures and result.json go to its folder.",
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="such as c1w2-logistic-regression")
    parser.add_argument("--list", action="store_true", help="the lessons there are")
    parser.add_argument("--json", action="store_true", help="with --list: for a program to read")
    parser.add_argument("--all", action="store_true", help="run all, each in DIR/NAME")
    add_options(parser)
    parser.set_defaults(run=lambda args: run(args, parser))


def run(args: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """Do what the command line asks for; returns the exit code."""
    if (args.name is not None) + args.list + args.all != 1:
        parser.error("give the NAME of one lesson, or --list, or --all")
    if args.json and not args.list:
        parser.error("--json goes with --list")
    options = Options.of(args)
    try:
        if args.list:
            return _list(args.json)
        if args.all:
            return _run_all(options)
        return _run_one(find_lesson(args.name), options)
    except UnknownLesson as error:
        return _say(error, WRONG_USAGE)
    except KeyboardInterrupt:
        print(file=sys.stderr)  # the terminal shows ^C on this line
        return _say("stopped: pictures made so far are kept, no result was written", STOPPED)


def _say(message: object, code: int) -> int:
    print(f"tinygrad-dls lesson: {message}", file=sys.stderr)
    return code


def _list(as_json: bool) -> int:
    entries = lessons()
    if as_json:
        rows = [
            {"name": e.name, "title": e.title, "course": e.course, "week": e.week,
             "script": str(e.script)}
            for e in entries
        ]
        print(json.dumps(rows, indent=2, ensure_ascii=False))
    else:
        width = max((len(entry.name) for entry in entries), default=0)
        for entry in entries:
            print(f"{entry.name.ljust(width)}  {entry.title}")
    return DONE


def _run_one(entry: Entry, options: Options) -> int:
    """In this process, so that a debugger, a profiler and Ctrl-C reach the lesson itself."""
    before = sys.argv
    sys.argv = [str(entry.script), *options.arguments()]
    os.environ.setdefault("MPLBACKEND", "Agg")  # pictures go to files
    try:
        runpy.run_path(str(entry.script), run_name="__main__")
    except Error:
        raise
    except Exception as error:
        raise LessonFailed(f"{entry.name}: {_reason(error)}") from error
    finally:
        sys.argv = before
    return DONE


def _reason(error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError):
        return f"{error.name} is not installed: pip install 'tinygrad_dls[lessons]'"
    last = traceback.extract_tb(error.__traceback__)[-1]
    said = f"{type(error).__name__}: {error}".removesuffix(": ")
    return f"{said} ({Path(last.filename).name}, line {last.lineno}; --debug shows more)"


def _run_all(options: Options) -> int:
    """Each in a process of its own: none sees what another left behind."""
    folder = open_folder(options.out or Path("out"))
    rows, failed, start = [], [], time.perf_counter()
    entries = lessons()
    for number, entry in enumerate(entries, 1):
        print(f"[{number}/{len(entries)}] {entry.name} ...", flush=True)
        began = time.perf_counter()
        message = _in_own_process(entry, replace(options, out=folder / entry.name))
        rows.append((entry.name, message or "done", f"{time.perf_counter() - began:.1f} s"))
        if message:
            failed.append(entry.name)
            print(f"  {message}", flush=True)
    print(text_table(["lesson", "", "time"], rows))
    print(f"{len(rows) - len(failed)} of {len(rows)} lessons done in "
          f"{time.perf_counter() - start:.0f} s; their files are in {folder}")
    return FAILED if failed else DONE


def _in_own_process(entry: Entry, options: Options) -> str:
    """Runs a lesson, with all it says in its folder; returns what went wrong, "" if nothing did."""
    assert options.out is not None
    out = open_folder(options.out)
    log = out / LOG
    (out / "result.json").unlink(missing_ok=True)  # that of an earlier run is not ours
    with log.open("w", encoding="utf-8") as file:
        code = subprocess.run(
            [sys.executable, str(entry.script), *options.arguments()],
            stdout=file, stderr=subprocess.STDOUT, check=False,
            env={**os.environ, "MPLBACKEND": "Agg", "PYTHONIOENCODING": "utf-8"},
        ).returncode
    said = log.read_text("utf-8", errors="replace").strip()
    if code == 0:
        return "" if (out / "result.json").is_file() else f"it wrote no result; see {log}"
    last = said.splitlines()[-1] if said else f"exit code {code}"
    return f"{last} (see {log})"
