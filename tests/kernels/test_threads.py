"""Kernels on several threads: the same numbers, also in forked children and Python threads."""

import math
import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from tinygrad_dls.backend.kernels.table import wants_compiled

pytest.importorskip("numba")
if not wants_compiled():
    pytest.skip("nothing is compiled", allow_module_level=True)
from tinygrad_dls.backend.kernels.numba import cores, threads
from tinygrad_dls.backend.kernels.numba.compile import kernel
from tinygrad_dls.backend.kernels.numba.parallel import parallel_for
from tinygrad_dls.backend.kernels.numba.table import CompiledKernels

TABLE = CompiledKernels(np)


@kernel
def double(chunk, chunks, x, y, which):
    for i in range(chunk * x.size // chunks, (chunk + 1) * x.size // chunks):
        y[i] = 2 * x[i]
        which[i] = chunk


@kernel
def double_together(parts, x, y, which):
    parallel_for(double, parts, (x, y, which))


@pytest.mark.parametrize("parts", [1, 2])
def test_every_share_is_done_once(parts):
    x = np.arange(1001.0)
    y, which = np.zeros(1001), np.full(1001, -1)
    double_together(min(parts, threads._team.size), x, y, which)
    np.testing.assert_array_equal(y, 2 * x)
    assert (np.diff(which) >= 0).all() and which[0] == 0


def test_small_work_stays_on_one_thread():
    assert threads.threads_for(1000) == 1
    assert threads.threads_for(1e9) == threads._team.size


def layers(seed):
    """A product of three matrices with their gradients, large enough for threads."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((300, 90), dtype=np.float32)
    for k, n in ((90, 200), (200, 64)):
        w = rng.standard_normal((n, k), dtype=np.float32)
        y = TABLE.linear(x, w, np.ones(n, np.float32))
        parts = TABLE.linear_backward(y, x, w, (True, True, True))
        x = np.tanh(y) + sum(float(p.sum()) * 1e-6 for p in parts)
    return x


def test_python_threads_at_once_give_the_same_numbers():
    alone = [layers(seed) for seed in range(8)]
    found = {}

    def run(seed):
        for _ in range(5):
            found[seed] = layers(seed)

    workers = [threading.Thread(target=run, args=(seed,)) for seed in range(8)]
    for w in workers:
        w.start()
    for w in workers:
        w.join(120)
    for seed in range(8):
        np.testing.assert_array_equal(found[seed], alone[seed])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_works_alone_and_right():
    want = layers(3)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:  # no pytest in here: only the answer, then out
        answer = b"wrong"
        try:
            if threads.threads_for(1e12) == 1 and np.array_equal(layers(3), want):
                answer = b"right"
        finally:
            os.write(write, answer)
            os._exit(0)
    os.close(write)
    assert os.read(read, 10) == b"right"
    os.waitpid(child, 0)


@kernel
def doubled_often(times, parts, x, y, which):
    for _ in range(times):
        parallel_for(double, parts, (x, y, which))
        for i in range(x.size):
            x[i] = y[i] / 2 + 1


def test_thousands_of_short_works_in_a_row():
    x = np.arange(64.0)
    doubled_often(20_000, 2, x, np.zeros(64), np.zeros(64, np.int64))
    np.testing.assert_array_equal(x, np.arange(64.0) + 20_000)


def test_many_python_threads_hand_out_at_once():
    arrays = [np.arange(64.0) for _ in range(6)]
    workers = [threading.Thread(target=doubled_often, args=(
        5000, 3, x, np.zeros(64), np.zeros(64, np.int64))) for x in arrays]
    for w in workers:
        w.start()
    for w in workers:
        w.join(120)
    for x in arrays:
        np.testing.assert_array_equal(x, np.arange(64.0) + 5000)


def test_threads_that_sleep_are_woken():
    x, y, which = np.arange(1001.0), np.zeros(1001), np.zeros(1001)
    for _ in range(20):
        time.sleep(0.002)
        double_together(2, x, y, which)
        np.testing.assert_array_equal(y, 2 * x)
        y[:] = 0


@pytest.mark.parametrize(("files", "own", "found"), [
    ({"cpu.max": "150000 100000"}, "0::/", 1.5),
    ({"cpu.max": "max 100000"}, "0::/", math.inf),
    ({"a/b/cpu.max": "max 100000", "a/cpu.max": "50000 100000"}, "0::/a/b", 0.5),
    ({"cpu,cpuacct/a/cpu.cfs_quota_us": "300000", "cpu,cpuacct/a/cpu.cfs_period_us": "100000"},
     "3:memory:/a\n4:cpu,cpuacct:/a", 3.0),
    ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, "4:cpu:/", math.inf),
    ({"cpu.max": "nonsense"}, "0::/", math.inf),
    ({}, "", math.inf),
])
def test_cores_of_a_control_group(tmp_path, files, own, found):
    for name, content in files.items():
        file = tmp_path / "groups" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content + "\n")
    (tmp_path / "own").write_text(own + "\n")
    assert cores.cores_of_group(tmp_path / "groups", tmp_path / "own") == found


def test_cores_of_no_control_group(tmp_path):
    assert cores.cores_of_group(tmp_path, tmp_path / "nothing") == math.inf


STEP = """
import numpy as np
{before}
from tinygrad_dls.backend.kernels.numba import threads
from tinygrad_dls.backend.kernels.numba.table import CompiledKernels
x = np.random.default_rng(0).standard_normal((500, 300), dtype=np.float32)
w = np.random.default_rng(1).standard_normal((200, 300), dtype=np.float32)
y = CompiledKernels(np).linear(x, w, None)
print(threads.threads_for(1e9), np.allclose(y, x @ w.T, atol=1e-3))
"""
NO_FUTEX = "from tinygrad_dls.backend.kernels.numba import atomics; atomics.FUTEX = None"


@pytest.mark.parametrize("layer", ["own", "omp", "workqueue"])
@pytest.mark.parametrize(("asked", "given"), [("1", "1"), ("2", "2"), ("999", None)])
def test_the_number_of_threads_can_be_chosen(layer, asked, given):
    environment = dict(os.environ, NUMBA_THREADING_LAYER=layer.replace("own", "default"),
                       TINYGRAD_DLS_NUM_THREADS=asked, NUMBA_NUM_THREADS="2")
    code = STEP.format(before="" if layer == "own" else NO_FUTEX)
    done = subprocess.run([sys.executable, "-c", code], env=environment, text=True,
                          capture_output=True, timeout=120)
    if "No threading layer could be loaded" in done.stderr:
        pytest.skip(f"Numba has no {layer} here")
    assert done.stdout.split() == [given or "2", "True"], done.stderr
    assert done.returncode == 0


def test_a_number_of_threads_that_is_none():
    environment = dict(os.environ, TINYGRAD_DLS_NUM_THREADS="many")
    done = subprocess.run([sys.executable, "-c", STEP.format(before="")], env=environment,
                          text=True, capture_output=True, timeout=120)
    assert "it is a number of threads, from 1" in done.stderr
