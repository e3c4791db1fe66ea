"""NVIDIA's compiler without a GPU: the library NVRTC, as CuPy calls it, or the program nvcc."""

import ctypes
import importlib.util
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

MISSING = "neither NVRTC (pip install 'tinygrad_dls[cuda-test]') nor nvcc is here"
NVCC = shutil.which("nvcc")


@cache
def library() -> Any:
    """NVRTC of the package nvidia-cuda-nvrtc, or of the system; None if there is none."""
    found: list[Path] = []
    spec = importlib.util.find_spec("nvidia")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        found += sorted(Path(folder).glob("*/lib/libnvrtc.so.*"), reverse=True)
    for name in [*map(str, found), "libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"]:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    return None


def ptx(code: str, arch: str, tmp_path: Path) -> str:
    """`code` compiled for an architecture, "compute_90". AssertionError with the compiler's log."""
    nvrtc = library()
    if nvrtc is None:
        return _by_nvcc(code, arch, tmp_path)
    program = ctypes.c_void_p()
    assert not nvrtcs(nvrtc.nvrtcCreateProgram)(
        ctypes.byref(program), code.encode(), b"kernels.cu", 0, None, None)
    options = [f"-arch={arch}".encode(), b"-std=c++17"]
    failed = nvrtc.nvrtcCompileProgram(
        program, len(options), (ctypes.c_char_p * len(options))(*options))
    log = _text(nvrtc.nvrtcGetProgramLogSize, nvrtc.nvrtcGetProgramLog, program)
    made = "" if failed else _text(nvrtc.nvrtcGetPTXSize, nvrtc.nvrtcGetPTX, program)
    nvrtc.nvrtcDestroyProgram(ctypes.byref(program))
    assert not failed, log
    assert "warning" not in log, log
    return made


def nvrtcs(function: Any) -> Any:
    """A function whose pointers are not cut to 32 bits."""
    function.restype = ctypes.c_int
    return function


def kernels_in(text: str) -> set[str]:
    """The names of the kernels in PTX."""
    return set(re.findall(r"\.visible \.entry (\w+)\(", text))


def _text(size_of: Any, get: Any, program: Any) -> str:
    size = ctypes.c_size_t()
    assert not size_of(program, ctypes.byref(size))
    buffer = ctypes.create_string_buffer(size.value)
    assert not get(program, buffer)
    return buffer.value.decode()


def _by_nvcc(code: str, arch: str, tmp_path: Path) -> str:
    assert NVCC is not None, MISSING
    source, made = tmp_path / "kernels.cu", tmp_path / "kernels.ptx"
    source.write_text(code, "utf-8")
    result = subprocess.run([NVCC, "-std=c++17", f"-arch={arch}", "-ptx", "-o", made, source],
                            capture_output=True, text=True)
    assert not result.returncode, result.stderr
    return made.read_text("utf-8")
