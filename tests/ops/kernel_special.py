"""Arguments for the kernels of the error function, of running sums and of linear recurrences."""

from typing import Any

import numpy as np


def arguments() -> dict[str, list[tuple[Any, ...]]]:
    rng = np.random.default_rng(3)
    x = rng.standard_normal(10_007) * 2
    x[:8] = (0.0, -0.0, 88.0, -88.0, 1e-30, -1e-30, 3.92, -1.0)
    image = rng.standard_normal((2, 4, 5, 3)).transpose(0, 3, 1, 2)
    a, b = rng.uniform(-1, 1, (5, 37)), rng.standard_normal((5, 37))
    cube = rng.uniform(-1, 1, (3, 9, 4))
    return {
        "erf": [(x,), (image,), (x[::3],), (np.zeros((0, 3)),), (np.array(0.5),)],
        "erfc": [(x,), (image,)],
        "cumsum": [(b, 0), (b, 1), (b.T, 0), (cube, 1), (cube[::2], -1), (b[:0], 0), (x, 0)],
        "recurrence": [(a, b, 1), (a, b, 0), (a.T, b.T, 0), (cube, cube * 2, 1), (b, a, 1),
                       (a[:, :1], b[:, :1], 1), (a[:, :0], b[:, :0], 1), (a[:0], b[:0], 1)],
    }
