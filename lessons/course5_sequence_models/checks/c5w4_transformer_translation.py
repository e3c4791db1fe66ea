"""Checks for the exercises of c5w4-transformer-translation."""

import numpy as np
from tinygrad_dls.learn.checking import gradients, result, same, untouched


def test_teacher_forcing(lesson):
    for targets, inputs, goals in (
        ([[5, 6], [7]], [[1, 5, 6], [1, 7, 0]], [[5, 6, 2], [7, 2, 0]]),
        ([[4], [9, 8, 7], [3, 3]], [[1, 4, 0, 0], [1, 9, 8, 7], [1, 3, 3, 0]],
         [[4, 2, 0, 0], [9, 8, 7, 2], [3, 3, 2, 0]]),
    ):
        made = result("teacher_forcing", lesson.teacher_forcing(targets, 1, 2), 2)
        same("the inputs", made[0], inputs, "start, then the tokens; padded with 0")
        same("the goals", made[1], goals, "the tokens, then end; padded with 0")
    made = lesson.teacher_forcing([[5, 6]], 8, 9)
    same("the inputs with another start", made[0], [[8, 5, 6]])
    same("the goals with another end", made[1], [[5, 6, 9]])


def test_create_masks(lesson):
    sources = np.array([[3, 4, 5, 0], [6, 0, 0, 0], [0, 2, 0, 1]])
    inputs = np.array([[1, 4, 0], [1, 2, 3], [1, 0, 0]])
    with untouched(sources=sources, inputs=inputs):
        made = result("create_masks", lesson.create_masks(sources, inputs), 2)
    padding = [[[1, 1, 1, 0]], [[1, 0, 0, 0]], [[0, 1, 0, 1]]]
    combined = [[[float(j <= i and row[j] != 0) for j in range(3)] for i in range(3)]
                for row in inputs]
    same("the padding mask", made[0], padding, "(m, 1, s), 1 where the source has a token")
    same("the decoder's mask", made[1], combined, "(m, t, t): a token, and not later")


def one_place(z, goal, epsilon):
    chances = np.exp(z) / sum(np.exp(z))
    wanted = [(1 - epsilon) * (j == goal) + epsilon / len(z) for j in range(len(z))]
    return -sum(q * np.log(p) for q, p in zip(wanted, chances, strict=True))


def slow_loss(logits, goals, epsilon):
    """The mean over places that have a goal, one at a time."""
    costs = [one_place(z, g, epsilon) for row, goal in zip(logits, goals, strict=True)
             for z, g in zip(row, goal, strict=True) if g]
    return sum(costs) / len(costs)


def test_smoothed_loss(lesson):
    logits = np.random.default_rng(0).standard_normal((2, 4, 5))
    for goals in (np.array([[3, 1, 0, 0], [4, 2, 1, 0]]), np.array([[1, 2, 3, 4], [2, 2, 1, 3]])):
        for epsilon in (0.0, 0.1, 0.5):
            with untouched(logits=logits, goals=goals):
                made = lesson.smoothed_loss(logits, goals, epsilon)
            cost, dlogits = result("smoothed_loss", made, 2)
            same("the cost", cost, slow_loss(logits, goals, epsilon),
                 "the mean over places with a goal; q = (1 - epsilon) onehot + epsilon / k")
            gradients(lambda p, g=goals, e=epsilon: slow_loss(p["logits"], g, e),
                      {"logits": logits}, {"dlogits": dlogits},
                      hint="(P - q) / count where there is a goal, else 0")
    cost, dlogits = lesson.smoothed_loss(1000 * logits, np.array([[3, 1, 0, 0], [4, 2, 1, 0]]), 0.1)
    assert np.isfinite(cost) and np.isfinite(dlogits).all(), (
        "large logits overflow: subtract the largest before the exponential")


def test_transformer_rate(lesson):
    for d, warmup in ((64, 200), (512, 4000)):
        for step in (1, 7, warmup, 3 * warmup):
            rising, falling = step / warmup / warmup**0.5, 1 / step**0.5
            same(f"the rate at step {step}", lesson.transformer_rate(step, d, warmup),
                 min(rising, falling) / d**0.5, "d^-.5 min(s^-.5, s w^-1.5)")


def test_greedy(lesson):
    plan = np.array([[5, 6, 2, 7, 7, 7], [4, 2, 3, 3, 3, 3], [2, 9, 9, 9, 9, 9]])
    seen = []

    def score(written):
        seen.append(written.copy())
        return np.eye(10)[plan[:, : written.shape[1]]]

    made = lesson.greedy(score, 3, 1, 2, 6)
    same("what is written", made, [[5, 6, 2], [4, 2, 0], [2, 0, 0]],
         "after its end token a row has 0; stop when all have ended")
    same("what score was given last", seen[-1], [[1, 5, 6], [1, 4, 2], [1, 2, 0]])
    assert len(seen) == 3, f"score was called {len(seen)} times, 3 are enough"
    longest = lesson.greedy(lambda w: np.eye(10)[np.full(w.shape, 7)], 2, 1, 2, 4)
    same("rows that never end", longest, np.full((2, 4), 7), "at most `longest` tokens")


def test_exact_match(lesson):
    goals = np.array([[5, 6, 2, 0], [4, 2, 0, 0], [3, 3, 3, 2], [8, 2, 0, 0]])
    for written, right in (
        (goals, 100.0), (goals[:, :3], 75.0), (np.pad(goals, ((0, 0), (0, 2))), 100.0),
        (np.where(goals == 6, 7, goals), 75.0),
        (np.array([[5, 6, 2], [4, 4, 2], [3, 3, 2], [8, 2, 0]]), 50.0),
    ):
        with untouched(written=written, goals=goals):
            made = lesson.exact_match(written, goals)
        same("percent", made, right, "a row counts if all of its tokens are right")
