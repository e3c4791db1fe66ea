"""Checks for the exercises of c5w3-date-translation."""

import numpy as np
from tinygrad_dls.learn.checking import (
    gradients,
    keys,
    numeric_gradient,
    result,
    same,
    shape,
    untouched,
)

VOCAB = {"a": 0, "b": 1, " ": 2, "<unk>": 3, "<pad>": 4}


def draw(seed=0, m=2, Tx=5, n=4, n_s=3, hidden=6, letters=7):
    """a (m, Tx, n), s_prev (m, n_s), and parameters, some of whose energies are cut off."""
    rng = np.random.default_rng(seed)
    shapes = {"W1": (n + n_s, hidden), "b1": (hidden,), "W2": (hidden, 1), "b2": (1,),
              "W": (n + n_s, 4 * n_s), "b": (4 * n_s,), "Wy": (n_s, letters), "by": (letters,)}
    parameters = {name: 0.8 * rng.standard_normal(shape) for name, shape in shapes.items()}
    a, s_prev = rng.standard_normal((m, Tx, n)), 0.2 * rng.standard_normal((m, n_s))
    concat = np.concatenate([a, np.repeat(s_prev[:, None], Tx, axis=1)], axis=2)
    scores = np.tanh(concat @ parameters["W1"] + parameters["b1"]) @ parameters["W2"]
    parameters["b2"] = -np.quantile(scores, 0.4, keepdims=True)[0, 0]
    return a, s_prev, parameters


def attend(a, s_prev, p):
    """context (m, n) and alphas (m, Tx), place by place."""
    contexts, looks = [], []
    for places, s in zip(a, s_prev, strict=True):
        energies = []
        for place in places:
            e = np.tanh(np.array([*place, *s]) @ p["W1"] + p["b1"])
            energies.append(max(0.0, (e @ p["W2"] + p["b2"])[0]))
        shares = np.exp(energies) / np.exp(energies).sum()
        looks.append(shares)
        contexts.append(sum(share * place for share, place in zip(shares, places, strict=True)))
    return np.array(contexts), np.array(looks)


def test_string_to_int(lesson):
    with untouched(vocab=list(VOCAB.values())):
        made = lesson.string_to_int("A bq,ab", 9, VOCAB)
    same("the numbers", made, [0, 2, 1, 3, 0, 1, 4, 4, 4],
         "lower-case, no commas, <unk> for strange characters, <pad> behind")
    same("a long one", lesson.string_to_int("ab,ab ab", 5, VOCAB), [0, 1, 0, 1, 2],
         "commas go first, then it is cut at length")
    same("one that just fits", lesson.string_to_int("ab", 2, VOCAB), [0, 1])


def test_one_step_attention(lesson):
    for seed, Tx in ((0, 5), (1, 8)):
        a, s_prev, parameters = draw(seed, Tx=Tx)
        with untouched(a=a, s_prev=s_prev, parameters=parameters):
            made = result("one_step_attention",
                          lesson.one_step_attention(a, s_prev, parameters), 2)
        context, looks = attend(a, s_prev, parameters)
        shape("context", made[0], (2, 1, 4))
        kept_a, concat, e, energies, alphas = made[1]
        same("a in the cache", kept_a, a)
        same("concat", concat[1, 2], [*a[1, 2], *s_prev[1]], "a first, then s_prev at each place")
        shape("alphas", alphas, (2, Tx, 1))
        same("alphas", alphas[:, :, 0], looks, "softmax over the places, axis=1, of the ReLU")
        same("energies", np.exp(energies) / np.exp(energies).sum(axis=1, keepdims=True), alphas)
        same("e", e, np.tanh(concat @ parameters["W1"] + parameters["b1"]))
        same("context", made[0][:, 0], context, "the sum over the places of alphas * a")


def test_one_step_attention_backward(lesson):
    for seed in (1, 4):
        a, s_prev, parameters = draw(seed)
        R = np.random.default_rng(9).standard_normal((2, 1, 4))
        _, cache = lesson.one_step_attention(a, s_prev, parameters)
        with untouched(R=R, cache=list(cache), parameters=parameters):
            mine = lesson.one_step_attention_backward(R, cache, parameters)
        keys("the gradients", mine, ["da", "ds_prev", "dW1", "db1", "dW2", "db2"])
        point = {"a": a, "s_prev": s_prev}
        point |= {name: parameters[name] for name in ("W1", "b1", "W2", "b2")}

        def cost(p, R=R):
            return np.sum(R[:, 0] * attend(p["a"], p["s_prev"], p)[0])

        gradients(cost, point, mine,
                  hint="a is used twice; softmax: alphas * (dalphas - their mean by alphas)")


def test_modelf(lesson):
    a, s, parameters = draw(3)
    c = np.random.default_rng(5).standard_normal(s.shape)
    with untouched(a=a, s=s, c=c, parameters=parameters):
        made = result("modelf", lesson.modelf(a, s, c, 4, parameters), 2)
    outputs, looks = [], []
    for _ in range(4):
        context, alphas = attend(a, s, parameters)
        z = np.concatenate([context, s], axis=1) @ parameters["W"] + parameters["b"]
        i, f, g, o = np.split(z, 4, axis=1)
        c = c / (1 + np.exp(-f)) + np.tanh(g) / (1 + np.exp(-i))
        s = np.tanh(c) / (1 + np.exp(-o))
        scores = np.exp(s @ parameters["Wy"] + parameters["by"])
        outputs.append(scores / scores.sum(axis=1, keepdims=True))
        looks.append(alphas)
    same("the probabilities", made[0], np.stack(outputs, axis=1),
         "the state after the LSTM goes into the output and into the next step")
    same("the alphas", made[1], np.stack(looks, axis=1), "one row of Tx shares for each step")


def test_hard_sigmoid(lesson):
    x = np.array([-9.0, -2.6, -2.4, -0.5, 0.0, 1.0, 2.4, 2.6, 7.0])
    with untouched(x=x):
        value, slope = result("hard_sigmoid", lesson.hard_sigmoid(x), 2)
    right = [0, 0, 0.02, 0.4, 0.5, 0.7, 0.98, 1, 1]
    same("the gate", value, right, "0.2 x + 0.5, cut off at 0 and 1", 1e-9)
    same("the slope", slope, numeric_gradient(
        lambda x: np.minimum(np.maximum(0.2 * x + 0.5, 0), 1), x),
        "0.2 between the ends, 0 outside", 1e-6)
