"""Arguments for the kernel that suppresses boxes."""

from typing import Any

import numpy as np

BY_HAND = {"suppress"}


def arguments() -> dict[str, list[tuple[Any, ...]]]:
    rng = np.random.default_rng(0)
    corner = rng.uniform(0, 40, (300, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(0, 25, (300, 2))], axis=1)
    whole = np.round(boxes)  # IoUs that are equal to the threshold; boxes without area
    one, three = np.zeros(300, np.int64), rng.integers(0, 3, 300)
    return {"suppress": [(boxes, one, 0.5), (boxes, three, 0.3), (whole, one, 0.5),
                         (whole, three, 0.0), (boxes, one, 1.0), (boxes[:0], one[:0], 0.5),
                         (boxes[::2], one[::2], 0.4)]}
