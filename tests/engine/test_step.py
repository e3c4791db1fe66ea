"""The path of one eager training step through the files of the package, for those who read it."""

import sys
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest

import tinygrad_dls as dls
from tests.reading import evening
from tinygrad_dls import nn, optim
from tinygrad_dls.backend.kernels.table import wants_compiled
from tinygrad_dls.nn import functional as F

PACKAGE = str(Path(dls.__file__).parent)
MOST_FILES, MOST_CALLS = 18, 193


@pytest.mark.skipif(not wants_compiled(), reason="the path through compiled kernels is counted")
def test_a_step_of_an_mlp_with_adam_passes_few_files() -> None:
    model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    opt = optim.Adam(model.parameters(), lr=1e-3)
    x = dls.tensor(np.random.default_rng(0).standard_normal((64, 784)).astype("float32"))
    y = dls.tensor(np.arange(64) % 10)
    passed: Counter[str] = Counter()

    def count(frame: FrameType, event: str, _: Any) -> None:
        file = frame.f_code.co_filename
        if event == "call" and file.startswith(PACKAGE):
            passed[file.removeprefix(PACKAGE)] += 1

    def step() -> None:
        opt.zero_grad()
        F.cross_entropy(model(x), y).backward()
        opt.step()

    step()  # what is bound, built and compiled at the first step
    step()
    before = sys.getprofile()
    sys.setprofile(count)
    try:
        step()
    finally:
        sys.setprofile(before)
    assert len(passed) <= MOST_FILES, sorted(passed)
    assert sum(passed.values()) <= MOST_CALLS, passed
    read = {f"/{path.relative_to(PACKAGE).as_posix()}" for path, _, _ in evening()
            if path.is_relative_to(PACKAGE)}
    assert passed.keys() <= read, "ARCHITECTURE.md leaves it out of the evening's reading"
