"""Arguments by hand for sums along axes and the way back."""

from typing import Any

import numpy as np

BY_HAND = {"broadcast"}  # under broadcast_along


def arguments() -> dict[str, list[tuple[Any, ...]]]:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((7, 9, 37))
    many = 1 + rng.standard_normal((9, 90, 90))  # sums that cancel would say little of the order
    image = rng.standard_normal((3, 30, 41, 19)).transpose(0, 3, 1, 2)  # channels-last
    return {
        "sum_along": [
            *((x, axis, keepdims, part) for axis in (0, 1, 2, -1) for keepdims in (False, True)
              for part in (1.0, 0.25)),
            (x.transpose(2, 0, 1), 1, False, 0.5), (x[:, :, :1], 1, False, 1.0),
            (x[:, :1], 1, True, 1.0), (many, 1, False, 0.1), (x, (0, 2), False, 0.5),
            *((image, axis, keepdims, 0.5) for keepdims in (False, True)
              for axis in ((2, 3), (0, 2, 3), 1, (1, 2), 0, None, (0, 3))),
            (many, (0, 2), True, 1.0), (many, 0, False, 0.5), (many, None, True, 0.5),
            (x[:0], 0, False, 1.0), (x, None, True, 0.5), (x[..., :1].copy(), 2, False, 2.0),
        ],
        "broadcast_along": [
            *((x.sum(axis=axis, keepdims=keepdims), x.shape, axis, 0.3)
              for axis in (0, 1, 2, -1, (0, 2), None) for keepdims in (False, True)),
            (x[0].T, (7, 37, 9), 0, 1.0), (many.sum(axis=0), many.shape, 0, 1.0),
            (x[:0, 0], (0, 9, 37), 1, 1.0),
        ],
        "broadcast": [(np.array(2.5), (3, 4)), (np.array(1.0), ()), (x[0, :4, :1], (4, 3))],
    }
