"""Arithmetic, memory and time of each operation of a trace: in the record, and shown."""

import json
import sys
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_dls as dls
from tinygrad_dls import models, nn, optim
from tinygrad_dls.backend.kernels.reference.statistics import CHUNK
from tinygrad_dls.bench.work import count
from tinygrad_dls.cli import main
from tinygrad_dls.nn import functional as F
from tinygrad_dls.viz import describe, style, tracing
from tinygrad_dls.viz.record import NodeRecord, Record
from tinygrad_dls.viz.summary import SMALL, TOGETHER, Summaries, Summary


def tensor(*shape, grad=False):
    values = np.random.default_rng(0).standard_normal(shape).astype("f")
    return dls.Tensor(values, requires_grad=grad)


MODEL = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))


def step():
    F.cross_entropy(MODEL(tensor(5, 4)), dls.Tensor(np.arange(5) % 2)).backward()


def traced():
    with dls.trace() as t:
        step()
    return t


@pytest.mark.parametrize("product", [
    lambda a, b: a @ b.T,
    lambda a, b: F.linear(a, b),
    lambda a, b: dls.einsum("ij,kj->ik", a, b),
    lambda a, b: F.conv1d(a[None], b[:, :, None]),
    lambda a, b: F.conv_transpose1d(a.T[None], b.T[:, :, None]),
    lambda a, b: F.scaled_dot_product_attention(a[None], b[None], b[None]),
    lambda a, b: F.embedding(dls.tensor([0, 2], device=a.device), a) @ b.T,
])
def test_the_strict_device_counts_as_the_cpu_does(product):
    found = []
    for device in ("cpu", "strict"):
        a, b = (tensor(4, 4, grad=True).to(device).detach().requires_grad_() for _ in range(2))
        with dls.trace() as t:
            product(a, b).sum().backward()
        found.append([(n.op, n.flops, n.flops_back, n.bytes) for n in t.record.nodes])
    assert found[0] == found[1] and sum(flops or 0 for _, flops, _, _ in found[0]) > 0


def test_the_record_counts_as_the_benchmark_does():
    ops = [n for n in traced().record.nodes if n.op]
    handles = [part.register_forward_hook(lambda *_: None) for part in MODEL.modules()]
    work = count(step)  # layer by layer
    for handle in handles:
        handle.remove()
    assert [n.flops for n in ops] == [w.flops for w in work if "back" not in w.name]
    assert [n.flops_back for n in ops] == [w.flops for w in work if "back" in w.name]


def test_a_linear_layer_by_hand():
    """5 rows of 4 to 3: 60 multiplications, as many for dW; x needs no gradient."""
    node = next(n for n in traced().record.nodes if n.op)
    assert (node.flops, node.flops_back) == (2 * 60, 2 * 60)
    assert node.bytes == 4 * 15  # what it made; x and W are where they were
    assert 0 < node.seconds < 60 and 0 < node.seconds_back < 60


def test_memory_of_leaves_views_and_what_backward_needs():
    x = tensor(6, 4, grad=True)
    with dls.trace() as t:
        y = x.reshape(4, 6)
        F.max_pool1d(y.reshape(1, 4, 6), 2).sum().backward()
    sizes = {(n.op or n.kind).partition("(")[0]: n.bytes for n in t.record.nodes}
    assert sizes["param"] == 4 * 24 and sizes["reshape"] == 0
    assert sizes["max_pool"] == 4 * 12 + 12  # and the place of the largest, a byte each


def test_nothing_is_known_of_what_was_not_traced():
    x = tensor(3, grad=True)
    node = dls.graph((x * x).sum()).record.nodes[-1]
    assert node.flops is node.bytes is node.seconds is node.flops_back is node.seconds_back is None


def test_without_gradients_there_is_no_way_back():
    with dls.trace() as t, dls.no_grad():
        MODEL(tensor(5, 4))
    ops = [n for n in t.record.nodes if n.op]
    assert all(n.flops and n.flops_back is None and n.seconds_back is None for n in ops)


def test_costs_survive_json_and_older_files_have_none():
    t = traced()
    again = Record.from_json(t.to_json())
    assert again.nodes == t.record.nodes
    document = json.loads(t.to_json())
    for node in document["nodes"]:
        del node["flops_back"], node["seconds_back"]
    assert Record.from_json(json.dumps(document)).nodes[-1].flops_back is None


def test_the_trace_of_resnet_20_is_small():
    model, x = models.resnet20(), tensor(2, 3, 32, 32)
    with dls.trace() as t:
        F.cross_entropy(model(x), dls.Tensor([1, 2])).backward()
    assert 100_000 < len(t.to_json()) < 3_000_000  # samples do not grow with the batch


# --- statistics ----------------------------------------------------------------------------------


@given(st.sampled_from(["float32", "float64", "int64", "float16"]),
       st.integers(2, 200) | st.sampled_from([CHUNK - 1, CHUNK + 1, 2 * CHUNK + 7]),
       st.sampled_from([1e-30, 1e-12, 1e-3, 1.0, 1e4, 1e12, 1e30]),
       st.sampled_from([0.0, 1.0, -1000.0]), st.integers(0, 9))
def test_statistics_are_numpy_s(dtype, size, scale, shift, seed):
    """Against float64; `shift` is in standard deviations."""
    scale = {"float16": 1.0, "int64": 1e4}.get(dtype, scale)
    rng = np.random.default_rng(seed)
    array = ((rng.standard_normal(size) + shift) * scale).astype(dtype)
    array[::7] = 0
    exact = array.astype("float64")
    s = Summary.of(array)
    assert (s.size, s.nan, s.inf, s.zeros) == (size, 0, 0, int((array == 0).sum()))
    assert (s.min, s.max) == (exact.min(), exact.max())
    largest = max(abs(s.min), abs(s.max))
    assert s.mean == pytest.approx(exact.mean(), rel=1e-5, abs=1e-6 * largest)
    assert s.std == pytest.approx(exact.std(), rel=1e-5, abs=1e-6 * largest)
    assert s.norm == pytest.approx(np.sqrt((exact * exact).sum()), rel=1e-5)


@pytest.mark.parametrize("size", [10, 100, CHUNK + 5])
def test_elements_that_are_not_finite_are_counted(size):
    array = np.ones(size, "f")
    array[3], array[5], array[7] = np.nan, np.inf, -np.inf
    s = Summary.of(array)
    assert (s.nan, s.inf, s.mean, s.min, s.max) == (1, 2, 1, 1, 1)
    assert s.norm == pytest.approx(np.sqrt(size - 3))


def test_many_small_arrays_have_the_statistics_of_each():
    rng = np.random.default_rng(0)
    arrays = [np.array(x) for x in (
        [np.nan, 1.0], 2.0, [[0.0, 0.0]], [1e300, -2e300], [1e-200, 0.0], [0.1] * 3, [-0.0],
        [True, False, True], [2**62, -1], [np.inf], [[3.0], [4.0]])]
    arrays += [rng.standard_normal(n).astype(kind) for n in (1, 5, 64, 65, 200, SMALL, SMALL + 1)
               for kind in ("float32", "float64", "float16")]
    arrays += [rng.standard_normal((40, 30))[::2].T for _ in range(2 * TOGETHER // 600)]
    arrays += [np.zeros((0, 3)), 7, -1.5]
    alone = [Summary.of(array) for array in arrays]
    found = Summaries()
    numbers = [found.add(array) for array in arrays]
    assert [found.add(array) for array in arrays] == numbers, "the same array, the same number"
    assert found.bytes == sum(getattr(array, "nbytes", 0) for array in arrays)
    found.settle()
    for array in arrays:
        if isinstance(array, np.ndarray):
            array[...] = 1
    for one, number in zip(alone, numbers):
        other = found[number]
        assert repr(other.sample) == repr(one.sample)
        for name in ("size", "nan", "inf", "zeros", "min", "max"):
            assert getattr(other, name) == getattr(one, name), (name, one)
        for name in ("mean", "std", "norm"):
            want = getattr(one, name)
            assert getattr(other, name) == (want if want is None else pytest.approx(
                want, rel=1e-6, abs=1e-6 * one.norm)), (name, one)


@pytest.mark.parametrize("at_once", [False, True])
def test_a_record_has_the_numbers_of_the_end_of_its_block(monkeypatch, at_once):
    """It is written later, or at once where the arrays are too large to keep."""
    monkeypatch.setattr(tracing, "AT_ONCE", 0 if at_once else 1 << 28)

    def traced():
        dls.manual_seed(0)
        model, x = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)), tensor(5, 4)
        with dls.trace(names={"x": x}) as t:
            loss = (model(x) ** 2).mean()
            loss.backward()
        return t, model, x, loss

    t = traced()[0]
    assert (t._settled is None) is at_once
    want = t.record
    t, model, x, _ = traced()
    with dls.no_grad():
        x[...] = 9.0
        for p in model.parameters():
            p[...] = 7.0
            p.grad[...] = 5.0
            p.name = "other"
    assert model(x).shape == (5, 2)  # leaves marks of a call on no node of the trace
    found = t.record
    assert t._settled is None and t.record is found

    def timeless(record):
        return [{**node, "seconds": 0, "seconds_back": 0}
                for node in json.loads(record.to_json())["nodes"]]

    assert timeless(found) == timeless(want)


# --- shown ---------------------------------------------------------------------------------------


def test_words():
    node = NodeRecord("a", "f", flops=55_300, flops_back=672, bytes=4100, seconds=12.34e-6,
                      seconds_back=2.5)
    assert describe.costs([node]) == ["55.30 kFLOP, back 672 FLOP", "4.1 kB, 12.3 us, back 2.5 s"]
    assert describe.costs([node, node])[0] == "110.60 kFLOP, back 1.34 kFLOP"
    assert describe.costs([NodeRecord("a")]) == []


def test_on_boxes_and_their_sum_on_folded_modules():
    t = traced()
    nodes = {n.id: n for n in t.record.nodes}
    for box in t.picture(show=("cost",)).boxes:
        assert [line.text for line in box.lines] == describe.costs([nodes[box.id]])
    whole = next(b for b in t.picture(show=("cost",), depth=0).boxes if b.kind == "group")
    inside = [n for n in nodes.values() if n.path]
    assert [x.text for x in whole.lines if x.role == "cost"] == describe.costs(inside)
    words = describe.work(inside)
    for text in (t.to_svg(show=("cost",), depth=0), t.to_dot(show=("cost",), depth=0)):
        assert words in text
    assert words not in t.to_svg(depth=0)


def test_in_the_table_modules_have_the_sum_of_what_is_inside():
    t = traced()
    lines = t.table(show=("cost",)).splitlines()
    assert "gradient" not in lines[0] and "work" in lines[0]
    assert "work" not in t.table().splitlines()[0]
    inside = [n for n in t.record.nodes if n.path]
    assert describe.work(inside) in next(x for x in lines if x.startswith("Sequential/"))
    assert lines[-1].startswith("all") and describe.work(t.record.nodes) in lines[-1]


def _luminance(colour):
    parts = [int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("mode", [0, 1])
def test_all_text_can_be_read_on_all_colours_of_costs(mode):
    """4.5 to 1, as WCAG 2.2 asks for."""
    for ground in style.HEAT:
        for ink in (style.INK, style.QUIET, style.GRADIENT, style.COST, style.WARNING):
            a, b = sorted((_luminance(ground[mode]), _luminance(ink[mode])))
            assert (b + 0.05) / (a + 0.05) >= 4.5, (ground[mode], ink[mode])


SCRIPT = """
import tinygrad_dls as dls
from tinygrad_dls import nn
net = nn.Sequential(nn.Linear(3, 2), nn.ReLU())
loss = net(dls.ones(4, 3)).sum()
loss.backward()
"""


def test_the_command_prints_costs(tmp_path, capsys):
    path = tmp_path / "own.py"
    path.write_text(SCRIPT, "utf-8")
    assert main(["graph", str(path), "--show", "cost"]) == 0
    text = capsys.readouterr().out
    assert "48 FLOP, back 48 FLOP" in text and "gradient" not in text
    out = tmp_path / "g.svg"
    assert main(["graph", str(path), "--show", "shape,cost", "--out", str(out)]) == 0
    assert "48 FLOP, back 48 FLOP" in out.read_text("utf-8")
    with pytest.raises(SystemExit) as left:
        main(["graph", str(path), "--show", "shape,costs"])
    assert left.value.code == 2 and "choose from" in capsys.readouterr().err


# --- when no trace is on -------------------------------------------------------------------------


def test_a_step_makes_no_more_python_calls_than_before_there_were_traces_like_these():
    """254 with Python 3.11 when the ledger of calls began; newer ones inline comprehensions."""
    model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    optimizer = optim.Adam(model.parameters(), lr=1e-3)
    x, y = tensor(64, 784), dls.Tensor(np.arange(64) % 10)
    calls = Counter()

    def train():
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()

    def hear(frame, event, _):
        calls[event] += 1

    for _ in range(3):
        train()
    sys.setprofile(hear)
    try:
        train()
    finally:
        sys.setprofile(None)
    assert calls["call"] <= 254
