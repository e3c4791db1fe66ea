"""Matrix products of every kind, against PyTorch and NumPy."""

import numpy as np
import pytest

import tinygrad_dls as dls

from .harness import array, pick, random_cases, same_function, torch


def lengths(case: np.random.Generator, count: int) -> list[int]:
    return [int(n) for n in case.choice([0, 1, 2, 3, 4, 7], p=[.05, .15, .2, .2, .2, .2],
                                        size=count)]


@random_cases(150)
def test_matmul(case: np.random.Generator) -> None:
    n, k, m = lengths(case, 3)
    batch = lengths(case, int(case.integers(0, 4)))
    left = [b if case.random() < 0.6 else 1 for b in batch][int(case.integers(len(batch) + 1)):]
    right = [b if case.random() < 0.6 else 1 for b in batch][int(case.integers(len(batch) + 1)):]
    dtype = pick(case, "float32", "float64")
    a = array(case, *left, n, k, dtype=dtype) if case.random() < 0.85 else array(case, k,
                                                                                 dtype=dtype)
    b = array(case, *right, k, m, dtype=dtype) if case.random() < 0.85 else array(case, k,
                                                                                  dtype=dtype)
    same_function(lambda p, q: p @ q, lambda p, q: p @ q, [a, b], second=True)


@random_cases(30)
def test_products_by_name(case: np.random.Generator) -> None:
    n, k, m, b = lengths(case, 4)
    dtype = pick(case, "float32", "float64")

    def some(*shape: int) -> np.ndarray:
        return array(case, *shape, dtype=dtype)

    same_function(dls.bmm, torch.bmm, [some(b, n, k), some(b, k, m)], second=True)
    same_function(dls.mm, torch.mm, [some(n, k), some(k, m)], second=True)
    same_function(dls.outer, torch.outer, [some(n), some(m)], second=True)
    same_function(dls.inner, torch.inner, [some(n, b, k), some(m, k)], second=True)
    same_function(dls.vdot, torch.vdot, [some(k), some(k)], second=True)
    same_function(dls.dot, torch.dot, [some(k), some(k)], second=True)
    same_function(lambda p, q: dls.tensordot(p, q, 2), lambda p, q: torch.tensordot(p, q, 2),
                  [some(b, n, k), some(n, k, m)], second=True)
    same_function(lambda p, q: p.tensordot(q, ([2, 0], [-1, 1])),
                  lambda p, q: torch.tensordot(p, q, ([2, 0], [2, 1])),
                  [some(b, n, k), some(m, b, k)], second=True)


@random_cases(30)
def test_numpys_dot(case: np.random.Generator) -> None:
    k = lengths(case, 1)[0]
    shape = pick(case, (), (k,), (2, k), (3, 2, k))
    other = pick(case, (), (k,), (k, 3), (2, k, 4))
    a, b = array(case, *shape), array(case, *other)
    for name in ("dot", "inner", "outer", "vdot"):
        if name == "vdot" and a.size != b.size:
            continue
        if name == "inner":
            b = b.swapaxes(-1, -2) if b.ndim > 1 else b
        want = getattr(np, name)(a, b)
        np.testing.assert_allclose(getattr(dls, name)(a, b).numpy(), want, atol=1e-12)
        x, y = dls.Tensor(a, requires_grad=True), dls.Tensor(b, requires_grad=True)
        got = getattr(np, name)(x, y)
        assert got.shape == np.shape(want)
        r, d, e = (case.standard_normal(np.shape(v)) for v in (want, a, b))
        (got * r).sum().backward()
        np.testing.assert_allclose(np.sum(x.grad.numpy() * d),
                                   np.sum(r * getattr(np, name)(d, b)), atol=1e-9)
        np.testing.assert_allclose(np.sum(y.grad.numpy() * e),
                                   np.sum(r * getattr(np, name)(a, e)), atol=1e-9)


FIXED = [
    "ij,jk->ik", "ij,jk", "ij->ji", "ij->", "ii->i", "ii", "iji->j", "i,j->ij", "bij,bjk->bik",
    "bqhd,bkhd->bhqk", "bhqk,bkhd->bqhd", "ij,ij->ij", "ij,ij", "ij,kj,k->i", "ij,jk,kl->il",
    "i,ij,j", "bi,bi->b", "ij,k->ki", "abc,cd,be->ade", "ij,jk,kl,lm,mn->in", "a,a,a,a->a",
    "iij,jk->ik", "ij,jj->i", "bij,kj->bik", "ij,jk->j", "ijk,ijk->j",
]
DOTTED = ["...ij,...jk->...ik", "...i->...", "...ij->...ji", "i...,i...->...", "...,...->...",
          "...ij,jk", "b...i,ij->b...j", "...ii->...i", "...i,...i,...i", "ij...->ji..."]


@random_cases(150)
def test_einsum(case: np.random.Generator) -> None:
    dtype = pick(case, "float32", "float64")
    if case.random() < 0.5:
        text, dots = str(case.choice(FIXED)), []
    else:
        text, dots = str(case.choice(DOTTED)), lengths(case, int(case.integers(0, 3)))
    known = dict(zip("abcdeijklmnhqB", lengths(case, 14)))
    arrays = []
    for names in text.partition("->")[0].split(","):
        head, found, tail = names.partition("...")
        shape = [known[c] for c in head]
        if found:
            own = [n if case.random() < 0.7 else 1 for n in dots]
            shape += own[int(case.integers(len(own) + 1)):]
        arrays.append(array(case, *shape, *(known[c] for c in tail), dtype=dtype))
    ours = lambda *a: dls.einsum(text, *a)  # noqa: E731
    want = np.einsum(text, *arrays)
    rtol = 1e-3 if dtype == "float32" else 1e-9
    np.testing.assert_allclose(ours(*map(dls.Tensor, arrays)).numpy(), want, rtol=rtol, atol=rtol)
    same_function(ours, lambda *a: torch.einsum(text, *a), arrays, second=True, scale=4)


@random_cases(60)
def test_einsum_of_random_labels(case: np.random.Generator) -> None:
    """Labels in any order, once per operand, some of them in the result."""
    known = dict(zip("abcdef", [int(n) for n in case.integers(1, 4, 6)]))
    count = int(case.integers(1, 5))
    named = ["".join(case.permutation(list(known))[: int(case.integers(0, 4))])
             for _ in range(count)]
    there = sorted(set("".join(named)))
    out = "".join(case.permutation(there)[: int(case.integers(0, len(there) + 1))])
    text = ",".join(named) + "->" + out
    arrays = [array(case, *(known[c] for c in n)) for n in named]
    same_function(lambda *a: dls.einsum(text, *a), lambda *a: torch.einsum(text, *a), arrays,
                  second=True, scale=4)


@pytest.mark.torch
def test_long_products_take_the_way_of_least_work() -> None:
    """A vector at the end: from the left this would be three products of large matrices."""
    rng = np.random.default_rng(0)
    a = [dls.Tensor(rng.standard_normal((300, 300))) for _ in range(4)]
    v = dls.Tensor(rng.standard_normal(300), requires_grad=True)
    y = dls.einsum("ij,jk,kl,lm,m->i", *a, v)
    with dls.no_grad():
        want = a[0] @ (a[1] @ (a[2] @ (a[3] @ v)))
    np.testing.assert_allclose(y.numpy(), want.numpy(), rtol=1e-9)
    node, count = y._node, 0
    while node is not None and not isinstance(node, dls.Tensor):
        assert max(node.shape) == 300
        assert len(node.shape) == 1, "a product of two matrices"
        node, count = next(e for e in node.edges if e is not None), count + 1
    assert count == 4
