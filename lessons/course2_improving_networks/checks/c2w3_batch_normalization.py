"""Checks for the exercises of c2w3-batch-normalization."""

import numpy as np
from tinygrad_dls.learn.checking import (
    gradients,
    keys,
    numeric_gradient,
    result,
    same,
    untouched,
)


def batch(seed=0, n=4, m=7):
    """Z (n, m), gamma (n, 1), beta (n, 1), and a gradient (n, m)."""
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((n, m)) * 2 + 3, rng.uniform(0.5, 2, (n, 1)),
            rng.standard_normal((n, 1)), rng.standard_normal((n, m)))


def normalized(Z, epsilon):
    return (Z - Z.mean(1, keepdims=True)) / np.sqrt(Z.var(1, keepdims=True) + epsilon)


def test_batchnorm_forward(lesson):
    Z, gamma, beta, _ = batch()
    for epsilon in (1e-5, 0.3):
        with untouched(Z=Z, gamma=gamma, beta=beta):
            made = result("batchnorm_forward", lesson.batchnorm_forward(Z, gamma, beta, epsilon), 2)
        Z_norm, kept, mu, var, last = made[1]
        same("mu", mu, Z.mean(1, keepdims=True), "the mean over the examples, axis=1")
        same("var", var, Z.var(1, keepdims=True), "the mean square of Z - mu, over m")
        same("Z_norm", Z_norm, normalized(Z, epsilon), "epsilon stands under the root")
        same("Z_tilde", made[0], gamma * normalized(Z, epsilon) + beta, "gamma * Z_norm + beta")
        same("gamma in the cache", kept, gamma)
        same("epsilon in the cache", last, epsilon)


def test_batchnorm_backward_in_stages(lesson):
    Z, gamma, beta, R = batch(5)
    epsilon = 0.1
    mu, var = Z.mean(1, keepdims=True), Z.var(1, keepdims=True)

    def forward(Z=Z, mu=mu, var=var):
        return np.sum(R * (gamma * (Z - mu) / np.sqrt(var + epsilon) + beta))

    cache = (normalized(Z, epsilon), gamma, mu, var, epsilon)
    with untouched(R=R, cache=list(cache[:4])):
        made = result("batchnorm_backward_in_stages",
                      lesson.batchnorm_backward_in_stages(R, cache), 3)
    same("dvar", made[1], numeric_gradient(lambda v: forward(var=v), var),
         "a sum over the examples of dZ_norm (Z - mu), times -1/2 s^-3", 1e-6)
    same("dmu", made[2], numeric_gradient(lambda u: forward(mu=u), mu),
         "minus a sum over the examples of dZ_norm / s; the way through var adds up to 0", 1e-6)

    def whole(Z):
        return np.sum(R * (gamma * normalized(Z, epsilon) + beta))

    same("dZ", made[0], numeric_gradient(whole, Z),
         "dZ_norm / s, and dvar times 2 (Z - mu) / m, and dmu / m", 1e-6)


def test_batchnorm_backward(lesson):
    Z, gamma, beta, R = batch(1)
    epsilon = 0.1

    def forward(Z=Z, gamma=gamma, beta=beta):
        return np.sum(R * (gamma * normalized(Z, epsilon) + beta))

    cache = (normalized(Z, epsilon), gamma, Z.mean(1, keepdims=True), Z.var(1, keepdims=True),
             epsilon)
    with untouched(R=R, cache=list(cache[:4])):
        made = result("batchnorm_backward", lesson.batchnorm_backward(R, cache), 3)
    same("dgamma", made[1], numeric_gradient(lambda g: forward(gamma=g), gamma),
         "a sum over the examples of dZ_tilde * Z_norm", 1e-6)
    same("dbeta", made[2], numeric_gradient(lambda b: forward(beta=b), beta),
         "a sum over the examples", 1e-6)
    same("dZ", made[0], numeric_gradient(lambda z: forward(Z=z), Z),
         "it goes through mu and var, too: (g - mean g - Z_norm mean(g Z_norm)) / s", 1e-6)


def test_update_running(lesson):
    running = {"mu": np.array([[1.0], [2.0]]), "var": np.array([[4.0], [1.0]])}
    mu, var = np.array([[3.0], [0.0]]), np.array([[2.0], [6.0]])
    with untouched(running=running, mu=mu, var=var):
        made = lesson.update_running(running, mu, var, 5)
    keys("the averages", made, ["mu", "var"])
    same("mu", made["mu"], [[1.2], [1.8]], "0.9 of the old, 0.1 of the new")
    same("var", made["var"], [[3.85], [1.65]], "with m / (m - 1) = 5 / 4")
    made = lesson.update_running(running, mu, var, 3, 0.5)
    same("mu with momentum 0.5", made["mu"], [[2.0], [1.0]])
    same("var with momentum 0.5, of 3", made["var"], [[3.5], [5.0]])


def test_batchnorm_predict(lesson):
    Z, gamma, beta, _ = batch(2)
    rng = np.random.default_rng(3)
    running = {"mu": rng.standard_normal((4, 1)), "var": rng.uniform(0.5, 3, (4, 1))}
    for epsilon in (1e-5, 0.5):
        with untouched(Z=Z, running=running):
            made = lesson.batchnorm_predict(Z, gamma, beta, running, epsilon)
        right = gamma * (Z - running["mu"]) / np.sqrt(running["var"] + epsilon) + beta
        same("Z_tilde", made, right, "with the averages, and not with the batch's numbers")
    one = lesson.batchnorm_predict(Z[:, :1], gamma, beta, running, 0.5)
    same("Z_tilde of one example", one, right[:, :1], "others in the batch must not matter")


def network(lesson, seed=4, m=9):
    rng = np.random.default_rng(seed)
    parameters = lesson.initialize_parameters([5, 4, 6, 3], rng)
    parameters = {k: p + 0.4 * rng.standard_normal(p.shape) for k, p in parameters.items()}
    return rng.standard_normal((5, m)), rng.integers(0, 3, (1, m)), parameters


def test_forward_propagation(lesson):
    X, _, p = network(lesson)
    with untouched(X=X, parameters=p):
        made = result("forward_propagation", lesson.forward_propagation(X, p), 2)
    A, kept = X, []
    for l in (1, 2):
        Z_tilde = p[f"gamma{l}"] * normalized(p[f"W{l}"] @ A, 1e-5) + p[f"beta{l}"]
        kept.append((A, Z_tilde))
        A = np.where(Z_tilde > 0, Z_tilde, 0)
    Z = p["W3"] @ A + p["b3"]
    assert len(made[1]) == 3, f"caches has {len(made[1])} entries, it must have 3"
    for l, (before, Z_tilde) in enumerate(kept):
        same(f"A_before in the cache of layer {l + 1}", made[1][l][0], before)
        same(f"Z_tilde of layer {l + 1}", made[1][l][1], Z_tilde, "batch norm of W A, no b")
    same("A at the end of caches", made[1][2], A, "ReLU of Z_tilde")
    same("AL", made[0], np.exp(Z) / np.exp(Z).sum(0))


def test_backward_propagation(lesson):
    X, Y, parameters = network(lesson, 5)
    AL, caches = lesson.forward_propagation(X, parameters)
    with untouched(AL=AL, Y=Y, parameters=parameters):
        mine = lesson.backward_propagation(AL, Y, parameters, caches)
    gradients(
        lambda p: lesson.compute_cost(lesson.forward_propagation(X, p)[0], Y), parameters, mine,
        m=9, hint="dA = W_next^T dZ, then * (Z_tilde > 0), then batchnorm_backward",
    )
