"""Latency: importing the package, and the first step of a fresh process."""

import os
import subprocess
import sys
import tempfile
from statistics import median

IMPORT = "import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
FIRST_STEP = """
import time
start = time.perf_counter()
from tinygrad_dls.bench.cases import CASES
from tinygrad_dls.bench.ours import build
build(CASES["c2"])()
print(time.perf_counter() - start)
"""


def latencies(torch: bool) -> dict[str, float]:
    """Seconds: import, import and first step of case c2 (kernels compiled before, and not)."""
    found = {
        "import_s": _median(IMPORT.format(module="tinygrad_dls")),
        "numpy_import_s": _median(IMPORT.format(module="numpy")),
    }
    with tempfile.TemporaryDirectory() as empty:  # Python's own compiled files: there, as usual
        environment = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": f"{empty}/python"}
        _seconds(FIRST_STEP, environment)
        environment["TINYGRAD_DLS_CACHE"] = empty
        found["first_step_cold_s"] = _seconds(FIRST_STEP, environment)
        found["first_step_warm_s"] = _median(FIRST_STEP, environment)
    if torch:
        found["torch_import_s"] = _median(IMPORT.format(module="torch"))
    return found


def _median(code: str, environment: dict[str, str] | None = None) -> float:
    return median(_seconds(code, environment) for _ in range(5))


def _seconds(code: str, environment: dict[str, str] | None = None) -> float:
    result = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **(environment or {})}, check=True,
        capture_output=True, text=True,
    )
    return float(result.stdout)
