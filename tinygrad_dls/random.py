"""Randomness: one explicit generator, drawn on the host, so that CPU and GPU runs start alike."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ._util.locks import new_lock
from .backend.dtypes import default_dtype, float_dtype
from .engine.modes import mode, traces
from .errors import DataError, DtypeError

_making = new_lock()  # threads that draw first make one stream, not one each


class Generator:
    """A stream of random numbers with a seed; the same seed gives the same numbers.

    >>> g, again = dls.Generator(7), dls.Generator(7)
    >>> dls.array_equal(dls.randn(3, generator=g), dls.randn(3, generator=again))
    True
    """

    def __init__(self, seed: int | None = None) -> None:
        self.manual_seed(seed)

    def manual_seed(self, seed: int | None) -> Generator:
        """Start the stream of `seed` from its beginning; None is another stream each time."""
        self.seed = seed if seed is None else _whole(seed)
        self._numpy: np.random.Generator | None = None
        return self

    @property
    def numpy(self) -> np.random.Generator:
        """NumPy's generator under it; made at first use, since loading it takes time."""
        made = self._numpy
        if made is None:
            with _making:
                made = self._numpy
                if made is None:
                    made = self._numpy = np.random.Generator(np.random.PCG64(self.seed))
        return made

    def __repr__(self) -> str:
        return f"Generator({self.seed})"

    def get_state(self) -> dict[str, Any]:
        """Return the position of the stream, in plain numbers."""
        return {"seed": self.seed, "stream": self.numpy.bit_generator.state}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go to a place that `get_state` gave; DataError, and no change, for anything else."""
        made = np.random.PCG64(0)
        try:
            seed, made.state = state["seed"], state["stream"]
            seed = seed if seed is None else _whole(seed)
        except (TypeError, KeyError, ValueError, OverflowError) as error:
            raise DataError(f"no state of a Generator: {type(error).__name__}: {error}") from error
        self.seed = seed
        self._numpy = np.random.Generator(made)

    def normal(self, shape: Sequence[int], dtype: Any = None) -> np.ndarray[Any, Any]:
        """Standard normal numbers."""
        _tell()
        return self._floats(self.numpy.standard_normal, shape, dtype)

    def uniform(
        self, shape: Sequence[int], low: float = 0.0, high: float = 1.0, dtype: Any = None
    ) -> np.ndarray[Any, Any]:
        """Uniform numbers, low <= x < high."""
        _tell()
        x = self._floats(self.numpy.random, shape, dtype)
        return x if (low, high) == (0.0, 1.0) else x * (high - low) + low

    def integers(self, low: int, high: int, shape: Sequence[int] = ()) -> Any:
        """Integers, low <= x < high."""
        _tell()
        return self.numpy.integers(low, high, size=tuple(shape))

    def permutation(self, n: int) -> np.ndarray[Any, Any]:
        """0 ... n-1 in random order."""
        _tell()
        return self.numpy.permutation(n)

    def stream(self) -> int:
        """The seed of a counter-based stream, for kernels that draw their own numbers."""
        seed = int(self.numpy.integers(0, 2**63))
        if traces.active and mode.recorder is not None:
            mode.recorder.drew(self, seed)
        return seed

    def _floats(self, draw: Any, shape: Sequence[int], dtype: Any) -> np.ndarray[Any, Any]:
        kind = float_dtype(dtype or default_dtype())
        if kind in (np.float32, np.float64):
            return np.asarray(draw(tuple(shape), dtype=kind))
        return np.asarray(draw(tuple(shape))).astype(kind)


def _tell() -> None:
    if traces.active and mode.recorder is not None:
        mode.recorder.refuse("random numbers are drawn in it, by other than dropout")


def _whole(seed: int) -> int:
    try:
        number = operator.index(seed)
    except TypeError:
        number = -1
    if number < 0:
        raise DataError(f"a seed is a whole number of at least 0, not {seed!r}")
    return number


default_generator = Generator()


def chosen(generator: Generator | None) -> Generator:
    """`generator`, or the one of `manual_seed` if None; DtypeError for one of another library."""
    if generator is None:
        return default_generator
    if not isinstance(generator, Generator):
        raise DtypeError(
            "random numbers are drawn from a dls.Generator(seed), not from a "
            f"{type(generator).__module__}.{type(generator).__name__}"
        )
    return generator


def manual_seed(seed: int) -> Generator:
    """Seed the generator that is used wherever none is given.

    >>> generator = dls.manual_seed(0)
    >>> x = dls.randn(3)
    >>> generator = dls.manual_seed(0)
    >>> dls.array_equal(x, dls.randn(3))
    True
    """
    return default_generator.manual_seed(seed)
