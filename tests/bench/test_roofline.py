"""The work that is counted of a step against numbers worked out by hand."""

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls import nn, optim
from tinygrad_dls.bench import ours, roofline
from tinygrad_dls.bench.cases import CASES
from tinygrad_dls.bench.roofline import Roofs
from tinygrad_dls.bench.work import count
from tinygrad_dls.nn import functional as F


def _tensor(*shape, grad=False):
    return dls.Tensor(np.ones(shape, "f"), requires_grad=grad)


def _only(step, *names):
    """(operations, bytes) of the named operations."""
    work = {w.name: (w.flops, w.bytes) for w in count(step)}
    return [work[name] for name in names]


@pytest.mark.parametrize("grad", [False, True])
def test_a_linear_layer(grad):
    """x (5, 3), W (2, 3), b (2,): 30 multiplications, 30 for dW, 30 for dx."""
    layer, x = nn.Linear(3, 2), _tensor(5, 3, grad=grad)
    there, back = _only(lambda: layer(x).sum().backward(), "linear", "linear back")
    assert there == (2 * 30, 4 * (15 + 6 + 2 + 10))
    dw_db, dx = 10 + 15 + 6 + 2, 6 + 15  # dy x dW db; W dx
    assert back == (2 * 30 * (1 + grad), 4 * (dw_db + dx * grad))


def test_products_of_batches():
    a, b = _tensor(4, 5, 3, grad=True), _tensor(3, 2)
    there, back = _only(lambda: (a @ b).sum().backward(), "matmul", "matmul back")
    assert there == (2 * 4 * 30, 4 * (60 + 6 + 40))
    assert back == (2 * 4 * 30, 4 * (40 + 6 + 60))


@pytest.mark.parametrize("groups", [1, 6])
def test_convolutions(groups):
    """Each of 2 * 6 * 4 * 4 outputs sums 3 * 3 products of each channel that it sees."""
    layer, x = nn.Conv2d(6, 6, 3, groups=groups, bias=False), _tensor(2, 6, 6, 6, grad=True)
    there, back = _only(lambda: layer(x).sum().backward(), "convolution", "convolution back")
    once = 2 * 6 * 16 * 9 * 6 // groups
    assert (there[0], back[0]) == (2 * once, 4 * once)
    weights = 6 * 6 * 9 // groups
    assert there[1] == 4 * (2 * 6 * 36 + weights + 2 * 6 * 16)
    assert back[1] == 4 * (2 * 6 * 16 + 2 * (2 * 6 * 36 + weights))


def test_a_transposed_convolution():
    layer, x = nn.ConvTranspose2d(3, 2, 2, 2), _tensor(1, 3, 5, 5)
    there, back = _only(lambda: layer(x).sum().backward(), "transposed_convolution",
                        "transposed_convolution back")
    assert (there[0], back[0]) == (2 * 25 * 3 * 2 * 4,) * 2  # of its weight alone


def test_a_recurrent_layer():
    """7 steps of 2 sequences, 3 inputs, 4 units, 4 gates: x takes 48 products a row, h 64."""
    layer, x = nn.LSTM(3, 4), _tensor(7, 2, 3)
    there, back = _only(lambda: layer(x)[0].sum().backward(), "lstm", "lstm back")
    assert there[0] == 2 * 14 * (48 + 64)
    assert back[0] == 2 * 14 * (64 + 64 + 48)  # dh, dW_hh, dW_ih


@pytest.mark.parametrize("causal, pairs", [(False, 20), (True, 4 * 5 // 2)])
def test_attention(causal, pairs):
    q, k, v = (_tensor(2, 4, e, grad=True) if e == 3 else _tensor(2, n, e, grad=True)
               for n, e in ((4, 3), (5, 3), (5, 6)))
    k = _tensor(2, 5, 3, grad=True)
    there, back = _only(
        lambda: F.scaled_dot_product_attention(q, k, v, is_causal=causal).sum().backward(),
        "attention", "attention back")
    assert there[0] == 2 * 2 * pairs * (3 + 6)
    assert back[0] == 2 * there[0]


def test_others_count_by_their_arrays_and_views_count_nothing():
    x = _tensor(6, 4, grad=True)
    work = count(lambda: x.reshape(4, 6).T.exp().sum().backward())
    assert [w.name for w in work] == ["exp", "exp back", "sum", "sum back"]
    assert work[0][1:3] == (24, 4 * 48)
    assert work[1][1:3] == (24, 4 * 72)


def test_an_embedding_reads_its_rows_and_the_optimizer_what_it_changes():
    table = nn.Embedding(1000, 8)
    there, back = _only(lambda: table(dls.Tensor([1, 2, 3])).sum().backward(), "embedding",
                        "embedding back")
    assert there[1] == 8 * 3 + 2 * 4 * 24 and back[1] == 8 * 3 + 2 * 4 * 24
    layer = nn.Linear(3, 2, bias=False)
    layer(_tensor(5, 3)).sum().backward()
    for kind, arrays in ((optim.SGD, 3), (optim.Adam, 7)):
        optimizer = kind(layer.parameters(), lr=0.1)
        optimizer.step()
        assert [w.bytes for w in count(optimizer.step)] == [4 * 6 * arrays]


def test_a_whole_case():
    """Three products forward, three for dW, two for dx."""
    step = ours.build(CASES["c2"])
    a, b, c = 784 * 128, 128 * 64, 64 * 10
    products = [w.flops for w in count(step) if w.name.startswith("linear")]
    assert sum(products) == 2 * 64 * (2 * a + 3 * b + 3 * c)


def test_rates_are_those_of_arrays_as_large_or_larger():
    top = Roofs(100.0, "a product", {10: 3.0, 100: 9.0, 1000: 2.0})
    assert [top.rate(size) for size in (1, 10, 50, 500, 5000)] == [9, 9, 9, 2, 2]


def test_roofs_are_measured_and_bound_the_step(monkeypatch):
    top = roofline.roofs(((64, 32, 16),), (1024, 2048))
    assert top.product == "(64, 16) @ (16, 32)" and top.gflops > 0
    assert set(top.rates) == {12 * 1024, 12 * 2048} and min(top.rates.values()) > 0
    monkeypatch.setattr(roofline, "roofs", lambda: Roofs(2.0, "a product", {1: 4.0}))
    monkeypatch.setattr(roofline, "interleave", lambda steps: {"captured": 50.0})
    case = roofline.measure(["c2"])["cases"]["c2"]
    assert case["arithmetic_ms"] == pytest.approx(1e3 * case["gflop"] / 2)
    assert case["moving_ms"] == pytest.approx(case["mb"] / 4)
    assert max(case["arithmetic_ms"], case["moving_ms"]) <= case["least_ms"]
    assert case["least_ms"] <= case["arithmetic_ms"] + case["moving_ms"]
    assert case["share"] == case["least_ms"] / 50
    found = {"roofs": top._asdict(), "cases": {"c2": case}}
    assert "| c2 MLP 784-128-64-10" in roofline.text(found)
