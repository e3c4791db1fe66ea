"""Arguments for the kernels of convolutions: every way through them, several bands, odd layouts."""

from typing import Any

import numpy as np

Call = tuple[Any, ...]


def small(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape) * 0.1


def last(x: np.ndarray) -> np.ndarray:
    """The same, channels-last in memory."""
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)


# Shapes of x and weight, stride, padding, dilation, groups.
CASES = [
    ((3, 6, 40, 37), (5, 6, 3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 1),  # several bands
    ((2, 3, 40, 61), (4, 3, 5, 3), (1, 1), ((2, 2), (0, 3)), (1, 1), 1),  # planes, several bands
    ((2, 1, 12, 13), (2, 1, 3, 4), (2, 3), ((5, 1), (4, 4)), (2, 2), 1),  # planes, far outside
    ((2, 8, 9, 9), (6, 8, 3, 3), (2, 2), ((1, 1), (1, 1)), (1, 1), 1),
    ((2, 8, 9, 8), (6, 4, 2, 3), (1, 1), ((0, 1), (1, 1)), (1, 1), 2),
    ((2, 6, 9, 8), (9, 2, 2, 3), (2, 1), ((0, 1), (1, 1)), (2, 3), 3),
    ((2, 40, 30, 31), (33, 40, 1, 1), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),  # one pixel
    ((2, 90, 2, 3), (23, 90, 1, 1), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),  # weights as stored
    ((2, 6, 7, 8), (4, 3, 1, 1), (1, 1), ((0, 0), (0, 0)), (1, 1), 2),
    ((2, 6, 7, 8), (4, 6, 1, 1), (2, 3), ((0, 0), (0, 0)), (1, 1), 1),
    ((2, 6, 7, 8), (4, 6, 1, 1), (1, 1), ((1, 0), (-1, 2)), (1, 1), 1),
    ((2, 17, 9, 8), (17, 1, 3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 17),  # depthwise
    ((2, 5, 9, 8), (10, 1, 3, 2), (2, 1), ((1, 2), (-1, 1)), (1, 2), 5),
    ((2, 7, 9, 8), (7, 7, 3, 3), (1, 1), ((-1, -1), (-2, 3)), (2, 1), 1),
    ((2, 7, 30), (5, 7, 4), (1,), ((3, 0),), (1,), 1),
    ((2, 7, 30), (7, 1, 4), (2,), ((1, 1),), (1,), 7),
    ((1, 2, 5, 4, 6), (3, 2, 2, 3, 2), (1, 2, 1), ((0, 1), (1, 1), (0, 0)), (1, 1, 2), 1),
    ((2, 6, 5, 4, 6), (4, 3, 3, 2, 2), (2, 1, 2), ((2, 3), (1, 0), (-1, 2)), (2, 1, 2), 2),
    ((2, 3, 4, 5, 3), (6, 1, 3, 3, 1), (1, 1, 1), ((1, -1), (1, 1), (0, 0)), (1, 1, 1), 3),
    ((0, 2, 5, 4), (3, 2, 2, 3), (1, 1), ((0, 1), (1, 1)), (1, 1), 1),
    ((1, 40, 5, 6), (37, 40, 3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 1),
    ((2, 60, 4, 5), (45, 60, 2, 3), (2, 1), ((1, 0), (1, 2)), (1, 1), 1),
    ((1, 1, 9, 14), (1, 1, 3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 1),
    ((2, 37, 6, 9), (37, 1, 3, 3), (1, 1), ((1, 2), (2, 1)), (1, 1), 37),
    ((1, 40, 9, 11), (70, 40, 3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 1),  # several panels
    ((1, 12, 7, 8), (80, 6, 3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 2),
    ((9, 50, 4, 4), (70, 50, 3, 3), (2, 2), ((1, 1), (1, 1)), (1, 1), 1),  # few places: im2col
    ((9, 50, 4, 4), (40, 50, 3, 3), (2, 2), ((1, 1), (1, 1)), (1, 1), 1),
    ((1, 20, 9, 8), (24, 20, 5, 5), (1, 1), ((2, 2), (2, 2)), (1, 1), 1),  # more taps than lanes
    ((4, 34, 5, 6), (70, 34, 3, 3), (1, 1), ((2, 1), (1, 1)), (2, 1), 1),
    ((2, 17, 9, 13), (35, 17, 3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 1),  # Winograd's tiles
    ((4, 33, 6, 6), (35, 33, 3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 1),  # of 2 x 2 results
    ((1, 100, 9, 15), (105, 100, 3, 3), (1, 1), ((2, 1), (1, 2)), (1, 1), 1),  # by channels
    ((1, 40, 16, 13), (70, 40, 3, 3), (1, 1), ((2, 0), (-1, 3)), (1, 1), 1),
    ((2, 16, 7, 9), (32, 1, 3, 3), (2, 1), ((0, 1), (1, 1)), (1, 1), 16),
    ((2, 9, 7, 8), (3, 9, 1, 1), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),  # few channels both ways
    ((2, 130, 5, 6), (131, 130, 1, 1), (2, 2), ((0, 0), (0, 0)), (1, 1), 1),  # pixels copied out
    ((1, 129, 4, 5), (130, 129, 1, 1), (2, 3), ((1, 0), (-1, 2)), (1, 1), 1),
    ((1, 40, 13, 15), (37, 40, 5, 5), (2, 2), ((2, 2), (2, 2)), (1, 1), 1),  # windows gathered
    ((5, 180, 9, 19), (33, 180, 1, 3), (1, 2), ((0, 0), (1, 1)), (1, 1), 1),  # in parts
    ((6, 40, 15, 13), (70, 40, 3, 3), (2, 2), ((1, 1), (1, 1)), (1, 1), 1),  # in several blocks
    ((2, 40, 11, 9), (36, 40, 3, 3), (1, 1), ((2, 2), (2, 2)), (2, 2), 1),  # with gaps
    ((2, 17, 9, 8), (17, 1, 3, 3), (2, 2), ((1, 1), (1, 1)), (1, 1), 17),  # depthwise, strided
    ((1, 33, 12, 13), (33, 1, 3, 3), (2, 2), ((0, 1), (0, 1)), (1, 1), 33),
    ((1, 16, 11, 14), (16, 1, 5, 5), (2, 2), ((2, 2), (2, 2)), (1, 1), 16),
]


def arguments() -> dict[str, list[Call]]:
    found: dict[str, list[Call]] = {
        "convolution": [], "convolution_relu": [], "transposed_convolution": [],
        "convolution_weight_gradient": [],
    }
    for i, (shape, weight, stride, padding, dilation, groups) in enumerate(CASES):
        size, window = shape[2:], weight[2:]
        places = [(n + sum(p) - d * (k - 1) - 1) // s + 1
                  for n, k, s, p, d in zip(size, window, stride, padding, dilation)]
        sliding = (stride, padding, dilation, groups)
        x, w = small(*shape, seed=1), small(*weight, seed=2)
        dy = small(shape[0], weight[0], *places, seed=3)
        if i % 2:
            x, dy = last(x), last(dy)
        found["convolution"] += [(x, w, small(weight[0]), *sliding), (x, w, None, *sliding)]
        found["convolution_relu"] += [(x, w, small(weight[0]), *sliding), (x, w, None, *sliding)]
        found["transposed_convolution"] += [(dy, w, small(shape[1]), size, *sliding),
                                            (dy, w, None, size, *sliding)]
        found["convolution_weight_gradient"].append((x, dy, window, *sliding))
    x = small(2, 3, 9, 8)
    sliding = ((1, 2), ((0, 1), (2, 0)), (2, 1))
    found["unfold"] = [(x, (2, 3), *sliding)]
    found["fold"] = [(small(2, 18, 8 * 4), (9, 8), (2, 3), *sliding)]
    found["sum_channels"] = [(x,), (last(small(3, 5, 40, 31)),), (small(2, 3),), (small(0, 3, 2),)]
    return found
