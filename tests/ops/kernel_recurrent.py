"""Arguments by hand for the kernels of recurrent layers."""

from typing import Any

import numpy as np

from tinygrad_dls.backend.kernels.reference import ReferenceKernels

REFERENCE = ReferenceKernels(np)
SIZES = ((5,) * 4, (6, 4, 4, 1), (1,) * 7)


def arguments() -> dict[str, list[tuple[Any, ...]]]:
    calls: dict[str, list[tuple[Any, ...]]] = {}
    for name, gates, states in (("rnn", 1, 1), ("lstm", 4, 2), ("gru", 3, 1)):
        forward, backward = [], []
        for case, sizes in enumerate(SIZES):
            for reverse in (False, True):
                rng = np.random.default_rng(case)
                rows, n_in, n = sum(sizes), 7, (19, 16, 1)[case]
                x = rng.standard_normal((rows, n_in))
                first = [rng.standard_normal((sizes[0], n)) for _ in range(states)]
                w_ih, w_hh = (rng.standard_normal((gates * n, k)) / 4 for k in (n_in, n))
                biases = [rng.standard_normal(gates * n), None if case == 1 else np.ones(gates * n)]
                options: tuple[Any, ...] = (sizes, reverse)
                if name == "rnn":
                    options = ("relu" if reverse else "tanh", *options)
                projection = (None,) if name == "lstm" else ()
                forward.append((x, *first, w_ih, w_hh, *biases, *projection, *options))
                y, *saved = getattr(REFERENCE, name)(*forward[-1])
                kept = (y, *saved) if name == "rnn" else saved
                needs = (True,) * 7 if case else (False, False, True, True, True, True, True)
                dy = rng.standard_normal(y.shape)
                backward.append((dy, x, w_ih, w_hh, *projection, *kept, *options, needs))
        calls[name], calls[f"{name}_backward"] = forward, backward
    return calls
