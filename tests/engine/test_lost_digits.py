"""Sums of many float32 rows, logits far from 0 and reductions of float16 keep their digits."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls.backend.kernels.reference import ReferenceKernels

ROWS = 300_000
pixels = (np.random.default_rng(0).integers(0, 256, (ROWS, 3)) / 255).astype("float32")
tenths = np.full((ROWS, 3), 0.1, "float32")


def bias_gradient(device: str) -> np.ndarray:
    b = dls.zeros(3, requires_grad=True, device=device)
    ((dls.Tensor(pixels, device=device) + b) * 0.1).sum().backward()
    return b.grad.numpy()


def linear_bias_gradient(device: str) -> np.ndarray:
    b = dls.zeros(2, requires_grad=True, device=device)
    w = dls.zeros(2, 3, device=device)
    (F.linear(dls.Tensor(pixels, device=device), w, b) * 0.1).sum().backward()
    return b.grad.numpy()


def softmax_gradient(device: str) -> np.ndarray:
    z = dls.zeros(ROWS, 2, device=device)
    b = dls.zeros(2, requires_grad=True, device=device)
    labels = dls.Tensor(np.zeros(ROWS, int), device=device)
    F.cross_entropy(z + b, labels, reduction="sum").backward()
    return b.grad.numpy()


FLOAT64 = tenths.astype("float64")
SUMS: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "sum": (lambda x: x.sum(axis=0), FLOAT64.sum(0)),
    "mean": (lambda x: x.mean(axis=0), FLOAT64.mean(0)),
    "norm": (lambda x: dls.vector_norm(x, axis=0), np.sqrt((FLOAT64**2).sum(0))),
    "logsumexp": (lambda x: dls.logsumexp(x, axis=0), 0.1 + np.log(ROWS)),
    "cumsum": (lambda x: x.cumsum(0)[-1], FLOAT64.sum(0)),
    "in the middle": (lambda x: x.reshape(1, ROWS, 3).sum(axis=1)[0], FLOAT64.sum(0)),
    "two axes": (lambda x: x.reshape(10, ROWS // 10, 3).sum(axis=(0, 1)), FLOAT64.sum(0)),
    "not in order": (lambda x: x[:, ::2].sum(axis=0), FLOAT64.sum(0)[::2]),
    "all, not in order": (lambda x: x[:, :2].sum(), FLOAT64[:, :2].sum()),
}


@pytest.mark.parametrize("device", ["cpu", "strict"])
@pytest.mark.parametrize("name", SUMS)
def test_sums_of_many_rows(name: str, device: str) -> None:
    of, want = SUMS[name]
    np.testing.assert_allclose(of(dls.Tensor(tenths, device=device)).numpy(), want, rtol=3e-6)


@pytest.mark.parametrize("device", ["cpu", "strict"])
def test_deviations_of_many_rows(device: str) -> None:
    x = dls.Tensor(pixels, device=device)
    wide = pixels.astype("float64")
    np.testing.assert_allclose(x.var(axis=0).numpy(), wide.var(0), rtol=3e-6)
    y = F.batch_norm(x, None, None, training=True).numpy()
    np.testing.assert_allclose(y, (wide - wide.mean(0)) / np.sqrt(wide.var(0) + 1e-5), atol=5e-6)


@pytest.mark.parametrize("device", ["cpu", "strict"])
@pytest.mark.parametrize("gradient, size", [(bias_gradient, 0.1), (linear_bias_gradient, 0.1),
                                            (softmax_gradient, 0.5)])
def test_gradients_of_what_is_broadcast(gradient: Any, size: float, device: str) -> None:
    np.testing.assert_allclose(abs(gradient(device)), ROWS * float(np.float32(size)), rtol=3e-6)


def test_the_reference_kernels_keep_them_too() -> None:
    kernels = ReferenceKernels(np)
    for made in (kernels.sum_along(tenths, 0, False, 1.0), kernels.sum_rows(tenths),
                 kernels.cumsum(tenths, 0)[-1]):
        np.testing.assert_allclose(made, FLOAT64.sum(0), rtol=3e-6)


# --- large logits --------------------------------------------------------------------------------


@pytest.mark.parametrize("shift", [0.0, 1e3, 1e5, 1e7, -1e7])
@pytest.mark.parametrize("device", ["cpu", "strict"])
def test_logits_are_as_good_when_all_are_larger(shift: float, device: str) -> None:
    """Adding one number to all logits changes nothing; these are exact in float32."""
    z = np.array([[0, 1, -2, 0], [3, 3, 3, -4]], "float32")
    logs = z.astype("float64") - np.log(np.exp(z.astype("float64")).sum(1, keepdims=True))
    x = dls.Tensor(z + np.float32(shift), requires_grad=True, device=device)
    np.testing.assert_allclose(F.log_softmax(x, 1).numpy(), logs, rtol=1e-6)
    for smoothing in (0.0, 0.3):
        x.grad = None
        labels = np.array([2, 0])
        loss = F.cross_entropy(x, dls.Tensor(labels, device=device), label_smoothing=smoothing)
        loss.backward()
        target = np.eye(4)[labels] * (1 - smoothing) + smoothing / 4
        np.testing.assert_allclose(loss.item(), -(target * logs).sum(1).mean(), rtol=2e-6)
        np.testing.assert_allclose(x.grad.numpy(), (np.exp(logs) - target) / 2, atol=2e-7)


def test_equal_logits_of_any_size_share_the_gradient() -> None:
    for dtype in ("float32", "float64"):
        x = dls.Tensor(np.full((1, 2), 1e17, dtype), requires_grad=True)
        F.cross_entropy(x, dls.Tensor([0])).backward()
        assert np.allclose(x.grad.numpy(), [[-0.5, 0.5]])


def test_attention_hands_nan_on() -> None:
    q = np.ones((1, 3, 20), "float32")
    broken = q.copy()
    broken[0, 1] = np.nan
    for causal in (False, True):
        y = F.scaled_dot_product_attention(broken, q, q, is_causal=causal).numpy()
        assert np.isnan(y[0, 1]).all()
        assert np.array_equal(y[0, [0, 2]], q[0, :2])


# --- float16 -------------------------------------------------------------------------------------

large = np.array([[396.5, 20.0, -300.0, 7.0]] * 2, "float16")
HALVES: dict[str, Callable[[Any], Any]] = {
    "layer_norm": lambda x: F.layer_norm(x, (4,)),
    "rms_norm": lambda x: F.rms_norm(x, (4,)),
    "group_norm": lambda x: F.group_norm(x, 2),
    "batch_norm": lambda x: F.batch_norm(x.reshape(4, 2), None, None, training=True),
    "instance_norm": lambda x: F.instance_norm(x.reshape(1, 2, 4)),
    "normalize": lambda x: F.normalize(x, dim=1),
    "vector_norm": lambda x: dls.vector_norm(x),
    "the 3-norm": lambda x: dls.vector_norm(x, 3, axis=1),
    "cosine_similarity": lambda x: F.cosine_similarity(x, x + 100.0, dim=1),
    "pairwise_distance": lambda x: F.pairwise_distance(x, -x),
    "mean of squares": lambda x: F.mse_loss(x * 0.5, x) / 64.0,
    "std": lambda x: x.std(axis=1),
    "softmax": lambda x: F.softmax(x * 0.01, 1),
    "log_softmax": lambda x: F.log_softmax(x * 0.01, 1),
    "cross_entropy": lambda x: F.cross_entropy(x * 0.01, dls.Tensor([1, 2], device=x.device)),
    "logsumexp": lambda x: dls.logsumexp(x, axis=1),
    "attention": lambda x: F.scaled_dot_product_attention(x, x, x),
}


@pytest.mark.parametrize("device", ["cpu", "strict"])
@pytest.mark.parametrize("name", HALVES)
def test_float16_is_summed_in_float32(name: str, device: str) -> None:
    """The float64 result, rounded; the gradient finite and of float16."""
    x = dls.Tensor(large, requires_grad=True, device=device)
    y = HALVES[name](x)
    want = HALVES[name](dls.Tensor(large.astype("float64"))).numpy()
    assert y.dtype == np.float16
    np.testing.assert_allclose(y.numpy().astype("float64"), want, rtol=4e-3, atol=4e-3)
    y.sum().backward()
    assert x.grad.dtype == np.float16
    assert np.isfinite(x.grad.numpy()).all()


def test_means_and_sums_of_many_float16() -> None:
    x = dls.Tensor(np.full((5000, 2), 20.0, "float16"))
    assert (x.mean(axis=0).numpy() == 20).all()
    assert x.mean().item() == 20
    assert (x[:3000].sum(axis=0).numpy() == 60_000).all()
    assert x[:3000].cumsum(0).numpy()[-1, 0] == 60_000
    b = dls.zeros(2, dtype="float16", requires_grad=True)
    (x * 0.0 + b)[:4000].sum().backward()
    assert (b.grad.numpy() == 4000).all()


def test_running_statistics_of_float16_are_moved_in_place() -> None:
    mean, var = (dls.Tensor(np.array([m], "float16")) for m in (0.0, 1.0))
    F.batch_norm(dls.Tensor(np.array([[2.0], [4.0]], "float16")), mean, var, training=True,
                 momentum=0.5)
    assert mean.tolist() == [1.5]
    assert var.tolist() == [1.5]
