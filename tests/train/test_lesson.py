"""The frame of a lesson: options, folder, files, tables."""

import json
import os
import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls._util.atomic_files import open_folder, whole_file
from tinygrad_dls.train.lesson import Lesson, start_lesson, text_table
from tinygrad_dls.train.options import VARIABLE, Options


@pytest.fixture
def lesson(tmp_path: Path) -> Lesson:
    return Lesson("c9w9-test", Options(out=tmp_path / "out", fast=True))


# --- options -------------------------------------------------------------------------------------


def test_options_survive_their_own_command_line():
    options = Options("built-in", True, Path("a b"), "strict", 7)
    assert Options.parse("x", options.arguments()) == options
    assert Options.parse("x", Options(long=True).arguments()) == Options(long=True)
    assert Options.parse("x", []) == Options()


def test_a_wrong_option_is_wrong_usage():
    with pytest.raises(SystemExit) as stop:
        Options.parse("x", ["--data", "internet"])
    assert stop.value.code == 2


def test_without_a_command_line_options_come_from_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv(VARIABLE, f"--fast --seed 5 --out '{tmp_path}/with space'")
    monkeypatch.setattr(sys, "argv", ["pytest", "--data", "nonsense"])  # not the lesson's
    lesson = start_lesson("c9w9-test")
    assert (lesson.fast, lesson.seed) == (True, 5)
    assert lesson.out == tmp_path / "with space"


def test_the_default_folder_is_named_as_the_lesson(monkeypatch, tmp_path):
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    lesson = start_lesson("c9w9-test", seed=3)
    assert lesson.out == tmp_path / "out" / "c9w9-test"
    assert (lesson.fast, lesson.seed, lesson.data) == (False, 3, None)


def test_an_unknown_device_stops_before_the_folder_is_made(tmp_path):
    with pytest.raises(dls.DeviceError):
        Lesson("x", Options(out=tmp_path / "out", device="toaster"))
    assert not (tmp_path / "out").exists()


def test_the_device_becomes_the_default(tmp_path):
    lesson = Lesson("x", Options(out=tmp_path, device="strict"))
    assert dls.Tensor([1.0]).device is lesson.device is dls.Device("strict")


def run_script(tmp_path: Path, text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    script = tmp_path / "my_copy.py"  # a learner may name a copy as they like
    script.write_text(text)
    environment = {**os.environ, VARIABLE: ""}
    return subprocess.run(
        [sys.executable, str(script), *arguments],
        capture_output=True, text=True, timeout=60, cwd=tmp_path, env=environment, check=False,
    )


START = """
import matplotlib.pyplot as plt
from tinygrad_dls.train.lesson import start_lesson
lesson = start_lesson("c9w9-test")
print(lesson.fast, lesson.seed, plt.get_backend())
"""


def test_a_script_reads_its_own_command_line(tmp_path):
    done = run_script(tmp_path, START, "--fast", "--seed", "4", "--out", "here")
    assert done.stdout.split() == ["True", "4", "Agg"]
    assert (tmp_path / "here").is_dir()


def test_a_folder_that_cannot_be_written_to_is_one_line_before_the_work(tmp_path):
    (tmp_path / "file").write_text("in the way")
    done = run_script(tmp_path, START, "--out", "file/out")
    assert done.returncode == 1 and done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "cannot be written to" in done.stderr and "--out DIR" in done.stderr


def test_a_mistake_in_the_learners_code_keeps_its_traceback(tmp_path):
    done = run_script(tmp_path, START + "1 / 0\n")
    assert done.returncode == 1
    assert "Traceback" in done.stderr and "my_copy.py" in done.stderr


def test_ctrl_c_is_one_line(tmp_path):
    done = run_script(tmp_path, START + "raise KeyboardInterrupt\n")
    assert done.returncode != 0
    assert "stopped" in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "out" / "c9w9-test" / "result.json").exists()


# --- files ---------------------------------------------------------------------------------------


def test_a_file_in_the_way_of_the_folder(tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(dls.DataError, match="cannot be written to"):
        open_folder(tmp_path / "out")
    assert (tmp_path / "out").read_text() == "a file"


def test_opening_a_folder_leaves_nothing_in_it(tmp_path):
    assert list(open_folder(tmp_path / "a" / "b").iterdir()) == []


def test_half_a_file_never_takes_the_place_of_a_whole_one(tmp_path):
    path = tmp_path / "result.json"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), whole_file(path) as part:
        part.write_text("half")
        raise ZeroDivisionError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_figure_becomes_a_png_and_is_closed(lesson):
    fig, ax = plt.subplots()
    ax.plot([1, 2])
    assert lesson.figure(fig, "line") is None  # a notebook would print it below the picture
    assert (lesson.out / "line.png").read_bytes().startswith(b"\x89PNG")
    assert not plt.fignum_exists(fig.number)


def test_a_picture_of_a_fast_run_says_so(lesson, tmp_path):
    (fast, _), (whole, _) = plt.subplots(), plt.subplots()
    lesson.figure(fast, "fast")
    Lesson("c9w9-test", Options(out=tmp_path / "whole")).figure(whole, "whole")
    assert "--fast" in "".join(text.get_text() for text in fast.texts)
    assert not whole.texts


@pytest.mark.parametrize("size", [(6, 4), (7, 2.5)])
def test_what_a_fast_run_says_lies_below_all_labels(lesson, size):
    fig, ax = plt.subplots(figsize=size)
    ax.set_xlabel("two lines\nof a label")
    lesson.figure(fig, "labelled")
    said, label = (text.get_window_extent() for text in (fig.texts[0], ax.xaxis.label))
    assert said.y1 <= label.y0


def test_a_graph_becomes_a_picture_and_a_page(lesson, capsys):
    w = dls.Tensor(3.0, requires_grad=True, name="w")
    with dls.trace():
        u = w * w
        loss = u + w
        loss.backward()
    lesson.graph(dls.graph(loss, names={"u": u}), "graph", steps={"three uses of w": "w"})
    page = lesson.out / "graph.html"
    assert page.read_text("utf-8").startswith("<!doctype html>")
    first, second = capsys.readouterr().out.splitlines()
    assert str(page) in first and "arrow keys" in first
    # 1 and 2 are forward; 3 is backward of +, 4 of *, which completes w
    assert second.startswith("  three uses of w: file:///") and "graph.html#t=4&sel=" in second


def test_a_graph_becomes_an_svg_unless_its_name_has_an_ending(lesson):
    x = dls.Tensor(2.0, requires_grad=True)
    graph = dls.graph(x * x)
    lesson.graph(graph, "graph")
    assert (lesson.out / "graph.svg").read_text().startswith(("<svg", "<?xml"))
    assert lesson.graph(graph, "graph.dot") is None
    assert (lesson.out / "graph.dot").read_text().startswith("digraph")
    (lesson.out / "graph.html").unlink()
    lesson.graph(graph, "other.dot")
    assert not list(lesson.out.glob("*.html"))


# --- the end -------------------------------------------------------------------------------------


def test_result(lesson):
    lesson.finish({
        "train_accuracy": np.float64(99.5),
        "costs": {0: np.array(0.5), 100: np.float32(0.25)},
        "sizes": [1, np.int64(2)],
        "tensor": dls.Tensor(1.5),
    })
    result = json.loads((lesson.out / "result.json").read_text())
    assert result.pop("seconds") >= 0
    assert result == {
        "lesson": "c9w9-test", "data": "built-in", "device": "cpu", "fast": True, "seed": 1,
        "figures": {
            "train_accuracy": 99.5, "costs": {"0": 0.5, "100": 0.25}, "sizes": [1, 2],
            "tensor": 1.5,
        },
    }


@pytest.mark.parametrize(
    ("figures", "place"),
    [
        ({"costs": {3: float("nan")}}, r"figures\['costs'\]\['3'\]|figures\['costs'\]\[3\]"),
        ({"a": [1.0, np.inf]}, r"figures\['a'\]\[1\]"),
        ({"a": object()}, r"figures\['a'\]"),
    ],
)
def test_a_figure_that_json_has_not_is_refused_by_name(lesson, figures, place):
    with pytest.raises(dls.FormatError, match=place):
        lesson.finish(figures)
    assert not (lesson.out / "result.json").exists()


def test_generated_data_are_reported_as_built_in(lesson, capsys):
    assert lesson.load("flower").X.shape == (2, 400)
    assert "flower" in capsys.readouterr().out
    lesson.finish({})
    assert json.loads((lesson.out / "result.json").read_text())["data"] == "built-in"


def test_steps_count_as_range_does(lesson, capsys):
    assert list(lesson.steps("train")(3)) == [0, 1, 2]
    assert list(lesson.progress("ab", "letters")) == ["a", "b"]
    assert "train: 100% 3/3 steps" in capsys.readouterr().err


def test_numbers_stand_to_the_right_and_text_to_the_left():
    table = text_table(["", "train"], [["he", 99.333333], ["zeros", 50]])
    assert table.splitlines() == [
        "         train",
        "-----  -------",
        "he     99.3333",
        "zeros       50",
    ]
