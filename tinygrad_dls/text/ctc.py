"""Reading labels off the output of a network trained with CTC: collapsing, greedy and beam."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any

import numpy as np

from .._util.keywords import near_names
from ..errors import DataError, ShapeError
from .operands import Array, log_probabilities, on_host, whole

NEVER = -math.inf


@near_names
def ctc_collapse(path: Any, blank: int = 0) -> list[int]:
    """Collapse a path, one class a time step (T,): repeats become one, then blanks go.

    A blank between two equal labels keeps both. (Graves et al. 2006; Course 5, week 3)

    >>> from tinygrad_dls import text
    >>> text.ctc_collapse([0, 3, 3, 0, 3, 5, 5])
    [3, 3, 5]
    """
    classes = on_host(path)
    if classes.size == 0:
        return []
    if classes.ndim != 1 or classes.dtype.kind not in "iu":
        raise ShapeError(f"a path is one class a time step, (T,), not {classes.dtype}\n"
                         f"  {classes.shape}")
    changes = np.concatenate([[True], classes[1:] != classes[:-1]])
    return [int(c) for c in classes[changes & (classes != blank)]]


@near_names
def ctc_greedy(log_probs: Any, blank: int = 0) -> tuple[list[int], float]:
    """Collapse the likeliest path of (T, classes); returns the labels and that path's log P.

    log_probs: logits or log-probabilities of one sequence, an array or a tensor. Fast; but a
    labelling has many paths, and the likeliest path is not always of the likeliest labelling.

    >>> import numpy as np
    >>> from tinygrad_dls import text
    >>> labels, log_p = text.ctc_greedy(np.log([[.6, .4], [.6, .4]]))
    >>> labels, round(float(np.exp(log_p)), 2)
    ([], 0.36)
    """
    logs = _checked(log_probs, blank)
    return ctc_collapse(logs.argmax(axis=1), blank), float(logs.max(axis=1).sum())


@near_names
def ctc_beam_search(
    log_probs: Any, beam_width: int = 16, blank: int = 0
) -> list[tuple[list[int], float]]:
    """Find the likeliest labellings of (T, classes), summed over their paths.

    log_probs: logits or log-probabilities of one sequence, an array or a tensor. Follows the
    `beam_width` likeliest prefixes, and for each the chance of its paths that end in a blank and
    of those that end in its last label, since a repeated label needs a blank between (Hannun et
    al. 2014). Returns (labels, log P) with the best first; with a beam as wide as there are
    prefixes log P is exact, -F.ctc_loss(..., reduction="none"), and else at most that.

    >>> import numpy as np
    >>> from tinygrad_dls import text
    >>> labels, log_p = text.ctc_beam_search(np.log([[.6, .4], [.6, .4]]))[0]
    >>> labels, round(float(np.exp(log_p)), 2)     # 1 1, 0 1 and 1 0 collapse to it
    ([1], 0.64)
    """
    logs = _checked(log_probs, blank)
    width = whole("beam_width", beam_width)
    beam: dict[tuple[int, ...], tuple[float, float]] = {(): (0.0, NEVER)}
    for step in logs.tolist():
        # log P of the paths of each prefix that end in a blank, and of those that end in a label
        ends: defaultdict[tuple[int, ...], list[float]] = defaultdict(lambda: [NEVER, NEVER])
        for prefix, (in_blank, in_label) in beam.items():
            either = _log_add(in_blank, in_label)
            for label, log_p in enumerate(step):
                if label == blank:
                    _add(ends[prefix], 0, either + log_p)
                elif prefix and label == prefix[-1]:
                    _add(ends[prefix], 1, in_label + log_p)  # the label goes on
                    _add(ends[(*prefix, label)], 1, in_blank + log_p)  # and comes a second time
                else:
                    _add(ends[(*prefix, label)], 1, either + log_p)
        best = sorted(ends, key=lambda prefix: -_log_add(*ends[prefix]))[:width]
        beam = {p: (ends[p][0], ends[p][1]) for p in best if max(ends[p]) > NEVER}
    return [(list(prefix), _log_add(*both)) for prefix, both in beam.items()]


def _add(ends: list[float], which: int, log_p: float) -> None:
    ends[which] = _log_add(ends[which], log_p)


def _log_add(a: float, b: float) -> float:
    """log(exp(a) + exp(b)), in Python's own numbers: NumPy's call costs more than the sum."""
    larger, smaller = (a, b) if a > b else (b, a)
    return larger if smaller == NEVER else larger + math.log1p(math.exp(smaller - larger))


def _checked(log_probs: Any, blank: int) -> Array:
    values = on_host(log_probs)
    if values.ndim != 2 or 0 in values.shape:
        raise ShapeError("one sequence is decoded at a time, (T, classes): a batch (T, N, classes) "
                         f"by [:length, i] for each i, not\n  {values.shape}")
    whole("blank", blank, least=0)
    if blank >= values.shape[1]:
        raise DataError(f"blank is one of the {values.shape[1]} classes, not {blank}")
    return log_probabilities(values)


