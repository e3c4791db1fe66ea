"""Reading and writing by index, with the two silent mistakes of a GPU made loud."""

from typing import Any

import numpy as np

from .refusals import conflicting_writes, silent_wrap


def read(host: np.ndarray, index: Any) -> Any:
    """host[index]. Raises IndexingError where CuPy would wrap an index array round."""
    try:
        return host[index]
    except IndexError as error:
        raise explain(error, index) from None


def write(host: np.ndarray, index: Any, value: Any) -> None:
    """host[index] = value. Raises IndexingError where CuPy's outcome would be undefined."""
    wanted = None
    if isinstance(value, np.ndarray) and value.size > 1 and _integer_arrays(index):
        wanted = value.astype(host.dtype)  # a copy: value may be a view of host
    try:
        host[index] = value
    except IndexError as error:
        raise explain(error, index) from None
    if wanted is not None and not _same(host[index], wanted):
        raise conflicting_writes()


def scatter(ufunc: np.ufunc, host: np.ndarray, index: Any, value: Any) -> None:
    """ufunc.at(host, index, value). Raises IndexingError where CuPy would wrap an index round."""
    try:
        ufunc.at(host, index, value)
    except IndexError as error:
        raise explain(error, index) from None


def _integer_arrays(index: Any) -> bool:
    parts = index if isinstance(index, tuple) else (index,)
    return any(isinstance(part, np.ndarray) and part.dtype.kind in "iu" for part in parts)


def explain(error: IndexError, index: Any) -> IndexError:
    """The error to raise: CuPy would wrap an index array round, and refuse all else too."""
    reason = str(error)
    return silent_wrap(reason) if "out of bounds" in reason and _integer_arrays(index) else error


def _same(found: np.ndarray, wanted: np.ndarray) -> bool:
    """Equal, NaN being equal to NaN; an assignment also drops leading axes of length 1."""
    while wanted.ndim > found.ndim:
        wanted = wanted[0]
    return bool(((found == wanted) | ((found != found) & (wanted != wanted))).all())
