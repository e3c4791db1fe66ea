"""Checks for the exercises of c5w1-dinosaur-names."""

import numpy as np
from tinygrad_dls.learn.checking import numeric_gradient, result, same, untouched

rng = np.random.default_rng(6)
N_A, SYMBOLS = 4, 5
INDICES = dict(zip("\nabcd", range(SYMBOLS), strict=True))
LETTERS = {i: letter for letter, i in INDICES.items()}
SHAPES = {"Wax": (N_A, SYMBOLS), "Waa": (N_A, N_A), "Wya": (SYMBOLS, N_A), "b": (N_A, 1),
          "by": (SYMBOLS, 1)}


def parameters(scale=1.0):
    return {name: scale * rng.standard_normal(shape) for name, shape in SHAPES.items()}


def chances(p, letter, a):
    """The next state and the chances of each symbol, after a letter or None."""
    column = 0 if letter is None else p["Wax"][:, [letter]]
    a = np.tanh(column + p["Waa"] @ a + p["b"])
    scores = np.exp(p["Wya"] @ a + p["by"])
    return a, scores / scores.sum()


def cost(p, X, Y, a):
    """The loss of a name, and the last state."""
    loss = 0.0
    for letter, target in zip(X, Y, strict=True):
        a, y = chances(p, letter, a)
        loss -= np.log(y[target, 0])
    return loss, a


def slopes(p, X, Y, a):
    """The gradients by central differences."""
    def loss(name):
        return lambda value: cost(p | {name: value}, X, Y, a)[0]

    return {name: numeric_gradient(loss(name), p[name]) for name in p}


def test_clip(lesson):
    gradients = {f"d{name}": 8 * rng.standard_normal(shape) for name, shape in SHAPES.items()}
    before = {name: g.copy() for name, g in gradients.items()}
    for bound in (10, 5, 0.5):
        mine = lesson.clip({name: g.copy() for name, g in gradients.items()}, bound)
        for name, g in before.items():
            right = np.where(g > bound, bound, np.where(g < -bound, -bound, g))
            same(f"{name}, clipped to {bound}", mine[name], right, "each number by itself")


def test_sample(lesson):
    for seed in range(4):
        p = parameters(2.0)
        p["by"][0] -= 3 * (seed == 0)  # a name that does not end by itself
        with untouched(**p):
            mine = lesson.sample(p, INDICES, seed)
        a, letter, right = np.zeros((N_A, 1)), None, []
        while letter != 0 and len(right) < 50:
            a, y = chances(p, letter, a)
            np.random.seed(seed + 2 * len(right))
            letter = int(np.random.choice(SYMBOLS, p=y[:, 0]))
            right.append(letter)
        right += [0] * (len(right) == 50)
        same(f"the length of the name of seed {seed}", len(mine), len(right),
             "the drawn letter is the next input, one-hot; the new state the next a_prev")
        same(f"the name of seed {seed}", mine, right)


def test_optimize(lesson):
    X, Y = [None, 3, 1, 1, 4], [3, 1, 1, 4, 0]
    for scale, rate in ((0.5, 0.01), (4.0, 0.3)):
        p, a_prev = parameters(scale), rng.standard_normal((N_A, 1))
        mine = {name: value.copy() for name, value in p.items()}
        with untouched(a_prev=a_prev):
            answer = lesson.optimize(X, Y, a_prev, mine, learning_rate=rate)
        loss, gradients, a = result("optimize", answer, 3)
        right_loss, right_a = cost(p, X, Y, a_prev)
        same("the loss", loss, right_loss, "of all symbols, from the state a_prev")
        same("the last state", a, right_a)
        for name, slope in slopes(p, X, Y, a_prev).items():
            right = np.clip(slope, -5, 5)
            same(f"d{name}", gradients[f"d{name}"], right, "clipped to 5", rtol=1e-6)
            same(f"{name} after the step", mine[name], p[name] - rate * right,
                 "p - learning_rate * clipped gradient, put back into the dictionary", rtol=1e-6)


def test_training_example(lesson):
    X, Y = result("training_example", lesson.training_example("dab", INDICES), 2)
    assert X[0] is None, "the first input is None"
    same("the other inputs", X[1:], [4, 1, 2])
    same("the targets", Y, [4, 1, 2, 0], "the letters, then the newline")


def test_model(lesson):
    data, iterations = ["Abca\n", "bd", "  dacb ", "CC"], 6
    losses = []
    mine, _ = result("model", lesson.model(
        data, LETTERS, INDICES, iterations, n_a=N_A, dino_names=3, vocab_size=SYMBOLS,
        losses=losses), 2)
    np.random.seed(1)
    p = {name: 0.01 * np.random.randn(*SHAPES[name]) for name in ("Wax", "Waa", "Wya")}
    p |= {"b": np.zeros((N_A, 1)), "by": np.zeros((SYMBOLS, 1))}
    words = ["abca", "bd", "dacb", "cc"]
    np.random.seed(0)
    np.random.shuffle(words)
    smooth, a, right = 3 * np.log(SYMBOLS), np.zeros((N_A, 1)), []
    for j in range(iterations):
        letters = [INDICES[letter] for letter in words[j % 4]]
        X, Y = [None, *letters], [*letters, 0]
        gradients = slopes(p, X, Y, a)
        loss, a = cost(p, X, Y, a)
        p = {name: value - 0.01 * np.clip(gradients[name], -5, 5) for name, value in p.items()}
        smooth = 0.999 * smooth + 0.001 * loss
        right.append(smooth)
    same("the smoothed losses", losses, right, "0.999 of the old one, 0.001 of the new loss",
         rtol=1e-9)
    for name, value in p.items():
        same(f"{name} at the end", mine[name], value,
             "the names come round; the last state goes on into the next name", rtol=1e-6)
