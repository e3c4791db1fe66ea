"""Checks for the exercises of c4w2-cifar-10."""

import numpy as np
import tinygrad_dls as dls
from tinygrad_dls import nn
from tinygrad_dls.learn.checking import gradients, result, same, shape, untouched

rng = np.random.default_rng(4)


def test_shifted(lesson):
    padded = rng.standard_normal((3, 7, 8, 2))
    tops, lefts = np.array([0, 2, 3]), np.array([4, 0, 1])
    with untouched(padded=padded, tops=tops, lefts=lefts):
        mine = lesson.shifted(padded, tops, lefts, 4)
    shape("the pictures", mine, (3, 4, 4, 2), "size rows and size columns")
    right = np.zeros((3, 4, 4, 2))
    for i in range(3):
        for row in range(4):
            for column in range(4):
                right[i, row, column] = padded[i, tops[i] + row, lefts[i] + column]
    same("the pictures", mine, right, "each starts at its own top and left")


def test_mirrored(lesson):
    X, chosen = rng.standard_normal((4, 3, 5, 2)), np.array([True, False, True, True])
    with untouched(X=X, chosen=chosen):
        mine = lesson.mirrored(X, chosen)
    right = X.copy()
    for i in (0, 2, 3):
        for column in range(5):
            right[i, :, column] = X[i, :, 4 - column]
    same("the pictures", mine, right, "axis 2 the other way round, where chosen is true")


def test_whitening_filters(lesson):
    for f, n_C, epsilon in ((2, 1, 0.3), (3, 2, 0.05)):
        X = rng.standard_normal((5, 7, 6, n_C)).cumsum(axis=1) + 2
        with untouched(X=X):
            W = lesson.whitening_filters(X, f, epsilon)
        d = f * f * n_C
        shape("W", W, (f, f, n_C, 2 * d), "each filter and its negative")
        patches = np.array([
            X[i, u : u + f, v : v + f].ravel()
            for i in range(5) for u in range(8 - f) for v in range(7 - f)
        ])
        Sigma = np.cov(patches.T, bias=True)
        rows = np.asarray(W, float).reshape(d, 2 * d).T
        same("the second half of W", rows[d:], -rows[:d], "the negatives of the first half")
        values = np.linalg.eigvalsh(Sigma)
        right = np.diag(values / (values + epsilon))
        same("W Sigma W^T", rows[:d] @ Sigma @ rows[:d].T, right,
             "the covariance of all patches, less their mean; epsilon is inside of the root")
        same("lengths of the filters", (rows[:d] ** 2).sum(axis=1), 1 / (values + epsilon),
             "an eigenvector over the root of its eigenvalue and epsilon", rtol=1e-6)


def test_smooth_cost(lesson):
    Y = np.array([2, 0, 1, 2, 2])
    for epsilon, scale, n_classes in ((0.0, 1, 3), (0.3, 1, 4), (0.1, 300, 3)):
        Z = scale * rng.standard_normal((5, n_classes))
        with untouched(Z=Z, Y=Y):
            J, dZ = result("smooth_cost", lesson.smooth_cost(Z, Y, epsilon), 2)
        logs = Z - np.logaddexp.reduce(Z, axis=1, keepdims=True)
        right, slope = 0.0, np.zeros(Z.shape)
        for i, y in enumerate(Y):
            for c in range(n_classes):
                q = epsilon / n_classes + (1 - epsilon) * (c == y)
                right -= q * logs[i, c] / 5
                slope[i, c] = (np.exp(logs[i, c]) - q) / 5
        hint = "the target is (1 - epsilon) onehot + epsilon / C"
        same("J", J, right, hint if scale == 1 else "subtract the largest score first")
        same("dZ", dZ, slope, hint)
        if scale == 1:
            gradients(lambda p, e=epsilon: lesson.smooth_cost(p["Z"], Y, e)[0],
                      {"Z": Z}, {"dZ": dZ}, m=5)


def test_nesterov_step(lesson):
    W, V, dW = rng.standard_normal((3, 2, 4))
    parameter = nn.Parameter(dls.Tensor(W))
    optimizer = dls.optim.SGD(
        [parameter], lr=0.3, momentum=0.7, nesterov=True, weight_decay=0.2)
    with untouched(W=W, V=V, dW=dW):
        first = result("nesterov_step", lesson.nesterov_step(W, V, dW, 0.3, 0.7, 0.2), 2)
    g = [[dW[i, j] + 0.2 * W[i, j] for j in range(4)] for i in range(2)]
    velocity = [[0.7 * V[i, j] + g[i][j] for j in range(4)] for i in range(2)]
    right = [[W[i, j] - 0.3 * (g[i][j] + 0.7 * velocity[i][j]) for j in range(4)]
             for i in range(2)]
    same("V", first[1], velocity, "beta V + g, with g = dW + decay W")
    same("W", first[0], right, "the step is g + beta V, with the new V")
    mine, v = W, np.zeros(W.shape)
    for _ in range(3):
        parameter.grad = dls.Tensor(dW)
        optimizer.step()
        mine, v = lesson.nesterov_step(mine, v, dW, 0.3, 0.7, 0.2)
    same("W after three steps", mine, parameter.numpy(), "optim.SGD(nesterov=True) has another")


def test_one_cycle(lesson):
    for steps, peak, rise in ((40, 0.3, 0.25), (21, 2.0, 0.5)):
        parameter = nn.Parameter(dls.Tensor([1.0]))
        optimizer = dls.optim.SGD([parameter], lr=1.0)
        schedule = dls.optim.lr_scheduler.OneCycleLR(
            optimizer, max_lr=peak, total_steps=steps, pct_start=rise,
            anneal_strategy="linear", cycle_momentum=False)
        right = []
        for t in range(steps):
            right.append(optimizer.param_groups[0]["lr"])
            parameter.grad = dls.Tensor([0.0])
            optimizer.step()
            if t < steps - 1:
                schedule.step()
        mine = [lesson.one_cycle(t, steps, peak, rise) for t in range(steps)]
        same(f"the rates of {steps} steps", mine, right,
             "two straight lines that meet at (rise * steps - 1, peak)")


def test_Stage_forward(lesson):
    dls.manual_seed(3)
    stage = lesson.Stage(2, 3)
    for p in stage.parameters():
        with dls.no_grad():
            p.copy_(dls.Tensor(rng.standard_normal(p.shape)))
    stage.double()
    X = dls.Tensor(rng.standard_normal((4, 2, 7, 6)))
    mine = stage(X)
    shape("the output", mine.numpy(), (4, 3, 3, 3), "the pool halves rows and columns")
    first = nn.functional.max_pool2d(stage.conv1(X), 2)
    first = stage.bn1(first).numpy().clip(0)
    second = stage.bn2(stage.conv2(dls.Tensor(first))).numpy().clip(0)
    same("the output", mine.numpy(), first + second,
         "conv1, pool, bn1, ReLU; to that add conv2, bn2, ReLU of it")


def test_mirror_average(lesson):
    X = rng.standard_normal((3, 2, 4, 5))
    weights = rng.standard_normal((2, 4, 5, 6))

    def scores_of(pictures):
        return np.einsum("mchw,chwk->mk", np.asarray(pictures), weights) ** 2

    with untouched(X=X):
        mine = lesson.mirror_average(scores_of, X)
    other = np.stack([X[..., 4 - column] for column in range(5)], axis=3)
    same("the scores", mine, (scores_of(X) + scores_of(other)) / 2,
         "the mean of both; axis 3 has the columns")
