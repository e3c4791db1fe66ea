
import pickle
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

pytest.importorskip("numba")

from tinygrad_dls.backend.kernels.table import wants_compiled

if not wants_compiled():
    pytest.skip("kernels are not compiled in this configuration", allow_module_level=True)

from tinygrad_dls.backend.kernels.numba import compile as compiling
from tinygrad_dls.backend.kernels.numba.kernel_cache import read_checked, write_checked


def double(x):
    for i in range(x.size):
        x[i] *= 2.0


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(compiling, "cache_folder", lambda file: tmp_path)
    return tmp_path


def run():
    """A process's first call of the kernel: was it compiled, and not read?"""
    kernel, x = compiling.kernel(double), np.ones(3)
    kernel(x)
    assert x.tolist() == [2.0, 2.0, 2.0]
    return not kernel.stats.cache_hits


DAMAGE = {
    "empty": lambda content: b"",
    "half": lambda content: content[: len(content) // 2],
    "a byte less": lambda content: content[:-1],
    "a bit": lambda content: content[:-200] + bytes([content[-200] ^ 1]) + content[-199:],
    "zeros": lambda content: bytes(len(content)),
    "foreign": lambda content: b"\x80\x05N.",
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_is_compiled_again(folder, damage):
    assert run()
    assert not run()
    (file,) = folder.iterdir()
    file.write_bytes(DAMAGE[damage](file.read_bytes()))
    assert run()
    assert not run()


def test_a_kernel_that_names_a_module_which_has_moved_is_compiled_again(folder, monkeypatch):
    assert run()
    (file,) = folder.iterdir()
    module = ModuleType("a_module_that_moves")
    exec("class Helper: pass", vars(module))
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, module.__name__, module)
        content = pickle.dumps(module.Helper)
    write_checked(file, content)
    assert run()
    assert not run()


def test_a_file_of_another_signature_is_not_taken(folder):
    assert run()
    (file,) = folder.iterdir()
    compiling.kernel(double)(np.ones(3, np.float32))
    (other,) = set(folder.iterdir()) - {file}
    file.write_bytes(other.read_bytes())
    assert run()
    assert not run()


def test_a_folder_that_cannot_be_written(folder, monkeypatch):
    monkeypatch.setattr(compiling, "cache_folder", lambda file: folder / "gone")
    assert run()
    assert run()
    assert not list(folder.iterdir())


def test_a_checksum_stands_before_the_content(tmp_path):
    file = tmp_path / "kernel.nbc"
    write_checked(file, b"machine code")
    assert read_checked(file) == b"machine code"
    file.write_bytes(file.read_bytes() + b"!")
    assert read_checked(file) is None
    assert read_checked(tmp_path / "none") is None


INTERRUPTED = """
import sys
import tinygrad_dls as dls

class Once:
    def __init__(self, name):
        self.name, self.interrupts = name, [{error}]

    def find_spec(self, name, path=None, target=None):
        if name == self.name and self.interrupts:
            raise self.interrupts.pop()

names = ("numba.core.typing.templates", "numba.np.ufunc.parallel",
         "tinygrad_dls.backend.kernels.numba.elementwise.sums")
sys.meta_path[:0] = once = [Once(name) for name in names]
x = dls.Tensor([1.0, 2.0])
for _ in names:
    try:
        dls.exp(x)
        raise SystemExit("not interrupted")
    except {error}:
        pass
assert not any(one.interrupts for one in once)
assert abs(dls.exp(x) - dls.Tensor([2.7182818, 7.3890561])).max().item() < 1e-6
"""


@pytest.mark.parametrize("error", ["KeyboardInterrupt", "MemoryError"])
def test_an_import_that_was_interrupted_is_undone(error):
    result = subprocess.run([sys.executable, "-c", INTERRUPTED.format(error=error)],
                            capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert result.returncode == 0, result.stderr[-2000:]


CTRL_C = """
import signal, sys
import tinygrad_dls as dls

class Once:
    def find_spec(self, name, path=None, target=None):
        if name == "numba.core.typing.templates":
            signal.raise_signal(signal.SIGINT)  # as Ctrl-C does

sys.meta_path.insert(0, Once())
x = dls.Tensor([1.0, 2.0])
try:
    dls.exp(x)
except KeyboardInterrupt:
    assert "numba" in sys.modules, "it is to wait for the end of the import"
    print(dls.square(x).tolist())
"""


def test_ctrl_c_waits_for_the_end_of_the_import():
    result = subprocess.run([sys.executable, "-c", CTRL_C], capture_output=True, text=True)
    assert result.stdout == "[1.0, 4.0]\n", result.stderr[-2000:]
