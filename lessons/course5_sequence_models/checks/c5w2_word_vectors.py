"""Checks for the exercises of c5w2-word-vectors."""

import numpy as np
from tinygrad_dls.learn.checking import numeric_gradient, result, same, shape, untouched


def random_map(seed=0, n=5, words="man woman king queen boy girl doctor actor actress"):
    """Words with random vectors (n,) of length 1."""
    rng = np.random.default_rng(seed)
    made = {}
    for word in words.split():
        e = rng.standard_normal(n)
        made[word] = e / np.linalg.norm(e)
    return made


def test_cosine_similarity(lesson):
    rng = np.random.default_rng(1)
    same("(1, 2, 2) and (2, 1, 2)",
         lesson.cosine_similarity(np.array([1.0, 2, 2]), np.array([2.0, 1, 2])), 8 / 9,
         "the dot product over both lengths")
    for n in (2, 7):
        u, v = 3 * rng.standard_normal(n), 0.1 * rng.standard_normal(n)
        with untouched(u=u, v=v):
            mine = lesson.cosine_similarity(u, v)
        same("the cosine", mine, sum(u * v) / (sum(u**2) * sum(v**2)) ** 0.5,
             "the dot product over both lengths")
    same("u with itself", lesson.cosine_similarity(u, u), 1.0)
    for a, b in ((u, 0 * u), (0 * u, u), (0 * u, 0 * u)):
        same("a zero vector", lesson.cosine_similarity(a, b), 0.0, "0 where a vector is zero")


def test_cosine_backward(lesson):
    rng = np.random.default_rng(2)
    for n in (3, 6):
        u, v = 2 * rng.standard_normal(n), 0.3 * rng.standard_normal(n)
        with untouched(u=u, v=v):
            mine = lesson.cosine_backward(u, v)
        right = numeric_gradient(lambda x, v=v: x @ v / np.sqrt(x @ x * (v @ v)), u)
        same("du", mine, right, "v / (|u| |v|) - cos u / |u|^2", 1e-6)


def test_complete_analogy(lesson):
    rng = np.random.default_rng(3)
    words = {name: rng.standard_normal(6) for name in "abcdefghij"}
    base = words["b"] - words["a"]
    words["right"] = words["c"] + 0.4 * base + 0.01 * rng.standard_normal(6)
    words["near"] = words["c"] + 0.2 * rng.standard_normal(6)
    words["opposite"] = words["c"] - base
    with untouched(words=words):
        mine = lesson.complete_analogy("a", "b", "c", words)
    hint = "take the cosine of e_b - e_a and e_w - e_c"
    assert mine == "right", f"the best word is 'right', not {mine!r}: {hint}"
    mine = lesson.complete_analogy("A", "B", "C", words)
    assert mine == "right", "capitals count as small letters"
    for first, second, third in (("a", "b", "a"), ("a", "b", "b"), ("d", "e", "f")):
        e_a, e_b, e_c = words[first], words[second], words[third]
        best = max((w for w in words if w not in (first, second, third)),
                   key=lambda w: (e_b - e_a) @ (words[w] - e_c)
                   / np.linalg.norm(e_b - e_a) / np.linalg.norm(words[w] - e_c))
        mine = lesson.complete_analogy(first, second, third, words)
        assert mine == best, f"{first} is to {second} as {third} is to {best}, not {mine!r}"


def test_neutralize(lesson):
    words = random_map(4)
    for g in (words["woman"] - words["man"], 5 * words["queen"], 0.1 * words["boy"]):
        with untouched(g=g, words=words):
            mine = lesson.neutralize("doctor", g, words)
        axis = g / np.linalg.norm(g)
        e = words["doctor"]
        same("e_debiased", mine, e - axis * sum(e * axis), "e minus (e . g) / |g|^2 times g")
        same("its product with g", np.dot(mine, g) + 1, 1.0, "it must be orthogonal to g")


def test_equalize(lesson):
    words = random_map(5)
    for pair in (("man", "woman"), ("actor", "actress"), ("boy", "queen")):
        for axis in (words["woman"] - words["man"], 3 * (words["girl"] - words["boy"])):
            with untouched(axis=axis, words=words):
                made = result("equalize", lesson.equalize(pair, axis, words), 2)
            u = axis / np.linalg.norm(axis)
            first, second = (words[w] for w in pair)
            rest = (first + second) / 2
            rest = rest - u * (rest @ u)
            half = np.sqrt(1 - rest @ rest) * np.sign((first - second) @ u)
            same("e1", made[0], rest + half * u,
                 "mu_orth, and along the axis the sign of e1 - mu, so long that |e1| = 1")
            same("e2", made[1], rest - half * u, "as e1, on the other side")
    long = {word: 2 * e for word, e in words.items()}
    e1, _ = lesson.equalize(("boy", "queen"), words["girl"], long)
    u = words["girl"]
    rest = long["boy"] / 2 + long["queen"] / 2
    rest = rest - u * (rest @ u)
    half = np.sqrt(abs(1 - rest @ rest)) * np.sign((long["boy"] - long["queen"]) @ u)
    same("e1 where mu_orth is longer than 1", e1, rest + half * u, "|1 - |mu_orth|^2|, no NaN")


def test_embedding_forward(lesson):
    E = np.random.default_rng(6).standard_normal((5, 3))
    for indices in (np.array([4, 0, 4]), np.array([[1, 2], [2, 2]]), np.array(3)):
        with untouched(E=E, indices=indices):
            X = lesson.embedding_forward(E, indices)
        shape("X", X, (*indices.shape, 3))
        onehot = (indices[..., None] == np.arange(5)).astype(float)
        same("X", X, onehot @ E, "row j of E wherever the index is j")


def test_embedding_backward(lesson):
    rng = np.random.default_rng(7)
    E = rng.standard_normal((5, 3))
    for indices in (np.array([4, 0, 4, 4]), np.array([[1, 2, 1], [2, 2, 0]])):
        R = rng.standard_normal((*indices.shape, 3))
        with untouched(R=R, indices=indices):
            dE = lesson.embedding_backward(R, indices, 5)
        shape("dE", dE, (5, 3), "a row for each word, used or not")
        right = numeric_gradient(lambda E, i=indices, R=R: np.sum(R * E[i]), E)
        same("dE", dE, right, "rows of equal words add up; np.add.at", 1e-6)


def test_pca(lesson):
    rng = np.random.default_rng(8)
    X = rng.standard_normal((12, 5)) * [1, 4, 0.5, 2, 3] + 7
    for k in (1, 2, 3):
        with untouched(X=X):
            mine = lesson.pca(X, k)
        shape("the coordinates", mine, (12, k))
        _, directions = np.linalg.eigh(np.cov(X.T))
        right = (X - X.mean(axis=0)) @ directions[:, ::-1][:, :k]
        for column in range(k):
            sign = np.sign(mine[:, column] @ right[:, column])
            same(f"coordinate {column + 1}", sign * mine[:, column], right[:, column],
                 "centre the rows first; the directions of largest variance", 1e-6)
    shape("the coordinates without k", lesson.pca(X), (12, 2))
