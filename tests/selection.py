"""Which lessons are tested: those that a change can affect, and a share of the others.

Each lesson brings a run of its script, its notebook and small mistakes in each of its exercises:
with all lessons these take longer than the rest of the tests together. `pytest --lessons 8` runs
the tests of eight lessons:

1. those of which the change touches a file: the script, its checks, its test module; they take
   at most three quarters of the places;
2. those whose text names something that a changed file of the package defines;
3. the rest.

Within each group the order follows from the commit's hash. So one commit always runs the same
tests, and commit by commit every lesson has its turn. The change is what differs from the merge
base with `main`; on `main` itself it is the last commits.
"""

import ast
import hashlib
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

LAST_COMMITS = 10  # what counts as the change on `main`; fewer, where a clone holds fewer


def _git(root: Path, *arguments: str) -> str | None:
    """What git prints; None where it, the repository or what is asked for is missing."""
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def commit_of(root: Path) -> str:
    """The hash of the commit that is checked out; "" outside of a repository."""
    return _git(root, "rev-parse", "HEAD") or ""


def changed_files(root: Path) -> set[str]:
    """Paths that the change touches, with what is not committed; as far as the clone can tell."""
    here, base = commit_of(root), None
    for branch in ("origin/HEAD", "origin/main", "main"):
        base = _git(root, "merge-base", "HEAD", branch)
        if base and base != here:
            break
    else:
        commits = (_git(root, "rev-list", "--first-parent", f"--max-count={LAST_COMMITS + 1}",
                        "HEAD") or here).split()
        base = commits[-1] if commits else "HEAD"
    differing = _git(root, "diff", "--name-only", base) or ""
    unknown = _git(root, "ls-files", "--others", "--exclude-standard") or ""
    return {*differing.splitlines(), *unknown.splitlines()}


def names_defined(path: Path) -> set[str]:
    """The public functions and classes of a file, in lower case."""
    if path.suffix != ".py" or not path.is_file():
        return set()
    return {node.name.lower() for node in ast.parse(path.read_text("utf-8")).body
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")}


def lessons_of_module(path: Path, names: list[str]) -> list[str]:
    """The lessons that a file like `tests/lessons/test_c1w2.py` tests; none of other files."""
    stem = path.stem.removeprefix("test_").replace("_", "-")
    if path.parent.name != "lessons":
        return []
    return [name for name in names if name == stem or name.startswith(f"{stem}-")]


@dataclass(frozen=True)
class Selection:
    """The lessons whose tests run, with why, and those that are left out."""

    changed: list[str]
    others: list[str]
    left_out: list[str]

    def __str__(self) -> str:
        rows = [("changed", self.changed), ("chosen by the commit", self.others),
                ("LEFT OUT, `make test-all` runs them", self.left_out)]
        return "\n".join(f"  {what}: {', '.join(names)}" for what, names in rows if names)


def select(scripts: dict[str, Path], root: Path, places: int) -> Selection:
    """Of {lesson: its script} as many as there are places: what the change touches, and others."""
    commit, files = commit_of(root), changed_files(root)
    words = {name for file in files if file.startswith("tinygrad_dls/")
             for name in names_defined(root / file)}
    touched = {Path(file).stem for file in files if file.startswith("lessons/")}
    modules = [Path(file) for file in files if file.startswith("tests/")]
    changed = {name for name, script in scripts.items() if script.stem in touched}
    changed.update(*(lessons_of_module(module, [*scripts]) for module in modules))

    def turn(name: str) -> tuple[bool, str]:
        used = {*re.findall(r"\w+", scripts[name].read_text("utf-8").lower())}
        return not words & used, hashlib.sha256(f"{commit} {name}".encode()).hexdigest()

    first = sorted(changed, key=turn)[: places - places // 4]
    rest = sorted((name for name in scripts if name not in first), key=turn)
    free = places - len(first)
    return Selection(sorted(first), sorted(rest[:free]), sorted(rest[free:]))
