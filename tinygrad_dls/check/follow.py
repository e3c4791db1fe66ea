"""Arrays that are followed through a backward, so that each step of it can be tried otherwise.

A rule is Python that cannot be opened, but the arrays it gets can report what is done to them:
where in its code a value is used, and what every operation makes. Running it again with another
value at one of these sites tells which line the mistake is in.
"""

import linecache
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .numeric import Array

SUMMED = "summed over axis "  # the kind of a site where that happens, before the number
SUM = "sum"  # the kind of a site that a sum, or a mean, leaves
NUMPY = str(Path(np.__file__).parent)


class Site(NamedTuple):
    """One place in the code of a backward."""

    what: str  # the name of the value that is used; "=" for what an operation makes
    file: str
    line: int
    step: int  # of the compiled code: two uses in one line are two sites
    slot: int  # which operand it is there

    @property
    def whole_line(self) -> "Site":
        """All sites of this kind in its line."""
        return self._replace(step=-1, slot=-1)

    @property
    def everywhere(self) -> "Site":
        """All sites of this kind, in all lines."""
        return self._replace(file="", line=0, step=-1, slot=-1)

    def __str__(self) -> str:
        if not self.line:
            return "everywhere"
        code = linecache.getline(self.file, self.line).strip()
        return f"in line {self.line}, `{code}`" if code else f"in line {self.line}"


Change = Callable[[Array], Array | None]  # None: the array stays as it is


def halved(x: Array) -> Array | None:
    """A change that shows what depends on a step."""
    return x / 2 if x.dtype.kind == "f" else None


class Follower:
    """Observer of followed arrays: it fills `passes`, and changes them at some sites."""

    def __init__(self, *changes: "tuple[Site, Change]") -> None:
        self.changes = dict(changes)
        self.passes: dict[Site, list[Array]] = {}  # more than one in a loop

    def follow(self, value: Array, name: str = "") -> "Followed":
        """The same array, followed; under its name as a value that is used."""
        followed = value.view(Followed)
        followed.follower, followed.called = self, name
        return followed

    def pass_(self, what: str, value: Array, slot: int = 0) -> Array:
        """An array passes a site: the array to go on with."""
        file, line, step = _caller()
        site = Site(what, file, line, step, slot)
        self.passes.setdefault(site, []).append(value)
        for group in (site, site.whole_line, site.everywhere) if self.changes else ():
            if group in self.changes:
                changed = self.changes[group](value)
                return value if changed is None else changed
        return value


def _caller() -> tuple[str, int, int]:
    """Find the file, line and step, outside of NumPy and of this file, that use the array."""
    frame: Any = sys._getframe(2)
    while frame.f_code.co_filename == __file__ or frame.f_code.co_filename.startswith(NUMPY):
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno, frame.f_lasti


class Followed(np.ndarray):
    """An array that tells its follower what is done with it."""

    follower: Follower | None = None
    called = ""

    def __array_finalize__(self, obj: Any) -> None:
        self.follower = getattr(obj, "follower", None)

    def _value(self, slot: int = 0) -> Array:
        plain = self.view(np.ndarray)
        if self.called and self.follower is not None:
            return self.follower.pass_(self.called, plain, slot)
        return plain

    def _next(self, made: Any, what: str = "=") -> Any:
        if not isinstance(made, np.ndarray) or self.follower is None:
            return made
        return self.follower.follow(self.follower.pass_(what, made))

    @property
    def T(self) -> Any:
        return self._next(self._value().T, ".T")

    def reshape(self, *shape: Any, **options: Any) -> Any:
        turned = self._passed("reshape", self._value())
        return self._next(turned.reshape(*shape, **options), "reshaped")

    def _passed(self, what: str, value: Array) -> Array:
        return value if self.follower is None else self.follower.pass_(what, value)

    def _summed(self, made: Any, axis: Any) -> Any:
        """The result of a sum or a mean over `axis`; a change gets all that was summed."""
        if not isinstance(made, np.ndarray):
            return made
        plain = self.view(np.ndarray)
        if isinstance(axis, int):
            other = self._passed(f"{SUMMED}{axis % max(self.ndim, 1)}", plain)
            made = made if other is plain else other
        return self._next(self._passed(SUM, made))

    def __getitem__(self, index: Any) -> Any:
        made = self._value()[_plain(index)]
        if isinstance(made, np.ndarray) and self.follower is not None:
            return self.follower.follow(made)
        return made

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        given = [x._value(i) if isinstance(x, Followed) else x for i, x in enumerate(inputs)]
        out = options.pop("out", None)
        made = getattr(ufunc, method)(*given, **{k: _plain(v) for k, v in options.items()})
        if out is None and method == "reduce" and ufunc is np.add:
            return inputs[0]._summed(made, options.get("axis"))
        if out is None:
            return self._next(made)
        target = out[0]
        target.view(np.ndarray)[...] = _plain(self._next(np.asarray(made)))
        return target

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        made = function(*_plain(args, use=True), **_plain(kwargs, use=True))
        if function in (np.sum, np.mean) and isinstance(args[0], Followed):
            return args[0]._summed(made, kwargs.get("axis", (*args, None)[1]))
        if function is np.reshape and isinstance(args[0], Followed):
            return args[0].reshape(made.shape)
        return self._next(made) if isinstance(made, np.ndarray) else made


def _plain(value: Any, use: bool = False) -> Any:
    """Nested arguments without followed arrays."""
    if isinstance(value, Followed):
        return value._value() if use else value.view(np.ndarray)
    if isinstance(value, (tuple, list)):
        return type(value)([_plain(x, use) for x in value])
    if isinstance(value, dict):
        return {key: _plain(x, use) for key, x in value.items()}
    return value


def plain(value: Any) -> Any:
    """A result without followed arrays."""
    return _plain(value)
