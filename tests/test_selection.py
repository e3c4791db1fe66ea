"""Lessons are selected by what changed and by the commit."""

import subprocess
from pathlib import Path

import pytest

from tests.selection import changed_files, lessons_of_module, select
from tinygrad_dls.train.catalog import lessons

NAMES = [f"c1w{n}-lesson" for n in range(1, 9)]


@pytest.fixture
def project(tmp_path):
    """A small repository: eight lessons, one file of the package; the branch is `main`."""
    for name in NAMES:
        write(tmp_path / "lessons" / "course1" / f"{name.replace('-', '_')}.py", "x = 1\n")
    write(tmp_path / "tinygrad_dls" / "nn.py", "class Conv2d:\n    pass\n")
    git(tmp_path, "init", "-q", "-b", "main")
    commit(tmp_path)
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def git(root: Path, *arguments: str) -> None:
    who = ("-c", "user.name=Someone", "-c", "user.email=someone@example.org")
    subprocess.run(["git", *who, *arguments], cwd=root, check=True, capture_output=True)


def commit(root: Path) -> None:
    git(root, "add", "-A")
    git(root, "commit", "-q", "--allow-empty", "-m", "change")


def selected(root: Path, places: int = 2):
    scripts = {name: root / "lessons" / "course1" / f"{name.replace('-', '_')}.py"
               for name in NAMES}
    return select(scripts, root, places)


def test_nothing_is_lost_or_taken_twice(project):
    found = selected(project)
    assert sorted(found.changed + found.others + found.left_out) == NAMES
    assert len(found.others) == 2
    assert found == selected(project)
    assert str(found).count("lesson") == 8 and "LEFT OUT" in str(found)


def test_each_lesson_has_its_turn(project):
    seen = set()
    for _ in range(40):
        commit(project)
        seen.update(selected(project).others)
    assert seen == {*NAMES}


@pytest.mark.parametrize("file", ["lessons/course1/c1w3_lesson.py",
                                  "lessons/course1/checks/c1w3_lesson.py",
                                  "tests/lessons/test_c1w3.py",
                                  "tests/lessons/test_c1w3_lesson.py"])
@pytest.mark.parametrize("when", ["on a branch", "on main", "not committed"])
def test_a_lesson_whose_files_changed_is_tested(project, file, when):
    if when == "on a branch":
        git(project, "checkout", "-q", "-b", "mine")
    write(project / file, "x = 2\n")
    if when != "not committed":
        commit(project)
    assert selected(project, 1).changed == ["c1w3-lesson"]
    assert selected(project, 1).others == []


def test_where_all_changed_the_places_are_still_few(project):
    for name in NAMES:
        write(project / "lessons" / "course1" / f"{name.replace('-', '_')}.py", "x = 2\n")
    found = selected(project, 4)
    assert len(found.changed) == 3 and len(found.others) == 1 and len(found.left_out) == 4


def test_a_lesson_that_uses_what_changed_comes_first(project):
    for name in ("c1w2_lesson", "c1w7_lesson"):
        write(project / "lessons" / "course1" / f"{name}.py", "layer = nn.Conv2d(3, 8, 3)\n")
    commit(project)
    for _ in range(12):  # what is older than the last commits is not a change
        commit(project)
    write(project / "tinygrad_dls" / "nn.py", "class Conv2d:\n    stride = 1\n")
    found = selected(project)
    assert found.changed == [] and found.others == ["c1w2-lesson", "c1w7-lesson"]


def test_a_clone_of_one_commit_and_a_folder_without_git(project, tmp_path_factory):
    write(project / "lessons" / "course1" / "c1w3_lesson.py", "x = 2\n")
    commit(project)
    folder = tmp_path_factory.mktemp("clone")
    git(folder, "clone", "-q", "--depth", "1", project.as_uri(), "shallow")
    assert changed_files(folder / "shallow") == set()
    assert selected(folder / "shallow").others  # a share all the same
    subprocess.run(["rm", "-rf", folder / "shallow" / ".git"], check=True)
    assert len(selected(folder / "shallow").others) == 2


def test_every_module_of_lessons_is_known_by_its_name():
    names = [entry.name for entry in lessons()]
    modules = [*(Path(__file__).parent / "lessons").glob("test_c*.py")]
    assert modules
    assert [path.name for path in modules if not lessons_of_module(path, names)] == []
