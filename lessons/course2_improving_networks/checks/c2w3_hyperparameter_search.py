"""Checks for the exercises of c2w3-hyperparameter-search."""

from itertools import combinations

import numpy as np
from tinygrad_dls.learn.checking import gradients, keys, result, same, untouched

SPACE = {
    "rate": ("log", 1e-3, 10.0),
    "beta": ("average", 0.5, 0.99),
    "keep": ("linear", 0.2, 0.8),
    "units": ("whole", 3, 9),
}
PLACES = [
    ("log", 0.001, -3.0), ("log", 20.0, np.log10(20)), ("average", 0.9, 1.0),
    ("average", 0.995, -np.log10(0.005)), ("linear", 0.3, 0.3), ("whole", 7, 7.0),
]


def test_to_line(lesson):
    for kind, value, r in PLACES:
        same(f"to_line({kind!r}, {value})", lesson.to_line(kind, value), r, "see the table")


def test_from_line(lesson):
    for kind, value, r in PLACES:
        same(f"from_line({kind!r}, {r:.4g})", lesson.from_line(kind, r), value, "see the table")
    for r, right in ((4.4, 4), (4.6, 5)):
        made = lesson.from_line("whole", r)
        same(f"from_line('whole', {r})", made, right, "rounded")
        assert isinstance(made, int | np.integer), "a whole number of units is an int: round(r)"
    same("from_line('linear', 4.4)", lesson.from_line("linear", 4.4), 4.4, "only whole is rounded")


def on_line(kind, value):
    return {"log": np.log10(value), "average": -np.log10(1 - value)}.get(kind, value)


def back(kind, r):
    return {"log": 10.0**r, "average": 1 - 10.0**-r, "whole": round(float(r))}.get(kind, r)


def test_draw(lesson):
    for seed in range(3):
        made = lesson.draw(SPACE, np.random.default_rng(seed))
        keys("the setting", made, list(SPACE))
        rng = np.random.default_rng(seed)
        for name, (kind, low, high) in SPACE.items():
            r = rng.uniform(on_line(kind, low), on_line(kind, high))
            same(f"{name} drawn with seed {seed}", made[name], back(kind, r),
                 "one rng.uniform between the ends on the line, for each knob in its order")


def test_grid(lesson):
    for per_axis in (2, 3):
        made = lesson.grid(SPACE, per_axis)
        assert len(made) == per_axis**4, (
            f"{per_axis} places on each of 4 knobs are {per_axis**4} settings, not {len(made)}")
        where = np.array([[setting[name] for name in SPACE] for setting in made])
        for column, (name, (kind, low, high)) in enumerate(SPACE.items()):
            places = np.linspace(on_line(kind, low), on_line(kind, high), per_axis)
            values = np.array([back(kind, r) for r in places], float)
            repeats = per_axis ** (3 - column)
            right = np.tile(np.repeat(values, repeats), per_axis**column)
            same(f"{name} of the settings in order", where[:, column], right,
                 "np.linspace on the line; the last knob changes fastest")


def test_narrower(lesson):
    rng = np.random.default_rng(4)
    trials = [
        ({name: back(kind, rng.uniform(on_line(kind, low), on_line(kind, high)))
          for name, (kind, low, high) in SPACE.items()}, float(error))
        for error in rng.permutation(12)
    ]
    for best in (2, 5):
        made = lesson.narrower(SPACE, trials, best)
        keys("the space", made, list(SPACE))
        chosen = [setting for setting, error in trials if error < best]
        for name, (kind, _, _) in SPACE.items():
            assert len(made[name]) == 3 and made[name][0] == kind, (
                f"{name} is {made[name]}: (kind, smallest, largest), the kind as it was")
            ends = [min(s[name] for s in chosen), max(s[name] for s in chosen)]
            same(f"the ends of {name}", list(made[name][1:]), ends,
                 "of the trials with the smallest errors")


def test_best_of(lesson):
    errors = np.random.default_rng(2).random(7)
    for n in (1, 2, 4, 7):
        right = np.mean([min(chosen) for chosen in combinations(errors, n)])
        with untouched(errors=errors):
            same(f"E_{n} of 7", lesson.best_of(errors, n), right, "e_1 is the smallest")


def test_hypergradients(lesson):
    rng = np.random.default_rng(3)
    p = {"W": rng.standard_normal((4, 5)), "b": rng.standard_normal((4, 1))}
    g = {"dW": rng.standard_normal((4, 5)), "db": rng.standard_normal((4, 1))}
    target = rng.standard_normal((4, 5)), rng.standard_normal((4, 1))

    def after(knobs):
        W = p["W"] - knobs["alpha"] * (g["dW"] + knobs["lam"] * p["W"])
        return W, p["b"] - knobs["alpha"] * g["db"]

    def cost(knobs):  # of a dev set with gradients that are easily told
        W, b = after(knobs)
        return np.sum((W - target[0]) ** 2) / 2 + np.sum((b - target[1]) ** 2) / 2

    knobs = {"alpha": np.array(0.3), "lam": np.array(0.7)}
    W, b = after(knobs)
    dev = {"dW": W - target[0], "db": b - target[1]}
    with untouched(parameters=p, grads=g, dev_grads=dev):
        made = lesson.hypergradients(p, g, 0.3, 0.7, dev)
    keys("the derivatives", made, ["dalpha", "dlam"])
    gradients(cost, knobs, made, hint="the chain rule: dev gradient times what the knob moves")


def test_successive_halving(lesson):
    for count, first in ((8, 1), (7, 3), (2, 5), (13, 2)):
        quality = np.random.default_rng(count).permutation(count)
        calls = []

        def error_after(model, epochs, calls=calls, quality=quality):
            calls.append((model, epochs))
            return float(quality[model])

        made = result("successive_halving", lesson.successive_halving(count, error_after, first), 2)
        right, left, epochs = [], list(range(count)), first
        while len(left) > 1:
            right += [(model, epochs) for model in left]
            left = sorted(left, key=quality.__getitem__)[: len(left) // 2]
            epochs *= 2
        assert sorted(calls) == sorted(right), (
            f"of {count} models (model, epochs) were trained: {calls}; it must be {right}")
        same("the model that is left", made[0], left[0], "the one with the smallest error")
        same("the epochs in all", made[1], sum(n for _, n in right), "of every model")
