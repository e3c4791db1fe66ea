"""Clipping gradients, and parameters as one vector."""

import math

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls import nn
from tinygrad_dls.backend import strict
from tinygrad_dls.nn.utils import (
    clip_grad_norm_,
    clip_grad_value_,
    parameters_to_vector,
    vector_to_parameters,
)

GRADS = [np.array([[3.0, -4.0]]), np.array([12.0]), None]


def parameters(device="cpu"):
    made = [nn.Parameter(np.zeros(s, "float32"), device=device) for s in ((1, 2), (1,), (5,))]
    for p, g in zip(made, GRADS):
        p.grad = None if g is None else dls.Tensor(g.astype("float32"), device=device)
    return made


@pytest.mark.parametrize("device", ["cpu", "strict"])
@pytest.mark.parametrize(("kind", "norm"), [(2.0, 13.0), (1.0, 19.0), (math.inf, 12.0)])
def test_norm(device, kind, norm):
    made = parameters(device)
    with strict.count() as c:
        found = clip_grad_norm_(made, norm / 2, kind)
    assert c.syncs == 0, c
    assert math.isclose(float(found), norm, rel_tol=1e-6)
    np.testing.assert_allclose(made[0].grad.numpy(), GRADS[0] / 2, rtol=1e-6)
    np.testing.assert_allclose(made[1].grad.numpy(), GRADS[1] / 2, rtol=1e-6)
    assert made[0].grad.dtype == np.float32 and made[2].grad is None
    made = parameters(device)
    clip_grad_norm_(made, 100.0, kind)
    assert np.array_equal(made[0].grad.numpy(), GRADS[0])


def test_norm_of_nothing_and_of_nan():
    assert float(clip_grad_norm_([nn.Parameter([1.0])], 1.0)) == 0
    made = parameters()
    made[1].grad = dls.Tensor([math.nan])
    with pytest.raises(dls.DataError, match="nothing was clipped"):
        clip_grad_norm_(made, 1.0, error_if_nonfinite=True)
    assert np.array_equal(made[0].grad.numpy(), GRADS[0])


@pytest.mark.parametrize("device", ["cpu", "strict"])
def test_value(device):
    made = parameters(device)
    clip_grad_value_(iter(made), 3.5)
    assert made[0].grad.tolist() == [[3.0, -3.5]] and made[1].grad.tolist() == [3.5]
    clip_grad_value_(made[0], 1)
    assert made[0].grad.tolist() == [[1.0, -1.0]]


def test_vectors_there_and_back():
    net = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 2))
    vector = parameters_to_vector(net.parameters())
    assert vector.shape == (14,)
    vector_to_parameters(vector.detach() * 2, net.parameters())
    np.testing.assert_allclose(parameters_to_vector(net.parameters()).numpy(), 2 * vector.numpy())
    assert net[0].weight.is_leaf and net[0].weight.requires_grad
    with pytest.raises(dls.ShapeError, match="14 elements"):
        vector_to_parameters(dls.ones(3), net.parameters())


@pytest.mark.torch
@pytest.mark.parametrize("kind", [2.0, 1.0, 3.0, math.inf])
def test_norm_is_pytorchs(kind):
    torch = pytest.importorskip("torch")
    made = parameters()
    theirs = [torch.zeros(p.shape, requires_grad=True) for p in made]
    for p, q in zip(made, theirs):
        q.grad = None if p.grad is None else torch.tensor(p.grad.numpy())
    ours, them = clip_grad_norm_(made, 2.0, kind), torch.nn.utils.clip_grad_norm_(theirs, 2.0, kind)
    assert math.isclose(float(ours), float(them), rel_tol=1e-6)
    for p, q in zip(made[:2], theirs):
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-6)
