"""Arguments by hand for the kernels of connectionist temporal classification."""

from typing import Any

import numpy as np

from tinygrad_dls.backend.kernels.reference import ReferenceKernels


def arguments() -> dict[str, list[tuple[Any, ...]]]:
    forward: list[tuple[Any, ...]] = []
    backward: list[tuple[Any, ...]] = []
    for seed, (steps, batch, classes, longest) in enumerate(
        ((1, 1, 2, 1), (12, 3, 5, 4), (30, 4, 9, 14), (7, 2, 3, 9))
    ):
        rng = np.random.default_rng(seed)
        z = rng.standard_normal((steps, batch, classes)) * 2
        log_probs = z - np.log(np.exp(z).sum(axis=2, keepdims=True))
        call = (log_probs, rng.integers(1, classes, (batch, longest)),
                rng.integers(0, steps + 1, batch), rng.integers(0, longest + 1, batch), 0)
        losses, alpha = ReferenceKernels(np).ctc(*call)
        forward.append(call)
        backward.append((rng.standard_normal(batch), *call[:4], losses, alpha, 0))
    return {"ctc": forward, "ctc_backward": backward}
