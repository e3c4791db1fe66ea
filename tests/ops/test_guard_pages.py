"""No compiled kernel reads or writes out of bounds: every array lies beside forbidden pages.

All calls of `parity` again, in a process of their own, which an access out of bounds ends;
the last kernel it named is to blame.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from tinygrad_dls.backend.kernels.table import wants_compiled

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or not wants_compiled(), reason="compiled kernels, pages of Linux"
)
ROOT = Path(__file__).parents[2]


def run(at_end: bool, break_it: bool = False) -> subprocess.CompletedProcess[str]:
    code = f"from tests.ops.guarded import call_all; call_all({at_end}, {break_it})"
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True,
                          timeout=500, check=False)


@pytest.mark.parametrize("at_end", [True, False], ids=["at the end", "at the beginning"])
def test_no_kernel_leaves_its_arrays(at_end):
    done = run(at_end)
    assert done.returncode == 0, f"{done.stdout[-80:]}\n{done.stderr[-2000:]}"
    assert done.stdout.endswith("all\n")


@pytest.mark.parametrize("at_end", [True, False])
def test_a_kernel_that_does_is_found(at_end):
    """A test of the test."""
    done = run(at_end, break_it=True)
    assert done.returncode < 0 and done.stdout == "tanh float32\n", done.stderr[-2000:]
