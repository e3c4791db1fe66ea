"""Checks for the exercises of c5w2-sentiment."""

import numpy as np
from tinygrad_dls.learn.checking import (
    gradients,
    keys,
    numeric_gradient,
    result,
    same,
    untouched,
)


def batch(seed=0):
    """X (3, 4), mask (3, 4), E (6, 3), w (3,), b."""
    rng = np.random.default_rng(seed)
    X = np.array([[2, 5, 2, 4], [3, 1, 0, 0], [1, 2, 3, 0]])
    mask = np.array([[1.0, 1, 1, 1], [1, 0, 0, 0], [1, 1, 1, 0]])
    return X, mask, rng.standard_normal((6, 3)), rng.standard_normal(3), 0.4


def logits(X, mask, E, w, b):
    return np.array([
        sum(E[X[i, t]] * mask[i, t] for t in range(X.shape[1])) @ w / mask[i].sum() + b
        for i in range(len(X))
    ])


def test_tokenize(lesson):
    mine = lesson.tokenize("It's NOT bad!<br /><br />I'd watch it: 9 of 10. Would you?")
    right = ["it's", "not", "bad", "!", "i'd", "watch", "it", "of", ".", "would", "you", "?"]
    assert mine == right, f"{mine}, it must be {right}"
    assert lesson.tokenize("good<br />film") == ["good", "film"], "<br /> separates words"
    assert lesson.tokenize("") == []
    assert lesson.tokenize("so " * 300) == ["so"] * 200, "the first 200 words by default"
    assert lesson.tokenize("one two three. four", 3) == ["one", "two", "three"]


def test_pad_batch(lesson):
    X, mask = result("pad_batch", lesson.pad_batch([[4, 7], [3, 1, 8, 5], [], [2]]), 2)
    same("X", X, [[4, 7, 0, 0], [3, 1, 8, 5], [1, 0, 0, 0], [2, 0, 0, 0]],
         "0 behind the end; an empty text is one unknown word")
    same("mask", mask, [[1, 1, 0, 0], [1, 1, 1, 1], [1, 0, 0, 0], [1, 0, 0, 0]],
         "1 for a word, 0 for padding")
    X, mask = lesson.pad_batch([[0, 6], []], 9)
    same("X with unknown=9", X, [[0, 6], [9, 0]])
    same("mask of a text with the number 0", mask, [[1, 1], [1, 0]], "by length, not by value")
    assert np.asarray(X).dtype.kind in "iu", "X holds whole numbers"


def test_bag_forward(lesson):
    X, mask, E, w, b = batch()
    with untouched(X=X, mask=mask, E=E, w=w):
        z, cache = result("bag_forward", lesson.bag_forward(X, mask, E, w, b), 2)
    same("z", z, logits(X, mask, E, w, b), "the mean over words, not over padding")
    v = (E[X] * mask[:, :, None]).sum(1) / mask.sum(1)[:, None]
    same("v in the cache", cache[2], v)
    longer = np.pad(X, ((0, 0), (0, 3)), constant_values=2)
    z, _ = lesson.bag_forward(longer, np.pad(mask, ((0, 0), (0, 3))), E, w, b)
    same("z with more padding", z, logits(X, mask, E, w, b), "padding must not matter")


def test_logistic_cost(lesson):
    z, Y = np.array([0.3, -1.2, 2.0]), np.array([1, 0, 0])

    def cost(z):
        p = 1 / (1 + np.exp(-z))
        return -np.mean(Y * np.log(p) + (1 - Y) * np.log(1 - p))

    with untouched(z=z, Y=Y):
        made = result("logistic_cost", lesson.logistic_cost(z, Y), 2)
    same("cost", made[0], cost(z), "the mean of log(1 + e^z) - y z")
    same("dz", made[1], numeric_gradient(cost, z), "(sigmoid(z) - y) / m", 1e-6)
    with np.errstate(over="raise"):
        made = lesson.logistic_cost(np.array([1000.0, -1000.0]), np.array([0, 1]))
    same("cost of large z", made[0], 1000.0, "nothing overflows: np.logaddexp(0, z)")
    same("dz of large z", made[1], [0.5, -0.5])


def test_bag_backward(lesson):
    X, mask, E, w, b = batch(1)
    R = np.array([0.9, -1.1, 0.4])
    v = (E[X] * mask[:, :, None]).sum(1) / mask.sum(1)[:, None]
    with untouched(R=R, X=X, mask=mask):
        mine = lesson.bag_backward(R, (X, mask, v, w, len(E)))
    keys("the gradients", mine, ["dE", "dw", "db"])
    gradients(lambda p: R @ logits(X, mask, p["E"], p["w"], p["b"]),
              {"E": E, "w": w, "b": np.array(b)}, mine,
              hint="each word gets mask / T_i times dv, equal words add up")
    same("the row of the padding", mine["dE"][0], np.zeros(3), "padding gets exactly 0")


def test_masked_step(lesson):
    rng = np.random.default_rng(2)
    new, before, m_t = rng.standard_normal((4, 3)), rng.standard_normal((4, 3)), [1.0, 0, 1, 0]
    m_t = np.array(m_t)
    with untouched(new=new, before=before, m_t=m_t):
        mine = lesson.masked_step(new, before, m_t)
    same("h", mine, [new[0], before[1], new[2], before[3]], "new where the mask is 1, else old")


def test_masked_step_backward(lesson):
    rng = np.random.default_rng(3)
    dh, m_t = rng.standard_normal((4, 3)), np.array([1.0, 0, 1, 0])
    with untouched(dh=dh, m_t=m_t):
        new, before = result("masked_step_backward", lesson.masked_step_backward(dh, m_t), 2)
    zero = np.zeros(3)
    same("dh_new", new, [dh[0], zero, dh[2], zero])
    same("dh_before", before, [zero, dh[1], zero, dh[3]], "what is carried goes back")


def test_reverse_texts(lesson):
    X, mask, *_ = batch()
    X = X + 10
    with untouched(X=X, mask=mask):
        mine = lesson.reverse_texts(X, mask)
    right = X.copy()
    for i, n in enumerate(mask.sum(1).astype(int)):
        right[i, :n] = X[i, :n][::-1]
    same("the texts", mine, right, "each text by itself, its padding stays behind it")
    same("twice", lesson.reverse_texts(mine, mask), X)
