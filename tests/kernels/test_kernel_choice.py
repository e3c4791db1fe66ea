"""Which kernels a process uses, and where compiled ones are kept."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tinygrad_dls.backend.kernels.table import wants_compiled

STEP = """
import numpy as np
import tinygrad_dls as dls
x = dls.Tensor(np.linspace(-3, 3, 1000).astype("float32").reshape(100, 10), requires_grad=True)
loss = (x.sigmoid() * x).softmax(axis=1).sum(axis=0).max() + x.relu().mean()
loss.backward()
print(type(dls.Device("cpu").kernels).__name__, f"{loss.item():.5f}",
      f"{float(x.grad.numpy().sum()):.5f}")
"""


def _run(code=STEP, **environment):
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True,
        env={**os.environ, **environment},
    )
    return result.stdout.split(), result.stderr


def test_the_reference_can_be_asked_for_and_gives_the_same_numbers():
    (kind, *values), _ = _run(TINYGRAD_DLS_KERNELS="reference")
    assert kind == "ReferenceKernels"
    (_, *others), _ = _run()
    assert [float(v) for v in values] == pytest.approx([float(v) for v in others], abs=2e-5)


def test_without_jit_the_reference_is_used():
    (kind, *_), _ = _run(NUMBA_DISABLE_JIT="1")
    assert kind == "ReferenceKernels"


def test_without_numba_the_reference_is_used_with_one_note():
    hide = "import sys; sys.modules['numba'] = None\n"
    (kind, *_), stderr = _run(hide + STEP, TINYGRAD_DLS_KERNELS="compiled", NUMBA_DISABLE_JIT="0")
    assert kind == "ReferenceKernels"
    assert stderr.count("pip install numba") == 1


def test_an_unknown_choice_is_an_error_that_names_the_choices():
    _, stderr = _run(TINYGRAD_DLS_KERNELS="fastest")
    assert "DeviceError" in stderr
    assert "'compiled' or 'reference'" in stderr


@pytest.mark.skipif(not wants_compiled(), reason="kernels are not compiled in this configuration")
class TestCache:
    def test_kernels_are_kept_in_a_folder_named_by_their_sources(self, tmp_path):
        _run(TINYGRAD_DLS_CACHE=str(tmp_path))
        folders = {folder.name for folder in (tmp_path / "kernels").iterdir()}
        assert list(tmp_path.rglob("*.nbc"))
        from tinygrad_dls.backend.kernels.numba.compile import helpers, source_hash
        from tinygrad_dls.backend.kernels.numba.losses import losses

        file = Path(losses.__file__)
        assert source_hash(file) in folders
        assert {p.name for p in helpers(file)} >= {"losses.py", "functions.py", "compile.py"}

    def test_a_cache_that_cannot_be_written_does_not_matter(self, tmp_path):
        in_the_way = tmp_path / "file"
        in_the_way.write_text("not a folder")
        (kind, *_), stderr = _run(TINYGRAD_DLS_CACHE=str(in_the_way))
        assert (kind, stderr) == ("CompiledKernels", "")

    def test_other_libraries_keep_their_own_cache(self):
        import numba

        from tinygrad_dls.backend.kernels.numba import table  # noqa: F401

        assert os.environ.get("NUMBA_CACHE_DIR", "") == numba.config.CACHE_DIR

    def test_a_second_process_compiles_nothing(self, tmp_path):
        """Among them the large functions that kernels share."""
        code = """
import numpy as np
from numba.core import event
import tinygrad_dls as dls
from tinygrad_dls import nn
compiled = []
class Listener(event.Listener):
    def on_start(self, event):
        compiled.append(event.data["dispatcher"].py_func.__name__)
    def on_end(self, event):
        pass
with event.install_listener("numba:compile", Listener()):
    x = dls.Tensor(np.ones((4, 3, 8, 8), "float32"), requires_grad=True)
    y = nn.Conv2d(3, 8, 3)(x).relu().reshape(4, -1)
    nn.Linear(288, 2)(y).sum().backward()
print(len(compiled))
"""
        found = []
        for _ in range(2):
            environment = dict(os.environ, TINYGRAD_DLS_CACHE=str(tmp_path))
            result = subprocess.run([sys.executable, "-c", code], env=environment, text=True,
                                    capture_output=True, timeout=300, check=True)
            found.append((int(result.stdout), sorted(
                (f.name, f.stat().st_mtime_ns) for f in tmp_path.rglob("*.nbc"))))
        assert found[0][0] > 0
        assert found[1][1] == found[0][1], "compiled again, under another name"
