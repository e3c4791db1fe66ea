"""What stands on the nodes."""

import numpy as np
import pytest

from tinygrad_dls.errors import Error, GraphError
from tinygrad_dls.viz.describe import array, number
from tinygrad_dls.viz.picture import Options, picture
from tinygrad_dls.viz.record import Edge, Gradient, NodeRecord, Record
from tinygrad_dls.viz.summary import Summary

from .records import Builder, diamond, leaf, op, perceptron, three_times, transformer, wide


def texts(record, **options):
    """Of each box by its title: the lines."""
    return {b.title: [line.text for line in b.lines]
            for b in picture(record, Options(**options)).boxes}


def test_values_and_gradients_on_every_node():
    assert texts(three_times()) == {
        "b": ["value 3", "grad 6"], "c": ["value 2", "grad 9"], "u = mul": ["value 6", "grad 3"],
        "a": ["value 5", "grad 3"], "v = add": ["value 11", "grad 3"], "3": [],
        "J = mul": ["value 33", "grad 1"],
    }


def test_not_computed_is_not_zero():
    assert texts(three_times(grads=False))["b"] == ["value 3", "grad: not computed"]
    zero = Record((leaf("a", "w", 1, 0), op("b", "f", 1, 0)), (Edge("a", "b"),))
    assert texts(zero)["w"] == ["value 1", "grad 0"]
    reset = Record((leaf("a", "w", 1), op("b", "f", 1, 1)), (Edge("a", "b"),))
    assert texts(reset)["w"] == ["value 1", "grad: none"]


def test_a_gradient_that_was_not_kept_says_nothing():
    node = NodeRecord("a", "f", shape=(100,), gradient=Gradient(True))
    assert texts(Record((node,), ())) == {"f": ["(100,)"]}


def test_show():
    record = Record((op("a", "f", np.zeros((2, 3)), saved=("x", "y")),), ())
    assert texts(record, show=("shape",)) == {"f": ["(2, 3)"]}
    assert texts(record, show="saved") == {"f": ["saves x, y"]}
    assert texts(record, show=()) == {"f": []}


def test_dtype_only_where_it_is_not_float32():
    nodes = (NodeRecord("a", name="a", kind="input", shape=(2,), dtype="int64"),
             NodeRecord("b", name="b", kind="input", shape=(2,)),
             NodeRecord("c", name="c", kind="input", shape=(), dtype="float64"),
             NodeRecord("d", kind="input", shape=None, dtype=""))
    assert texts(Record(nodes, ())) == {
        "a": ["(2,) int64"], "b": ["(2,)"], "c": ["float64"], "input": ["not kept"]}


@pytest.mark.parametrize("value, text", [
    (3.0, "3"), (-0.0, "0"), (0.693147, "0.6931"), (1e-9, "1e-09"), (float("nan"), "nan"),
    (float("-inf"), "-inf"), (12, "12"), (True, "True"), (None, "none"), (123456789, "1.235e+08"),
])
def test_number(value, text):
    assert number(value) == text


@pytest.mark.parametrize("value, text", [
    (2.5, "2.5"),
    ([1, 2, 3], "[1 2 3]"),
    ([[1, 2], [3, 4]], "[[1 2] [3 4]]"),
    (np.zeros((0, 3)), "empty"),
    (np.zeros((2, 3, 0)), "empty"),
    ([[[7]]], "[[[7]]]"),
    (np.arange(10), "0..9"),
    (np.zeros(10), "0 everywhere"),
    ([0.0] * 5 + [10.0] * 5, "5 ± 5"),
    ([np.nan] * 7, "no finite element"),
    ([np.nan, 1, 2, 3, 4, 5, 6], "1..6 where finite"),
])
def test_array(value, text):
    value = np.asarray(value)
    assert array(Summary.of(value), value.shape, str(value.dtype)) == text


def test_nan_starts_here():
    bad = [np.nan, 1, np.inf]
    nodes = (leaf("x", "x", [1, 2, 3], [np.nan] * 3), op("a", "log", bad), op("b", "sum", np.nan))
    shown = texts(Record(nodes, (Edge("x", "a"), Edge("a", "b"))))
    assert shown["log"][-1] == "! NaN 1 and Inf 1 of 3, starts here"
    assert shown["sum"][-1] == "! NaN"
    assert shown["x"][-1] == "! grad NaN 3 of 3"


def test_both_inputs_of_a_product():
    arrows = picture(diamond(), Options()).arrows
    assert [(a.tail, a.head, a.count) for a in arrows] == [
        ("n0", "n1", 2), ("n1", "n2", 1), ("n0", "n2", 1)]


def test_no_gradient_flows_to_inputs():
    drawn = picture(perceptron(), Options())
    assert [a.tail for a in drawn.arrows if not a.gradient] == ["n0", "n8"]
    assert "dashed arrow: no gradient flows back" in drawn.notes


def test_constants_can_be_hidden():
    assert "3" not in texts(three_times(), constants=False)


def test_depth_folds_modules():
    everything = picture(transformer(), Options(depth=None))
    assert len(everything.boxes) == 61
    one = picture(transformer(), Options(depth=1))
    assert [b.title for b in one.boxes if b.kind == "group"] == ["attn", "mlp"] * 3
    assert {b.path for b in one.boxes} == {(), ("block0",), ("block1",), ("block2",)}
    none = picture(transformer(), Options(depth=0))
    assert [b.title for b in none.boxes] == [
        "x", "block0", "block1", "block2", "W_out", "matmul", "loss = cross_entropy"]
    block = none.boxes[1]
    assert [line.text for line in block.lines] == [
        "(32, 16, 64)", "14 operations", "45,056 parameters"]
    assert [(a.tail, a.head) for a in none.arrows][:3] == [
        ("n0", "m0"), ("m0", "m1"), ("m1", "m2")]


def test_equal_modules_in_a_row_are_one_box():
    drawn = picture(transformer(), Options())
    assert [b.title for b in drawn.boxes] == [
        "x", "block0 .. block2 × 3", "W_out", "matmul", "loss = cross_entropy"]
    assert any("depth=None" in note for note in drawn.notes)
    single = picture(transformer(), Options(roll=False))
    assert [b.title for b in single.boxes if b.kind == "group"] == ["attn", "mlp"] * 3
    assert len(picture(transformer(), Options(parameters=False, depth=None)).boxes) < 61


def test_layers_are_the_innermost_modules():
    b = Builder()
    x = b.leaf("x", (2,), "input")
    for name in "ab":
        x = b.op("relu", (2,), b.op("add", (2,), x, path=("net", name)), path=("net", name))
    b.op("exp", (2,), x, path=("net",))
    drawn = picture(b.record(), Options(depth="layers"))
    assert [box.title for box in drawn.boxes] == ["x", "a", "b", "exp"]
    assert [box.path for box in drawn.boxes] == [(), ("net",), ("net",), ("net",)]


def test_a_parameter_of_a_run_goes_into_it():
    b = Builder()
    w, h = b.leaf("W", (4, 4)), b.leaf("h", (4,), "input")
    for step in range(50):
        h = b.op("matmul", (4,), w, h, path=(f"cell ({step})",))
    b.op("sum", (), h)
    assert sorted(box.title for box in picture(b.record(), Options()).boxes) == [
        "cell (0) .. cell (49) × 50", "h", "sum"]


def test_trouble_inside_a_folded_module_is_seen():
    nodes = (leaf("x", "x", 1.0), op("a", "log", np.nan, path=("m",)))
    assert texts(Record(nodes, (Edge("x", "a"),)), depth=0)["m"][-1] == "! NaN inside"


def test_much_used_parameters_are_drawn_again():
    b = Builder()
    w, h = b.leaf("W", (4, 4)), b.leaf("h", (4,), "input")
    for step in range(4):
        h = b.op("matmul", (4,), w, h, path=(f"step {step}",))
    boxes = picture(b.record(), Options()).boxes
    assert [x.title for x in boxes if x.again] == ["W (again)"] * 3
    assert [x.path for x in boxes if x.again] == [("step 1",), ("step 2",), ("step 3",)]


def test_too_many_boxes_are_refused_with_advice():
    with pytest.raises(GraphError, match=r"1,600 boxes.*\n.*depth= has nothing to fold"):
        picture(wide(1600), Options(depth=None))
    big = transformer(100)
    with pytest.raises(GraphError, match=r"depth=1 folds"):
        picture(big, Options(depth=None))
    assert len(picture(big, Options(depth=0)).boxes) == 104


@pytest.mark.parametrize("options", [
    {"show": ("value", "colour")}, {"rankdir": "BT"}, {"engine": "neato"}, {"depth": -1},
])
def test_options_that_do_not_exist(options):
    with pytest.raises(Error):
        Options(**options)


def test_an_empty_record():
    assert picture(Record((), ()), Options()).boxes == ()


def test_what_feeds_one_call_of_a_cell_goes_into_it():
    b = Builder()
    x, h = b.leaf("x", (9, 4), "input"), b.leaf("h", (4,), "input")
    for step in range(50):
        part = b.op(f"getitem[{step}]", (4,), x)
        h = b.op("add", (4,), part, h, path=(f"cell ({step})",))
    b.op("sum", (), h)
    titles = sorted(box.title for box in picture(b.record(), Options()).boxes)
    assert titles == ["cell (0) .. cell (49) × 50", "h", "sum", "x"]
