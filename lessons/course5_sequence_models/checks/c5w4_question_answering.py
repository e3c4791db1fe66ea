"""Checks for the exercises of c5w4-question-answering."""

import numpy as np
from tinygrad_dls.learn.checking import gradients, result, same, untouched


def test_find_span(lesson):
    for question, context, answer, right in (
        (["where", "?"], ["a", "red", "cat", "."], ["red", "cat"], (4, 5)),
        (["a", "cat", "?"], ["the", "cat"], ["cat"], (5, 5)),
        (["cat"], ["cat", "dog", "cat"], ["cat"], (2, 2)),
        (["q"], ["a", "b", "a", "c"], ["a", "c"], (4, 5)),
    ):
        made = result("find_span", lesson.find_span(question, context, answer), 2)
        same("the places", np.array(made), right,
             "in question + separator + text, the first time the text has it; last included")
    try:
        lesson.find_span(["q"], ["a", "b"], ["c"])
    except ValueError:
        return
    raise AssertionError("an answer that the text does not hold is a ValueError")


def slow_loss(starts, ends, goals, mask):
    total = 0.0
    for row in range(len(goals)):
        for column, logits in enumerate((starts, ends)):
            sums = sum(np.exp(z) for z, m in zip(logits[row], mask[row], strict=True) if m)
            total += np.log(sums) - logits[row, goals[row, column]]
    return total / (2 * len(goals))


def test_span_loss(lesson):
    rng = np.random.default_rng(0)
    point = {"starts": rng.standard_normal((3, 5)), "ends": rng.standard_normal((3, 5))}
    goals = np.array([[1, 2], [0, 3], [4, 4]])
    for lengths in ([5, 5, 5], [3, 4, 5]):
        mask = np.arange(5) < np.array(lengths)[:, None]
        with untouched(goals=goals, mask=mask, **point):
            made = lesson.span_loss(*point.values(), goals, mask)
        cost, dstarts, dends = result("span_loss", made, 3)
        same("the cost", cost, slow_loss(*point.values(), goals, mask),
             "the softmax over places that are not padding; the mean over rows and pointers")
        gradients(lambda p, m=mask: slow_loss(p["starts"], p["ends"], goals, m), point,
                  {"dstarts": dstarts, "dends": dends}, hint="(P - onehot) / (2 m)")
    cost, dstarts, _ = lesson.span_loss(
        1000 + 50 * point["starts"], point["ends"], goals, np.ones((3, 5), bool))
    assert np.isfinite(cost) and np.isfinite(dstarts).all(), "subtract the largest logit"


def test_best_span(lesson):
    rng = np.random.default_rng(1)
    for _ in range(6):
        starts, ends = rng.standard_normal((2, 4, 7))
        for lengths, longest in (([7, 7, 7, 7], 10), ([3, 7, 1, 5], 10), ([7, 6, 5, 4], 2)):
            right = []
            for row, length in enumerate(lengths):
                pairs = [(starts[row, i] + ends[row, j], (i, j)) for i in range(length)
                         for j in range(length) if i <= j < i + longest]
                right.append(max(pairs)[1])
            with untouched(starts=starts, ends=ends):
                made = lesson.best_span(starts, ends, lengths, longest)
            same("the spans", made, right, "start <= end, within the length, not too long")


def test_exact_match(lesson):
    goals = np.array([[1, 2], [3, 3], [0, 4], [2, 2]])
    for spans, right in ((goals, 100.0), (goals + [[0, 0], [0, 1], [0, 0], [0, 0]], 75.0),
                         (goals - [[1, 0], [0, 0], [0, 0], [1, 1]], 50.0)):
        same("percent", lesson.exact_match(spans, goals), right, "start and end must be right")
