"""While a program compiles its first kernels, a second process compiles the next ones."""

import os
import subprocess
import sys

import numpy as np
import pytest

from tinygrad_dls.backend.kernels.table import kernels_for, wants_compiled

if os.name != "posix" or not wants_compiled():
    pytest.skip("no second process in this configuration", allow_module_level=True)

from tinygrad_dls.backend.kernels.numba import ahead

PROGRAM = """
import numpy as np
from tinygrad_dls.backend.kernels.table import kernels_for
from tinygrad_dls.backend.kernels.numba import ahead
y = kernels_for("cpu", np).total(np.ones(16, "float32"), 1.0)
print(y, sum(process is not None for process in ahead._started))
if len(ahead._started) > 1:
    print(ahead._started[1].wait())
"""


def program(folder, code=PROGRAM, *options, **variables):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    environment |= {"TINYGRAD_DLS_CACHE": str(folder), "TINYGRAD_DLS_NUM_THREADS": "2"}
    done = subprocess.run([sys.executable, *options, "-c", code], env=environment | variables,
                          capture_output=True, text=True, check=True)
    assert "Warning" not in done.stderr
    return done.stdout.split()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kernels")
    assert program(folder) == ["16.0", "1", "0"]
    return folder


def test_it_keeps_the_kernels_of_a_step(folder):
    kept = {file.name.split("-")[0] for file in folder.rglob("*.nbc")}
    assert {"adam_step", "linear_gradients", "cross_entropy_rows", "sgd_step"} <= kept
    assert not [file for file in folder.rglob("*") if file.suffix not in (
        "", ".nbc", ".json", ".lock")]


def test_with_kept_kernels_there_is_none(folder):
    assert program(folder) == ["16.0", "0"]


@pytest.mark.parametrize("variables", [
    {"TINYGRAD_DLS_COMPILE_AHEAD": "0"}, {"TINYGRAD_DLS_NUM_THREADS": "1"},
    {"PYTEST_XDIST_WORKER": "gw0"}])
def test_it_can_be_unwanted(tmp_path, variables):
    assert program(tmp_path, **variables) == ["16.0", "0"]


IMPORT = """
import tinygrad_dls
from tinygrad_dls.backend.kernels.numba import ahead
print(sum(process is not None for process in ahead._started))
"""


@pytest.mark.parametrize(("variables", "processes"), [
    ({}, "1"), ({"TINYGRAD_DLS_COMPILE_AHEAD": "0"}, "0"), ({"TINYGRAD_DLS_NUM_THREADS": "1"}, "0"),
    ({"TINYGRAD_DLS_NUM_THREADS": "many"}, "0"), ({"TINYGRAD_DLS_KERNELS": "reference"}, "0"),
    ({"TINYGRAD_DLS_KERNELS": "none"}, "0"), ({"NUMBA_DISABLE_JIT": "1"}, "0")])
def test_the_first_import_of_all_starts_it(tmp_path, variables, processes):
    assert program(tmp_path, IMPORT, **variables) == [processes]


def test_a_later_import_does_not(folder):
    assert program(folder, IMPORT) == ["0"]


def test_where_nothing_can_be_kept_it_does_not_start(tmp_path):
    (tmp_path / "file").touch()
    assert program(tmp_path / "file", IMPORT) == ["0"]


def test_it_ends_when_its_parent_was_killed(tmp_path):
    code = f"from {ahead.__name__} import run; run({2**30})"  # nobody's number
    subprocess.run([sys.executable, "-c", code], check=True,
                   env=os.environ | {"TINYGRAD_DLS_CACHE": str(tmp_path)})
    assert not list(tmp_path.rglob("adam_step*"))


def test_it_ends_with_its_parent_and_says_nothing(tmp_path):
    code = PROGRAM.partition("if len")[0] + "print(ahead._started[1].pid)"
    done = program(tmp_path, code, "-X", "dev")
    assert done[:2] == ["16.0", "1"]
    with pytest.raises(ProcessLookupError):
        os.kill(int(done[2]), 0)


def test_all_of_the_list_can_be_called():
    for call in ahead.longest_first(kernels_for("cpu", np)):
        call()
