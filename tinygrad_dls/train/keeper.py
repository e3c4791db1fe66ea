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

from ..arguments import is_whole
from ..errors import DataError, DtypeError, FormatError
from ..files import clear_parts
from .checkpoints import load_checkpoint, save_checkpoint

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
            self.folder = Path(folder).expanduser().absolute()
        except TypeError as error:
            raise DtypeError(f"checkpoint is a folder, not a {type(folder).__name__}") from error
        self.every, self.keep, self.parts = every, int(keep), parts
        self._history, self._before, self._since = parts["history"], 0.0, time.perf_counter()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(f"the folder {self.folder} for checkpoints cannot be made "
                            f"({error.strerror})") from error

    def files(self) -> list[Path]:
        """The checkpoints there are, the newest first."""
        found = [(int(name[1]), path) for path in self.folder.iterdir()
                 if (name := NAME.fullmatch(path.name))]
        return [path for _, path in sorted(found, reverse=True)]

    def resume(self, go_on: bool) -> dict[str, Any] | None:
        """Bring all parts to where the newest checkpoint was; its notes, None if there is none.

        A file that is broken is passed over, with a word on the standard error output.
        """
        clear_parts(self.folder / "x.safetensors", r"step-\d+")
        if not go_on and self.files():
            raise DataError(f"resume=False, but {self.folder} holds checkpoints of a training: "
                            "resume=True goes on with it; for another, take another folder")
        for path in self.files():
            try:
                notes = load_checkpoint(path, **self.parts)
            except FormatError as error:
                print(f"{error}; the one before is taken", file=sys.stderr)
                continue
            self._before = self._history.seconds
            return notes
        return None

    def seconds(self) -> float:
        """How long training took, all parts of it together."""
        return float(self._before + time.perf_counter() - self._since)

    def due(self, step: int) -> bool:
        """Is it time, after this many steps?"""
        return self.every is not None and step % self.every == 0

    def save(self, step: int, notes: Callable[[], dict[str, Any]]) -> None:
        """Write the checkpoint of a step, and remove those that are too old."""
        self._history.seconds = self.seconds()
        save_checkpoint(self.folder / f"step-{step:010d}.safetensors", **self.parts, **notes())
        for path in self.files()[self.keep:]:
            with suppress(OSError):
                path.unlink()
