"""One verdict line for one gradient: mine, against the engine's."""

import builtins
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._util.keywords import near_names
from ..errors import DtypeError
from .hypotheses import Words, mistake
from .numeric import Array, Measured, index_of, on_host

WORDS = Words(mine="mine", truth="it", value="auto")
WIDTH = 5  # of the name, so that the verdicts of dW1, db1, dA_prev stand below each other


@dataclass(frozen=True)
class Comparison:
    """The result of `compare`; true if the two agree."""

    name: str
    ok: bool
    exact: bool  # equal to the last bit
    max_difference: float | None = None  # largest |mine - auto|; None where the shapes differ
    where: tuple[int, ...] | None = None  # the element with it, if it is wrong
    hint: str = ""  # what the mistake is

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        name = f"{self.name:<{WIDTH}}"
        if self.exact:
            return f"{name} exact"
        if self.ok:
            return f"{name} close  (max difference {self.max_difference:.2g})"
        return f"{name} WRONG  {self.hint}"


@near_names
def compare(
    name: str, mine: Any, auto: Any, rtol: float | None = None, print: bool = True
) -> Comparison:
    """Compare `mine` with `auto` (tensors or arrays), print one line, return the verdict.

    "dW1   exact", "close" (within `rtol` of the largest element; 1e-7, or 1e-4 for float32) or
    "WRONG" with the element that is most off and the name of the mistake.

    >>> same = dls.compare("dW", dls.tensor([1.0, 2.0]), dls.tensor([1.0, 2.0]))
    dW    exact
    >>> bool(same)
    True
    """
    result = _compare(name, _array(mine), _array(auto), rtol)
    if print:
        builtins.print(result)
    return result


def _compare(name: str, mine: Array | None, auto: Array | None, rtol: float | None) -> Comparison:
    if mine is None or auto is None:
        return Comparison(name, False, False, hint=_missing(mine, auto))
    if rtol is None:
        rtol = 1e-4 if np.float32 in (mine.dtype, auto.dtype) else 1e-7
    a, b = mine.astype(np.float64), auto.astype(np.float64)
    truth = Measured.of(b)
    if a.shape != b.shape:
        return Comparison(name, False, False, hint=_of_shape(a, truth))
    if np.array_equal(a, b):
        return Comparison(name, True, True, 0.0)
    for who, values in (("mine", a), ("auto", b)):
        if not np.isfinite(values).all():
            where = index_of(int((~np.isfinite(values)).argmax()), values.shape)
            hint = f"at {where}: {who} is {values[tuple(where)]}"
            return Comparison(name, False, False, float("nan"), tuple(where), hint)
    gap = np.abs(a - b)
    worst = float(gap.max())
    if worst <= rtol * truth.scale:
        return Comparison(name, True, False, worst)
    place = int(gap.argmax())
    where = index_of(place, a.shape)
    values_there = f"mine {a.flat[place]:.6g}, auto {b.flat[place]:.6g}"
    cause = mistake(a, truth, words=WORDS)
    at = f"at {where}: " if where else ""
    hint = f"{at}{values_there}" + (f": {cause}" if cause and " differ" not in cause else "")
    wrong = int((gap > rtol * truth.scale).sum())
    if wrong < a.size:
        hint += f" ({wrong} of {a.size} elements differ)"
    return Comparison(name, False, False, worst, tuple(where), hint)


def _of_shape(mine: Array, auto: Measured) -> str:
    cause = mistake(mine, auto, words=WORDS)
    return f"mine {mine.shape}, auto {auto.shape}" + cause.partition("it must be")[2].replace(
        f" {auto.shape}", "", 1)


def _missing(mine: Array | None, auto: Array | None) -> str:
    if auto is not None:
        return "mine is None"
    return "auto is None: no gradient was computed (was backward() called, is it used at all?)"


def _array(value: Any) -> Array | None:
    if value is None:
        return None
    array = on_host(value)
    if array.dtype.kind not in "fiub":
        raise DtypeError(f"compare takes tensors, arrays or numbers, not {value!r}")
    return array
