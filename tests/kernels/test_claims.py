"""Of two processes that need a kernel one compiles it, and the other waits."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("fcntl")

from tinygrad_dls.backend.kernels.numba import claims

HOLD = f"""
import sys, time
from pathlib import Path
from {claims.__name__} import claim, give_up
claim(Path("kernel"))
print("claimed", flush=True)
sys.stdin.readline()
give_up(Path("kernel"))
print("given up", flush=True)
sys.stdin.readline()
"""
KERNEL = Path("kernel")


@pytest.fixture(autouse=True)
def cache_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("TINYGRAD_DLS_CACHE", str(tmp_path))
    yield tmp_path
    claims.give_up(KERNEL)


@pytest.fixture
def other(cache_folder):
    """A process that has claimed the kernel, and gives up with the first line that it reads."""
    with subprocess.Popen([sys.executable, "-c", HOLD], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "claimed\n"
        yield process
        process.kill()


def seconds(kernel):
    start = time.perf_counter()
    claims.claim(kernel)
    return time.perf_counter() - start


def test_what_another_process_compiles_is_waited_for(other, monkeypatch):
    monkeypatch.setattr(claims, "PATIENCE", 0.2)
    assert seconds(KERNEL) >= 0.2
    assert seconds(Path("another kernel")) < 0.2


def test_a_claim_is_given_up(other):
    other.stdin.write("\n")
    other.stdin.flush()
    assert other.stdout.readline() == "given up\n"
    assert seconds(KERNEL) < claims.PATIENCE


def test_a_claim_ends_with_its_process(other):
    other.kill()
    other.wait()
    assert seconds(KERNEL) < claims.PATIENCE


def test_a_process_does_not_wait_for_itself():
    assert seconds(KERNEL) + seconds(KERNEL) < claims.PATIENCE


def test_without_a_folder_nobody_waits(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("TINYGRAD_DLS_CACHE", str(tmp_path / "file"))
    assert seconds(KERNEL) < claims.PATIENCE
    claims.give_up(KERNEL)
