"""Checks of numbers that users hand in: whole numbers and amounts."""

import math
from numbers import Real
from typing import Any

from ..errors import DataError


def is_whole(value: Any, least: int = 0) -> bool:
    """Return whether it is a whole number of at least `least`. 2.0 is one; True, "2" and infinity
    are not.
    """
    if value.__class__ is int:  # as nearly always: asking the abstract class costs two calls
        return bool(value >= least)
    number = isinstance(value, Real) and not isinstance(value, bool)
    return number and value % 1 == 0 and bool(value >= least)


def is_amount(value: Any, infinite: bool = False) -> bool:
    """Return whether it is a number, or a tensor of one, of at least 0. Infinity passes only if
    `infinite`.
    """
    try:
        number = math.nan if isinstance(value, str) else float(value)
    except (TypeError, ValueError, OverflowError):
        return False
    return 0 <= number < math.inf or (infinite and number == math.inf)


def number(what: str, value: Any) -> float:
    """The value as a float; DataError unless it is a number, or a tensor of one."""
    try:
        if isinstance(value, (str, bytes)):  # float("1") would take it
            raise TypeError
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise DataError(f"{what} is a number, not {value!r}") from None
