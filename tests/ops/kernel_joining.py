"""Arguments for the kernels that join arrays and take them apart."""

from typing import Any

import numpy as np


def arguments() -> dict[str, list[tuple[Any, ...]]]:
    """Large and small, along every axis, channels-last and not, of one order and of two."""
    rng = np.random.default_rng(7)

    def normal(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape)

    def last(*shape: int) -> np.ndarray:
        return np.ascontiguousarray(normal(*shape).transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)

    joined = [
        ([normal(3, 4), normal(3, 2)], 1), ([normal(300, 40), normal(300, 33)], 1),
        ([normal(40, 300), normal(33, 300)], 0), ([normal(9, 70, 30), normal(9, 5, 30)], 1),
        ([normal(9, 70, 30), normal(9, 70, 5), normal(9, 70, 1)], 2),
        ([last(2, 17, 31, 29), last(2, 5, 31, 29), last(2, 1, 31, 29)], 1),
        ([last(2, 17, 31, 29), last(2, 17, 3, 29)], 2),
        ([last(2, 17, 31, 29), normal(2, 5, 31, 29)], 1),
        ([normal(2, 5, 31, 29), normal(2, 17, 31, 29)], 1), ([normal(200, 200)], 1),
        ([normal(500, 40)[::2], normal(250, 100)], 1), ([normal(250, 100), normal(250, 0)], 1),
    ]
    parts = [
        (normal(3, 4), 1, 1, 3), (normal(300, 70), 1, 5, 38), (normal(300, 70), 1, 5, 5),
        (normal(9, 70, 30), 1, 0, 69), (normal(9, 70, 30), 2, 29, 30),
        (last(2, 23, 31, 29), 1, 3, 20), (last(2, 23, 31, 29), 3, 3, 20),
        (normal(2, 23, 31, 29), 1, 22, 23), (normal(600, 70)[::2], 1, 5, 38),
    ]
    big = normal(6, 70, 9, 17)
    copies = [big, last(3, 23, 31, 29), big.T, big.transpose(1, 0, 3, 2), big[:, ::-1, 2:],
              big[..., ::-1], big[..., ::2], np.broadcast_to(big[:, :, :, None], (6, 70, 9, 2, 17)),
              np.broadcast_to(big[..., None], (*big.shape, 2)), last(2, 5, 4, 3)]
    return {"concatenate": joined, "part_of": parts, "copy": [(x,) for x in copies],
            "reshape": [(x, (x.shape[0], -1)) for x in copies]}
