"""Every kernel compiles for every architecture, with NVIDIA's own compiler and without a GPU."""

import re
import subprocess

import pytest

from tinygrad_dls.backend.kernels.cuda.compile import FILES, source

from . import emulator, nvrtc

HERE = nvrtc.library() is not None or nvrtc.NVCC is not None
ARCHITECTURES = ("compute_75", "compute_80", "compute_90", "compute_100")


@pytest.mark.skipif(not HERE, reason=nvrtc.MISSING)
@pytest.mark.parametrize(("real", "index", "arch"), [
    ("float", "int", "compute_75"), ("double", "long long", "compute_90"),
    *[pytest.param(real, index, arch, marks=pytest.mark.slow)
      for arch in ARCHITECTURES for real in ("float", "double") for index in ("int", "long long")],
])
@pytest.mark.parametrize("file", FILES)
def test_a_file_of_kernels_compiles(file, real, index, arch, tmp_path):
    text = source(file, real, index)
    names = {name for name, _ in emulator.KERNEL.findall(text)}
    made = nvrtc.ptx(text, arch, tmp_path)
    assert names == nvrtc.kernels_in(made)
    if real == "float" and file != "optimizers":
        # A constant without a cast would make an expression double, which many GPUs are slow at.
        # Optimizers need the digits of 1 - beta; that is computed once by each thread.
        doubles = {kernel.split("(")[0] for kernel in made.split(".visible .entry ")
                   if re.search(r"(add|mul|fma|div)(\.rn)?\.f64", kernel)}
        assert doubles <= {"join_moments", "uniform"}  # on purpose


@pytest.mark.slow
@pytest.mark.skipif(nvrtc.NVCC is None, reason="no nvcc")
@pytest.mark.parametrize("real", ["float", "double"])
@pytest.mark.parametrize("file", FILES)
def test_no_kernel_spills_its_registers(file, real, tmp_path):
    text = tmp_path / "kernels.cu"
    text.write_text(source(file, real, "int"), "utf-8")
    result = subprocess.run(
        [nvrtc.NVCC, "-std=c++17", "-arch=sm_90", "-cubin", "-Xptxas", "-v",
         "-o", tmp_path / "kernels.cubin", text], capture_output=True, text=True)
    assert not result.returncode, result.stderr
    spills = re.findall(r"(\d+) bytes spill stores", result.stderr)
    assert spills
    assert set(spills) == {"0"}, result.stderr


@pytest.mark.skipif(not HERE, reason=nvrtc.MISSING)
def test_a_mistake_is_found(tmp_path):
    """A test of the test."""
    with pytest.raises(AssertionError, match="undefined"):
        nvrtc.ptx(source("random", "float", "int") + "\nKERNEL wrong() { nothing = 1; }",
                  "compute_90", tmp_path)
