"""Arguments for the kernel that adds at places."""

from typing import Any

import numpy as np


def arguments() -> dict[str, list[tuple[Any, ...]]]:
    """Tables of rows, single numbers, places on a later axis, negative and repeated ones."""
    rng = np.random.default_rng(3)

    def normal(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape)

    whole = slice(None)
    return {
        "add_at": [
            (normal(32, 10, 50), (1000, 50), rng.integers(0, 1000, (32, 10))),
            (normal(400, 3), (7, 3), rng.integers(-7, 7, 400)),
            (normal(3, 400).T, (7, 3), rng.integers(0, 7, 400)),
            (normal(5, 400), (5, 6), (whole, rng.integers(0, 6, 400))),
            (normal(5, 40, 3, 2), (5, 6, 2), (whole, rng.integers(-6, 6, (40, 3)))),
            (normal(2000), (9,), rng.integers(0, 9, 2000).astype(np.uint8)),
            (normal(4, 900), (4, 5), (np.arange(4)[:, None], rng.integers(-5, 5, (4, 900)))),
            (normal(600, 2), (3, 4, 2), (rng.integers(0, 3, 600), rng.integers(0, 4, 600))),
            (normal(6, 2), (3, 2, 4), (rng.integers(0, 3, 6), whole, rng.integers(0, 4, 6))),
            (normal(6, 2), (3, 4, 2), (rng.integers(0, 3, 6), 1)),
            (normal(600, 2), (3, 4, 2), (rng.integers(0, 3, 600), 1, whole)),
            (normal(600, 4), (3, 4), (np.zeros(600, np.int64), Ellipsis)),
            (normal(1, 1000), (3, 1000), np.array([0, 2, 2])),
            (normal(0, 4), (3, 4), np.zeros(0, np.int64)),
            (normal(2, 0), (3, 0), np.array([1, 1])),
            (normal(4), (3, 4), np.array(2)), (normal(), (3,), np.array(-1)),
            (normal(1, 4), (3, 4), np.array([0, 2, 2])),
            (normal(3, 4, 2), (5, 4, 2), (np.array([0, 2, 2]), whole, Ellipsis)),
        ],
    }
