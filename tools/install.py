"""Install this package, editable, with extras: `python tools/install.py lessons viz`.

On a new Python some dependency may have no wheel yet, and building it takes compilers and libraries
that few have. Such a package is left out, which one line says; what needs it says so when it is
used. Only NumPy must be there.
"""

import re
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PIP = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
NEEDED = ("numpy",)


def requirements(config: ConfigParser, extras: list[str]) -> list[str]:
    """What the package and these extras require, each once."""
    texts = [config["options"]["install_requires"]]
    texts += [config["options.extras_require"][extra] for extra in extras]
    return list(dict.fromkeys(line for text in texts for line in text.split("\n") if line))


def name_of(requirement: str) -> str:
    """The name in a requirement such as "cupy-cuda12x[ctk]>=14,<15"."""
    return re.split(r"[^\w.-]", requirement, maxsplit=1)[0]


def install(wanted: list[str]) -> list[str]:
    """Install wheels of all that is wanted; returns what has none for this Python."""
    missing: list[str] = []
    while errors := _errors(wanted):
        found = re.search(r"No matching distribution found for (\S+)", errors)
        name = name_of(found[1]).lower() if found else ""
        without = [line for line in wanted if name_of(line).lower() == name]
        if not without or name in NEEDED:  # what one of them needs itself, no network, no disk
            raise SystemExit(f"These packages cannot be installed: {', '.join(wanted)}\n{errors}")
        wanted = [line for line in wanted if line not in without]
        missing += without
    return missing


def _errors(wanted: list[str]) -> str:
    """What pip says against installing them; nothing when they are installed."""
    result = subprocess.run([*PIP, "--only-binary=:all:", *wanted], capture_output=True, text=True,
                            check=False)
    return result.stderr if result.returncode else ""


def compiling() -> subprocess.Popen[bytes]:
    """A process that compiles the kernels, while pip waits for the network.

    They need NumPy and Numba alone. What it says goes nowhere: what it leaves out is compiled when
    it is first used.
    """
    return subprocess.Popen([sys.executable, "-m", "tinygrad_dls", "warmup"], cwd=ROOT,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def main(extras: list[str]) -> None:
    """Install, and say what was left out."""
    config = ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    missing = install(requirements(config, []))
    kernels = compiling()
    missing += install([line for line in requirements(config, extras)
                        if name_of(line) not in missing])
    subprocess.run([*PIP, "--no-deps", "--editable", str(ROOT)], check=True)
    if kernels.poll() is None:
        print("compiling kernels, once: they are kept ...", flush=True)
        kernels.wait()
    if missing:
        version = ".".join(map(str, sys.version_info[:2]))
        print(f"Left out, since there is no wheel for Python {version}: "
              f"{', '.join(map(name_of, missing))}. All that does not need it works.")


if __name__ == "__main__":
    main(sys.argv[1:])
