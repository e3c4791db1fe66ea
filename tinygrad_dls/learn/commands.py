"""The command `tinygrad-dls learn start | check | solution | status`."""

import ast
import sys
from pathlib import Path
from typing import Any

from .._util.atomic_files import write_whole
from ..errors import DataError, Error
from ..train.catalog import Entry, UnknownLesson, find_lesson, lessons
from ..train.lesson import text_table
from . import progress
from .exercises import Exercise, checks_of, find_exercises, without_solutions
from .loading import parse
from .notebooks import SUFFIX, notebook
from .run import DONE, LIMIT, WRONG, verdicts

ALL_DONE, NOT_ALL, WRONG_USAGE = 0, 1, 2
FOLDER = "exercises"


class UnknownExercise(Error, LookupError):
    """A name that no exercise of the lesson has."""


def add_parser(subparsers: Any) -> None:
    """Adds `learn` to a command line: `args.run(args)` returns the exit code or raises Error."""
    parser = subparsers.add_parser(
        "learn", help="do a lesson yourself: a copy without solutions, checks of it, progress",
        description="Write the code of a lesson yourself. `start` makes your copy, with the "
                    "solutions cut out; `check` tests your copy; `status` shows how far you are.",
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    start = commands.add_parser("start", help="write your copy of a lesson, without solutions")
    start.add_argument("name", metavar="NAME", help="such as c1w2-logistic-regression")
    start.add_argument("--to", type=Path, metavar="FILE",
                       help=f"where (default: {FOLDER}/ here, named as the lesson); x{SUFFIX} "
                            "is written as a notebook")
    start.set_defaults(run=lambda args: _known(_start, args.name, args.to))

    check = commands.add_parser("check", help="test your copy: exit code 0 when all is done")
    check.add_argument("what", metavar="NAME|FILE",
                       help="a lesson you have started, or your file: a script or a notebook")
    check.add_argument("--limit", type=float, default=LIMIT, metavar="S",
                       help=f"seconds that one exercise may take (default {LIMIT:.0f})")
    check.set_defaults(run=lambda args: _known(_check, args.what, args.limit))

    solution = commands.add_parser("solution", help="print how the lesson itself does it")
    solution.add_argument("name", metavar="NAME")
    solution.add_argument("exercise", nargs="?", metavar="EXERCISE",
                          help="its name or number (default: all)")
    solution.set_defaults(run=lambda args: _known(_solution, args.name, args.exercise))

    status = commands.add_parser("status", help="how far you are, over all courses")
    status.set_defaults(run=lambda args: _status())


def _known(action: Any, *arguments: Any) -> int:
    """Run it; a name that does not exist is wrong usage."""
    try:
        return int(action(*arguments))
    except (UnknownLesson, UnknownExercise) as error:
        print(f"tinygrad-dls learn: {error}", file=sys.stderr)
        return WRONG_USAGE


def _exercises(entry: Entry) -> list[Exercise]:
    return find_exercises(entry.script.read_text("utf-8"), entry.name)


# --- start ---------------------------------------------------------------------------------------


def _start(name: str, to: Path | None) -> int:
    entry = find_lesson(name)
    file = Path(FOLDER) / entry.script.name if to is None else to
    if file.is_dir():
        file = file / entry.script.name
    file = file.expanduser().absolute()
    if file.suffix not in (".py", SUFFIX):
        raise DataError(f"{file} is to be a script or a notebook: give it the ending .py "
                        f"or {SUFFIX}")
    if file.exists():
        raise DataError(f"{file} is there already, and stays as it is: name another with --to, "
                        "or remove it to begin again")
    content = without_solutions(entry.script.read_text("utf-8"), entry.name)
    if file.suffix == SUFFIX:
        content = notebook(content)
    if to is None:
        file.parent.mkdir(exist_ok=True)
    write_whole(file, content)
    progress.save(progress.Progress(entry.name, file))
    print(f"{_short(file)}: {len(_exercises(entry))} exercises, each a hole marked 'your code "
          f"here'.\nFill in one or two, then: tinygrad-dls learn check {entry.name}\n"
          f"A hint is missing? tinygrad-dls learn solution {entry.name} NUMBER shows one of them.")
    return ALL_DONE


# --- check ---------------------------------------------------------------------------------------


def _check(what: str, limit: float) -> int:
    entry, file = _of_file(Path(what)) if _is_file(what) else _of_lesson(what)
    uses = _uses(parse(file), parse(checks_of(entry.script)))
    print(f"{entry.name}: {_short(file)}", flush=True)
    names = [exercise.name for exercise in _exercises(entry)]
    found: dict[str, str] = {}
    width = max(map(len, names))
    for result in verdicts(file, checks_of(entry.script), limit):
        found[result.name] = result.verdict
        hint = result.hint
        to_blame = [name for name in names if found.get(name) == WRONG and name != result.name
                    and name in uses.get(result.name, ())]
        if result.verdict == WRONG and to_blame:
            hint = f"uses {to_blame[0]}, which is wrong: mend that first"
        print(f"  {result.name.ljust(width)}  {result.verdict:<8} {hint}".rstrip(), flush=True)
    for name in names:
        if name not in found:
            print(f"  {name.ljust(width)}  not tested")
    done = sum(found.get(name) == DONE for name in names)
    print(f"{done} of {len(names)} done")
    known = progress.load(entry.name).file
    own = known is None or not known.is_file() or known.resolve() == file
    if own and file != entry.script.resolve():  # another file does not take its place
        progress.save(progress.Progress(entry.name, file, found))
    if done == len(names):
        how = "all cells, from the top" if file.suffix == SUFFIX else f"python {_short(file)}"
        print(f"Next: run it: {how}{_following(entry)}")
    return ALL_DONE if done == len(names) else NOT_ALL


def _following(entry: Entry) -> str:
    """The lesson after this one."""
    names = [other.name for other in lessons()]
    after = names[names.index(entry.name) + 1:]
    return f"; then: tinygrad-dls learn start {after[0]}" if after else ""


def _uses(tree: ast.Module, checks: ast.Module) -> dict[str, set[str]]:
    """Return the functions that each function uses, directly or not, and those of its check."""
    direct: dict[str, set[str]] = {}
    functions = [(node.name.removeprefix("test_"), node) for node in [*tree.body, *checks.body]
                 if isinstance(node, ast.FunctionDef)]
    functions += [(f"{node.name}_{method.name.strip('_')}", method) for node in tree.body
                  if isinstance(node, ast.ClassDef) for method in node.body
                  if isinstance(method, ast.FunctionDef)]
    for name, node in functions:
        names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
        names |= {n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute)
                  and ast.unparse(n.value) == "lesson"}
        direct.setdefault(name, set()).update(names)
    reached: dict[str, set[str]] = {}
    for name in direct:
        todo, reached[name] = list(direct[name]), set()
        while todo:
            if (other := todo.pop()) not in reached[name]:
                reached[name].add(other)
                todo += direct.get(other, ())
    return reached


def _is_file(what: str) -> bool:
    return Path(what).is_file() or what.endswith((".py", SUFFIX)) or len(Path(what).parts) > 1


def _of_file(file: Path) -> tuple[Entry, Path]:
    """The lesson that a file is a copy of: that of its start_lesson(...), else of its name."""
    file = file.expanduser().resolve()
    for node in ast.walk(parse(file)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "start_lesson" and node.args:
            return find_lesson(str(ast.literal_eval(node.args[0]))), file
    return find_lesson(file.stem), file


def _of_lesson(name: str) -> tuple[Entry, Path]:
    """The learner's own file of a lesson: where `start` wrote it, or `check` last found it."""
    entry = find_lesson(name)
    known = progress.load(entry.name).file
    usual = Path(FOLDER) / entry.script.name
    for file in (known, usual):
        if file is not None and file.is_file():
            return entry, file.resolve()
    gone = f"{known} is gone" if known else "you have not started it"
    raise DataError(f"{entry.name}: {gone}; begin with: tinygrad-dls learn start {entry.name}")


def _short(file: Path) -> str:
    """The path from here where that is shorter."""
    here = Path.cwd()
    return str(file.relative_to(here)) if file.is_relative_to(here) else str(file)


# --- solution, status ----------------------------------------------------------------------------


def _solution(name: str, wanted: str | None) -> int:
    entry = find_lesson(name)
    text = entry.script.read_text("utf-8")
    all_of_them = _exercises(entry)
    chosen = [e for e in all_of_them if wanted in (None, e.name, str(e.number))]
    if not chosen:
        names = "\n  ".join(f"{e.number} {e.name}" for e in all_of_them)
        raise UnknownExercise(f"{entry.name} has no exercise {wanted!r}; it has\n  {names}")
    print("\n\n\n".join(exercise.source(text).rstrip() for exercise in chosen))
    return ALL_DONE


def _status() -> int:
    rows = []
    total = finished = 0
    for entry in lessons():
        exercises = _exercises(entry)
        known = progress.load(entry.name)
        done = sum(known.exercises.get(exercise.name) == DONE for exercise in exercises)
        total, finished = total + len(exercises), finished + done
        where = "" if known.file is None else _short(known.file)
        if known.file is not None and not known.file.is_file():
            where += " (gone)"
        rows.append((entry.name, _bar(done, len(exercises)), f"{done}/{len(exercises)}", where))
    print(text_table(["lesson", "", "done", "your file"], rows))
    print(f"{finished} of {total} exercises done in {len(rows)} lessons")
    return ALL_DONE


def _bar(done: int, count: int, width: int = 10) -> str:
    """Ten places, filled as far as the exercises are done."""
    full = width * done // count if count else 0
    return "#" * full + "." * (width - full)
