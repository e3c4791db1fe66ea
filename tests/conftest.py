"""Fixtures that all tests share."""

import gc
import os
import signal
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from tests.selection import Selection, lessons_of_module, select

# A shell starts what runs in its background deaf to Ctrl-C, which some tests send.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

for missing in os.environ.get("TINYGRAD_DLS_TEST_WITHOUT", "").split():
    sys.modules[missing] = None  # type: ignore[assignment]  # as if it were not installed

import tinygrad_dls as dls  # noqa: E402
from tinygrad_dls.train.catalog import lessons  # noqa: E402

# A busy machine is not a failure; a change is judged by the same examples each time it is tested.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.register_profile("fresh", deadline=None)  # --hypothesis-profile fresh: new ones each time
settings.load_profile("repeatable")
SELECTED = pytest.StashKey[Selection]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--lessons", type=int, default=None, metavar="N",
                     help="test N lessons, changed ones first: see tests/README.md")


def pytest_configure(config: pytest.Config) -> None:
    places = config.getoption("--lessons")
    if places is not None:
        scripts = {entry.name: entry.script for entry in lessons()}
        config.stash[SELECTED] = select(scripts, config.rootpath, places)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out files of PyTorch's tests alone: importing it takes seconds in each process."""
    if "not torch" in config.getoption("markexpr") and collection_path.suffix == ".py":
        if "\npytestmark = pytest.mark.torch\n" in collection_path.read_text("utf-8"):
            return True
    return None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests of lessons that are not selected."""
    selection = config.stash.get(SELECTED, None)
    if selection is None:
        return
    names = [entry.name for entry in lessons()]
    out = {*selection.left_out}

    def is_left_out(item: pytest.Item) -> bool:
        entry = getattr(item, "callspec", None) and item.callspec.params.get("entry")
        tested = [entry.name] if entry else lessons_of_module(item.path, names)
        return bool(tested) and out.issuperset(tested)

    left = [item for item in items if is_left_out(item)]
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if not is_left_out(item)]


def pytest_collection_finish() -> None:
    """Keep the collector off ten thousand tests and the libraries: it looked at them each time."""
    gc.collect()
    gc.freeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter,
                            config: pytest.Config) -> None:
    selection = config.stash.get(SELECTED, None)
    if selection is not None:
        terminalreporter.write_line(f"lessons tested:\n{selection}")


@pytest.fixture
def rng() -> np.random.Generator:
    """Random numbers, the same in every run."""
    return np.random.default_rng(0)


@pytest.fixture(autouse=True)
def defaults_restored() -> Iterator[None]:
    """A test that sets the default dtype or device leaves no trace."""
    dtype, device = dls.default_dtype(), dls.default_device()
    yield
    dls.set_default_dtype(dtype)
    dls.set_default_device(device)


@pytest.fixture(autouse=True)
def same_numbers(request: pytest.FixtureRequest) -> None:
    """A test draws the same numbers in every run, whichever ran before it."""
    seed = zlib.crc32(request.node.nodeid.encode())
    dls.manual_seed(seed)
    if torch := sys.modules.get("torch"):
        torch.manual_seed(seed)
