"""Checks for the exercises of c4w1-convolution-step-by-step."""

import numpy as np
from tinygrad_dls.learn.checking import gradients, result, same, shape, untouched

rng = np.random.default_rng(4)
A_PREV = rng.standard_normal((2, 5, 6, 3))
W, B = rng.standard_normal((3, 3, 3, 2)), rng.standard_normal((1, 1, 1, 2))
SETTINGS = ({"stride": 1, "pad": 0}, {"stride": 2, "pad": 1}, {"stride": 1, "pad": 2})


def padded(X, pad):
    return np.pad(X, ((0, 0), (pad, pad), (pad, pad), (0, 0)))


def windows(X, f, stride):
    """(m, n_H, n_W, f, f, n_C), from a padded X."""
    found = np.lib.stride_tricks.sliding_window_view(X, (f, f), axis=(1, 2))
    return np.moveaxis(found[:, ::stride, ::stride], 3, 5)


def convolved(A_prev, W, b, hparameters):
    """Z by the formula of the lesson."""
    found = windows(padded(A_prev, hparameters["pad"]), W.shape[0], hparameters["stride"])
    return np.tensordot(found, W, axes=3) + b


def pooled(A_prev, hparameters, mode):
    found = windows(A_prev, hparameters["f"], hparameters["stride"])
    return found.max(axis=(3, 4)) if mode == "max" else found.mean(axis=(3, 4))


def test_zero_pad(lesson):
    with untouched(X=A_PREV):
        mine = lesson.zero_pad(A_PREV, 2)
    same("zero_pad(X, 2)", mine, padded(A_PREV, 2), "rows and columns only, zeros")
    same("zero_pad(X, 0)", lesson.zero_pad(A_PREV, 0), A_PREV)


def test_conv_single_step(lesson):
    window, kernel, b = A_PREV[0, :3, :3], W[..., 0], np.full((1, 1, 1), 0.75)
    right = np.sum(window * kernel) + 0.75
    mine = lesson.conv_single_step(window, kernel, b)
    same("Z", mine, right, "the sum of all products, then the bias, once")


def test_conv_forward(lesson):
    for hparameters in SETTINGS:
        with untouched(A_prev=A_PREV, W=W, b=B):
            mine, cache = result(
                "conv_forward", lesson.conv_forward(A_PREV, W, B, hparameters), 2)
        right = convolved(A_PREV, W, B, hparameters)
        shape(f"Z for {hparameters}", mine, right.shape, "n = (n_prev + 2 pad - f) // stride + 1")
        same(f"Z for {hparameters}", mine, right, "a window begins at h * stride, w * stride")
        result("the cache", cache, 4)


def test_pool_forward(lesson):
    for hparameters in ({"f": 2, "stride": 2}, {"f": 3, "stride": 1}, {"f": 2, "stride": 3}):
        for mode in ("max", "average"):
            answer = lesson.pool_forward(A_PREV, hparameters, mode)
            mine, _ = result("pool_forward", answer, 2)
            right = pooled(A_PREV, hparameters, mode)
            same(f"A, {mode} pooling, {hparameters}", mine, right, "each channel by itself")


def test_conv_backward(lesson):
    for hparameters in SETTINGS:
        dZ = rng.standard_normal(convolved(A_PREV, W, B, hparameters).shape)
        cache = (A_PREV, W, B, hparameters)
        with untouched(dZ=dZ, A_prev=A_PREV, W=W, b=B):
            answer = lesson.conv_backward(dZ, cache)
        dA_prev, dW, db = result("conv_backward", answer, 3)
        gradients(
            lambda p, dZ=dZ, hp=hparameters: np.sum(
                dZ * convolved(p["A_prev"], p["W"], p["b"], hp)),
            {"A_prev": A_PREV, "W": W, "b": B},
            {"dA_prev": dA_prev, "dW": dW, "db": db},
            hint=f"with {hparameters}",
        )


def test_create_mask_from_window(lesson):
    x = np.array([[1.0, -2.0, 0.5], [0.25, 3.0, 2.5]])
    with untouched(x=x):
        mask = lesson.create_mask_from_window(x)
    same("the mask", mask, x == 3.0, "True where x is largest")
    same("the mask of -x", lesson.create_mask_from_window(-x), x == -2.0)


def test_distribute_value(lesson):
    same("distribute_value(3, (2, 3))", lesson.distribute_value(3.0, (2, 3)),
         np.full((2, 3), 0.5), "equal parts, which add up to the value")


def test_pool_backward(lesson):
    for hparameters in ({"f": 2, "stride": 2}, {"f": 3, "stride": 1}, {"f": 3, "stride": 2}):
        for mode in ("max", "average"):
            dA = rng.standard_normal(pooled(A_PREV, hparameters, mode).shape)
            with untouched(dA=dA, A_prev=A_PREV):
                mine = lesson.pool_backward(dA, (A_PREV, hparameters), mode)
            gradients(
                lambda p, dA=dA, hp=hparameters, mode=mode: np.sum(
                    dA * pooled(p["A_prev"], hp, mode)),
                {"A_prev": A_PREV},
                {"dA_prev": mine},
                hint=f"{mode} pooling, {hparameters}; windows overlap: +=",
            )


def test_conv_forward_shifted(lesson):
    for hparameters in (*SETTINGS, {"stride": 3, "pad": 1}):
        with untouched(A_prev=A_PREV, W=W, b=B):
            answer = lesson.conv_forward_shifted(A_PREV, W, B, hparameters)
        mine, _ = result("conv_forward_shifted", answer, 2)
        same(f"Z for {hparameters}", mine, convolved(A_PREV, W, B, hparameters),
             "from u in steps of the stride, n_H of them")


def test_conv_backward_shifted(lesson):
    for hparameters in (*SETTINGS, {"stride": 3, "pad": 1}):
        dZ = rng.standard_normal(convolved(A_PREV, W, B, hparameters).shape)
        with untouched(dZ=dZ, A_prev=A_PREV, W=W):
            answer = lesson.conv_backward_shifted(dZ, (A_PREV, W, B, hparameters))
        dA_prev, dW, db = result("conv_backward_shifted", answer, 3)
        gradients(
            lambda p, dZ=dZ, hp=hparameters: np.sum(
                dZ * convolved(p["A_prev"], p["W"], p["b"], hp)),
            {"A_prev": A_PREV, "W": W, "b": B},
            {"dA_prev": dA_prev, "dW": dW, "db": db},
            hint=f"with {hparameters}",
        )
