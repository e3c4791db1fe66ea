"""Arguments by hand for the kernels of optimizers: lists of arrays, changed in place."""

from typing import Any

import numpy as np

BY_HAND = {"sgd", "rmsprop", "adagrad", "adadelta", "lion", "blend", "adam", "adamax", "nadam",
           "radam", "lamb"}
SHAPES = ((34_007,), (37, 11), (1,), (), (0, 3), (2, 3, 1, 5))


def _many(seed: int, positive: bool = False, scale: float = 3.0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    arrays = [np.asarray(rng.standard_normal(shape) * scale) for shape in SHAPES]
    arrays[0][:8] = (0.0, -0.0, 88.0, -88.0, 1e-30, -1e-30, 30.0, -104.0)
    return [np.asarray(abs(a)) for a in arrays] if positive else arrays


def arguments() -> dict[str, list[tuple[Any, ...]]]:
    w, g, m = _many(1), _many(2), _many(3, scale=0.3)
    v, u = _many(4, positive=True), _many(5, positive=True)
    none, far = [np.zeros_like(a) for a in w], [np.asarray(a + 20_000) for a in v]
    two = [w, g, m, v]
    turned = [[a.T for a in column] for column in two]
    strided = [[column[0][::2]] for column in two]
    betas = (0.9, 0.999, 1e-8)
    adam = [(0.0, False, False, 0.1, 0.001), (0.1, False, False, 0.5, 0.5),
            (0.1, True, False, 0.5, 0.5), (0.1, True, True, 0.5, 0.5)]
    plain = [(0.0, False), (0.1, False), (0.1, True)]
    return {
        "sgd": [(w, g, None, 0.1, 0.0, 0.0, 0.01, False, climb, True) for climb in (False, True)]
        + [(w, g, v, 0.1, 0.9, dampening, decay, nesterov, climb, first)
           for dampening, decay, nesterov in ((0.1, 0.0, False), (0.0, 0.2, True))
           for climb in (False, True) for first in (False, True)],
        "rmsprop": [(w, g, far, means, speeds, 0.01, 0.99, 1e-8, decay, 0.9, climb)
                    for means in (None, m) for speeds in (None, u) for decay, climb in plain],
        "adagrad": [(w, g, v, 0.1, 1e-10, *more) for more in plain],
        "adadelta": [(w, g, v, u, 0.5, 0.9, 1e-6, *more) for more in plain],
        "lion": [(w, g, m, 0.1, 0.9, 0.99, *more) for more in plain],
        "blend": [(w, g, 0.1), (w, g, 0.0), (w, [x.T for x in g[:1]] + g[1:], 1.0)],
        "adam": [(*columns, most, 0.01, *betas, *more) for more in adam
                 for columns, most in ((two, None), (two, u), (turned, None), (strided, None))],
        "adamax": [(w, g, m, v, 0.01, *betas, *more, 0.3) for more in plain],
        "nadam": [(*two, 0.01, *betas, *more[:3], 0.004, 0.008, more[4]) for more in adam],
        "radam": [(*two, 0.01, *betas, *more[:3], 0.3, rectify) for more in adam
                  for rectify in (0.0, 0.7)],
        "lamb": [(*two, 0.01, 0.9, 0.999, 1e-6, *more, 0.3, 0.2) for more in plain]
        + [(none, g, m, v, 0.01, 0.9, 0.999, 1e-6, 0.1, False, 0.3, 0.2),
           (w, none, none, v, 0.01, 0.9, 0.999, 1e-6, 0.0, False, 0.3, 0.2)],
    }
