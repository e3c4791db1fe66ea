"""Checks for the exercises of c5w3-speech-and-ctc."""

import itertools

import numpy as np
from tinygrad_dls.learn.checking import numeric_gradient, result, same, shape, untouched

TWICE = [2, 2, 1]  # a repeat, then another label


def log_probs_of(seed=0, steps=6, classes=4):
    z = 1.5 * np.random.default_rng(seed).standard_normal((steps, classes))
    return z - np.log(np.exp(z).sum(1, keepdims=True))


def collapsed(path, blank=0):
    return [c for c, _ in itertools.groupby(path) if c != blank]


def chance(log_probs, labels, blank=0):
    """P of the labels by its definition: every path, collapsed."""
    steps, classes = log_probs.shape
    return sum(
        np.exp(log_probs[np.arange(steps), path].sum())
        for path in itertools.product(range(classes), repeat=steps)
        if collapsed(path, blank) == list(labels)
    )


def extended_of(labels, blank=0):
    around = [blank]
    for label in labels:
        around += [label, blank]
    skip = [s >= 2 and around[s] != blank and around[s] != around[s - 2]
            for s in range(len(around))]
    return np.array(around), np.array(skip)


def walks(extended, skip, steps):
    """All walks of `steps` times along the places of the extended labels, from any place."""
    n = len(extended)
    found = [[s] for s in range(n)]
    for _ in range(steps - 1):
        found = [walk + [s] for walk in found for s in range(walk[-1], min(walk[-1] + 3, n))
                 if s <= walk[-1] + 1 or skip[s]]
    return found


def test_collapse(lesson):
    for path, right in (([0, 3, 3, 0, 3, 5, 5], [3, 3, 5]), ([0, 0], []), ([], []),
                        ([1, 1, 1], [1]), ([2, 1, 2, 2], [2, 1, 2]), ([0, 0, 4], [4])):
        made = lesson.collapse(path)
        assert list(made) == right, (
            f"collapse({path}) is {made}, it must be {right}: merge equal neighbours first, then "
            "drop the blanks")
    assert list(lesson.collapse([0, 2, 2, 1, 0, 0], 2)) == [0, 1, 0], "blank is an argument"
    assert list(lesson.collapse(np.array([0, 3, 3]))) == [3]


def test_extend(lesson):
    for labels, blank in ((TWICE, 0), ([], 0), ([1], 0), ([0, 1, 1, 0], 3), ([1, 2, 1], 0)):
        extended, skip = result("extend", lesson.extend(labels, blank), 2)
        right, may = extended_of(labels, blank)
        same(f"extended of {labels}", extended, right, "a blank before, between and behind")
        same(f"skip of {labels}", skip, may,
             "only to a label, and only if the label two places before is another one")


def test_ctc_forward(lesson):
    log_probs = log_probs_of(1, 5)
    for labels in (TWICE, [1, 2], [3], []):
        extended, skip = extended_of(labels)
        with untouched(log_probs=log_probs, extended=extended, skip=skip):
            made = lesson.ctc_forward(log_probs, extended, skip)
        shape("log_alpha", made, (5, len(extended)))
        right = np.zeros((5, len(extended)))
        for t in range(5):
            for walk in walks(extended, skip, t + 1):
                if walk[0] < 2:
                    right[t, walk[-1]] += np.exp(log_probs[np.arange(t + 1), extended[walk]].sum())
        same(f"alpha of {labels}", np.exp(made), right,
             "begin at the first two places; stay, one on, or two on where skip says so", 1e-9)


def test_ctc_backward(lesson):
    log_probs = log_probs_of(2, 5)
    for labels in (TWICE, [1, 2], [3], []):
        extended, skip = extended_of(labels)
        with untouched(log_probs=log_probs, extended=extended, skip=skip):
            made = lesson.ctc_backward(log_probs, extended, skip)
        shape("log_beta", made, (5, len(extended)))
        right = np.zeros((5, len(extended)))
        for t in range(5):
            for walk in walks(extended, skip, 5 - t):
                if walk[-1] >= len(extended) - 2:
                    later = log_probs[np.arange(t + 1, 5), extended[walk[1:]]]
                    right[t, walk[0]] += np.exp(later.sum())
        same(f"beta of {labels}", np.exp(made), right,
             "1 at the last two places; the symbols of later times only", 1e-9)


def test_ctc_loss(lesson):
    for labels, blank in ((TWICE, 0), ([], 0), ([1], 0), ([0, 1], 2), ([3, 3], 0)):
        logits = 2 * log_probs_of(len(labels) + blank, 5) + 1.0
        log_probs = logits - np.log(np.exp(logits).sum(1, keepdims=True))
        with untouched(logits=logits):
            loss, dlogits, gamma = result(
                "ctc_loss", lesson.ctc_loss(logits, labels, blank), 3)
        same(f"the loss of {labels}", loss, -np.log(chance(log_probs, labels, blank)),
             "-ln of the sum over the last two places of alpha", 1e-9)
        slope = numeric_gradient(
            lambda z, labels=labels, blank=blank: lesson.ctc_loss(z, labels, blank)[0], logits)
        same(f"dlogits of {labels}", dlogits, slope, "softmax minus gamma", 1e-6)
        same(f"gamma of {labels}", gamma, np.exp(log_probs) - slope,
             "alpha * beta / P, added up over the places of each class", 1e-6)
    logits = log_probs_of(9, 2)
    loss, dlogits, gamma = lesson.ctc_loss(logits, [1, 1])
    assert loss == np.inf, f"two times are too few for [1, 1]: the loss is inf, not {loss}"
    same("dlogits where no path exists", dlogits, np.zeros((2, 4)))
    same("gamma where no path exists", gamma, np.zeros((2, 4)))
    same("the loss with zero_infinity", lesson.ctc_loss(logits, [1, 1], zero_infinity=True)[0], 0.0)
    same("zero_infinity on what is possible",
         lesson.ctc_loss(logits, [1], zero_infinity=True)[0], -np.log(chance(logits, [1])))


def test_prefix_step(lesson):
    for blank in (0, 2):
        log_probs = log_probs_of(4 + blank, 4, 3)
        beam = {(): (0.0, -np.inf)}
        for t in range(4):
            before = dict(beam)
            with np.errstate(invalid="ignore"):
                beam = lesson.prefix_step(beam, log_probs[t], blank)
            assert isinstance(beam, dict), "prefix_step returns a dictionary"
            right = {}
            for path in itertools.product(range(3), repeat=t + 1):
                ends = right.setdefault(tuple(collapsed(path, blank)), [0.0, 0.0])
                ends[path[-1] != blank] += np.exp(log_probs[np.arange(t + 1), path].sum())
            for prefix, ends in right.items():
                assert prefix in beam, f"after {t + 1} steps the prefix {prefix} is not there"
                same(f"P of {prefix} after {t + 1} steps, in a blank and in its label",
                     np.exp(beam[prefix]), ends,
                     "a repeated label goes on, or begins again after a blank", 1e-9)
            for prefix in beam.keys() - right.keys():
                same(f"P of {prefix}, which has no path", np.exp(beam[prefix]), [0.0, 0.0])
            assert before is not beam
