"""The trace record: summaries of arrays, and JSON there and back."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinygrad_dls.errors import FormatError
from tinygrad_dls.viz.record import Edge, Gradient, NodeRecord, Record, Share
from tinygrad_dls.viz.summary import Summary

from .records import perceptron, three_times

ARRAYS = hnp.arrays(
    st.sampled_from(["float16", "float32", "float64", "int64", "bool"]),
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=9),
)


def strict(text):
    """JSON without the constants that only Python accepts."""
    return json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


def test_statistics():
    s = Summary.of([[3.0, 0.0], [-4.0, np.nan], [np.inf, -np.inf]])
    assert (s.size, s.nan, s.inf, s.zeros) == (6, 1, 2, 1)
    assert (s.min, s.max, s.norm) == (-4, 3, 5)
    assert s.mean == pytest.approx(-1 / 3)
    assert s.whole


def test_large_array_is_sampled_over_its_whole_length():
    s = Summary.of(np.arange(10_000))
    assert not s.whole
    assert len(s.sample) <= 64
    assert s.sample[0] == 0 and s.sample[-1] > 9_800


def test_numbers_whose_squares_overflow():
    s = Summary.of([3e200, 4e200])
    assert s.norm == pytest.approx(5e200)
    assert s.std == pytest.approx(0.5e200)


@given(st.one_of(st.floats(), st.integers(-(2**60), 2**60), st.booleans()))
def test_one_number_is_summed_up_like_an_array(value):
    one, two = Summary.of(value), Summary.of([value, value])
    assert (2 * one.nan, 2 * one.inf, 2 * one.zeros) == (two.nan, two.inf, two.zeros)
    assert (one.min, one.max) == (two.min, two.max)
    assert one.mean == pytest.approx(two.mean)
    assert one.size == len(one.sample) == 1


@given(ARRAYS)
def test_round_trip(array):
    summary = Summary.of(array)
    node = NodeRecord("a", "f", "<&\"é", shape=array.shape, dtype=str(array.dtype), path=("m", "n"),
                      value=summary, gradient=Gradient(True, summary, (Share("a", None),)))
    record = Record((node,), (), {"device": "cpu"})
    text = record.to_json()
    strict(text)
    again = Record.from_json(text)
    assert again.to_json() == text
    assert again.nodes[0].shape == array.shape
    sample = again.nodes[0].value.sample
    assert np.array_equal(sample, summary.sample, equal_nan=array.dtype != bool)


def test_round_trip_of_whole_graphs():
    for record in (perceptron(), three_times(), Record((), ())):
        assert Record.from_json(record.to_json()) == record


def test_orders():
    document = strict(three_times().to_json())
    assert document["version"] == 2
    assert document["forward_order"] == ["n2", "n4", "n6"]
    assert document["backward_order"] == ["n6", "n4", "n2"]


@pytest.mark.parametrize("change", [
    lambda d: d.pop("nodes"),
    lambda d: d.update(version=99),
    lambda d: d.update(nodes=3),
    lambda d: d["nodes"][0].update(kind="banana"),
    lambda d: d["nodes"][0].update(shape="ab"),
    lambda d: d["nodes"][0].update(fwd=[1]),
    lambda d: d["nodes"][1].update(id="n0"),
    lambda d: d["edges"][0].update({"to": "nowhere"}),
    lambda d: d["edges"][0].update({"from": "n6", "to": "n0"}),
    lambda d: d.update(meta=None),
])
def test_what_is_no_record(change):
    document = json.loads(three_times().to_json())
    change(document)
    with pytest.raises(FormatError):
        Record.from_json(json.dumps(document))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "3"])
def test_what_is_no_json(text):
    with pytest.raises(FormatError, match="not a trace record"):
        Record.from_json(text)


def test_edges_lead_forwards():
    with pytest.raises(FormatError, match="comes after"):
        Record((NodeRecord("a"),), (Edge("a", "a"),))


def test_integers_that_no_float_can_hold():
    assert Summary.of(10**400).inf == Summary.of(-(10**400)).inf == 1
    assert Summary.of(-(10**400)).sample == (-np.inf,)


@pytest.mark.parametrize("place, value", [
    (("seconds",), float("inf")), (("seconds",), "NaN"), (("flops",), float("inf")),
    (("fwd", "size"), float("inf")), (("fwd", "sample"), [10**400]),
])
def test_numbers_that_cannot_be(place, value):
    document = json.loads(three_times().to_json())
    inner = next(node for node in document["nodes"] if node["fwd"])
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    with pytest.raises(FormatError):
        Record.from_json(json.dumps(document))


def test_nesting_deeper_than_the_stack():
    with pytest.raises(FormatError):
        Record.from_json("[" * 100_000)


def test_a_share_of_a_gradient_comes_from_a_node_of_the_record():
    summary = Summary.of(1.0)
    lone = NodeRecord("a", gradient=Gradient(True, summary, (Share("b", 1.0),)))
    with pytest.raises(FormatError, match="'b'"):
        Record((lone,), ())


def test_half_of_a_surrogate_pair():
    record = Record((NodeRecord("a", "f", name="\ud800 \N{GRINNING FACE}"),), ())
    text = record.to_json()
    text.encode("utf-8")
    assert Record.from_json(text) == record
