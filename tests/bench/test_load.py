"""Steps beside busy processes: who is timed, and that nobody stays behind."""

import subprocess

import pytest

from tinygrad_dls.bench import load
from tinygrad_dls.cli import main


def test_busy_processes_compute_and_end(monkeypatch):
    started = []

    class Popen(subprocess.Popen):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            started.append(self)

    monkeypatch.setattr(subprocess, "Popen", Popen)
    with pytest.raises(KeyError), load.busy(2):
        assert [p.poll() for p in started] == [None, None]
        raise KeyError
    assert len(started) == 2 and all(p.poll() is not None for p in started)


def test_each_contender_is_timed_alone_and_loaded():
    found = load.measure(["b"], 1, torch=False, seconds=0.01)
    assert set(found) == {"b"} and set(found["b"]) == {"alone", "loaded"}
    assert all(set(times) == {"eager", "captured"} and min(times.values()) > 0
               for times in found["b"].values())


def test_the_table_divides_our_slow_down_by_pytorchs():
    found = {"b": {"alone": {"eager": 1.0, "torch": 2.0}, "loaded": {"eager": 3.0, "torch": 4.0}}}
    assert "| b | eager | 1 | 3 | 3.00 | 1.50 |" in load.text(found, 4)
    assert "| b | torch | 2 | 4 | 2.00 | - |" in load.text(found, 4)


def test_as_a_command(capsys):
    assert main(["benchmark", "--load", "0"]) != 0
    assert "from 1, not 0" in capsys.readouterr().err
