"""`tinygrad-dls learn`: a copy, its checks, solutions, progress; what goes wrong."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tinygrad_dls import cli
from tinygrad_dls.learn import progress, run
from tinygrad_dls.train import catalog

LESSON = '''# %% [markdown]
# # A small lesson
# %%
import numpy as np
from tinygrad_dls.train.lesson import start_lesson

FACTOR = 2.0
lesson = start_lesson("c1w2-first")


# %%
def double(x):
    """Twice x."""
    # BEGIN SOLUTION
    # hint: there is a constant
    y = FACTOR * x  # (n,)
    # END SOLUTION
    return y


class Box:
    def __add__(self, other):
        # BEGIN SOLUTION
        return double(other)
        # END SOLUTION


raise SystemExit("the training must not run")
lesson.finish({})
'''
CHECKS = '''
import numpy as np
from tinygrad_dls.learn.checking import same

def test_double(lesson):
    x = np.array([1.0, 2.0])
    same("double(x)", lesson.double(x), [2.0, 4.0], "twice, not once")

def test_Box_add(lesson):
    same("Box + 3", lesson.Box() + 3, 6.0)
'''
NAME = "c1w2-first"


@pytest.fixture
def script(tmp_path, monkeypatch, home) -> Path:
    """A folder with one small lesson and its checks in place of the real ones."""
    folder = tmp_path / "lessons"
    monkeypatch.setattr(catalog, "lessons_folder", lambda: folder)
    course = folder / "course1_x"
    (course / "checks").mkdir(parents=True)
    (course / "checks" / "c1w2_first.py").write_text(CHECKS)
    (course / "c1w2_first.py").write_text(LESSON)
    return course / "c1w2_first.py"


@pytest.fixture
def mine(script) -> Path:
    """The learner's copy."""
    assert cli.main(["learn", "start", NAME]) == 0
    return Path("exercises/c1w2_first.py").absolute()


def edit(file: Path, name: str, code: str) -> None:
    lines = file.read_text().splitlines()
    place = next(i for i, line in enumerate(lines) if f'NotImplementedError("{name}:' in line)
    indent = " " * (len(lines[place]) - len(lines[place].lstrip()))
    lines[place] = "\n".join(indent + line for line in code.splitlines())
    file.write_text("\n".join(lines) + "\n")


def check(capsys, *words: str) -> tuple[int, str]:
    capsys.readouterr()
    code = cli.main(["learn", "check", *words])
    captured = capsys.readouterr()
    return code, captured.out + captured.err


# --- start ---------------------------------------------------------------------------------------


def test_start_cuts_out_the_solutions_and_says_what_goes_in(mine):
    text = mine.read_text()
    assert "SOLUTION" not in text and "FACTOR * x" not in text
    assert ('    # your code here: y (n,) (1 line here)\n    # hint: there is a constant\n'
            '    raise NotImplementedError("double: exercise 1")\n    return y\n') in text
    assert "# your code here: return the result" in text


def test_start_never_writes_over_a_file(mine, capsys):
    mine.write_text("# hours of work\n")
    assert cli.main(["learn", "start", NAME]) == 1
    assert "stays as it is" in capsys.readouterr().err
    assert cli.main(["learn", "start", NAME, "--to", str(mine)]) == 1
    assert mine.read_text() == "# hours of work\n"


def test_start_takes_a_file_or_a_folder(script, tmp_path):
    assert cli.main(["learn", "start", NAME, "--to", str(tmp_path / "a.py")]) == 0
    assert cli.main(["learn", "start", "c1w2_first", "--to", str(tmp_path)]) == 0
    assert (tmp_path / "a.py").read_text() == (tmp_path / "c1w2_first.py").read_text()


@pytest.mark.parametrize(("to", "says"), [("nowhere/a.py", "there is no folder"),
                                          ("a.txt", "ending .py")])
def test_start_where_it_cannot_be(script, to, says, capsys):
    assert cli.main(["learn", "start", NAME, "--to", to]) == 1
    assert says in capsys.readouterr().err


@pytest.mark.parametrize("words", [["start", "c9w9-none"], ["check", "c9w9-none"],
                                   ["solution", "c9w9-none"], ["solution", NAME, "triple"],
                                   ["solution", NAME, "3"]])
def test_names_that_do_not_exist_are_wrong_usage(script, words, capsys):
    assert cli.main(["learn", *words]) == 2
    said = capsys.readouterr().err
    assert NAME in said if "9" in words[1] else "1 double" in said


# --- check ---------------------------------------------------------------------------------------


def test_an_untouched_copy_has_done_nothing(mine, capsys):
    code, said = check(capsys, NAME)
    assert code == 1
    assert "double   not yet" in said and "Box_add  not yet" in said and "0 of 2 done" in said


def test_one_done_and_one_that_waits(mine, capsys):
    edit(mine, "Box_add", "return double(other)")
    code, said = check(capsys, NAME)
    assert code == 1 and "Box_add  not yet  waits for double" in said
    edit(mine, "double", "y = x + x")  # another way than the reference's
    code, said = check(capsys, NAME)
    assert code == 0 and "2 of 2 done" in said


@pytest.mark.parametrize(("code", "says"), [
    ("y = x", "double(x): at [1]: yours 2, right 4: yours = 1/2 of it; twice, not once"),
    ("pass", "NameError: name 'y' is not defined"),
    ("y = None", "double(x) is None: is `return` missing?"),
    ("y = 2 * x[:1]", "has shape (1,), it must be (2,)"),
    ("y = 2 * x + unknown", "NameError: name 'unknown' is not defined"),
    ("y = 1 / 0", "ZeroDivisionError: division by zero (line"),
    ("y = [2 * x[0], None]", "it must hold numbers"),
])
def test_what_is_wrong_is_said(mine, capsys, code, says):
    edit(mine, "double", code)
    result, said = check(capsys, str(mine))
    assert result == 1 and "wrong" in said
    assert says in said


def test_a_loop_that_does_not_end_is_stopped(mine, capsys):
    edit(mine, "double", "while True:\n    pass")
    code, said = check(capsys, NAME, "--limit", "4")
    assert code == 1 and "a loop that does not end?" in said
    assert "Box_add  not tested" in said


def test_the_learner_s_file_is_tested_and_not_the_reference(mine, script, capsys):
    assert check(capsys, str(script))[0] == 0
    assert check(capsys, str(mine))[0] == 1
    mine.write_text("x = 1\n" + "start_lesson('c1w2-first')\n")
    code, said = check(capsys, str(mine))
    assert code == 1 and "the file defines no 'double'" in said


def test_a_file_of_any_name_is_known_by_its_lesson(mine, tmp_path, capsys):
    other = tmp_path / "try.py"
    other.write_text(mine.read_text())
    assert "0 of 2 done" in check(capsys, str(other))[1]


def test_a_file_that_is_no_python(mine, capsys):
    mine.write_text(mine.read_text().replace("class Box:", "class Box"))
    code, said = check(capsys, NAME)
    assert code == 1 and "c1w2_first.py, line 20" in said and "not Python yet" in said


def test_configuration_of_other_projects_does_not_matter(mine, capsys, monkeypatch):
    Path("pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n")
    Path("conftest.py").write_text("raise RuntimeError\n")
    Path("random.py").write_text("raise RuntimeError\n")
    monkeypatch.setenv("PYTEST_ADDOPTS", "--neither-this")
    assert "0 of 2 done" in check(capsys, NAME)[1]


def test_a_missing_pytest_is_said(mine, capsys, monkeypatch):
    monkeypatch.setattr(run.importlib.util, "find_spec", lambda name: None)
    code, said = check(capsys, NAME)
    assert code == 1 and "pip install pytest" in said


def test_check_before_start_and_after_the_file_is_gone(script, capsys):
    code, said = check(capsys, NAME)
    assert code == 1 and f"tinygrad-dls learn start {NAME}" in said
    assert cli.main(["learn", "start", NAME]) == 0
    Path("exercises/c1w2_first.py").unlink()
    code, said = check(capsys, NAME)
    assert code == 1 and "is gone" in said


def test_checks_that_do_not_run_are_no_result(mine, script, capsys):
    (script.parent / "checks" / "c1w2_first.py").write_text("import nothing_of_this_name\n")
    code, said = check(capsys, NAME)
    assert code == 1 and "did not run" in said and "nothing_of_this_name" in said


# --- solution, status ----------------------------------------------------------------------------


def test_solutions(script, capsys):
    assert cli.main(["learn", "solution", NAME, "Box_add"]) == 0
    one = capsys.readouterr().out
    assert one == "def __add__(self, other):\n    return double(other)\n"
    assert cli.main(["learn", "solution", NAME, "2"]) == 0
    assert capsys.readouterr().out == one
    assert cli.main(["learn", "solution", NAME]) == 0
    both = capsys.readouterr().out
    assert "y = FACTOR * x" in both and one in both and "SOLUTION" not in both


def test_status_remembers(mine, capsys, home):
    edit(mine, "double", "y = 2 * x")
    check(capsys, NAME)
    assert cli.main(["learn", "status"]) == 0
    said = capsys.readouterr().out
    assert "1/2" in said and "exercises/c1w2_first.py" in said and "1 of 2 exercises" in said
    known = json.loads((home / "progress" / f"{NAME}.json").read_text())
    assert known["exercises"] == {"double": "done", "Box_add": "not yet"}
    assert known["file"] == str(mine)
    assert list((home / "progress").iterdir()) == [home / "progress" / f"{NAME}.json"]
    mine.unlink()
    cli.main(["learn", "status"])
    assert "(gone)" in capsys.readouterr().out


def test_checking_the_reference_is_no_progress(script, capsys):
    assert check(capsys, str(script))[0] == 0
    assert progress.load(NAME).exercises == {}


def test_a_damaged_file_of_progress_is_said(mine, capsys, home):
    (home / "progress" / f"{NAME}.json").write_text("{")
    assert cli.main(["learn", "status"]) == 1
    assert "is damaged: delete it" in capsys.readouterr().err


def test_it_runs_as_a_command(tmp_path, home):
    """All of it in processes of their own, from a folder that has nothing to do with the clone."""
    command = [sys.executable, "-m", "tinygrad_dls", "learn"]
    package = str(Path(cli.__file__).resolve().parents[1])

    def said(*words: str) -> subprocess.CompletedProcess:
        return subprocess.run([*command, *words], capture_output=True, text=True,
                              env={**os.environ, "PYTHONPATH": package})

    assert said("start", "c1w2-logistic-regression").returncode == 0
    result = said("check", "c1w2-logistic-regression")
    assert result.returncode == 1 and result.stdout.count("not yet") == 6, result.stderr
    assert "0/6" in said("status").stdout


def test_what_uses_a_wrong_exercise_is_not_blamed(mine, capsys):
    edit(mine, "double", "y = 3 * x")
    edit(mine, "Box_add", "return double(other)")
    code, said = check(capsys, NAME)
    assert code == 1 and "Box_add  wrong    uses double, which is wrong: mend that first" in said


def test_checking_another_file_does_not_take_over_the_lesson(mine, capsys, tmp_path):
    other = tmp_path / "other.py"
    other.write_text(mine.read_text())
    check(capsys, str(other))
    assert progress.load(NAME).file == mine


def test_no_words_print_the_help(capsys):
    assert cli.main([]) == 0
    assert "lesson" in capsys.readouterr().out
