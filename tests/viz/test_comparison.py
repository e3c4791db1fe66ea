"""Two graphs compared: what was added, removed and changed, and how that is drawn."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_dls as dls
from tinygrad_dls import nn
from tinygrad_dls.cli import main
from tinygrad_dls.nn import functional as F
from tinygrad_dls.viz.changes import kind_of
from tinygrad_dls.viz.comparison import compare_records, counts
from tinygrad_dls.viz.graphs import Comparison, Graph
from tinygrad_dls.viz.record import Record
from tinygrad_dls.viz.summary import Summary

from .browser import browser, opened  # noqa: F401
from .records import chain, perceptron, three_times, transformer, wide

RECORDS = {"three": three_times, "mlp": perceptron, "attention": transformer,
           "chain": lambda: chain(30), "wide": lambda: wide(60)}
NAMES = ("before", "after")


def network(hidden=8, act=nn.ReLU, extra=None, title="Net", scale=1.0):
    class Net(nn.Module):
        def __init__(self):
            self.fc1, self.act, self.fc2 = nn.Linear(4, hidden), act(), nn.Linear(hidden, 3)
            self.extra = nn.Identity() if extra is None else extra()

        def forward(self, x):
            return self.fc2(self.extra(self.act(self.fc1(x))))

    Net.__name__ = title
    dls.manual_seed(0)
    model = Net()
    x = np.random.default_rng(0).normal(size=(5, 4)).astype("float32") * np.float32(scale)
    with dls.trace() as t:
        F.cross_entropy(model(dls.Tensor(x, name="x")), dls.Tensor(np.arange(5) % 3)).backward()
    return t


def changes(comparison):
    return {(n.path[-1:], n.name or n.op): n.change for n in comparison.record.nodes if n.change}


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_is_like_itself(name):
    record = RECORDS[name]()
    both = compare_records(record, record, NAMES)
    assert not any(counts(both).values()) and both.edges == record.edges
    assert [n.id for n in both.nodes] == [n.id for n in record.nodes]


def without(record, ids):
    return Record(tuple(n for n in record.nodes if n.id not in ids),
                  tuple(e for e in record.edges if not {e.tail, e.head} & set(ids)))


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(RECORDS)), st.data())
def test_what_one_lacks_is_removed_there_and_added_here(name, data):
    record = RECORDS[name]()
    gone = data.draw(st.sets(st.sampled_from([n.id for n in record.nodes]), max_size=6))
    less = without(record, gone)
    down, up = compare_records(record, less, NAMES), compare_records(less, record, NAMES)
    assert counts(down)["removed"] - counts(down)["added"] == len(gone)
    assert counts(up)["added"] - counts(up)["removed"] == len(gone)
    for both, kind in ((down, "removed"), (up, "added")):  # all of them, in a graph that is drawn
        assert len(both.nodes) >= len(record.nodes)
        Graph(both).to_svg(engine="built-in", depth=None)
        assert all(kind_of(n.change) for n in both.nodes if n.change), kind
        assert Record.from_json(both.to_json()).nodes == both.nodes


def test_only_named_parameters_gone():
    record = perceptron()
    gone = [n.id for n in record.nodes if n.name == "layers.0.bias"]
    both = compare_records(record, without(record, gone), NAMES)
    found = {n.name: n.change for n in both.nodes if n.change}
    assert found == {"layers.0.bias": "− removed"}
    heads = [e.head for e in both.edges if e.tail == f"before-{gone[0]}"]
    assert [n.op for n in both.nodes if n.id in heads] == ["linear"]


def test_sizes_layers_and_functions_that_changed():
    found = changes(network().diff(network(16, nn.Tanh, nn.Dropout, "Other")))
    assert found[("fc1: Linear 4 -> 16",), "fc1.weight"].startswith("≠ shape (8, 4) → (16, 4); Δ ")
    assert found[("act: Tanh",), "tanh"].startswith(
        "≠ operation relu → tanh; ≠ shape (5, 8) → (5, 16)")
    assert found[("extra: Dropout 0.5",), "dropout(p=0.5)"] == "+ added"
    assert not any("removed" in change for change in found.values())
    assert ((), "x") not in found


def test_other_numbers_are_told_from_other_graphs():
    comparison = network().diff(network(scale=1.5))
    assert comparison.counts["other numbers"] > 5
    assert sum(comparison.counts.values()) == comparison.counts["other numbers"]
    found = changes(comparison)
    assert found[(), "x"].startswith("Δ value ") and "grad" not in found[(), "x"]
    assert "norm of grad" in found[("fc1: Linear 4 -> 8",), "fc1.weight"]


@pytest.mark.parametrize("factor, differs", [(1 + 1e-6, False), (1.01, True), (np.nan, True)])
def test_rounding_is_no_difference(factor, differs):
    record = perceptron()
    last = record.nodes[3]
    values = np.array(last.value.sample) * np.float64(factor)
    old = replace(last, value=Summary.of(np.array(last.value.sample)))
    new = replace(last, value=Summary.of(values))
    before, after = (Record(tuple(x if n.id == x.id else n for n in record.nodes), record.edges)
                     for x in (old, new))
    assert bool(counts(compare_records(before, after, NAMES))["other numbers"]) is differs


def test_gradients_that_one_has_not_computed():
    both = compare_records(three_times(False), three_times(), NAMES)
    assert counts(both)["changed"] == 6
    assert "≠ gradient not computed → computed" in {n.change for n in both.nodes}


def test_how_it_is_drawn():
    comparison = network().diff(network(16, extra=nn.Dropout))
    assert repr(comparison).startswith("<Comparison of before -> after: 1 added, ")
    assert type(comparison) is Comparison
    for text in (comparison.to_svg(engine="built-in"), comparison.to_dot(), comparison.table()):
        assert "+ added" in text and "≠ shape (5, 8) → (5, 16)" in text
    folded = comparison.to_svg(engine="built-in", depth=0)
    assert "+ 1 added inside" in folded and "changed inside" in folded
    assert "comparison of before -&gt; after" in folded
    assert repr(network().diff(network())) == "<Comparison of before -> after: no difference>"
    with pytest.raises(dls.DtypeError, match="another graph"):
        network().diff(network().to_json())


def test_the_command(tmp_path, capsys):
    for name, graph in (("a", network()), ("b", network(16))):
        graph.save(tmp_path / f"{name}.json")
    a, b = str(tmp_path / "a.json"), str(tmp_path / "b.json")
    for ending in ("html", "svg", "txt", "json"):
        assert main(["graph", "--diff", a, b, "--out", str(tmp_path / f"d.{ending}")]) == 0
    assert "a.json -> b.json: 5 changed" in capsys.readouterr().out
    assert "≠ shape" in (tmp_path / "d.txt").read_text("utf-8")
    out = ["--out", str(tmp_path / "x.svg")]
    assert main(["graph", *out]) == 2 and "name one thing" in capsys.readouterr().err
    assert main(["graph", "--diff", a, str(tmp_path / "none.json"), *out]) == 1
    assert "none.json" in capsys.readouterr().err
    (tmp_path / "bad.json").write_text("{}", "utf-8")
    assert main(["graph", "--diff", str(tmp_path / "bad.json"), a, *out]) == 1
    assert "bad.json: this text is not a trace record" in capsys.readouterr().err


def test_in_a_browser(opened, tmp_path):  # noqa: F811
    path = network().diff(network(16, extra=nn.Dropout)).save(tmp_path / "page.html")
    tab = opened(path)
    assert "dropout(p=0.5): + added" in tab.inner_text("#flags")
    assert "≠ shape (5, 8) → (5, 16)" in tab.inner_text("#stage")
    tab.click("#flags button >> nth=1")
    assert "≠ shape" in tab.inner_text("#details")


def test_in_a_frame(opened, tmp_path):  # noqa: F811
    path = tmp_path / "page.html"
    shown = network().show()._repr_html_()
    path.write_text(f"<!doctype html><title>notebook</title><body data-ready>{shown}", "utf-8")
    tab = opened(path)
    frame = tab.frames[1]
    frame.wait_for_selector("body[data-ready]")
    frame.click("#on")
    assert frame.inner_text("#says").startswith("forward 1 of ")
