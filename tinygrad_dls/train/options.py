"""The options of a lesson: on its own command line, or under `tinygrad-dls lesson`."""

import argparse
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from ..data.sources import Where

VARIABLE = "TINYGRAD_DLS_LESSON"  # options where there is no command line, as in a notebook


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a lesson's run; None leaves the choice to the lesson."""

    data: Where | None = None
    fast: bool = False
    out: Path | None = None
    device: str = "cpu"
    seed: int | None = None
    long: bool = False

    @classmethod
    def of(cls, given: argparse.Namespace) -> "Options":
        """The options that `add_options` made a parser read."""
        return cls(given.data, given.fast, given.out, given.device, given.seed, given.long)

    @classmethod
    def parse(cls, name: str, arguments: list[str]) -> "Options":
        """Read a command line; a wrong one ends the program with code 2, as argparse does."""
        parser = argparse.ArgumentParser(prog=name, description=f"the lesson {name}")
        add_options(parser)
        return cls.of(parser.parse_args(arguments))

    def arguments(self) -> list[str]:
        """The command line that says the same."""
        pairs: list[tuple[str, Any]] = [
            ("--data", self.data),
            ("--out", self.out),
            ("--device", self.device),
            ("--seed", self.seed),
        ]
        words = [word for name, value in pairs if value is not None for word in (name, str(value))]
        return words + ["--fast"] * self.fast + ["--long"] * self.long


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"a seed is a whole number of at least 0, not {text!r}")
    return int(text)


def _device(text: str) -> str:
    if not re.fullmatch(r"cpu|strict|cuda(:\d+)?", text):
        raise argparse.ArgumentTypeError(
            f"no device is called {text!r}: there are 'cpu', 'cuda', 'cuda:1' and 'strict'")
    return text


def _folder(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("it is empty; the folder here is '.'")
    return Path(text)


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options that every lesson takes."""
    parser.add_argument(
        "--data", choices=get_args(Where), help="which data to use (default: the best there is)"
    )
    parser.add_argument("--fast", action="store_true", help="a short training, in seconds")
    parser.add_argument(
        "--long", action="store_true", help="also the training of hours, where a lesson has one"
    )
    parser.add_argument(
        "--out", type=_folder, metavar="DIR", help="folder of its files (default: out/NAME)"
    )
    parser.add_argument(
        "--device", type=_device, default="cpu", metavar="D",
        help="cpu (default), cuda, cuda:1, strict"
    )
    parser.add_argument("--seed", type=_seed, metavar="N", help="seed of the random numbers")
