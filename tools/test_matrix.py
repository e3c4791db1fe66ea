"""What `make test-all` adds to `make test`: long tests, PyTorch as oracle, other configurations.

Each line is one run of pytest with an environment of its own; all are run, then the exit code
tells whether any failed. `--list` shows them, `--only WORD` runs those with the word in their name.
With `--share` the long tests are those of some lessons only (tests/selection.py), which is what a
change must pass; of functions with many samples in PyTorch's database some are taken, and of
configurations that are alike one; what is left out is printed.
"""

import argparse
import hashlib
import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CORE = ("tests/ops", "tests/engine", "tests/kernels", "tests/nn", "tests/optim", "tests/check",
        "tests/capturing")
LESSONS = "8"  # whose long tests run where they are shared out
# Configurations that rarely find different faults: where they are shared out, the commit takes one.
ALIKE = (("Numba's JIT switched off", "no Numba at all"), ("one thread", "four threads"))


@dataclass
class Run:
    """One run of pytest: what, and under which environment."""

    name: str
    arguments: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)


def runs(cache: str, share: bool) -> list[Run]:
    """The matrix; `cache` is an empty folder for kernels compiled for another CPU."""
    quick = (*CORE, "-m", "not slow and not torch")
    lessons = ("--lessons", LESSONS) if share else ()
    found = [
        Run("long tests: notebooks, soak, whole lessons", ("-m", "slow and not torch", *lessons)),
        Run("reference kernels", quick, {"TINYGRAD_DLS_KERNELS": "reference"}),
        Run("Numba's JIT switched off", quick, {"NUMBA_DISABLE_JIT": "1"}),
        Run("no Numba at all", quick, {"TINYGRAD_DLS_TEST_WITHOUT": "numba"}),
        Run("no h5py, no scikit-image", (  # as on a Python that is too new for their wheels
            *(f"tests/lessons/test_every_lesson.py::test_it_runs_fast_on_what_is_built_in[{name}]"
              for name in ("c1w2-logistic-regression", "c1w4-cat-classifier")),
            "tests/data_sources/test_load.py::test_without_a_package_the_next_place_is_taken",
        ), {"TINYGRAD_DLS_TEST_WITHOUT": "h5py skimage"}),
        Run("one thread", quick, {"OPENBLAS_NUM_THREADS": "1", "TINYGRAD_DLS_NUM_THREADS": "1"}),
        Run("four threads", quick, {
            "OPENBLAS_NUM_THREADS": "4", "NUMBA_NUM_THREADS": "4", "TINYGRAD_DLS_NUM_THREADS": "4",
        }),
        Run("an older CPU (AVX2)", quick,
            {"NUMBA_CPU_NAME": "haswell", "TINYGRAD_DLS_CACHE": cache}),
    ]
    if importlib.util.find_spec("torch"):
        oracle = "torch and not slow" if share else "torch"
        databases = ("tests/oracle", "-k", "database", "-m", "torch and not slow")
        found[1:1] = [
            Run("PyTorch as oracle", ("-m", oracle)),
            Run("PyTorch's databases, reference kernels", databases,
                {"TINYGRAD_DLS_KERNELS": "reference"}),
        ]
    else:
        print("PyTorch is not installed: its tests are left out (pip install torch)", flush=True)
    return found


def left_out() -> set[str]:
    """The names of runs that this commit leaves out where they are shared out: all but one of each
    group that is alike.
    """
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True,
                            check=False).stdout.strip()
    turn = int(hashlib.sha256(commit.encode()).hexdigest(), 16)
    return {name for names in ALIKE for name in names if name != names[turn % len(names)]}


def main() -> int:
    """Run the matrix, and print a line for each run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--list", action="store_true", help="show the runs and stop")
    parser.add_argument("--share", action="store_true", help="leave out lessons, by the commit")
    parser.add_argument("--only", default="", metavar="WORD", help="runs with WORD in their name")
    parser.add_argument("--jobs", default="2", help="processes of pytest at a time")
    arguments = parser.parse_args()
    summary, others = [], left_out() if arguments.share else set[str]()
    with tempfile.TemporaryDirectory() as cache:
        for run in runs(cache, arguments.share):
            if arguments.only not in run.name:
                continue
            if run.name in others:
                print(f"\n=== LEFT OUT, `make test-all` runs it: {run.name}", flush=True)
                continue
            print(f"\n=== {run.name} {run.environment or ''}", flush=True)
            if arguments.list:
                continue
            start = time.monotonic()
            code = subprocess.run(
                [sys.executable, "-m", "pytest", "-q", "-n", arguments.jobs, "--dist", "worksteal",
                 *run.arguments],
                cwd=ROOT, env={**os.environ, **run.environment}, check=False,
            ).returncode
            summary.append((code, f"{run.name}, {time.monotonic() - start:.0f} s"))
    print()
    for code, text in summary:
        print(f"{'passed' if code == 0 else 'FAILED'}  {text}")
    return int(any(code for code, _ in summary))


if __name__ == "__main__":
    sys.exit(main())
