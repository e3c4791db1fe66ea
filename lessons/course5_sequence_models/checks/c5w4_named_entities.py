"""Checks for the exercises of c5w4-named-entities."""

import numpy as np
from tinygrad_dls.learn.checking import gradients, result, same, untouched


def test_tokenize_and_align_labels(lesson):
    pieces = {"12": [3], "Old": [4, 5], "Mill": [6], "Featherstone": [7, 8, 9, 5]}
    numbers = {"O": 0, "Number": 2, "Street": 1}
    for words, labels, ids, goals in (
        (["12", "Old", "Mill"], ["Number", "Street", "O"], [3, 4, 5, 6], [2, 1, -100, 0]),
        (["Featherstone", "12"], ["Street", "Number"], [7, 8, 9, 5, 3],
         [1, -100, -100, -100, 2]),
    ):
        made = result("tokenize_and_align_labels", lesson.tokenize_and_align_labels(
            words, labels, lambda word: np.array(pieces[word]), numbers), 2)
        same("the sub-words", made[0], ids, "those of all words, one after the other")
        same("the goals", made[1], goals, "the label at a word's first sub-word, else -100")


def test_entities_of(lesson):
    for labels, right in (
        (["A", "B", "B", "O", "B", "A", "A"],
         {(0, 1, "A"), (1, 3, "B"), (4, 5, "B"), (5, 7, "A")}),
        (["O", "O", "C"], {(2, 3, "C")}), (["O"], set()), ([], set()),
    ):
        made = lesson.entities_of(labels)
        assert made == right, (
            f"the entities of {labels} are {sorted(right)}, yours {sorted(made)}: "
            "(first word, behind the last, label), and O is none")


def test_entity_scores(lesson):
    right = [{(0, 1, "A"), (1, 3, "B")}, {(0, 2, "A")}, set()]
    predicted = [{(0, 1, "A"), (1, 2, "B"), (2, 3, "B")}, {(0, 2, "A")}, {(0, 1, "A")}]
    made = result("entity_scores", lesson.entity_scores(predicted, right), 3)
    same("precision, recall and F1", np.array(made), [2 / 5, 2 / 3, 0.5],
         "count over all sentences; an entity is right as a whole")
    for p, r in (([set()], [{(0, 1, "A")}]), ([{(0, 1, "A")}], [set()]), ([set()], [set()]),
                 ([{(0, 1, "A")}], [{(0, 1, "B")}])):
        same("the scores of nothing right", np.array(lesson.entity_scores(p, r)), np.zeros(3),
             "0 where nothing is found, or nothing is there")


def slow_loss(logits, goals):
    costs = []
    for row, numbers in zip(logits, goals, strict=True):
        for z, goal in zip(row, numbers, strict=True):
            if goal != -100:
                costs.append(np.log(sum(np.exp(z))) - z[goal])
    return sum(costs) / len(costs)


def test_token_loss(lesson):
    logits = np.random.default_rng(0).standard_normal((2, 3, 4))
    for goals in (np.array([[1, -100, 0], [3, -100, -100]]), np.array([[0, 1, 2], [3, 0, 1]])):
        with untouched(logits=logits, goals=goals):
            cost, dlogits = result("token_loss", lesson.token_loss(logits, goals), 2)
        same("the cost", cost, slow_loss(logits, goals), "the mean over places with a goal")
        gradients(lambda p, g=goals: slow_loss(p["logits"], g), {"logits": logits},
                  {"dlogits": dlogits}, hint="(P - onehot) / count where there is a goal")
    cost, dlogits = lesson.token_loss(50 * np.eye(4)[None] + 1000, np.array([[0, 1, 2, 3]]))
    assert np.isfinite(cost) and np.isfinite(dlogits).all(), (
        "large logits overflow: subtract the largest before the exponential")


def test_reverse_within(lesson):
    X = np.arange(24.0).reshape(3, 4, 2)
    with untouched(X=X):
        made = lesson.reverse_within(X, [4, 2, 1])
    right = [[X[0, 3], X[0, 2], X[0, 1], X[0, 0]], [X[1, 1], X[1, 0], X[1, 2], X[1, 3]],
             list(X[2])]
    same("the reversed rows", made, right, "only the first lengths[i] places; padding stays")


def slow_rnn(X, Wx, Wa, b):
    made = np.zeros((*X.shape[:2], len(b)))
    for i, row in enumerate(X):
        a = np.zeros(len(b))
        for t, x in enumerate(row):
            a = np.array([np.tanh(x @ Wx[:, j] + a @ Wa[:, j] + b[j]) for j in range(len(b))])
            made[i, t] = a
    return made


def rnn_point():
    rng = np.random.default_rng(1)
    return {"X": rng.standard_normal((2, 4, 3)), "Wx": rng.standard_normal((3, 2)),
            "Wa": rng.standard_normal((2, 2)), "b": rng.standard_normal(2)}


def test_rnn_forward(lesson):
    p = rnn_point()
    with untouched(**p):
        made = lesson.rnn_forward(**p)
    same("the states", made, slow_rnn(**p), "tanh(x Wx + a Wa + b), and a goes on")


def test_rnn_backward(lesson):
    p, dA = rnn_point(), np.random.default_rng(2).standard_normal((2, 4, 2))
    A = slow_rnn(**p)
    with untouched(dA=dA, A=A, **p):
        made = lesson.rnn_backward(dA, p["X"], A, p["Wx"], p["Wa"])
    dX, dWx, dWa, db = result("rnn_backward", made, 4)
    gradients(lambda q: np.sum(dA * slow_rnn(**q)), p,
              {"dX": dX, "dWx": dWx, "dWa": dWa, "db": db},
              hint="dz = (1 - a^2) * (dy + dz of the next place times Wa.T)")
