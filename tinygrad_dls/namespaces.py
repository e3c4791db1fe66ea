"""The names that `dir` and the tab key show of a package."""

from collections.abc import Mapping
from typing import Any

OURS = __name__.partition(".")[0] + "."  # modules of this package


def public_names(namespace: Mapping[str, Any], *others: str) -> list[str]:
    """The functions and classes of our own in a package's `namespace`, sorted, and `others`.

    Hides the modules in which they are defined and what the package imports for itself.
    """
    names = {
        name for name, value in namespace.items()
        if name.startswith("__") or (
            not name.startswith("_") and f"{getattr(value, '__module__', '')}.".startswith(OURS))
    }
    return sorted(names.union(others))
