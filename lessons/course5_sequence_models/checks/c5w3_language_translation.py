"""Checks for the exercises of c5w3-language-translation."""

import itertools
from collections import Counter

import numpy as np
from tinygrad_dls.learn.checking import gradients, result, same, untouched


def draw(seed=0, m=2, Ty=3, Tx=4, n_s=3, n_h=5):
    """S, H, W and a mask under which the second sentence has two words."""
    rng = np.random.default_rng(seed)
    mask = np.ones((m, Tx), bool)
    mask[1, 2:] = False
    return (rng.standard_normal((m, Ty, n_s)), rng.standard_normal((m, Tx, n_h)),
            rng.standard_normal((n_s, n_h)), mask)


def attend(S, H, W, mask):
    """C and A, sentence by sentence, state by state, over the words alone."""
    C, A = np.zeros((*S.shape[:2], H.shape[2])), np.zeros((*S.shape[:2], H.shape[1]))
    for i, t in itertools.product(range(len(S)), range(S.shape[1])):
        words = np.flatnonzero(mask[i])
        energies = np.exp([S[i, t] @ W @ H[i, x] for x in words])
        A[i, t, words] = energies / energies.sum()
        C[i, t] = sum(A[i, t, x] * H[i, x] for x in words)
    return C, A


def test_luong_attention(lesson):
    S, H, W, mask = draw()
    with untouched(S=S, H=H, W=W, mask=mask):
        made = result("luong_attention", lesson.luong_attention(S, H, W, mask), 2)
    C, A = attend(S, H, W, mask)
    same("A in the cache", made[1][3], A,
         "softmax over the places of S W H^T; minus infinity at padding, where mask is False")
    same("C", made[0], C, "A @ H")


def test_luong_attention_backward(lesson):
    for seed in (1, 2):
        S, H, W, mask = draw(seed)
        R = np.random.default_rng(9).standard_normal((2, 3, 5))
        _, A = attend(S, H, W, mask)
        cache = (S, H, W, A)
        with untouched(R=R, cache=list(cache)):
            mine = lesson.luong_attention_backward(R, cache)
        gradients(lambda p, R=R, mask=mask: np.sum(R * attend(p["S"], p["H"], p["W"], mask)[0]),
                  {"S": S, "H": H, "W": W}, mine,
                  hint="softmax: A * (dA - sum of A dA); H is asked and averaged: two parts")


def test_bahdanau_energies(lesson):
    S, H, _, _ = draw(3)
    rng = np.random.default_rng(4)
    W_q, W_k, v = (rng.standard_normal(shape) for shape in ((3, 6), (5, 6), (6,)))
    with untouched(S=S, H=H, W_q=W_q, W_k=W_k, v=v):
        made = lesson.bahdanau_energies(S, H, W_q, W_k, v)
    right = [[[v @ np.tanh(s @ W_q + h @ W_k) for h in places] for s in states]
             for states, places in zip(S, H, strict=True)]
    same("the energies", made, right, "v . tanh(W_q s + W_k h) for each state and place")


def random_model(seed, tokens=3):
    """step(tokens) whose chances depend on all tokens so far."""
    def step(past):
        z = np.random.default_rng([seed, len(past), *past]).normal(size=tokens) * 2
        return z - np.log(np.exp(z).sum())
    return step


def everything(step, start, end, alpha, longest, tokens=3):
    """The best of all sequences: (tokens, score)."""
    found = []
    for length in range(1, longest + 1):
        for written in itertools.product(range(tokens), repeat=length):
            ended = written[-1] == end
            if end in written[:-1] or (not ended and length < longest):
                continue
            past = [start, *written]
            total = sum(step(past[:i])[past[i]] for i in range(1, len(past)))
            found.append((list(written[:-1] if ended else written), total / length**alpha))
    return max(found, key=lambda pair: pair[1])


def test_beam_search(lesson):
    for seed, alpha in itertools.product(range(6), (0.0, 0.7, 1.0)):
        step = random_model(seed)
        tokens, score = result("beam_search", lesson.beam_search(step, 1, 0, 200, alpha, 4), 2)
        best = everything(step, 1, 0, alpha, 4)
        same("the score of a beam wide enough for all", score, best[1],
             "log P / T^alpha, T with the end token", 1e-9)
        assert list(tokens) == best[0], (
            f"the best is {best[0]}, not {list(tokens)}: without the start and the end token")
        greedy, past = [], [1]
        while len(greedy) < 4:
            past.append(int(np.argmax(step(past))))
            if past[-1] == 0:
                break
            greedy.append(past[-1])
        tokens, score = lesson.beam_search(step, 1, 0, 1, alpha, 4)
        assert list(tokens) == greedy, f"with B = 1 it is greedy search: {greedy}"
    asked = []

    def counted(past):
        asked.append(len(past))
        return np.log([0.4, 0.35, 0.25])  # it ends, at once, in one of the two

    tokens, _ = lesson.beam_search(counted, 1, 0, 2, 1.0, 6)
    assert max(Counter(asked).values()) == 1, (
        "a hypothesis that has ended keeps its place of the B: the beam goes on with one less")


def test_modified_precision(lesson):
    candidates = ["a a a b".split(), "c d".split()]
    references = ["a b a c".split(), "c d c d".split()]
    for n, right in ((1, (5, 6)), (2, (2, 4)), (3, (0, 2)), (4, (0, 1))):
        made = result("modified_precision",
                      lesson.modified_precision(candidates, references, n), 2)
        assert tuple(made) == right, (
            f"n = {n}: {tuple(made)}, it must be {right}: each n-gram counts at most as "
            "often as it is in the reference; summed over the sentences")
    assert tuple(lesson.modified_precision([["a"]], [["b"]], 1)) == (0, 1)


def test_bleu_score(lesson):
    cases = [  # translation, reference, BLEU: by hand
        ("a b c d e", "a b c d e", 100.0),
        ("a b c d", "a b c d e", 100 * np.exp(1 - 5 / 4)),
        ("a b c d e f", "a b c d e", 100 * (5 / 6 * 4 / 5 * 3 / 4 * 2 / 3) ** 0.25),
        ("a b c d", "a b c e", 100 * (3 / 4 * 2 / 3 * 1 / 2 * 0.5 / 1) ** 0.25),
        ("a b x c d", "a b y c d", 100 * (4 / 5 * 2 / 4 * 0.5 / 3 * 0.25 / 2) ** 0.25),
        ("x y z w", "a b c d", 0.0),
    ]
    for made, right, score in cases:
        same(f"BLEU of {made!r} for {right!r}",
             lesson.bleu_score([made.split()], [right.split()]), score,
             "the geometric mean of p_1 to p_4 times the brevity penalty; "
             "a zero is replaced by 1/2, the next by 1/4", 1e-9)
    two = lesson.bleu_score(["a b c d e".split(), "a b c d".split()],
                            ["a b c d e".split(), "a b c d e f".split()])
    same("BLEU of two sentences", two, 100 * np.exp(1 - 11 / 9),
         "lengths and matches are summed over the sentences first", 1e-9)


def test_attribute_error(lesson):
    for reference, found, right in ((-1.0, -2.0, "search"), (-2.0, -1.0, "model"),
                                    (-1.5, -1.5, "model")):
        made = lesson.attribute_error(reference, found)
        assert made == right, (
            f"the reference scores {reference}, what was found {found}: {made!r}, it must be "
            f"{right!r}: the search is to blame where it missed what the model likes better")
