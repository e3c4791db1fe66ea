"""Arguments by hand for the kernels of softmax and the losses."""

from typing import Any

import numpy as np

BY_HAND = {"any_outside"}


def _values(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    x = np.random.default_rng(seed).standard_normal(shape) * 3
    x.reshape(-1)[:8] = (0.0, -0.0, 88.0, -88.0, 1e-30, -1e-30, 30.0, -104.0)
    return x


def arguments() -> dict[str, list[tuple[Any, ...]]]:
    n, rng = 10_007, np.random.default_rng(1)
    x, dy, y = _values((n,)), _values((n,), 1), np.tanh(_values((n,), 2))
    rows, labels = _values((37, 11)), rng.integers(0, 11, 37)
    tops = rows.max(1)
    exp_sums = np.exp(rows - tops[:, None]).sum(1)
    image = _values((2, 5, 4, 7)).transpose(0, 3, 1, 2)
    softmax = [(rows, 1), (rows, 0), (rows[:, ::2], 1), (_values((3, 4, 5)), 2), (image, 1),
               (np.ascontiguousarray(image), 1), (rows[:, :1], 1)]
    backward = [(np.tanh(_values(np.shape(z), 7)), np.tanh(z), axis) for z, axis in softmax]
    images = [(np.tanh(image * 0.3), np.tanh(image), 1)]
    large = np.random.default_rng(2).standard_normal((3, 7, 40, 31))
    last = np.ascontiguousarray(large.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    pairs = [(y, dy * 0.1), (rows[:, ::2], rows[:, ::2] + 1.0), (rows[:1], np.tanh(rows)),
             (large, last + 0.5), (last, np.tanh(large)), (last, last * 0.5),
             (large.transpose(0, 2, 1, 3), last.transpose(0, 2, 1, 3) + 1.0)]
    return {
        "squared_distance": [(np.tanh(a), np.tanh(b)) for a, b in pairs],
        "scaled_difference": [(a, b, np.array(0.25)) for a, b in pairs],
        "huber_distance": [(np.tanh(a), np.tanh(b), 0.3) for a, b in pairs],
        "clamped_difference": [(a, b, 0.3, np.array(0.25)) for a, b in pairs],
        "any_outside": [(x, -3.0, 3.0), (x, -200.0, 200.0), (y, -2.0, 2.0)],
        "softmax": softmax, "log_softmax": softmax,
        "softmax_backward": backward + images, "log_softmax_backward": backward + images,
        "cross_entropy": [(rows, labels, 0.0), (rows, labels.astype(np.uint8), 0.0),
                          (np.asfortranarray(rows), labels, 0.0), (rows, labels, 0.1)],
        "cross_entropy_backward": [
            (dy[:37], rows, labels, tops, exp_sums, 0.0, 1.0),
            (np.array(0.5), rows, labels, tops, exp_sums, 0.0, 0.25),
            (dy[:37], rows, labels, tops, exp_sums, 0.3, 0.5)],
        "binary_cross_entropy": [(x, np.abs(y)), (x, np.zeros(n)), (x, 1.0)],
        "binary_cross_entropy_backward": [(dy, x, np.abs(y), 0.5),
                                          (np.array(0.3), x, np.ones(n), 1.0)],
        "total": [(np.tanh(x), 0.01), (np.tanh(large), 1.0), (np.array(3.0), 2.0), (image, 1.0)],
    }
