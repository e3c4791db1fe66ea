"""ONNX files that ask for too much, or are damaged: refused with our errors, within bounds."""

import tracemalloc

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls.io import import_onnx
from tinygrad_dls.io.onnx_model import TensorProto, array_of
from tinygrad_dls.io.protobuf import decode

onnx = pytest.importorskip("onnx")
helper, from_array = onnx.helper, onnx.numpy_helper.from_array
HUGE = 2**45


def written(path, nodes, constants, inputs=("x",), opset=18):
    """A model file; inputs are of float32 and of any shape."""
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info(n, 1, None) for n in inputs],
        [onnx.ValueInfoProto(name="y")], [from_array(np.asarray(x), n)
                                          for n, x in constants.items()])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)]), path)
    return path


@pytest.mark.parametrize(("kind", "names", "constants", "options"), [
    ("Pad", ["x", "k"], {"k": [0, 0, 0, HUGE]}, {}), ("Tile", ["x", "k"], {"k": [HUGE, 1]}, {}),
    ("Expand", ["x", "k"], {"k": [HUGE, 1, 4]}, {}), ("ConstantOfShape", ["k"], {"k": [HUGE]}, {}),
    ("Range", ["a", "k", "b"], {"a": 0, "k": HUGE, "b": 1}, {}),
    ("Resize", ["x", "", "s"], {"s": np.array([1, 1e13], "f4")}, {}),
    ("Resize", ["x", "", "", "k"], {"k": [1, HUGE]}, {}),
    ("OneHot", ["i", "k", "v"], {"i": [1], "k": HUGE, "v": np.zeros(2, "f4")}, {}),
    ("CenterCropPad", ["x", "k"], {"k": [1, HUGE]}, {}),
    ("AffineGrid", ["m", "k"], {"m": np.zeros((1, 2, 3), "f4"), "k": [1, 1, HUGE, 9]}, {}),
    ("MaxPool", ["c"], {"c": np.zeros((1, 1, 4), "f4")}, {"kernel_shape": [2], "pads": [0, HUGE]}),
    ("AveragePool", ["c"], {"c": np.zeros((1, 1, 4), "f4")},
     {"kernel_shape": [HUGE], "pads": [HUGE - 1, HUGE - 1]}),
    ("Conv", ["c", "c"], {"c": np.zeros((1, 1, 4), "f4")}, {"pads": [HUGE, HUGE]}),
    ("ConvTranspose", ["c", "c"], {"c": np.zeros((1, 1, 4), "f4")}, {"strides": [HUGE]}),
    ("ConvTranspose", ["c", "c"], {"c": np.zeros((1, 1, 4), "f4")}, {"output_shape": [HUGE]}),
    ("MaxUnpool", ["c", "i"], {"c": np.zeros((1, 1, 1), "f4"), "i": [[[0]]]},
     {"kernel_shape": [HUGE], "strides": [1], "pads": [0, 0]}),
    ("Upsample", ["x", "s"], {"s": np.array([1, 1e13], "f4")}, {}),
])
def test_sizes_that_no_memory_has_are_refused(tmp_path, kind, names, constants, options):
    node = helper.make_node(kind, names, ["y"], **options)
    path = written(tmp_path / "m.onnx", [node], constants, opset=9 if kind == "Upsample" else 20)
    tracemalloc.start()
    with pytest.raises(dls.Error, match=kind):
        import_onnx(path)(dls.ones(1, 4))
    assert tracemalloc.get_traced_memory()[1] < 2**26
    tracemalloc.stop()


@pytest.mark.parametrize(("field", "kind", "values"), [
    ("float_data", 1, np.linspace(-1e30, 1e30, 400_000, dtype="float32")),
    ("int64_data", 7, np.arange(-200_000, 200_000) * 12_345),
    ("double_data", 11, np.linspace(-1, 1, 200_000)),
    ("int32_data", 3, np.arange(400_000).astype("int8")),
    ("uint64_data", 13, np.arange(200_000, dtype="uint64") + np.uint64(2**63)),
])
def test_numbers_written_one_by_one_take_a_few_bytes_each(field, kind, values):
    tensor = onnx.TensorProto(dims=[values.size], data_type=kind, name="w")
    getattr(tensor, field).extend(values.tolist())
    raw = tensor.SerializeToString()
    tracemalloc.start()
    found = array_of(decode(TensorProto, raw))
    assert tracemalloc.get_traced_memory()[1] < len(raw) + 32 * values.size + 2**25
    tracemalloc.stop()
    np.testing.assert_array_equal(found, values)


@pytest.mark.parametrize("packed", [b"\x80", b"\x01\x80\x80", b"\xff" * 11 + b"\x01"])
def test_whole_numbers_without_an_end_are_refused(packed):
    message = bytes([7 << 3 | 2, len(packed)]) + packed  # int64_data
    with pytest.raises(dls.FormatError, match="has no end"):
        decode(TensorProto, message)


def test_a_branch_runs_on_the_values_around_it(tmp_path):
    def branch(kind):
        return helper.make_graph([helper.make_node(kind, ["x", "w"], ["z"])], kind, [],
                                 [onnx.ValueInfoProto(name="z")])

    nodes = [helper.make_node("ReduceMax", ["x"], ["most"], keepdims=0),
             helper.make_node("Greater", ["most", "zero"], ["c"]),
             helper.make_node("If", ["c"], ["u"], then_branch=branch("Add"),
                              else_branch=branch("Mul")),
             helper.make_node("Neg", ["u"], ["y"])]
    path = written(tmp_path / "m.onnx", nodes, {"w": np.float32([2, 3]), "zero": np.float32(0)})
    model = import_onnx(path)
    x = dls.Tensor([1.0, -4.0], requires_grad=True)
    y = model(x)
    assert y.numpy().tolist() == [-3, 1]
    y.sum().backward()
    assert x.grad.numpy().tolist() == [-1, -1] and model.w.grad.numpy().tolist() == [-1, -1]
    assert model(dls.Tensor([-1.0, -4.0])).numpy().tolist() == [2, 12]


def test_dropout_does_what_the_file_says(tmp_path):
    def model(*names):
        node = helper.make_node("Dropout", ["x", *names], ["y"])
        return import_onnx(written(tmp_path / "m.onnx", [node], {
            "ratio": np.float32(0.25), "yes": True}))

    x = dls.ones(4000)
    assert (model("ratio").train()(x).numpy() == 1).all()
    y = model("ratio", "yes").eval()(x).numpy()
    assert set(y.tolist()) == {0.0, np.float32(1 / 0.75).item()}
    assert 0.2 < (y == 0).mean() < 0.3


def test_casts_to_bfloat16_round_and_narrower_types_are_refused(tmp_path):
    x = np.array([1 + 2**-8, 1 + 3 * 2**-8, -3.14159, np.inf, np.nan, 1e-40], "float32")
    wanted = [1, 1 + 2**-6, -3.140625, np.inf, np.nan, 2.0**-133]  # ties to even: 1 and 1 + 2 / 128
    like = helper.make_node("CastLike", ["x", "b"], ["y"])
    for node in (helper.make_node("Cast", ["x"], ["y"], to=16), like):
        graph = helper.make_graph(
            [node], "g", [helper.make_tensor_value_info("x", 1, None)],
            [onnx.ValueInfoProto(name="y")], [helper.make_tensor("b", 16, [1], [1.0])])
        onnx.save(helper.make_model(graph), tmp_path / "m.onnx")
        found = import_onnx(tmp_path / "m.onnx")(dls.Tensor(x))
        np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-7, atol=1e-42)
    for code in (17, 22):  # float8, int4
        graph = helper.make_graph(
            [like], "g", [helper.make_tensor_value_info("x", 1, None),
                          helper.make_tensor_value_info("b", code, None)],
            [onnx.ValueInfoProto(name="y")])
        onnx.save(helper.make_model(graph), tmp_path / "m.onnx")
        with pytest.raises(dls.FormatError, match=f"'b' holds data of type {code}"):
            import_onnx(tmp_path / "m.onnx")


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_damaged_files_of_all_operators_end_with_our_errors(tmp_path):
    node = pytest.importorskip("onnx.backend.test.case.node")
    rng, path = np.random.default_rng(0), tmp_path / "m.onnx"
    known = {}  # operator -> a small case of it
    for case in node.collect_testcases(None):
        known.setdefault(case.model.graph.node[0].op_type, case)
    outcomes = {True: 0, False: 0}
    for case in known.values():
        good = case.model.SerializeToString()
        given = case.data_sets[0][0]
        if len(good) > 4000 or not all(
                isinstance(x, np.ndarray) and x.dtype.kind in "fiub" for x in given):
            continue
        for _ in range(6):
            raw = bytearray(good)
            for place in rng.integers(0, len(raw), rng.integers(1, 3)):
                raw[place] = rng.integers(0, 256)
            path.write_bytes(raw)
            try:
                import_onnx(path)(*[dls.Tensor(x, dtype=x.dtype) for x in given])
                outcomes[True] += 1
            except dls.Error as error:
                assert len(str(error)) < 3000
                outcomes[False] += 1
    assert sum(outcomes.values()) > 600 and min(outcomes.values()) > 50
