"""Checks for the exercises of c3w2-data-mismatch."""

import numpy as np
from tinygrad_dls.learn.checking import gradients, keys, result, same, untouched


def test_propagate(lesson):
    rng = np.random.default_rng(0)
    p = {"W": rng.standard_normal((10, 4)), "b": rng.standard_normal((10, 1))}
    X, Y, w = rng.standard_normal((4, 6)), rng.integers(0, 10, 6), rng.uniform(0.5, 5, 6)
    with untouched(parameters=p, X=X, Y=Y, weights=w):
        grads, cost = result("propagate", lesson.propagate(p, X, Y, w), 2)
    Z = p["W"] @ X + p["b"]
    losses = np.log(np.exp(Z).sum(0)) - Z[Y, np.arange(6)]
    hint = "divide by the sum of the weights, not by m"
    same("the cost", cost, np.sum(w * losses) / w.sum(), hint)
    gradients(lambda q: lesson.propagate(q, X, Y, w)[1], p, grads, m=6,
              hint="dZ = weights / weights.sum() * (A - onehot)")
    cost_of_equals = result("propagate", lesson.propagate(p, X, Y, np.full(6, 3.0)), 2)[1]
    same("the cost with equal weights", cost_of_equals, losses.mean(), hint)


def test_split_for_target(lesson):
    for scans, car, held_out in ((1200, 597, 200), (30, 9, 5), (50, 8, 1)):
        made = lesson.split_for_target(scans, car, held_out)
        keys("the split", made, ["train", "train_dev", "dev", "test"])
        where = f" of {scans} scans and {car} car pictures"
        of_scans, of_car = result("train", tuple(made["train"]), 2)
        half = car // 2
        dev = (car - half) // 2
        for name, mine, right in (
            ("the scans in train", of_scans, range(scans - held_out)),
            ("train_dev", made["train_dev"], range(scans - held_out, scans)),
            ("the car pictures in train", of_car, range(half)),
            ("dev", made["dev"], range(half, half + dev)),
            ("test", made["test"], range(half + dev, car)),
        ):
            same(name + where, np.array(list(mine)), np.array(list(right)),
                 "train-dev is of scans, dev and test of the car")


TABLES = [
    ({"possible": 1.0, "train": 2.0, "train_dev": 3.5, "dev": 13.5, "test": 14.0},
     [1.0, 1.5, 10.0, 0.5], ["data mismatch"]),
    ({"possible": 0.0, "train": 9.0, "train_dev": 16.0, "dev": 21.0, "test": 21.5},
     [9.0, 7.0, 5.0, 0.5], ["avoidable bias", "variance", "data mismatch"]),
    ({"possible": 1.0, "train": 1.0, "train_dev": 9.0, "dev": 7.0, "test": 19.0},
     [0.0, 8.0, -2.0, 12.0], ["overfitting to dev", "variance"]),
    ({"possible": 3.0, "train": 2.0, "train_dev": 6.0, "dev": 7.0, "test": 7.0},
     [-1.0, 4.0, 1.0, 0.0], ["variance"]),
]


def test_gaps(lesson):
    for errors, right, _ in TABLES:
        with untouched(**errors):
            made = lesson.gaps(errors)
        names = ["avoidable bias", "variance", "data mismatch", "overfitting to dev"]
        keys("the gaps", made, names)
        for name, gap in zip(names, right, strict=True):
            same(name, made[name], gap, "each line of the table minus the line above")


def test_diagnose(lesson):
    for errors, _, right in TABLES:
        made = lesson.diagnose(errors)
        assert list(made) == right, (
            f"for {errors} the diagnosis is {made}, it must be {right}: gaps of at least 4, "
            "the largest first")
    made = list(lesson.diagnose(TABLES[0][0], 1.5))
    assert made == ["data mismatch", "variance"], f"with least=1.5 it is {made}"


def test_synthesize(lesson):
    rng = np.random.default_rng(1)
    digits, backgrounds = rng.random((9, 8, 8)), rng.random((4, 8, 8))
    with untouched(digits=digits, backgrounds=backgrounds):
        made = lesson.synthesize(digits, backgrounds, np.random.default_rng(5))
    drawn = backgrounds[np.random.default_rng(5).integers(0, 4, 9)]
    same("the pictures", made, drawn + 0.55 * digits * (1 - drawn),
         "one draw of rng.integers(0, len(backgrounds), len(digits)), then on_background")
