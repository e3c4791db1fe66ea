"""The progress bar: what it says, and that it never leaves half a line."""

import io
from itertools import pairwise

import pytest

from tinygrad_dls.train import progress as module
from tinygrad_dls.train.progress import Progress, progress


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


class Clock:
    """Time that passes only when told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def lines_on_screen(text: str) -> list[str]:
    """What a terminal would show: of each line, what the last carriage return left."""
    return [line.rsplit("\r", 1)[-1].rstrip() for line in text.split("\n")]


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")


def test_terminal_shows_bar_rate_time_left_and_text():
    stream, clock = Terminal(), Clock()
    with Progress(2000, "cats", "it", stream=stream, clock=clock) as bar:
        clock.now = 2.0
        bar.update(500, text="cost 0.123")
        shown = lines_on_screen(stream.getvalue())[-1]
    bar_drawn = "█" * 6 + "░" * 18
    assert shown == f"cats:  25% {bar_drawn} 500/2,000 it, cost 0.123, 6.0 s left, 250 it/s"
    assert stream.getvalue().endswith("\n")


def test_terminal_redraws_in_one_line_at_most_ten_times_a_second():
    stream, clock = Terminal(), Clock()
    with Progress(1000, "x", stream=stream, clock=clock) as bar:
        for _ in range(1000):
            clock.now += 0.001
            bar.update()
    assert stream.getvalue().count("\n") == 1
    assert 5 < stream.getvalue().count("\r") <= 13


def test_shorter_line_paints_over_the_longer_one():
    stream, clock = Terminal(), Clock()
    with Progress(None, stream=stream, clock=clock) as bar:
        clock.now = 1.0
        bar.update(1, text="a long remark that goes away")
        clock.now = 2.0
        bar.update(1, text="")
    drawn = stream.getvalue().rstrip("\n").split("\r")
    assert all(len(later) >= len(line.rstrip()) for line, later in pairwise(drawn))


@pytest.mark.parametrize("columns", [20, 40, 60, 80])
def test_line_never_wider_than_the_terminal(monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    stream, clock = Terminal(), Clock()
    with Progress(2000, "logistic regression", "it", stream=stream, clock=clock) as bar:
        for _ in range(20):
            clock.now += 0.5
            bar.update(100, text="cost 0.140872")
    for drawn in stream.getvalue().replace("\n", "\r").split("\r"):
        assert len(drawn) < columns


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("kind", [Terminal, io.StringIO])
def test_exception_ends_the_line_and_passes_through(error, kind):
    stream = kind()
    with pytest.raises(error), Progress(10, "x", stream=stream) as bar:
        bar.update(3)
        raise error
    assert stream.getvalue().endswith("\n")
    assert "3/10" in lines_on_screen(stream.getvalue())[-2]


def test_file_gets_whole_lines_about_every_tenth():
    stream, clock = io.StringIO(), Clock()
    with Progress(1000, "x", "it", stream=stream, clock=clock) as bar:
        for _ in range(1000):
            clock.now += 0.05
            bar.update()
    lines = stream.getvalue().splitlines()
    assert "\r" not in stream.getvalue()
    assert [line.split("%")[0] for line in lines] == [
        f"x: {10 * tenth:3d}" for tenth in range(1, 11)
    ]


def test_file_gets_one_line_for_work_of_a_moment():
    stream, clock = io.StringIO(), Clock()
    with Progress(1000, "x", "it", stream=stream, clock=clock) as bar:
        for _ in range(1000):
            bar.update()
    assert stream.getvalue() == "x: 100% 1,000/1,000 it, 0.0 s\n"


def test_file_says_that_work_stopped():
    stream = io.StringIO()
    with pytest.raises(RuntimeError), Progress(4, "x", stream=stream) as bar:
        bar.update()
        raise RuntimeError
    assert stream.getvalue().rstrip().endswith("stopped")


def test_bytes_are_scaled():
    stream, clock = io.StringIO(), Clock()
    with Progress(4_695_799, "fetch", "B", stream=stream, clock=clock) as bar:
        clock.now = 2.0
        bar.update(4_695_799)
    assert stream.getvalue() == "fetch: 100% 4.7M/4.7 MB, 2.0 s, 2.35 MB/s\n"


@pytest.mark.parametrize(
    ("seconds", "text"), [(3.21, "3.2 s"), (42, "42 s"), (125, "2:05"), (3725, "1:02:05")]
)
def test_durations(seconds, text):
    assert module._duration(seconds) == text


def test_plain_bar_where_blocks_cannot_be_written():
    class Ascii(Terminal):
        encoding = "ascii"

    stream = Ascii()
    with Progress(2, "x", stream=stream) as bar:
        bar.update()
    assert stream.getvalue().isascii()
    assert "############............" in stream.getvalue()


def test_unknown_total_and_more_than_total():
    stream = Terminal()
    with Progress(None, "x", "rows", stream=stream) as bar:
        bar.update(7)
    assert lines_on_screen(stream.getvalue())[0].startswith("x: 7 rows")
    stream = Terminal()
    with Progress(2, "x", stream=stream) as bar:
        bar.update(5)
    assert "100%" in lines_on_screen(stream.getvalue())[0]
    with Progress(0, "x", stream=Terminal()) as bar:  # nothing to do is not a division by zero
        bar.update(0)


def test_loop_over_items(capsys):
    assert list(progress([3, 1, 2], "sets")) == [3, 1, 2]
    assert "sets: 100% 3/3" in capsys.readouterr().err


def test_loop_over_a_generator_has_no_total(capsys):
    assert sum(progress((i for i in range(5)), "sum")) == 10
    assert "sum: 5" in capsys.readouterr().err


def test_break_is_not_called_stopped(capsys):
    for item in progress(range(10), "x"):
        if item == 3:
            break
    del item
    error = capsys.readouterr().err
    assert "x:  30% 3/10" in error
    assert error.endswith("\n")
    assert "stopped" not in error


def test_closed_or_missing_stream_does_not_end_the_work(monkeypatch):
    closed = io.StringIO()
    closed.close()
    with Progress(1, "x", stream=closed) as bar:
        bar.update()
    monkeypatch.setattr("sys.stderr", None)
    with Progress(1, "x") as bar:
        bar.update()
    assert bar.done == 1


def test_a_slow_first_step_is_left_out_of_the_rate():
    stream, clock = Terminal(), Clock()
    with Progress(101, "x", "steps", stream=stream, clock=clock) as bar:
        clock.now = 10.0  # kernels were compiled
        bar.update()
        for _ in range(50):
            clock.now += 0.1
            bar.update()
        assert "51/101 steps, 5.0 s left, 10 steps/s" in lines_on_screen(stream.getvalue())[-1]


def test_steps_of_an_earlier_run_are_left_out_of_the_rate():
    stream, clock = Terminal(), Clock()
    with Progress(200, "x", "steps", stream=stream, clock=clock) as bar:
        bar.done = 100
        for _ in range(10):
            clock.now += 0.5
            bar.update()
        assert "110/200 steps, 45 s left, 2 steps/s" in lines_on_screen(stream.getvalue())[-1]
