"""Arguments by hand for the kernels of activations."""

from typing import Any

import numpy as np

BY_HAND = {"relu_backward_in_place"}


def _values(n: int, seed: int) -> np.ndarray:
    x = np.random.default_rng(seed).standard_normal(n) * 3
    x[:8] = (0.0, -0.0, 88.0, -88.0, 1e-30, -1e-30, 30.0, -104.0)
    return x


def arguments() -> dict[str, list[tuple[Any, ...]]]:
    n = 10_007
    x, dy = _values(n, 0), _values(n, 1)
    y = np.tanh(_values(n, 2))
    image = _values(2 * 3 * 4 * 5, 3).reshape(2, 4, 5, 3).transpose(0, 3, 1, 2)
    plain = {
        "silu": [(x,), (image,), (x[::3],)], "mish": [(x,), (image,)],
        "softplus": [(x, 1.0, 20.0), (image, 3.0, 2.0), (x, 0.5, 20.0)],
        "hardsigmoid": [(x,), (image,), (x[::2],)],
        "hardswish": [(x,), (image,), (x[::2],)],
        "elu": [(x, 1.0, 1.0, 1.0), (image, 1.67, 1.05, 1.0), (x, 0.5, 1.0, 2.0)],
        "gelu": [(x, "none"), (x, "tanh"), (image, "none"), (x[::2], "tanh")],
        "leaky_relu": [(x, 0.1), (image, 0.2), (x[::2], 0.3)],
        "hardtanh": [(x, 0.0, 6.0), (image, -1.0, 1.0)],
    }
    backward = {
        f"{name}_backward": [(np.tanh(_values(call[0].size, 9)).reshape(call[0].shape), *call)
                             for call in calls] + [(np.tanh(image), image, *calls[0][1:])]
        for name, calls in plain.items()
    }
    pairs = x[:10_000].reshape(2, 50, 100)
    halved = [(pairs, axis) for axis in range(3)] + [(x[:2], 0), (image[:, :2], 1)]
    return {
        **plain, **backward, "glu": halved,
        "glu_backward": [(np.tanh(np.split(v, 2, axis)[0]), v, axis) for v, axis in halved],
        "tanh": [(x,)], "sigmoid": [(x,)], "relu": [(x,)],
        "tanh_backward": [(dy, y)], "sigmoid_backward": [(dy, np.abs(y))],
        "relu_backward": [(dy, np.maximum(x, 0))],
        "relu_backward_in_place": [
            (dy, np.maximum(x, 0)), (dy[::2], np.maximum(x, 0)[::2]),
            (dy[:10_000].reshape(2, 5, 40, 25), np.maximum(x, 0)[:10_000].reshape(2, 5, 40, 25))],
    }
