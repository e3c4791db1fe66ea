"""Random boxes for these tests, and the loops they are compared with."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def random_boxes(rng: np.random.Generator, n: int, size: float = 100.0) -> Array:
    """(n, 4) xyxy, many of which overlap."""
    corner = rng.uniform(0, size, (n, 2))
    return np.concatenate([corner, corner + rng.uniform(0.1, size / 2, (n, 2))], axis=1)


def iou_of(a: Array, b: Array) -> float:
    """Of two boxes, from the definition."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    shared = max(width, 0) * max(height, 0)
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
    return shared / union if union else 0.0


def nms_loop(boxes: Array, scores: Array, threshold: float) -> list[int]:
    """Greedy suppression, straight from its description."""
    left = sorted(range(len(boxes)), key=lambda i: -scores[i])
    kept: list[int] = []
    while left:
        kept.append(left.pop(0))
        left = [i for i in left if iou_of(boxes[i], boxes[kept[-1]]) <= threshold]
    return kept
