"""Checks for the exercises of c2w2-optimization-methods."""

import numpy as np
from tinygrad_dls.learn.checking import keys, result, same, untouched


def network(seed=0):
    """Parameters of two layers, and gradients of them."""
    rng = np.random.default_rng(seed)
    shapes = {"W1": (3, 2), "b1": (3, 1), "W2": (2, 3), "b2": (2, 1)}
    parameters = {k: rng.standard_normal(shape) for k, shape in shapes.items()}
    return parameters, {f"d{k}": rng.standard_normal(shape) for k, shape in shapes.items()}, rng


def same_all(name, mine, right, hint=""):
    keys(name, mine, list(right))
    for key, value in right.items():
        same(f"{name}[{key!r}]", mine[key], value, hint)


def test_update_parameters_with_gd(lesson):
    p, grads, _ = network()
    with untouched(parameters=p, grads=grads):
        made = lesson.update_parameters_with_gd(p, grads, 0.3)
    same_all("parameters", made, {k: p[k] - 0.3 * grads[f"d{k}"] for k in p}, "W - rate * dW")


def test_random_mini_batches(lesson):
    rng = np.random.default_rng(1)
    for m, size in ((10, 4), (12, 4), (3, 8)):
        X, Y = rng.standard_normal((2, m)), np.arange(m)[None] + 100
        with untouched(X=X, Y=Y):
            made = lesson.random_mini_batches(X, Y, size, seed=3)
        np.random.seed(3)
        order = list(np.random.permutation(m))
        count = -(-m // size)
        assert len(made) == count, f"{m} examples by {size}: {len(made)} batches, not {count}"
        for i, (x, y) in enumerate(made):
            places = order[i * size : (i + 1) * size]
            same(f"X of batch {i}, {m} examples by {size}", x, X[:, places],
                 "columns in the order of the permutation, the last batch shorter")
            same(f"Y of batch {i}, {m} examples by {size}", y, Y[:, places],
                 "the same permutation as X")


def test_initialize_velocity(lesson):
    p, _, _ = network()
    same_all("v", lesson.initialize_velocity(p), {f"d{k}": np.zeros(a.shape) for k, a in p.items()},
             "zeros of the parameter's shape")


def test_update_parameters_with_momentum(lesson):
    p, grads, rng = network(2)
    v = {k: rng.standard_normal(g.shape) for k, g in grads.items()}
    with untouched(parameters=p, grads=grads, v=v):
        made = result("update_parameters_with_momentum",
                      lesson.update_parameters_with_momentum(p, grads, v, 0.8, 0.3), 2)
    v = {k: 0.8 * v[k] + 0.2 * grads[k] for k in v}
    same_all("v", made[1], v, "beta v + (1 - beta) g")
    same_all("parameters", made[0], {k: p[k] - 0.3 * v[f"d{k}"] for k in p}, "W - rate * v")


def test_update_parameters_with_rmsprop(lesson):
    p, grads, rng = network(3)
    s = {k: rng.uniform(0.1, 2, g.shape) for k, g in grads.items()}
    with untouched(parameters=p, grads=grads, s=s):
        made = result("update_parameters_with_rmsprop", lesson.update_parameters_with_rmsprop(
            p, grads, s, 0.3, 0.7, 0.05), 2)
    s = {k: 0.7 * s[k] + 0.3 * grads[k] ** 2 for k in s}
    same_all("s", made[1], s, "beta2 s + (1 - beta2) g^2")
    same_all("parameters", made[0], {
        k: p[k] - 0.3 * grads[f"d{k}"] / (np.sqrt(s[f"d{k}"]) + 0.05) for k in p},
        "epsilon stands beside the root")


def test_initialize_adam(lesson):
    p, _, _ = network()
    made = result("initialize_adam", lesson.initialize_adam(p), 2)
    for name, mine in zip("vs", made, strict=True):
        same_all(name, mine, {f"d{k}": np.zeros(a.shape) for k, a in p.items()})
    assert made[0] is not made[1], "v and s are one and the same dictionary"


def test_update_parameters_with_adam(lesson):
    p, grads, rng = network(4)
    v = {k: rng.standard_normal(g.shape) for k, g in grads.items()}
    s = {k: rng.uniform(0.1, 2, g.shape) for k, g in grads.items()}
    for t in (1, 3, 2):
        if t == 2:  # as the course's own test: of averages that are still 0
            v, s = ({k: np.zeros(g.shape) for k, g in grads.items()} for _ in range(2))
        with untouched(parameters=p, grads=grads, v=v, s=s):
            made = result("update_parameters_with_adam", lesson.update_parameters_with_adam(
                p, grads, v, s, t, 0.3, 0.8, 0.9, 0.05), 5)
        new_v = {k: 0.8 * v[k] + 0.2 * grads[k] for k in v}
        new_s = {k: 0.9 * s[k] + 0.1 * grads[k] ** 2 for k in s}
        v_hat = {k: a / (1 - 0.8**t) for k, a in new_v.items()}
        s_hat = {k: a / (1 - 0.9**t) for k, a in new_s.items()}
        same_all("v", made[1], new_v, "beta1 v + (1 - beta1) g")
        same_all("s", made[2], new_s, "beta2 s + (1 - beta2) g^2")
        same_all("v_corrected", made[3], v_hat, "v / (1 - beta1^t)")
        same_all("s_corrected", made[4], s_hat, "s / (1 - beta2^t)")
        same_all("parameters", made[0], {
            k: p[k] - 0.3 * v_hat[f"d{k}"] / (np.sqrt(s_hat[f"d{k}"]) + 0.05) for k in p})


def test_update_lr(lesson):
    for rate, epoch, decay in ((0.5, 0, 1), (0.5, 3, 1), (0.2, 7, 0.3)):
        same(f"the rate {rate} after {epoch} epochs, decay {decay}",
             lesson.update_lr(rate, epoch, decay), rate / (1 + decay * epoch))


def test_schedule_lr_decay(lesson):
    for epoch, interval, stage in ((0, 100, 0), (99, 100, 0), (100, 100, 1), (350, 100, 3),
                                   (2500, 1000, 2)):
        same(f"the rate in epoch {epoch}, stages of {interval}",
             lesson.schedule_lr_decay(0.5, epoch, 0.3, interval), 0.5 / (1 + 0.3 * stage),
             "the stage is epoch / interval, rounded down")
