"""Arguments for the batch normalization kernels."""

from typing import Any

import numpy as np

from .kernel_normalization import last_like

BY_HAND = {"move_statistics"}
BOUNDS = (None, (0.0, None), (-0.5, 0.75))


def arguments() -> dict[str, list[tuple[Any, ...]]]:
    """Matrices and images, channels-last and not, odd lengths, with and without what may be None.
    """
    rng = np.random.default_rng(5)

    def normal(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape)

    forward: list[tuple[Any, ...]] = []
    backward: list[tuple[Any, ...]] = []
    frozen: list[tuple[Any, ...]] = []
    halves: dict[str, list[tuple[Any, ...]]] = {
        name: [] for name in ("channel_moments", "scale_centered", "centered_sums",
                              "combine_centered")}
    shapes = ((5, 7), (1, 16), (300, 33), (2, 3, 5), (4, 16, 9), (3, 40, 10, 11), (2, 1, 17, 19),
              (1, 9000, 3), (2, 20, 23, 31))
    for i, shape in enumerate(shapes):
        images = last(normal(*shape) + 0.5)
        for j, bounds in enumerate(BOUNDS):
            x = images if (i + j) % 3 else np.ascontiguousarray(images)
            w, b = (normal(shape[1]) if (i + j) % k else None for k in (2, 3))
            residual = last_like(normal(*shape), images) if j != 1 else None
            forward.append((x, w, b, residual, 0.1, bounds))
            statistics = normal(shape[1]), rng.uniform(0.5, 2.0, shape[1])
            frozen.append((x, w, b, residual, *statistics, 0.1, bounds))
            y = np.clip(normal(*shape), *bounds) if bounds else None
            others = (0, *range(2, len(shape)))
            needs = ((i + j) % 4 != 3, (i + j) % 3 != 2 and w is not None, j != 2, j != 1)
            dy = last_like(normal(*shape), images) if i % 2 else normal(*shape)
            mean = x.mean(axis=others)
            rest = (w, b, mean, x.var(axis=others), 0.1, bounds)
            backward.append((dy, x, y, *rest, needs))
            backward.append((dy, x, None, *rest, (*needs[:3], False)))
        halves["channel_moments"].append((x,))
        halves["scale_centered"].append((x, mean, normal(shape[1]), w))
        halves["centered_sums"].append((dy, x, mean))
        halves["combine_centered"].append((dy, x, mean, *normal(3, shape[1])))
    return {
        **halves,
        "batch_norm": forward,
        "batch_norm_backward": backward,
        "frozen_batch_norm": frozen,
        "move_statistics": [(normal(9), normal(9), normal(9), normal(9) ** 2, count, factor)
                            for count, factor in ((1, 0.1), (50, 0.3), (7, np.array(0.25)))],
    }


def last(x: np.ndarray) -> np.ndarray:
    """The same values, channels next to each other in memory."""
    back = (0, x.ndim - 1, *range(1, x.ndim - 1))
    return np.ascontiguousarray(x.transpose(0, *range(2, x.ndim), 1)).transpose(back)
