"""Distributions: PyTorch's densities, entropies, divergences and gradients; samples' moments."""

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls import distributions as ours

RNG = np.random.default_rng(0)
LOC, SCALE = RNG.standard_normal((3, 2)), RNG.uniform(0.2, 2, (3, 2))
CHANCE, LOGITS = RNG.uniform(0.05, 0.95, (3, 2)), RNG.standard_normal((3, 2, 4))
X, PLACES = RNG.standard_normal((3, 2)), RNG.integers(0, 4, (3, 2))
BITS = np.array([[0.0, 1.0], [1.0, 1.0], [0.0, 0.0]])
CASES = {  # name -> how to make it (D: the module, t: makes a tensor), a value, parameters
    "normal": (lambda D, a, b: D.Normal(a, b), X, (LOC, SCALE)),
    "normal of a number": (lambda D, a: D.Normal(a, 2.0), X, (LOC,)),
    "lognormal": (lambda D, a, b: D.LogNormal(a, b), np.exp(X), (LOC, SCALE)),
    "uniform": (lambda D, a, b: D.Uniform(a, a + b), LOC + SCALE / 3, (LOC, SCALE)),
    "exponential": (lambda D, a: D.Exponential(a), np.abs(X), (SCALE,)),
    "cauchy": (lambda D, a, b: D.Cauchy(a, b), X, (LOC, SCALE)),
    "bernoulli": (lambda D, a: D.Bernoulli(a), BITS, (CHANCE,)),
    "bernoulli of logits": (lambda D, a: D.Bernoulli(logits=a), BITS, (LOC,)),
    "categorical": (lambda D, a: D.Categorical(a.exp()), PLACES, (LOGITS,)),
    "categorical of logits": (lambda D, a: D.Categorical(logits=a), PLACES, (LOGITS,)),
    "one-hot": (lambda D, a: D.OneHotCategorical(logits=a), np.eye(4)[PLACES], (LOGITS,)),
    "independent": (lambda D, a, b: D.Independent(D.Normal(a, b), 1), X, (LOC, SCALE)),
}
ASKED = ("log_prob", "entropy", "mean", "variance", "stddev", "cdf")


def answers(library, D, case):
    """What a distribution says, and the gradients of its parameters, as arrays."""
    make, value, parameters = CASES[case]
    inputs = [library.tensor(p, requires_grad=True) for p in parameters]
    made = make(D, *inputs)
    for name in ASKED:
        if name == "cdf" and case.split()[0] not in ("normal", "lognormal", "uniform",
                                                     "exponential", "cauchy"):
            continue
        if name in ("mean", "variance", "stddev") and ("categorical" in case or case == "cauchy"):
            continue  # PyTorch's are NaN
        found = getattr(made, name)
        if callable(found):
            found = found(library.tensor(value)) if name != "entropy" else found()
        for p in inputs:
            p.grad = None
        if found.requires_grad:
            (found * found).sum().backward(retain_graph=True)
        yield name, [found.detach().numpy(), *(
            np.zeros(1) if p.grad is None else p.grad.numpy() for p in inputs)]


@pytest.mark.torch
@pytest.mark.parametrize("case", CASES)
def test_they_say_what_pytorchs_say(case):
    torch = pytest.importorskip("torch")
    a = dict(answers(dls, ours, case))
    b = dict(answers(torch, torch.distributions, case))
    assert a.keys() == b.keys() and "log_prob" in a
    for name in a:
        for x, y in zip(a[name], b[name]):
            np.testing.assert_allclose(x, y, rtol=1e-6, atol=1e-7, err_msg=f"{case} {name}")


@pytest.mark.torch
def test_divergences_are_pytorchs():
    torch = pytest.importorskip("torch")
    for case, (make, _, parameters) in CASES.items():
        others = [p[::-1].copy() for p in parameters]
        if case == "uniform":
            others = [parameters[0] - 1, parameters[1] + 3]
        found = []
        for library, D in ((dls, ours), (torch, torch.distributions)):
            p = [library.tensor(x, requires_grad=True) for x in parameters]
            q = [library.tensor(x) for x in others]
            result = D.kl_divergence(make(D, *p), make(D, *q))
            result.sum().backward()
            found.append([result.detach().numpy(), *(x.grad.numpy() for x in p)])
        for x, y in zip(*found):
            np.testing.assert_allclose(x, y, rtol=1e-6, atol=1e-7, err_msg=case)


def test_samples_have_the_moments_and_shapes():
    g = dls.Generator(0)
    for case, (make, _, parameters) in CASES.items():
        made = make(ours, *(dls.tensor(p) for p in parameters))
        draws = made.sample((4000,), generator=g)
        shape = (*made.batch_shape, *made.event_shape)
        assert draws.shape == (4000, *shape) and not draws.requires_grad, case
        assert made.sample().shape == shape and made.sample_n(2).shape == (2, *shape)
        if "categorical" in case:
            counts = np.stack([(draws.numpy() == k).mean(axis=0) for k in range(4)], -1)
            np.testing.assert_allclose(counts, made.probs.numpy(), atol=0.04)
            assert draws.dtype == np.int64
            continue
        if case == "cauchy":  # a share for each, as there are no moments
            share = (draws.numpy() < LOC + SCALE).mean(axis=0)
            np.testing.assert_allclose(share, 0.75, atol=0.04)
            continue
        error = 5 * made.stddev.numpy() / np.sqrt(4000)
        assert (abs(draws.numpy().mean(axis=0) - made.mean.numpy()) < error).all(), case
        first, second = (made.sample(generator=dls.Generator(7)).numpy() for _ in range(2))
        np.testing.assert_array_equal(first, second)


def test_gradients_go_through_rsample():
    mean, spread = (dls.tensor(x, requires_grad=True) for x in (LOC, SCALE))
    made = ours.Normal(mean, spread)
    draw = made.rsample((5,), generator=dls.Generator(0))
    draw.sum().backward()
    noise = dls.Generator(0).normal((5, 3, 2), "float64")
    np.testing.assert_allclose(mean.grad.numpy(), 5)
    np.testing.assert_allclose(spread.grad.numpy(), noise.sum(axis=0))
    for discrete in (ours.Bernoulli(0.5), ours.Categorical([0.5, 0.5])):
        assert not discrete.has_rsample
        with pytest.raises(dls.DataError, match="no gradient"):
            discrete.rsample()


def test_edges_and_errors():
    assert ours.Categorical([1.0, 0.0]).entropy().item() == pytest.approx(0, abs=1e-5)
    assert ours.Categorical([2.0, 2.0]).perplexity().item() == pytest.approx(2)
    p, q = ours.Categorical([0.5, 0.5]), ours.Categorical([1.0, 0.0])
    assert ours.kl_divergence(p, q).item() == np.inf
    assert ours.Categorical([1.0, 3.0]).mode.item() == 1
    assert ours.kl_divergence(ours.Uniform(0, 2), ours.Uniform(0, 1)).item() == np.inf
    assert ours.Normal(0, 1).loc.dtype == np.float32
    assert ours.Normal(dls.zeros(2), np.ones(2, "float32")).batch_shape == (2,)
    for make, match in [
        (lambda: ours.Normal(0.0, 0.0), "scale is above 0"),
        (lambda: ours.Uniform(1.0, 1.0), "low is below"), (lambda: ours.Bernoulli(1.5), "0 to 1"),
        (lambda: ours.Bernoulli(0.5, 0.5), "not both"), (lambda: ours.Categorical(), "not both"),
        (lambda: ours.Categorical([0.0, 0.0]), "not all 0"),
        (lambda: ours.kl_divergence(p, ours.Normal(0, 1)), "no divergence"),
    ]:
        with pytest.raises(dls.DataError, match=match):
            make()
    for make in (lambda: ours.Categorical(0.5), lambda: ours.Independent(p, 1),
                 lambda: ours.Normal(dls.zeros(2), dls.ones(3))):
        with pytest.raises(dls.ShapeError):
            make()
