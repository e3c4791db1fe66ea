"""Arguments for the kernels that choose by a condition."""

from typing import Any

import numpy as np


def arguments() -> dict[str, list[tuple[Any, ...]]]:
    """Two arrays or one and a number, with masks of their shape or less, in any layout."""
    rng = np.random.default_rng(5)
    a, b = rng.standard_normal((2, 3, 7, 41, 19))
    a[0, 0, 0, :3] = np.nan, np.inf, -0.0
    last = np.ascontiguousarray(b.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    mask = rng.uniform(size=a.shape) > 0.4
    return {"where": [
        (mask, a, b), (mask, a, 0.0), (mask, -2, b), (mask[0], a, b), (mask[:, :1, :, :1], a, 0.0),
        (mask, last, b), (mask, last, 1.5), (mask[0, :, :1], last, -1.5), (mask, last, last * 2),
        (mask, a[0], 0.0), (mask, a[:, :1], b), (mask, a[:1, :1], 1.0),
        (mask[:, :, ::2], a[:, :, ::2], b[:, :, ::2]), (mask, a, np.float64(0.5)),
        (mask[0, 0, 0], a[0, 0, 0], 0.0), (mask.astype(int), a, b),
    ]}
