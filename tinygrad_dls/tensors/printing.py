"""Printing of tensors: `dls.set_printoptions`."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._util.arguments import is_whole
from .._util.keywords import near_names
from ..errors import DataError

DEFAULT = {"precision": 4, "threshold": 100, "edgeitems": 3, "linewidth": 75, "sci_mode": None}
SHORT = DEFAULT | {"precision": 2, "edgeitems": 2}
FULL = DEFAULT | {"threshold": 10**18}

_options: dict[str, Any] = dict(DEFAULT)


@near_names
def set_printoptions(
    precision: int | None = None, threshold: float | None = None, edgeitems: int | None = None,
    linewidth: int | None = None, profile: str | None = None, sci_mode: bool | None = None,
) -> None:
    """Say how tensors are printed from now on; what is not given stays as it is.

    precision: digits after the point (4). threshold: tensors of more elements (100) are shown in
    part, `edgeitems` (3) at each end of an axis. linewidth: characters of a line (75). sci_mode:
    with exponents, never, or where the numbers ask for it (None, which sets that again).
    profile: "default", "short" or "full", before the others.

    >>> import tinygrad_dls as dls
    >>> dls.set_printoptions(precision=2)
    >>> dls.tensor([3.14159])
    Tensor([3.14])
    >>> dls.set_printoptions(profile="default")
    """
    profiles = {None: {}, "default": DEFAULT, "short": SHORT, "full": FULL}
    if profile not in profiles:
        raise DataError(f"a profile is 'default', 'short' or 'full', not {profile!r}")
    given: dict[str, Any] = {"precision": precision, "threshold": threshold,
                             "edgeitems": edgeitems, "linewidth": linewidth}
    for name, value in given.items():
        endless = name == "threshold" and value == float("inf")
        if value is not None and not endless and not is_whole(value):
            raise DataError(f"set_printoptions: {name} is a whole number, not {value!r}")
    _options.update(profiles[profile])
    _options.update({name: value for name, value in given.items() if value is not None})
    _options["sci_mode"] = sci_mode


def printed(array: np.ndarray[Any, Any], prefix: str) -> str:
    """The numbers of a host array as text."""
    digits, scientific = int(_options["precision"]), _options["sci_mode"]
    formatter: dict[str, Any] = {}
    if scientific is not None and array.dtype.kind == "f":
        form = f".{digits}e" if scientific else f".{digits}f"
        formatter = {"formatter": {"float_kind": lambda value: format(value, form)}}
    return np.array2string(
        array, separator=", ", prefix=prefix, threshold=int(min(_options["threshold"], 10**18)),
        edgeitems=_options["edgeitems"], precision=digits, max_line_width=_options["linewidth"],
        **formatter,
    )
