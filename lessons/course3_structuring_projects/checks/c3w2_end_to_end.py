"""Checks for the exercises of c3w2-end-to-end."""

import numpy as np
from tinygrad_dls.learn.checking import gradients, keys, result, same, untouched


def readers(seed=0, m=7):
    """P1, P2 (10, m), columns that add up to 1, and sums (m,) from 0 to 18."""
    rng = np.random.default_rng(seed)
    P1, P2 = (rng.dirichlet(np.ones(10), m).T for _ in range(2))
    return P1, P2, np.array([0, 18, 9, 3, 12, 17, 8])[:m]


def test_find_cuts(lesson):
    X = np.ones((3, 8, 17))
    X[0, :, 7] = 0.1
    X[1, :, 11] = 0.5  # the last that counts
    X[1, :, [3, 14]] = 0  # outside of 6 ... 11
    X[2, :, [6, 9]] = 0  # the first of equals
    with untouched(X=X):
        made = lesson.find_cuts(X)
    same("the cuts", made, [7, 11, 6], "the column with the least ink among 6 ... 11")
    X[2, 0, 6] = 8.0  # much ink in one pixel: the sum of the column counts
    X[2, :, 8] = 0.2
    same("the cut of another picture", lesson.find_cuts(X)[2], 9, "sum over the 8 rows, axis=1")


def test_sum_distribution(lesson):
    P1, P2, _ = readers()
    with untouched(P1=P1, P2=P2):
        made = lesson.sum_distribution(P1, P2)
    right = np.zeros((19, 7))
    for a in range(10):
        for b in range(10):
            right[a + b] += P1[a] * P2[b]
    same("P", made, right, "P(s) = sum of P1(a) P2(s - a)")


def test_posterior(lesson):
    P1, P2, s = readers(1)
    with untouched(P1=P1, P2=P2, s=s):
        Q1, Q2 = result("posterior", lesson.posterior(P1, P2, s), 2)
    right1, right2 = np.zeros((10, 7)), np.zeros((10, 7))
    for i in range(7):
        for a in range(10):
            b = s[i] - a
            if 0 <= b <= 9:
                right1[a, i] += P1[a, i] * P2[b, i]
                right2[b, i] += P1[a, i] * P2[b, i]
    hint = "p1(a) p2(s - a), and each column divided by its sum"
    same("Q1", Q1, right1 / right1.sum(0), hint)
    same("Q2", Q2, right2 / right2.sum(0), "what the right digit was, p2(b) p1(s - b) / P(s)")


def test_propagate(lesson):
    rng = np.random.default_rng(2)
    p = {k: rng.standard_normal((10, 4 if k[0] == "W" else 1)) for k in ("W1", "b1", "W2", "b2")}
    X, s = rng.standard_normal((4, 7)), readers()[2]
    with untouched(X=X, s=s, parameters=p):
        grads, cost = result("propagate", lesson.propagate(p, X, s), 2)
    P1, P2 = (np.exp(p[f"W{i}"] @ X + p[f"b{i}"]) for i in (1, 2))
    P1, P2 = P1 / P1.sum(0), P2 / P2.sum(0)
    right = -np.mean([
        np.log(sum(P1[a, i] * P2[s[i] - a, i] for a in range(10) if 0 <= s[i] - a <= 9))
        for i in range(7)
    ])
    same("the cost", cost, right, "the mean of -log P(s) over the examples")
    gradients(lambda q: lesson.propagate(q, X, s)[1], p, grads, m=7,
              hint="dZ1 = (P1 - Q1) / m; then dW = dZ X^T, db = sum dZ")


def test_ceilings(lesson):
    a, b = np.array([1, 2, 3, 4]), np.array([5, 6, 7, 8])
    read_a, read_b = np.array([1, 3, 0, 5]), np.array([5, 6, 7, 7])  # 4 + 8 = 5 + 7: by luck
    cut_a, cut_b = np.array([1, 2, 3, 0]), np.array([5, 6, 7, 8])
    made = lesson.ceilings(a, b, read_a, read_b, cut_a, cut_b)
    keys("the ceilings", made, ["as it is", "perfect cut", "perfect reading"])
    same("as it is", made["as it is"], 50.0, "percent of right sums, by luck or not")
    same("perfect cut", made["perfect cut"], 75.0)
    same("perfect reading", made["perfect reading"], 100.0)
