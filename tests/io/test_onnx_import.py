"""import_onnx: files of the onnx package and of PyTorch run, and what cannot be run is named."""

import os
import warnings

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls import nn, optim
from tinygrad_dls.io import export_onnx, import_onnx
from tinygrad_dls.io.onnx_model import (
    Attribute,
    Entry,
    GraphProto,
    ModelProto,
    NodeProto,
    OperatorSet,
    TensorProto,
    ValueInfo,
    tensor_of,
)
from tinygrad_dls.io.protobuf import encode

from .onnx_models import floats, made, outputs


def file_of(path, nodes, inputs=("x",), outputs=("y",), initializers=(), opset=17, **more):
    graph = GraphProto(
        node=[NodeProto(list(i), list(o), "", kind, attributes)
              for kind, i, o, *attributes in nodes],
        name="g", input=[ValueInfo(n) for n in inputs], output=[ValueInfo(n) for n in outputs],
        initializer=list(initializers))
    path.write_bytes(encode(ModelProto(ir_version=8, graph=graph,
                                       opset_import=[OperatorSet("", opset)], **more)))
    return path


# --- it is a module like any other ---------------------------------------------------------------


def test_an_imported_model_can_be_trained_saved_and_moved(tmp_path):
    model, (x,) = made("lenet")
    export_onnx(model, tmp_path / "m.onnx", x)
    back = import_onnx(tmp_path / "m.onnx")
    labels = np.array([3, 7])
    for net in (model, back):
        opt = optim.SGD(net.parameters(), lr=0.1)
        for _ in range(3):
            opt.zero_grad()
            loss = nn.NLLLoss()(net(dls.Tensor(x)), dls.Tensor(labels))
            loss.backward()
            opt.step()
    for (n, p), (m, q) in zip(model.named_parameters(), back.named_parameters()):
        assert n == m
        np.testing.assert_allclose(p.numpy(), q.numpy(), atol=1e-5)
    dls.save(tmp_path / "m.safetensors", back.state_dict())
    import_onnx(tmp_path / "m.onnx").load_state_dict(dls.load(tmp_path / "m.safetensors"))
    wanted = back(dls.Tensor(x)).numpy()
    back.to("strict")
    np.testing.assert_allclose(back(dls.Tensor(x, device="strict")).numpy(), wanted, atol=1e-5)


def test_running_statistics_are_buffers(tmp_path):
    model, (x,) = made("residual")
    export_onnx(model, tmp_path / "m.onnx", x)
    back = import_onnx(tmp_path / "m.onnx")
    buffers = {n for n, _ in model.named_buffers() if "num_batches" not in n}
    assert {n for n, _ in back.named_buffers()} == buffers
    assert "residual" not in repr(back) and "input -> output" in repr(back)


def test_names_that_hide_something_get_another(tmp_path):
    names = ["forward", "a.b", "a", "training", "1:x", "_steps", "a.parameters"]
    weights = [tensor_of(n, np.full(2, i, "float32")) for i, n in enumerate(names)]
    nodes = [("Add", ["x", names[0]], ["v0"])] + [
        ("Add", [f"v{i - 1}", n], [f"v{i}"]) for i, n in enumerate(names) if i]
    path = file_of(tmp_path / "m.onnx", nodes, outputs=[f"v{len(names) - 1}"],
                   initializers=weights)
    model = import_onnx(path)
    assert outputs(model, np.zeros(2, "float32"))[0].tolist() == [21, 21]
    assert len(list(model.named_parameters())) == len(names)
    assert callable(model.forward) and model.training in (True, False)


def test_inputs_are_checked(tmp_path):
    export_onnx(nn.Linear(4, 3), tmp_path / "m.onnx", floats(2, 4))
    model = import_onnx(tmp_path / "m.onnx")
    with pytest.raises(dls.ShapeError, match=r"\(batch, 4\), not\n  \(2, 5\)"):
        model(dls.Tensor(floats(2, 5)))
    with pytest.raises(dls.DataError, match="takes 1 inputs, input, not 2"):
        model(dls.Tensor(floats(2, 4)), 1)
    assert model(floats(2, 4)).shape == (2, 3)


# --- files of others -----------------------------------------------------------------------------

torch_models = {
    "mlp": lambda nn: (nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3), nn.Softmax(1)),
                       (2, 4)),
    "lenet": lambda nn: (nn.Sequential(
        nn.Conv2d(1, 6, 5), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5), nn.Tanh(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(256, 10), nn.LogSoftmax(1)), (2, 1, 28, 28)),
    "batch norm": lambda nn: (nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU6(), nn.Hardswish(),
        nn.MaxPool2d(3, 2, 1, ceil_mode=True), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Dropout(), nn.Linear(4, 3)), (2, 3, 9, 9)),
    "norms": lambda nn: (nn.Sequential(
        nn.GroupNorm(2, 4), nn.GELU(), nn.InstanceNorm2d(4), nn.SiLU(), nn.Upsample(scale_factor=2),
        nn.Upsample(scale_factor=2, mode="bilinear"), nn.PixelShuffle(2), nn.LayerNorm(24)),
        (2, 4, 3, 3)),
    "activations": lambda nn: (nn.Sequential(
        nn.ELU(), nn.SELU(), nn.CELU(), nn.LeakyReLU(), nn.PReLU(), nn.Softplus(), nn.Softsign(),
        nn.Mish(), nn.Hardsigmoid(), nn.LogSigmoid(), nn.Hardtanh()), (2, 4)),
    "transposed": lambda nn: (nn.Sequential(
        nn.ConvTranspose2d(3, 4, 3, 2, 1, 1, groups=1), nn.Conv2d(4, 4, 3, groups=2, dilation=2)),
        (2, 3, 5, 5)),
    **{f"{kind} {options}": lambda nn, kind=kind, options=options: (
        getattr(nn, kind)(4, 5, batch_first=True, **options), (2, 6, 4))
       for kind in ("LSTM", "GRU", "RNN") for options in (
           {}, {"bidirectional": True}, {"num_layers": 2, "bias": False})},
    "encoder": lambda nn: (nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), (2, 5, 8)),
}


@pytest.mark.torch
@pytest.mark.parametrize(("name", "dynamo"), [
    *[(name, False) for name in torch_models],
    *[(name, True) for name in ("lenet", "norms", "encoder", "LSTM {}")],  # slower to write
])
def test_models_that_pytorch_wrote(tmp_path, name, dynamo, capfd):
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnxscript")
    torch.manual_seed(0)
    model, shape = torch_models[name](torch.nn)
    model.eval()
    x = torch.randn(shape)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            torch.onnx.export(model, (x,), tmp_path / "m.onnx", dynamo=dynamo)
        except TypeError:
            pytest.skip("this exporter of PyTorch cannot write it")
    with torch.no_grad():
        wanted = model(x)
    wanted = wanted if isinstance(wanted, tuple) else (wanted,)
    wanted = [t.numpy() for part in wanted for t in (part if isinstance(part, tuple) else (part,))]
    found = outputs(import_onnx(tmp_path / "m.onnx"), x.numpy())
    for got, y in zip(found, wanted):
        np.testing.assert_allclose(got, y, atol=2e-5, rtol=1e-4)


NODES = [  # (operator, inputs, options, the same in NumPy): kinds that no exporter above writes
    ("Div", [np.array([7, -7, 6]), np.array([2, 2, -4])], {}, lambda a, b: np.trunc(a / b)),
    ("Mod", [np.array([7, -7, 6]), np.array([2, 2, -4])], {}, np.mod),
    ("Mod", [np.array([7, -7, 6]), np.array([2, 2, -4])], {"fmod": 1}, np.fmod),
    ("Max", [floats(2, 3), floats(3), floats(1, 3)], {}, lambda *a: np.maximum(
        np.maximum(a[0], a[1]), a[2])),
    ("Mean", [floats(2, 3), floats(3)], {}, lambda a, b: (a + b) / 2),
    ("Gather", [floats(4, 3), np.array([[-1, 0]])], {}, lambda x, i: x[i]),
    ("Gather", [floats(4, 3), np.array(-1)], {"axis": 1}, lambda x, i: x[:, -1]),
    ("Flatten", [floats(2, 3, 4)], {"axis": 2}, lambda x: x.reshape(6, 4)),
    ("Split", [floats(5, 2)], {"axis": 0}, lambda x: x[:3]),
    ("Gemm", [floats(3, 2), floats(3, 4), floats(2, 4)], {"transA": 1, "alpha": 0.5, "beta": 2.0},
     lambda a, b, c: 0.5 * a.T @ b + 2 * c),
    ("DepthToSpace", [floats(1, 8, 2, 3)], {"blocksize": 2}, lambda x: x.reshape(
        1, 2, 2, 2, 2, 3).transpose(0, 3, 4, 1, 5, 2).reshape(1, 2, 4, 6)),
    ("SpaceToDepth", [floats(1, 2, 4, 6)], {"blocksize": 2}, lambda x: x.reshape(
        1, 2, 2, 2, 3, 2).transpose(0, 3, 5, 1, 2, 4).reshape(1, 8, 2, 3)),
    ("OneHot", [np.array([0, -1, 1]), np.array(3), np.array([2.0, 5.0], "float32")], {},
     lambda i, n, v: np.where(np.eye(3)[i] > 0, 5.0, 2.0).astype("float32")),
    ("ConstantOfShape", [np.array([2, 3])], {}, lambda s: np.zeros(s, "float32")),
    ("Size", [floats(2, 3)], {}, lambda x: np.array(6)),
    ("Expand", [floats(3, 1), np.array([2, 1, 4])], {}, lambda x, s: np.broadcast_to(x, (2, 3, 4))),
    ("Trilu", [floats(3, 4), np.array(1)], {"upper": 0}, lambda x, k: np.tril(x, 1)),
    ("ReduceL1", [floats(2, 3)], {"axes": [1], "keepdims": 0}, lambda x: np.abs(x).sum(1)),
    ("ReduceLogSum", [np.abs(floats(2, 3))], {}, lambda x: np.log(x.sum(keepdims=True))),
    ("ReduceSumSquare", [floats(2, 3)], {"axes": [0]}, lambda x: (x * x).sum(0, keepdims=True)),
    ("ScatterElements", [floats(3, 3), np.array([[2, 0, 1]]), floats(1, 3)], {"axis": 0},
     lambda x, i, u: _put(x, i, u)),
    ("GlobalMaxPool", [floats(2, 3, 4, 5)], {}, lambda x: x.max((2, 3), keepdims=True)),
    ("HardSigmoid", [floats(9)], {}, lambda x: np.clip(0.2 * x + 0.5, 0, 1)),
    ("ThresholdedRelu", [floats(9)], {"alpha": 0.3}, lambda x: np.where(x > 0.3, x, 0)),
    ("Squeeze", [floats(1, 2, 1)], {}, lambda x: x[0, :, 0]),
    ("CastLike", [floats(3) * 9, np.array([1])], {}, lambda x, y: x.astype("int64")),
    ("Pad", [floats(3, 4), np.array([0, -1, 1, 2])], {}, lambda x, p: np.pad(
        x[:, 1:], ((0, 1), (0, 2)))),
    ("TopK", [floats(3, 5), np.array([2])], {"largest": 0}, lambda x, k: np.sort(x)[:, :2]),
    ("IsInf", [np.array([1, np.inf, -np.inf], "float32")], {"detect_negative": 0},
     lambda x: np.array([False, True, False])),
    ("AveragePool", [floats(1, 2, 5, 5)], {"kernel_shape": [2, 2], "auto_pad": "SAME_UPPER"},
     lambda x: _same_average(x)),
    ("Range", [np.array(2), np.array(9), np.array(3)], {}, np.arange),
]


def _put(x, places, values):
    y = x.copy()
    np.put_along_axis(y, places, values, 0)
    return y


def _same_average(x):
    wide = np.pad(x, ((0, 0), (0, 0), (0, 1), (0, 1)), constant_values=np.nan)
    return np.nanmean([wide[..., i : i + 5, j : j + 5] for i in (0, 1) for j in (0, 1)], axis=0)


@pytest.mark.parametrize("constant", [False, True])
@pytest.mark.parametrize("case", range(len(NODES)))
def test_an_operator(tmp_path, case, constant):
    onnx = pytest.importorskip("onnx")
    kind, given, options, numpys = NODES[case]
    names = [f"x{i}" for i in range(len(given))]
    live = names[:1] if constant else names  # the rest: initializers
    nodes = [onnx.helper.make_node(kind, names, ["y", "z"] if kind in ("Split", "TopK") else ["y"],
                                   **options)]
    graph = onnx.helper.make_graph(
        nodes, "g", [onnx.helper.make_tensor_value_info(n, onnx.helper.np_dtype_to_tensor_dtype(
            x.dtype), None) for n, x in zip(names, given) if n in live],
        [onnx.helper.make_empty_tensor_value_info("y")],
        [onnx.numpy_helper.from_array(x, n) for n, x in zip(names, given) if n not in live])
    opset = onnx.helper.make_opsetid("", 17)
    onnx.save(onnx.helper.make_model(graph, opset_imports=[opset]), tmp_path / "m.onnx")
    got = outputs(import_onnx(tmp_path / "m.onnx"), *[x for n, x in zip(names, given) if n in live])
    wanted = np.asarray(numpys(*given))
    assert got[0].shape == wanted.shape
    np.testing.assert_allclose(got[0], wanted, atol=1e-5)


def test_weights_in_a_file_beside_it(tmp_path):
    x = np.arange(6, dtype="<f4").reshape(2, 3)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "w.bin").write_bytes(b"...." + x.tobytes())

    def weight(**where):
        entries = [Entry(k, str(v)) for k, v in where.items()]
        return TensorProto([2, 3], 1, name="w", external_data=entries, data_location=1)

    def model(*tensors):
        return file_of(tmp_path / "m.onnx", [("Add", ["x", "w"], ["y"])], initializers=tensors)

    good = {"location": "data/w.bin", "offset": 4, "length": 24}
    assert outputs(import_onnx(model(weight(**good))), x)[0].tolist() == (2 * x).tolist()
    for change, message in [
        ({"location": "../w.bin"}, "nothing else is read"), ({"offset": 8}, "takes 24 bytes"),
        ({"location": "/etc/passwd"}, "nothing else is read"), ({"offset": "a"}, "no valid place"),
        ({"location": ""}, "nothing else is read"), ({"length": 20}, "24 bytes, 20 are there"),
        ({"location": "data\\w.bin"}, "nothing else"), ({"offset": -4}, "from byte -4"),
        ({"location": "data/none.bin"}, "cannot be read"),
    ]:
        with pytest.raises((dls.FormatError, dls.DataError), match=message):
            import_onnx(model(weight(**{**good, **change})))
    twice = weight(**good)
    twice.name = "again"
    with pytest.raises(dls.FormatError, match="not read yet"):
        import_onnx(model(weight(**good), twice))


# --- what cannot be run --------------------------------------------------------------------------


def test_unknown_operators_are_named_all_at_once(tmp_path):
    path = file_of(tmp_path / "m.onnx", [
        ("Loop", ["x"], ["a"]), ("Relu", ["a"], ["b"]), ("StringSplit", ["b"], ["y"])])
    with pytest.raises(dls.FormatError, match=r"not known here: Loop, StringSplit$"):
        import_onnx(path)


W = tensor_of("w", np.ones(2, "float32"))
BROKEN = {
    "a circle": ([("Add", ["x", "b"], ["a"]), ("Relu", ["a"], ["b"]), ("Relu", ["b"], ["y"])], {},
                 "go in a circle"),
    "itself": ([("Add", ["x", "y"], ["y"])], {}, "go in a circle"),
    "nothing makes it": ([("Add", ["x", "b"], ["y"])], {}, "which nothing makes"),
    "made twice": ([("Relu", ["x"], ["y"]), ("Abs", ["x"], ["y"])], {}, "a second time"),
    "an input is made": ([("Relu", ["x"], ["x"]), ("Relu", ["x"], ["y"])], {}, "a second time"),
    "no output": ([("Relu", ["x"], [])], {}, "no output"),
    "another output": ([("Relu", ["x"], ["z"])], {}, "nothing makes its output 'y'"),
    "no nodes": ([], {}, "no graph with nodes"),
    "two initializers": ([("Relu", ["x"], ["y"])], {"initializers": [W, W]}, "two initializers"),
    "a later opset": ([("Relu", ["x"], ["y"])], {"opset": 99}, "opset 99"),
    "negative length": ([("Relu", ["x"], ["y"])], {"initializers": [
        TensorProto([-1], 1, name="w", raw_data=b"")]}, "no valid shape"),
    "too little data": ([("Relu", ["x"], ["y"])], {"initializers": [
        TensorProto([2**40, 2**20], 1, name="w", raw_data=b"abcd")]}, "4 are there"),
    "texts": ([("Relu", ["x"], ["y"])], {"initializers": [
        TensorProto([1], 8, name="w", string_data=[b"a"])]}, "holds texts"),
    "an option twice": ([("Elu", ["x"], ["y"], Attribute("alpha", f=1.0, type=1),
                          Attribute("alpha", f=2.0, type=1))], {}, "twice"),
    "a graph as option": ([("Elu", ["x"], ["y"], Attribute("alpha", g=b"", type=5))], {},
                          "of type 5"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_graph_is_refused(tmp_path, name):
    nodes, options, message = BROKEN[name]
    with pytest.raises(dls.FormatError, match=message):
        import_onnx(file_of(tmp_path / "m.onnx", nodes, **options))
    assert os.listdir(tmp_path) == ["m.onnx"]


def test_what_a_known_operator_does_not_do(tmp_path):
    path = file_of(tmp_path / "m.onnx", [("Pad", ["x"], ["y"], Attribute("mode", s=b"odd", type=3),
                                          Attribute("pads", ints=[0, 1], type=7))])
    with pytest.raises(dls.FormatError, match="Pad 'y': mode 'odd', which is not known here"):
        import_onnx(path)(dls.Tensor(floats(4)))
