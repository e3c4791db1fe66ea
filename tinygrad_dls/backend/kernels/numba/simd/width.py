"""Vector width: how many numbers the processor handles at once, and in how many registers.

It is a property of the processor that Numba compiles for: the one at hand, or the one that
NUMBA_CPU_NAME and NUMBA_CPU_FEATURES say.
"""

import platform
from typing import NamedTuple

import llvmlite.binding as llvm
import numba

AVX512 = ("skylake-avx512", "cascadelake", "cooperlake", "cannonlake", "icelake", "rocketlake",
          "tigerlake", "sapphirerapids", "emeraldrapids", "graniterapids", "znver4", "znver5",
          "x86-64-v4")
AVX2 = ("haswell", "broadwell", "skylake", "alderlake", "raptorlake", "meteorlake", "znver1",
        "znver2", "znver3", "x86-64-v3")


class Width(NamedTuple):
    """The vector registers of a processor."""

    bits: int  # of one register
    registers: int

    def lanes(self, itemsize: int) -> int:
        """Return how many numbers of this many bytes fit in one register."""
        return self.bits // 8 // itemsize


def width_of(cpu: str, features: str) -> Width:
    """The registers of an LLVM processor name, with LLVM features ("+avx2,-avx512f") if any."""
    on = {f[1:] for f in features.split(",") if f.startswith("+")}
    off = {f[1:] for f in features.split(",") if f.startswith("-")}
    if cpu.startswith(AVX512):
        on |= {"avx512f", "avx2"} - off
    elif cpu.startswith(AVX2):
        on |= {"avx2"} - off
    if "avx512f" in on:
        return Width(512, 32)
    if "avx2" in on:
        return Width(256, 16)
    arm = platform.machine().lower() in ("arm64", "aarch64")
    return Width(128, 32 if arm else 16)


def _host() -> Width:
    name = numba.config.CPU_NAME or "host"  # type: ignore[attr-defined]
    features = numba.config.CPU_FEATURES  # type: ignore[attr-defined]
    if name != "host":
        return width_of(name, features or "")
    if features is None:
        features = llvm.get_host_cpu_features().flatten()
    return width_of("", features)


HOST = _host()
