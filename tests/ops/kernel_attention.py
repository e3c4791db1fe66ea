"""Arguments for the attention kernels."""

from typing import Any

import numpy as np

from tinygrad_dls.backend.kernels.reference import ReferenceKernels


def arguments() -> dict[str, list[tuple[Any, ...]]]:
    """Masks of both kinds, causal, rows that see nothing, dropout, heads inside the features."""
    rng = np.random.default_rng(6)
    reference = ReferenceKernels(np)
    forward, backward = [], []
    cases: list[tuple[tuple[int, ...], int, int, int, int]] = [
        ((2, 3), 5, 7, 4, 3), ((), 1, 1, 1, 1), ((2,), 40, 33, 8, 8), ((4, 2), 3, 64, 16, 16),
        ((2, 3), 20, 16, 5, 17), ((2, 3), 1, 33, 16, 9), ((2,), 2, 40, 64, 17),  # few queries
        ((2,), 1, 33, 16, 9), ((7,), 1, 70, 35, 40),  # one query
        ((3, 4), 1, 19, 20, 1), ((2, 1, 3), 1, 9, 4, 5),
        ((2,), 70, 100, 8, 9), ((2,), 100, 70, 9, 8),  # triangles of several blocks of rows
    ]
    for number, (lead, l, s, e, f) in enumerate(cases):
        q, k, v = (rng.standard_normal((*lead, *shape)) for shape in ((l, e), (s, e), (s, f)))
        if len(lead) == 2 and number:  # (m, heads, l, e) as a view of (m, l, heads, e)
            q, k, v = (np.ascontiguousarray(x.swapaxes(1, 2)).swapaxes(1, 2) for x in (q, k, v))
        seen = rng.random((l, s)) > 0.5
        seen[0] = False
        for mask in (None, seen, rng.standard_normal((*lead[:1], *[1] * len(lead[1:]), 1, s))):
            for causal in (False, True):
                for p in (0.0, 0.3):
                    options = (0.5, causal, p, 3)
                    forward.append((q, k, v, mask, *options))
                    y, weights = reference.attention(q, k, v, mask, *options)
                    dy = rng.standard_normal(y.shape)
                    needs = (True, True, p == 0, causal)
                    backward.append((dy, q, k, v, weights, 0.5, causal, p, 3, needs))
    return {"attention": forward, "attention_backward": backward}
