"""Arguments by hand for statistics of all elements."""

from typing import Any

import numpy as np

BY_HAND = {"statistics"}  # traces call it


def arguments() -> dict[str, list[tuple[Any, ...]]]:
    rng = np.random.default_rng(0)
    sizes = (1, 2, 31, 32, 33, 65, 4095, 4096, 4097, 10_007, 65_536, 131_073)
    arrays = [1 + rng.standard_normal(n) for n in sizes]
    many = 2 + rng.standard_normal((70, 90, 5))
    arrays += [many, many.T, many[::2], many.transpose(1, 0, 2), np.zeros(100), -arrays[-1],
               np.where(rng.random(5000) < 0.5, 0.0, 3.0), np.full(9000, 0.1), 1e-20 * many,
               1e20 * many, np.array(2.5), 1e4 + arrays[-1]]
    return {"statistics": [(x,) for x in arrays]}
