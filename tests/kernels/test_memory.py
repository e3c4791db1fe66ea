"""Freed memory is kept: no page faults in a step that makes the same arrays again."""

import resource

import numpy as np
import pytest

from tinygrad_dls.backend.kernels.table import wants_compiled

if not wants_compiled():
    pytest.skip("only with compiled kernels", allow_module_level=True)

from tinygrad_dls.backend.kernels.numba import memory


def faults_of_making_arrays() -> int:
    def make() -> None:
        a = np.ones(4_000_000, np.float32)  # 16 MB: 3,906 pages
        b = a + 1
        del a, b

    for _ in range(3):
        make()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        make()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def test_arrays_made_again_cost_no_page_faults():
    if not memory.keep_freed_memory():
        pytest.skip("another C library, or its own variables are set")
    assert faults_of_making_arrays() < 100


@pytest.mark.parametrize(("name", "value"), [
    ("MALLOC_TRIM_THRESHOLD_", "131072"), ("GLIBC_TUNABLES", "glibc.malloc.trim_threshold=1"),
])
def test_what_the_user_chose_stays(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    assert memory.keep_freed_memory() is False
