"""Checks for the exercises of c5w2-learning-embeddings."""

import itertools

import numpy as np
from tinygrad_dls.learn.checking import (
    gradients,
    keys,
    numeric_gradient,
    result,
    same,
    untouched,
)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def test_skip_gram_pairs(lesson):
    mine = lesson.skip_gram_pairs([5, 6, 7, 8], 2)
    right = [(5, 6), (5, 7), (6, 5), (6, 7), (6, 8), (7, 5), (7, 6), (7, 8), (8, 6), (8, 7)]
    assert [tuple(pair) for pair in mine] == right, f"window 2: {mine}, it must be {right}"
    mine = lesson.skip_gram_pairs(np.array([1, 1, 2]), 1)
    assert [tuple(pair) for pair in mine] == [(1, 1), (1, 1), (1, 2), (2, 1)], "by place, not word"
    assert lesson.skip_gram_pairs([3], 2) == []


def test_naive_softmax(lesson):
    rng = np.random.default_rng(0)
    v, U = rng.standard_normal(3), rng.standard_normal((5, 3))

    def cost(p):
        return np.log(np.exp(p["U"] @ p["v"]).sum()) - (p["U"] @ p["v"])[2]

    with untouched(v=v, U=U):
        made = result("naive_softmax", lesson.naive_softmax(v, 2, U), 3)
    same("cost", made[0], cost({"v": v, "U": U}), "-log of the softmax at o")
    gradients(cost, {"v": v, "U": U}, {"dv": made[1], "dU": made[2]}, hint="y_hat - y")
    made = lesson.naive_softmax(800 * v, 2, U)
    assert np.isfinite(made[1]).all(), "large scores overflow: subtract the largest first"


def test_cbow(lesson):
    rng = np.random.default_rng(1)
    V, U = rng.standard_normal((5, 3)), rng.standard_normal((5, 3))
    context = np.array([0, 4, 4])

    def cost(p):
        z = p["U"] @ ((p["V"][0] + 2 * p["V"][4]) / 3)
        return np.log(np.exp(z).sum()) - z[1]

    with untouched(V=V, U=U, context=context):
        made = result("cbow", lesson.cbow(context, 1, V, U), 3)
    same("cost", made[0], cost({"V": V, "U": U}), "of the mean vector of the context")
    gradients(cost, {"V": V, "U": U}, {"dV": made[1], "dU": made[2]},
              hint="dv / k to each word of the context; a word twice gets it twice")


def test_huffman_codes(lesson):
    for counts, right in (
        ([4, 2, 1], ["1", "01", "00"]), ([1, 5], ["0", "1"]),
        ([8, 4, 2, 1], ["1", "01", "001", "000"]),
    ):
        mine = lesson.huffman_codes(counts)
        assert list(mine) == right, f"counts {counts}: {mine}, it must be {right}"
    rng = np.random.default_rng(2)
    for _ in range(5):
        counts = rng.integers(1, 30, 6).tolist()
        codes = lesson.huffman_codes(counts)
        assert len(set(codes)) == 6 and set("".join(codes)) <= {"0", "1"}
        for first, second in itertools.permutations(codes, 2):
            assert not second.startswith(first), f"{first} begins {second}: both are words"
        best = min(
            sum(n * c for n, c in zip(lengths, counts))
            for lengths in itertools.product(range(1, 6), repeat=6)
            if sum(2.0 ** -n for n in lengths) <= 1
        )
        mine = sum(len(code) * c for code, c in zip(codes, counts))
        assert mine == best, f"counts {counts}: {mine} branchings in all, the best is {best}"


def test_hierarchical_softmax(lesson):
    rng = np.random.default_rng(3)
    v, T = rng.standard_normal(3), rng.standard_normal((6, 3))
    for code, nodes in (("011", [5, 2, 0]), ("1", [5]), ("00", [5, 4])):

        def cost(p, code=code, nodes=nodes):
            return -sum(
                np.log(sigmoid((1 if branch == "0" else -1) * (p["T"][n] @ p["v"])))
                for branch, n in zip(code, nodes)
            )

        with untouched(v=v, T=T):
            made = result("hierarchical_softmax",
                          lesson.hierarchical_softmax(v, code, np.array(nodes), T), 3)
        same("cost", made[0], cost({"v": v, "T": T}), "branch 0 has sigmoid(t . v)")
        gradients(cost, {"v": v, "T": T}, {"dv": made[1], "dT": made[2]},
                  hint="(sigmoid(s t . v) - 1) s")


def test_negative_sampling(lesson):
    rng = np.random.default_rng(4)
    v, U = rng.standard_normal(3), rng.standard_normal((6, 3))
    for negatives in ([1, 4, 4, 5], [3, 0], [2, 2]):  # 2 is the true word as well

        def cost(p, negatives=negatives):
            return -np.log(sigmoid(p["U"][2] @ p["v"])) - sum(
                np.log(sigmoid(-p["U"][n] @ p["v"])) for n in negatives)

        with untouched(v=v, U=U):
            made = result("negative_sampling",
                          lesson.negative_sampling(v, 2, np.array(negatives), U), 3)
        same("cost", made[0], cost({"v": v, "U": U}), "-log sigmoid(u_o v) - log sigmoid(-u_n v)")
        gradients(cost, {"v": v, "U": U}, {"dv": made[1], "dU": made[2]},
                  hint="a word that is drawn twice counts twice")
    with np.errstate(over="raise"):
        made = lesson.negative_sampling(2000 * v, 2, np.array([1]), U)
    assert np.isfinite(made[0]), "large scores overflow: np.logaddexp(0, -z)"


def test_noise_distribution(lesson):
    counts = np.array([81, 16, 1])
    with untouched(counts=counts):
        mine = lesson.noise_distribution(counts)
    same("the probabilities", mine, np.array([27, 8, 1]) / 36, "counts ** 0.75 over their sum")
    same("with power 0.5", lesson.noise_distribution(counts, 0.5), np.array([9, 4, 1]) / 14)


def test_cooccurrence_matrix(lesson):
    sentences = [[0, 1, 0, 3], [2], [3, 3]]
    right = np.zeros((4, 4))
    for ids in sentences:
        for i, j in itertools.permutations(range(len(ids)), 2):
            if abs(i - j) <= 2:
                right[ids[i], ids[j]] += 1 / abs(i - j)
    mine = lesson.cooccurrence_matrix(sentences, 2, 4)
    same("X", mine, right, "1 / distance for each pair, both ways; sentences do not mix")
    wider = lesson.cooccurrence_matrix(sentences, 3, 5)
    assert np.shape(wider) == (5, 5)
    right_wide = right[0, 3] + 1 / 3
    same("X[0, 3] with window 3", wider[0, 3], right_wide)


def test_glove_cost(lesson):
    rng = np.random.default_rng(5)
    X = np.array([[0, 2.5, 0.5], [2.5, 9.0, 0], [0.5, 0, 1.0]])
    point = {"W": rng.standard_normal((3, 2)), "V": rng.standard_normal((3, 2)),
             "b": rng.standard_normal(3), "c": rng.standard_normal(3)}
    for x_max, alpha in ((4.0, 0.75), (0.8, 0.5)):

        def cost(p, x_max=x_max, alpha=alpha):
            return sum(
                min(1, X[i, j] / x_max) ** alpha
                * (p["W"][i] @ p["V"][j] + p["b"][i] + p["c"][j] - np.log(X[i, j])) ** 2
                for i in range(3) for j in range(3) if X[i, j] > 0
            )

        with untouched(X=X, point=point):
            made = result("glove_cost", lesson.glove_cost(point, X, x_max, alpha), 2)
        same("cost", made[0], cost(point), "only pairs that meet, weighed by f(X)")
        keys("the gradients", made[1], ["dW", "dV", "db", "dc"])
        gradients(cost, point, made[1], hint="g = 2 f(X) (...); rows for W and b, columns else")
    slope = numeric_gradient(lambda b: cost(point | {"b": b}), point["b"])
    same("db", made[1]["db"], slope, "", 1e-6)
