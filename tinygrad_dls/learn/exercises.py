"""The exercises of a lesson: what stands between its solution markers.

An exercise is a top-level function, or a method, with one or more blocks

    # BEGIN SOLUTION
    ...
    # END SOLUTION

Its name is that of the function; of a method `Value.__mul__` it is `Value_mul`. Its check is
`test_NAME` in the lesson's file of checks.
"""

import ast
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import FormatError

BEGIN, END = "# BEGIN SOLUTION", "# END SOLUTION"
WIDTH = 88  # of a line in a lesson
_SHAPE = re.compile(r"\(.*\)")  # a comment behind a line that only says the shape
_HINT = re.compile(r"\s*# hint: ")  # a comment of the solution that the learner gets to see


@dataclass(frozen=True, slots=True)
class Exercise:
    """One exercise of a script: lines are counted from 1, blocks include their markers."""

    name: str
    number: int
    first: int
    last: int
    blocks: tuple[tuple[int, int], ...]

    def source(self, text: str) -> str:
        """The function as it stands in `text`, without markers."""
        lines = text.splitlines()[self.first - 1 : self.last]
        return textwrap.dedent("\n".join(x for x in lines if x.strip() not in (BEGIN, END)))


def find_exercises(text: str, name: str = "the lesson") -> list[Exercise]:
    """The exercises of a script, from its top down.

    FormatError where markers are not in pairs, stand outside of a function or hold nothing.
    """
    blocks = list(_blocks(text, name))
    found: dict[str, Exercise] = {}
    for title, first, last in _functions(ast.parse(text)):
        inside = tuple(block for block in blocks if first < block[0] <= block[1] <= last + 1)
        if inside:
            found[title] = Exercise(title, len(found) + 1, first, max(last, inside[-1][1]), inside)
    lost = set(blocks) - {block for exercise in found.values() for block in exercise.blocks}
    if lost:
        raise FormatError(f"{name}, line {min(lost)[0]}: a solution outside of a function")
    return list(found.values())


def without_solutions(text: str, name: str = "the lesson", only: str | None = None) -> str:
    """The script with each solution (or that of the exercise `only`) replaced by a hole.

    A hole says what goes in, and fails with NotImplementedError("NAME: ...").
    """
    lines = text.splitlines()
    chosen = [e for e in find_exercises(text, name) if only in (None, e.name)]
    if not chosen:
        raise FormatError(f"{name} has no {'exercises' if only is None else 'exercise ' + only}")
    holes = [(block, exercise) for exercise in chosen for block in exercise.blocks]
    for (begin, end), exercise in sorted(holes, key=lambda hole: -hole[0][0]):
        lines[begin - 1 : end] = _hole(lines[begin - 1 : end], exercise)
    result = "\n".join(lines) + "\n"
    compile(result, name, "exec")
    return result


def _blocks(text: str, name: str) -> Iterator[tuple[int, int]]:
    """(line of BEGIN, line of END) of each solution."""
    begin = None
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() == BEGIN and begin is None:
            begin = number
        elif line.strip() == END and begin is not None:
            if number == begin + 1:
                raise FormatError(f"{name}, line {begin}: an empty solution")
            yield begin, number
            begin = None
        elif "BEGIN SOLUTION" in line or "END SOLUTION" in line:
            raise FormatError(f"{name}, line {number}: {line.strip()!r} without its partner")
    if begin is not None:
        raise FormatError(f"{name}, line {begin}: {BEGIN!r} without {END!r}")


def _functions(tree: ast.Module) -> Iterator[tuple[str, int, int]]:
    """(name, first line, last line) of top-level functions and of methods."""
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    for node in tree.body:
        if isinstance(node, kinds):
            yield node.name, _first(node), node.end_lineno or node.lineno
        elif isinstance(node, ast.ClassDef):
            for method in node.body:
                if isinstance(method, kinds):
                    name = f"{node.name}_{method.name.strip('_')}"
                    yield name, _first(method), method.end_lineno or method.lineno


def _first(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])


# --- holes ---------------------------------------------------------------------------------------


def _hole(block: list[str], exercise: Exercise) -> list[str]:
    """Return the lines that replace a block in the learner's file, markers included."""
    indent = " " * (len(block[0]) - len(block[0].lstrip()))
    inside = block[1:-1]
    wanted = f"your code here: {_wanted(inside)}"
    comment = textwrap.wrap(wanted, WIDTH - len(indent) - 2, break_on_hyphens=False)
    hints = [indent + line.strip() for line in inside if _HINT.match(line)]
    told = f'raise NotImplementedError("{exercise.name}: exercise {exercise.number}")'
    return [*(f"{indent}# {line}" for line in comment), *hints, f"{indent}{told}"]


def _wanted(block: list[str]) -> str:
    """Describe what the lines of a solution produce: the names they set, with shapes, and what they
    return.
    """
    tree = ast.parse(textwrap.dedent("\n".join(block)).replace("return", "yield"))
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AugAssign | ast.AnnAssign):
            targets = [node.target]
        for target in targets:
            for name in _names(target):
                comment = block[(target.end_lineno or 1) - 1].partition("  # ")[2].strip()
                names.setdefault(name, f" {comment}" if _SHAPE.fullmatch(comment) else "")
    returns = any(isinstance(node, ast.Yield) for node in ast.walk(tree))
    wanted = [name + shape for name, shape in names.items()]
    count = len([line for line in block if line.strip() and not line.strip().startswith("#")])
    size = f"{count} line{'s' * (count > 1)}"
    if returns:
        return f"return the result ({size} here)"
    if wanted:
        return f"{', '.join(wanted)} ({size} here)"
    return f"{size} here"


def _names(target: ast.expr) -> list[str]:
    """The names that an assignment to `target` sets; `grads[...]` counts as `grads`."""
    if isinstance(target, ast.Tuple | ast.List):
        return [name for element in target.elts for name in _names(element)]
    if isinstance(target, ast.Starred):
        return _names(target.value)
    return [ast.unparse(target)] if isinstance(target, ast.Name | ast.Attribute) else (
        _names(target.value) if isinstance(target, ast.Subscript) else [])


def checks_of(script: Path) -> Path:
    """The file of checks that belongs to a lesson's script."""
    return script.parent / "checks" / script.name
