"""For every lesson: its own code passes the checks, and what is missing or wrong does not."""

import ast
import inspect

import numpy as np
import pytest

from tinygrad_dls.learn.exercises import WIDTH, checks_of, find_exercises, without_solutions

from .conftest import check_functions, judge
from .mutants import mutants

pytestmark = pytest.mark.filterwarnings("ignore")
FOUND = 0.9  # of the small mistakes, at least; some changes are none (x * 1 -> x / 1)


@pytest.fixture
def text(entry) -> str:
    return entry.script.read_text("utf-8")


@pytest.fixture
def exercises(text, entry):
    return find_exercises(text, entry.name)


def test_each_exercise_has_a_check_and_each_check_an_exercise(entry, exercises):
    checks = check_functions(entry)
    assert list(checks) == [exercise.name for exercise in exercises]
    for name, function in checks.items():
        assert list(inspect.signature(function).parameters) == ["lesson"], name
    lines = checks_of(entry.script).read_text("utf-8").splitlines()
    assert max(map(len, lines)) <= 100


def test_exercise_functions_are_defined_once_and_numbered_in_the_text(text, exercises):
    defined = [node.name for node in ast.parse(text).body if hasattr(node, "name")]
    for exercise in exercises:
        assert defined.count(exercise.name) <= 1, exercise.name
        assert f"xercise {exercise.number}" in text, f"{exercise.name}: no 'Exercise N' in the text"


def test_the_reference_passes(entry, exercises, text, tmp_path):
    file = tmp_path / "reference.py"
    file.write_text(text)
    for name, function in check_functions(entry).items():
        error = judge(function, file)
        assert error is None, f"{name}: {error!r}"


def test_the_stripped_file_fails_every_exercise(entry, exercises, text, tmp_path):
    file = tmp_path / "stripped.py"
    stripped = without_solutions(text)
    file.write_text(stripped)
    assert max(map(len, stripped.splitlines())) <= WIDTH
    for name, function in check_functions(entry).items():
        assert isinstance(judge(function, file), NotImplementedError), name


def test_each_exercise_alone_is_needed(entry, exercises, text, tmp_path):
    """With all others solved, the check of the one that is missing says so, by its name."""
    file = tmp_path / "one.py"
    for name, function in check_functions(entry).items():
        file.write_text(without_solutions(text, only=name))
        error = judge(function, file)
        assert isinstance(error, NotImplementedError), name
        assert str(error).startswith(f"{name}: "), error


@pytest.mark.slow
def test_checks_notice_small_mistakes(entry, exercises, text, tmp_path, capsys):
    checks = check_functions(entry)
    file = tmp_path / "mutant.py"
    unnoticed, count = [], 0
    for exercise in exercises:
        for what, changed in mutants(text, exercise.blocks):
            file.write_text(changed)
            count += 1
            with np.errstate(all="ignore"):
                if judge(checks[exercise.name], file) is None:
                    unnoticed.append(f"{exercise.name}, {what}")
    with capsys.disabled():
        print(f"\n{entry.name}: {count - len(unnoticed)} of {count} small mistakes noticed; not:",
              *unnoticed, sep="\n  ")
    assert count - len(unnoticed) >= FOUND * count, "\n".join(unnoticed)
