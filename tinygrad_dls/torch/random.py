"""torch.random: the generator that is used where none is given."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .. import random as core


class Generator(core.Generator):
    """A stream of random numbers; without `manual_seed` another one each time."""

    def __init__(self, device: Any = "cpu") -> None:
        super().__init__(None)
        self.device = device

    def initial_seed(self) -> int:
        """The seed it was given, 0 without one."""
        return self.seed or 0


default_generator = core.default_generator


def manual_seed(seed: int) -> core.Generator:
    """Seed the generator that is used where none is given."""
    return core.manual_seed(int(seed) % 2**64)


def seed() -> int:
    """Seed it with a number of the system's, and return that."""
    number = secrets.randbits(63)
    manual_seed(number)
    return number


def initial_seed() -> int:
    """The seed it was given, 0 without one."""
    return default_generator.seed or 0


def get_rng_state() -> Any:
    """The position of its stream."""
    return default_generator.get_state()


def set_rng_state(state: Any) -> None:
    """Go on where `get_rng_state` was asked."""
    default_generator.set_state(state)


@contextmanager
def fork_rng(devices: Any = None, enabled: bool = True) -> Iterator[None]:
    """Put the stream back at the end of the block."""
    state = get_rng_state()
    try:
        yield
    finally:
        if enabled:
            set_rng_state(state)
