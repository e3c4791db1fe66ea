"""Arguments for the normalization kernels."""

from typing import Any

import numpy as np


def arguments() -> dict[str, list[tuple[Any, ...]]]:
    """Rows, channels and groups, channels-last and not, odd lengths, with and without weights."""
    rng = np.random.default_rng(4)

    def normal(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape)

    def last(x: np.ndarray) -> np.ndarray:
        """The same values, axis 1 (or 1 and 2) next to each other in memory."""
        if x.ndim == 3:
            return np.ascontiguousarray(x.transpose(0, 2, 1)).transpose(0, 2, 1)
        return np.ascontiguousarray(x.transpose(0, 3, 1, 2)).transpose(0, 2, 3, 1)

    forward: list[tuple[Any, ...]] = []
    for m, n in ((5, 7), (3, 16), (1, 1), (70, 33), (2, 9000)):
        x, w, b = normal(m, n) + 0.5, normal(1, n), normal(1, n)
        forward += [(x, w, b, (1,), 0.1, True), (x, None, None, (1,), 0.1, False)]
    for m, c, s in ((2, 3, 5), (4, 16, 9), (3, 20, 100), (2, 1, 300), (6, 5, 1), (1, 300, 40)):
        x, w, b = normal(m, c, s) + 0.5, normal(1, c, 1), normal(1, c, 1)
        forward += [(last(x), w, b, (0, 2), 0.1, True), (x, None, b, (0, 2), 0.1, True)]
    for m, g, c, s in ((2, 3, 1, 5), (3, 2, 8, 9), (2, 4, 5, 50), (1, 1, 3, 7), (3, 2, 3, 1)):
        x, w, b = normal(m, g, c, s) + 0.5, normal(1, g, c, 1), normal(1, g, c, 1)
        forward += [(last(x), w, b, (2, 3), 0.1, True), (x, w, None, (2, 3), 0.1, True)]
    backward: list[tuple[Any, ...]] = []
    for i, (x, w, _, axes, eps, centered) in enumerate(forward):
        mean, var = x.mean(axis=axes, keepdims=True), x.var(axis=axes, keepdims=True)
        if not centered:
            mean, var = mean * 0, (x * x).mean(axis=axes, keepdims=True)
        dy = np.ascontiguousarray(normal(*x.shape)) if i % 2 else last_like(normal(*x.shape), x)
        some = ((True,) * 3, (True, False, False), (False, True, True), (False, False, True))
        needs = (some[i % 4][0], some[i % 4][1] and w is not None, some[i % 4][2])
        backward.append((dy, x, w, mean, var, axes, eps, centered, needs))
    x = normal(3, 20, 11)
    return {
        "normalize": forward,
        "normalize_backward": backward,
        "scale_shift": [(last(x), normal(20), normal(20)), (x, normal(20), normal(20)),
                        (normal(4, 3, 1), normal(3), normal(3))],
    }


def last_like(values: np.ndarray, x: np.ndarray) -> np.ndarray:
    """`values`, lying in memory as x does."""
    result = np.empty_like(x)
    result[...] = values
    return result
