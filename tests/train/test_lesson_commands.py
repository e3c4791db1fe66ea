"""`tinygrad-dls lesson`: one, all, the list; what goes wrong and with which exit code."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from tinygrad_dls import DataError, cli
from tinygrad_dls.train import catalog, commands

GOOD = '''# %% [markdown]
# # A good lesson
# %%
from tinygrad_dls.train.lesson import start_lesson
lesson = start_lesson("{name}")
lesson.finish({{"fast": lesson.fast}})
'''


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A folder of two small lessons in place of the real ones."""
    folder = tmp_path / "lessons"
    monkeypatch.setattr(catalog, "lessons_folder", lambda: folder)
    for name in ("c2w1-later", "c1w2-first"):
        course = folder / f"course{name[1]}_x"
        course.mkdir(parents=True)
        script = course / f"{name.replace('-', '_')}.py"
        script.write_text(GOOD.format(name=name))
    return folder


def add(folder: Path, name: str, code: str) -> None:
    text = GOOD.format(name=name).replace("lesson.finish", f"{code}\nlesson.finish")
    (folder / "course1_x" / f"{name.replace('-', '_')}.py").write_text(text)


def test_the_list_is_in_the_order_of_the_courses(folder, capsys):
    assert cli.main(["lesson", "--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [
        "c1w2-first", "c2w1-later"]
    assert cli.main(["lesson", "--list", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert rows[0] == {
        "name": "c1w2-first", "title": "A good lesson", "course": 1, "week": 2,
        "script": str(folder / "course1_x" / "c1w2_first.py"),
    }


def test_a_week_stands_for_its_only_lesson_and_the_readme_for_their_order(folder, capsys):
    assert catalog.find_lesson("c1w2").name == "c1w2-first"
    add(folder, "c1w2-again", "")
    assert [entry.name for entry in catalog.lessons()][:2] == ["c1w2-again", "c1w2-first"]
    (folder / "README.md").write_text("| `c1w2-first` | x |\n| `c1w2-again` | y |\n")
    assert [entry.name for entry in catalog.lessons()][:2] == ["c1w2-first", "c1w2-again"]
    assert cli.main(["lesson", "c1w2"]) == commands.WRONG_USAGE
    said = capsys.readouterr().err
    assert "c1w2 has 2 lessons, in this order:\n  c1w2-first\n  c1w2-again" in said


@pytest.mark.parametrize("name", ["c1w2-first", "c1w2_first", "lessons/course1_x/c1w2_first.py"])
def test_one_lesson_runs(folder, tmp_path, name):
    out = tmp_path / "out"
    assert cli.main(["lesson", name, "--fast", "--out", str(out)]) == 0
    result = json.loads((out / "result.json").read_text())
    assert result["lesson"] == "c1w2-first" and result["figures"] == {"fast": True}


@pytest.mark.parametrize("name", ["c1w2-frist", "first", "c1w3-first"])
def test_an_unknown_lesson_is_told_what_it_may_have_meant(folder, capsys, name):
    assert cli.main(["lesson", name]) == commands.WRONG_USAGE
    said = capsys.readouterr().err
    assert "did you mean c1w2-first" in said
    assert "c2w1-later" in said  # and all there are


@pytest.mark.parametrize("words", [[], ["c1w2-first", "--list"], ["--list", "--all"],
                                   ["c1w2-first", "--json"], ["c1w2-first", "--data", "net"]])
def test_wrong_usage(folder, words):
    with pytest.raises(SystemExit) as stop:
        cli.main(["lesson", *words])
    assert stop.value.code == 2


def test_a_folder_that_cannot_be_written_to(folder, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    for words in (["c1w2-first"], ["--all"]):
        assert cli.main(["lesson", *words, "--out", str(tmp_path / "file" / "out")]) == 1
        assert "cannot be written to" in capsys.readouterr().err


def test_a_failure_is_one_line_with_its_place(folder, tmp_path, capsys):
    add(folder, "c1w2-bad", "assert 1 == 2, 'not so'")
    assert cli.main(["lesson", "c1w2-bad", "--out", str(tmp_path / "out")]) == 1
    said = capsys.readouterr().err
    assert "c1w2-bad: AssertionError: not so (c1w2_bad.py, line 6" in said
    assert "Traceback" not in said


def test_debug_shows_where(folder, tmp_path):
    add(folder, "c1w2-bad", "assert 1 == 2")
    with pytest.raises(commands.LessonFailed) as failure:
        cli.main(["lesson", "c1w2-bad", "--out", str(tmp_path / "out"), "--debug"])
    assert isinstance(failure.value.__cause__, AssertionError)


def test_debug_shows_the_traceback_of_errors_of_ours_too(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # put back afterwards
    add(folder, "c1w2-bad", "from tinygrad_dls import DataError; raise DataError('not here')")
    with pytest.raises(DataError, match="not here"):
        cli.main(["lesson", "c1w2-bad", "--out", str(tmp_path / "out"), "--debug"])
    assert sys.excepthook is sys.__excepthook__  # not the lesson's, which writes one line


def test_a_missing_package_is_named_with_the_command_that_brings_it(folder, tmp_path, capsys):
    add(folder, "c1w2-bad", "import no_such_package")
    assert cli.main(["lesson", "c1w2-bad", "--out", str(tmp_path / "out")]) == 1
    said = capsys.readouterr().err
    assert "no_such_package is not installed: pip install 'tinygrad_dls[lessons]'" in said


def test_ctrl_c(folder, tmp_path, capsys):
    add(folder, "c1w2-bad", "raise KeyboardInterrupt")
    assert cli.main(["lesson", "c1w2-bad", "--out", str(tmp_path / "out")]) == commands.STOPPED
    assert "stopped" in capsys.readouterr().err
    assert not (tmp_path / "out" / "result.json").exists()


def test_all_goes_on_after_a_failure_and_says_so(folder, tmp_path, capsys):
    add(folder, "c1w2-bad", "print('halfway'); assert 1 == 2, 'not so'")
    out = tmp_path / "out"
    stale = out / "c1w2-bad" / "result.json"
    stale.parent.mkdir(parents=True)
    stale.write_text("{}")
    assert cli.main(["lesson", "--all", "--fast", "--out", str(out)]) == 1
    said = capsys.readouterr().out
    assert "2 of 3 lessons done" in said and "AssertionError: not so" in said
    assert not stale.exists()
    assert "halfway" in (stale.parent / commands.LOG).read_text()
    for name in ("c1w2-first", "c2w1-later"):
        assert json.loads((out / name / "result.json").read_text())["fast"] is True
    shutil.rmtree(stale.parent)
    (folder / "course1_x" / "c1w2_bad.py").unlink()
    assert cli.main(["lesson", "--all", "--out", str(out)]) == 0


def test_the_real_lessons_are_found():
    names = [entry.name for entry in catalog.lessons()]
    assert {"c1w2-computation-graph", "c1w2-logistic-regression"} <= set(names)
    assert catalog.find_lesson("c1w2-computation-graph").title.startswith("Computation graph")


@pytest.mark.parametrize("words, said", [
    ("lesson nosuch", "no lesson is called 'nosuch'"),
    ("lesson c1w2-vectorization --device nosuch", "no device is called 'nosuch'"),
    ("learn start nosuch", "no lesson is called 'nosuch'"),
    ("data fetch nosuch", "no data are called 'nosuch'"),
    ("data where nosuch", "no data are called 'nosuch'"),
    ("benchmark --cases a,zz", "no case is called zz"),
    ("benchmark --peers zz", "no peer is called zz"),
    ("benchmark --profile zz", "no case is called zz"),
    ("benchmark --sweep 0", "from 1, not 0"),
    ("graph", "name one thing to draw"),
    ("graph x.py --out g.xyz", "the ending of the name says what to write"),
])
def test_wrong_usage_ends_with_2(words, said, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    try:
        code = cli.main(words.split())
    except SystemExit as ended:  # argparse's own
        code = ended.code
    assert code == 2
    assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
