"""Somebody who waits for compilers is told so, once; a log says how long it took, too."""

import io
import subprocess
import sys

import numpy as np
import pytest

from tinygrad_dls.backend.kernels.numba import notice as noticing
from tinygrad_dls.backend.kernels.numba.notice import LINE, CompilingNotice
from tinygrad_dls.backend.kernels.table import wants_compiled


class Terminal(io.StringIO):
    def isatty(self):
        return True


def opened(monkeypatch):
    stream = Terminal()
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setenv("COLUMNS", "100")
    return stream


def compile_for(notice_of, *seconds):
    times = []
    for length in seconds:
        times += [0.0, length]
    notice = notice_of(clock=iter(times).__next__)
    for _ in seconds:
        notice.begin()
        notice.end()


def test_slow_compiling_is_announced_once_with_the_way_to_do_it_ahead(monkeypatch):
    terminal = opened(monkeypatch)
    compile_for(CompilingNotice, 0.4, 0.5, 0.4, 3.0, 20.0)
    (line,) = terminal.getvalue().splitlines()[-1:]
    assert terminal.getvalue().count("compiling kernels, once") == 1
    assert line.rstrip() == LINE and "tinygrad-dls warmup" in line


def test_it_paints_over_a_progress_bar_and_ends_its_line(monkeypatch):
    terminal = opened(monkeypatch)
    terminal.write("fit:   0% " + 60 * "#")
    compile_for(CompilingNotice, 2.0)
    bar, line = terminal.getvalue().split("\r")
    assert line.endswith("\n") and len(line.rstrip("\n")) >= len(bar)


def test_quick_compiling_is_no_news(monkeypatch):
    terminal = opened(monkeypatch)
    compile_for(CompilingNotice, 0.3, 0.3, 0.3)
    assert terminal.getvalue() == ""


def test_in_a_log_two_plain_lines_say_that_and_how_long(monkeypatch):
    log, at_exit = io.StringIO(), []
    monkeypatch.setattr("sys.stderr", log)
    monkeypatch.setattr("atexit.register", lambda *call: at_exit.append(call))
    compile_for(CompilingNotice, 0.3, 5.0, 2.0)
    assert log.getvalue() == f"{LINE}\n"
    ((say, process),) = at_exit
    say(process + 1)  # in a child that was forked
    say(process)
    assert log.getvalue().splitlines() == [LINE, "compiled kernels for 7 s: the next run finds "
                                                 "them"]


def test_a_terminal_and_no_standard_error_need_no_last_line(monkeypatch):
    monkeypatch.setattr("atexit.register", None)  # calling it would raise
    opened(monkeypatch)
    compile_for(CompilingNotice, 5.0)
    monkeypatch.setattr("sys.stderr", None)
    compile_for(CompilingNotice, 5.0)


def test_a_script_in_a_pipe(tmp_path):
    script = ("from tinygrad_dls.backend.kernels.numba.notice import notice\n"
              "import tinygrad_dls.backend.kernels.numba.notice as noticing\n"
              "noticing.SLOW_SECONDS = 0.0\n"
              "notice.begin(); notice.end(); print('done')")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "done\n"
    assert done.stderr.splitlines() == [LINE, "compiled kernels for 0 s: the next run finds them"]


@pytest.mark.skipif(not wants_compiled(), reason="kernels are not compiled in this configuration")
def test_it_is_compiling_that_counts_and_not_reading(tmp_path, monkeypatch):
    from tinygrad_dls.backend.kernels.numba import compile as compiling
    from tinygrad_dls.backend.kernels.numba import kernel_cache
    terminal = opened(monkeypatch)

    def third(x):
        for i in range(x.size):
            x[i] /= 3.0

    monkeypatch.setattr(compiling, "cache_folder", lambda file: tmp_path)
    monkeypatch.setattr(noticing, "SLOW_SECONDS", 0.0)
    monkeypatch.setattr(kernel_cache, "notice", CompilingNotice())
    compiling.kernel(third)(np.ones(3))
    assert LINE in terminal.getvalue()
    terminal.seek(terminal.truncate(0))
    monkeypatch.setattr(kernel_cache, "notice", CompilingNotice())
    compiling.kernel(third)(np.ones(3))  # from the file
    assert terminal.getvalue() == ""
