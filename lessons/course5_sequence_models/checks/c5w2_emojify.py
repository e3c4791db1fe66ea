"""Checks for the exercises of c5w2-emojify."""

import numpy as np
from tinygrad_dls.errors import DataError
from tinygrad_dls.learn.checking import (
    gradients,
    numeric_gradient,
    result,
    same,
    shape,
    untouched,
)


def vectors(seed=0, n_e=4):
    """Words with random vectors (n_e,)."""
    rng = np.random.default_rng(seed)
    return {word: rng.standard_normal(n_e) for word in "i love you food is not good".split()}


def softmax(z):
    return np.exp(z) / np.exp(z).sum()


def test_sentence_to_avg(lesson):
    words = vectors()
    with untouched(words=words):
        mine = lesson.sentence_to_avg("I LOVE love  food", words)
    right = (words["i"] + 2 * words["love"] + words["food"]) / 4
    same("avg", mine, right, "small letters, split(), every word as often as it comes")
    mine = lesson.sentence_to_avg("you xyzzy are", words)
    same("avg with unknown words", mine, words["you"], "divide by the number of known words")
    for empty in ("", "xyzzy"):
        same(f"avg of {empty!r}", lesson.sentence_to_avg(empty, words), np.zeros(4))


def test_propagate(lesson):
    rng = np.random.default_rng(1)
    for y in (0, 3):
        point = {"W": rng.standard_normal((5, 4)), "b": rng.standard_normal(5),
                 "avg": rng.standard_normal(4)}

        def cost(p, y=y):
            return -np.log(softmax(p["W"] @ p["avg"] + p["b"])[y])

        with untouched(point=point):
            made = result("propagate",
                          lesson.propagate(point["avg"], y, point["W"], point["b"]), 3)
        same("a", made[0], softmax(point["W"] @ point["avg"] + point["b"]))
        same("cost", made[1], cost(point), "-log of the probability of the right label")
        gradients(cost, point, made[2], hint="dz = a - onehot(y)")
    a, _, _ = lesson.propagate(1000 * point["avg"], 0, point["W"], point["b"])
    assert np.isfinite(a).all(), "large z overflow: subtract the largest first"


def test_model(lesson):
    words, rng = vectors(2), np.random.default_rng(3)
    X = ["i love you", "food is good", "not good", "xyzzy"]
    Y = np.array([0, 2, 1, 2])
    W, b = rng.standard_normal((3, 4)), rng.standard_normal(3)
    right_W, right_b, costs = W.copy(), b.copy(), []
    for _ in range(3):
        total = []
        for line, y in zip(X, Y, strict=True):
            known = [words[w] for w in line.split() if w in words]
            avg = sum(known) / len(known) if known else np.zeros(4)
            a = softmax(right_W @ avg + right_b)
            total.append(-np.log(a[y]))
            a[y] -= 1
            right_W = right_W - 0.3 * np.outer(a, avg)
            right_b = right_b - 0.3 * a
        costs.append(np.mean(total))
    with untouched(W=W, b=b, words=words):
        made = result("model", lesson.model(X, Y, words, W, b, 0.3, 3), 4)
    same("W", made[1], right_W, "a step after each sentence, in order")
    same("b", made[2], right_b)
    same("costs", made[3], costs, "the mean over the sentences of a pass")
    shape("the labels", made[0], (4,))


def test_sentences_to_indices(lesson):
    index = {"i": 1, "love": 2, "you": 3, "food": 4}
    X = ["I love YOU", "food xyzzy i", "", "love love love love"]
    with untouched(index=list(index.values())):
        mine = lesson.sentences_to_indices(X, index, 4)
    right = [[1, 2, 3, 0], [4, 1, 0, 0], [0, 0, 0, 0], [2, 2, 2, 2]]
    same("the indices", mine, right, "known words from the left, 0 behind them")
    for longest in (4, 6):
        try:
            lesson.sentences_to_indices(["i", "love " * (longest + 1)], index, longest)
        except DataError as error:
            said = str(error)
            assert "1" in said and str(longest + 1) in said, f"which sentence, how long: {said}"
        else:
            raise AssertionError("a sentence longer than max_len must raise DataError")


def test_pretrained_embedding_layer(lesson):
    words = vectors(4)
    index = {word: i for i, word in enumerate(reversed(list(words)), 1)}
    layer = lesson.pretrained_embedding_layer(words, index)
    table = layer.weight.numpy()
    shape("the table", table, (len(words) + 1, 4), "a row for each word, and row 0")
    same("row 0", table[0], np.zeros(4), "padding is zeros")
    for word, i in index.items():
        same(f"the row of {word!r}", table[i], words[word], "row i, not i - 1", 1e-6)
    assert not layer.weight.requires_grad, "the layer is not trained: freeze=True"
    one = lesson.pretrained_embedding_layer(words, {"love": 1})  # a part of the words
    shape("the table of one word", one.weight.numpy(), (2, 4))
    for wrong in ({"i": 0, "love": 1}, {"i": 1, "love": 3}, {"i": 2, "love": 2}):
        try:
            lesson.pretrained_embedding_layer(words, wrong)
        except DataError:
            continue
        raise AssertionError(f"numbers {list(wrong.values())} must raise DataError")


def test_last_states(lesson):
    rng = np.random.default_rng(5)
    H, lengths = rng.standard_normal((4, 6, 3)), np.array([6, 1, 0, 4])
    with untouched(H=H, lengths=lengths):
        mine = lesson.last_states(H, lengths)
    right = np.stack([H[0, 5], H[1, 0], np.zeros(3), H[3, 3]])
    same("h", mine, right, "at place lengths - 1; zeros for a sentence without words")


def test_last_states_backward(lesson):
    rng = np.random.default_rng(6)
    H, lengths = rng.standard_normal((4, 6, 3)), np.array([6, 1, 0, 4])
    dh = rng.standard_normal((4, 3))

    def cost(H):
        return sum(H[i, n - 1] @ dh[i] for i, n in enumerate(lengths) if n > 0)

    with untouched(dh=dh, lengths=lengths):
        mine = lesson.last_states_backward(dh, lengths, 6)
    same("dH", mine, numeric_gradient(cost, H), "dh at the last word, 0 elsewhere", 1e-6)
