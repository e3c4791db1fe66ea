"""The checkpoints of one training: a folder with the last few, from which it can go on."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from .._util.arguments import is_whole
from .._util.atomic_files import clear_parts, open_folder
from ..errors import DataError, DtypeError, Error, FormatError
from .checkpoints import read_checkpoint, save_checkpoint

NAME = re.compile(r"step-(\d{10,})\.safetensors")


class Keeper:
    """Writes `folder`/step-NUMBER.safetensors and keeps the last `keep` of them.

    `parts`: what `save_checkpoint` and `load_checkpoint` take. `every`: how many steps lie
    between two; None: one at the end of each epoch. A process that is killed while it writes
    leaves the file before whole; what it had written is removed by the next one.
    """

    def __init__(self, folder: str | os.PathLike[str], every: int | None, keep: int,
                 parts: dict[str, Any]) -> None:
        if every is not None and not is_whole(every, least=1):
            raise DataError(f"every is a number of steps, at least 1, or None for each epoch, not "
                            f"{every!r}")
        if not is_whole(keep, least=1):
            raise DataError(f"keep is a number of checkpoints, at least 1, not {keep!r}")
        try:
            self.folder = Path(folder)
        except TypeError as error:
            raise DtypeError(f"checkpoint is a folder, not a {type(folder).__name__}") from error
        self.folder = open_folder(self.folder, "checkpoints take one that can")
        self.every, self.keep, self.parts = every, int(keep), parts
        self._history, self._before, self._since = parts["history"], 0.0, time.perf_counter()

    def files(self) -> list[Path]:
        """The checkpoints there are, the newest first."""
        found = [(int(name[1]), path) for path in self.folder.iterdir()
                 if (name := NAME.fullmatch(path.name))]
        return [path for _, path in sorted(found, reverse=True)]

    def resume(
        self, go_on: bool, check: Callable[[dict[str, Any]], None]
    ) -> dict[str, Any] | None:
        """Bring all parts to where the newest checkpoint was; its notes, None if there is none.

        `check` raises for notes that cannot be gone on from. A file that is broken, or of another
        training, is set aside under another name, with a line on the standard error output, and
        the one before is taken. Where none can be taken, training starts from nothing if all are
        broken; else the error of the newest says what differs, and nothing is changed.
        """
        clear_parts(self.folder / "x.safetensors", r"step-\d+")
        if not go_on and self.files():
            raise DataError(f"resume=False, but {self.folder} holds checkpoints of a training: "
                            "resume=True goes on with it; for another, take another folder")
        passed: list[tuple[Path, Error]] = []
        for path in self.files():
            try:
                notes, restore = read_checkpoint(path, **self.parts)
                check(notes)
            except Error as error:
                if os.path.lexists(path):  # else another process removed it just now
                    passed.append((path, error))
                continue
            _set_aside(passed, f"training goes on from {path.name}")
            restore()
            self._before = self._history.seconds
            return notes
        if foreign := [why for _, why in passed if not isinstance(why, FormatError)]:
            raise foreign[0]
        _set_aside(passed, "no other is left: training starts from the beginning")
        return None

    def seconds(self) -> float:
        """The duration of the training, all its parts together."""
        return float(self._before + time.perf_counter() - self._since)

    def due(self, step: int) -> bool:
        """Return whether a checkpoint is due after this many steps."""
        return self.every is not None and step % self.every == 0

    def save(self, step: int, notes: Callable[[], dict[str, Any]]) -> None:
        """Write the checkpoint of a step, and remove those that are too old."""
        self._history.seconds = self.seconds()
        written = self.folder / f"step-{step:010d}.safetensors"
        save_checkpoint(written, **self.parts, **notes())
        others = [path for path in self.files() if path != written]
        for path in others[self.keep - 1 :]:
            with suppress(OSError):
                path.unlink()


def _set_aside(passed: list[tuple[Path, Error]], then: str) -> None:
    """Rename files that were passed over, so that they neither count nor are in the way."""
    for i, (path, error) in enumerate(passed):
        reason = " ".join(str(error).replace(f"{path} ", "it ", 1).split())
        aside, number = path.with_name(f"{path.name}.passed-over"), 1
        while os.path.lexists(aside):
            number += 1
            aside = path.with_name(f"{path.name}.passed-over-{number}")
        try:
            path.rename(aside)
            kept = f" and kept as {aside.name}"
        except OSError:
            kept = ""
        end = f"; {then}" if i == len(passed) - 1 else ""
        print(f"the checkpoint {path} is passed over{kept} ("
              f"{reason if len(reason) <= 200 else reason[:197] + '...'}){end}", file=sys.stderr)
