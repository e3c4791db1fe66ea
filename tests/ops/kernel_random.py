"""Arguments by hand for the kernels of random numbers."""

from typing import Any

import numpy as np

BY_HAND = {"random_bits", "uniform"}


def arguments() -> dict[str, list[tuple[Any, ...]]]:
    x = np.random.default_rng(0).standard_normal(10_007) * 3
    rows = np.random.default_rng(1).standard_normal((37, 11))
    return {
        "random_bits": [(7, 10_007), (2**63 - 1, 3), (0, 0)],
        "uniform": [(7, 1000, 0.0, 1.0), (3, 5, -1.0, 0.5), (1, 0, 0.0, 1.0)],
        "dropout": [(x, 0.3, 7), (x, 0.999, 1), (x[::2], 0.5, 3), (rows, 0.0, 2)],
    }
