"""Models and weights in files: their graphs and tables."""

import json
import shutil

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls import nn, viz
from tinygrad_dls.cli import main
from tinygrad_dls.io.onnx_model import GraphProto, ModelProto, NodeProto, OperatorSet, ValueInfo
from tinygrad_dls.io.protobuf import encode

from .browser import browser, opened  # noqa: F401

ARRAYS = {
    "fc1.weight": np.arange(12, dtype="float32").reshape(3, 4),
    "bias": np.array([np.nan, 1.0, -2.0], "float64"),
    "steps": np.array(7, "int64"),
    "mask": np.array([True, False]),
    "none": np.zeros((0, 5), "float32"),
    "zero": np.zeros(3, "float16"),
}


def network():
    return nn.Sequential(nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                         nn.Linear(864, 10)).eval()


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "model.onnx"
    dls.io.export_onnx(network(), path, dls.zeros(2, 1, 28, 28))
    return path


def written(path, arrays):
    if path.suffix == ".safetensors":
        dls.save(path, arrays)
    elif path.suffix == ".npz":
        np.savez(path, **arrays)
    else:
        torch = pytest.importorskip("torch")
        torch.save({name: torch.tensor(array) for name, array in arrays.items()}, path)
    return path


# --- weights -------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [".safetensors", ".npz", pytest.param(".pth", marks=(
    pytest.mark.torch))])
def test_the_table_says_what_is_there(tmp_path, ending):
    table = viz.read_weights(written(tmp_path / f"m{ending}", ARRAYS))
    rows = {w.name: w for w in table.arrays}
    assert rows.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        row = rows[name]
        assert (row.shape, row.dtype, row.size, row.nbytes) == (
            array.shape, str(array.dtype), array.size, array.nbytes)
        finite = array[np.isfinite(array)]
        if finite.size:
            np.testing.assert_allclose([row.values.min, row.values.max, row.values.mean],
                                       [finite.min(), finite.max(), finite.mean()], rtol=1e-6)
    assert "! NaN 1 of 3" in str(table) and "empty" in str(table) and "all 0" in str(table)
    assert str(table).endswith("6 arrays, 21 parameters, 88 bytes\n")


def test_bfloat16_is_called_so(tmp_path):
    torch = pytest.importorskip("torch")
    files = pytest.importorskip("safetensors.torch")
    path = tmp_path / "m.safetensors"
    files.save_file({"w": torch.ones(2, 3, dtype=torch.bfloat16)}, path)
    assert [w.dtype for w in viz.read_weights(path).arrays] == ["bfloat16"]


def test_it_is_saved_in_each_form(tmp_path, capsys):
    path = written(tmp_path / "m.npz", ARRAYS)
    assert main(["graph", str(path)]) == 0
    printed = capsys.readouterr().out
    for ending in ("txt", "html", "json"):
        assert main(["graph", str(path), "--out", str(tmp_path / f"t.{ending}")]) == 0
    assert (tmp_path / "t.txt").read_text("utf-8") == printed
    page = (tmp_path / "t.html").read_text("utf-8")
    assert "fc1.weight" in page and "<script" not in page and "default-src 'none'" in page
    document = json.loads((tmp_path / "t.json").read_text("utf-8"))
    found = {a["name"]: a for a in document["arrays"]}
    assert found["bias"]["nan"] == 1 and found["bias"]["max"] == 1.0
    assert found["fc1.weight"]["shape"] == [3, 4] and found["none"]["parameters"] == 0


@pytest.mark.parametrize("name, text, says", [
    ("m.safetensors", b"\x08\0\0\0\0\0\0\0nonsense", "cannot be read"),
    ("m.npz", b"PK\x03\x04 nonsense", "NumPy cannot read it"),
    ("m.npz", b"nonsense", "Python objects"),
    ("m.pth", b"nonsense", "torch.save"),
    ("m.h5", b"nonsense", "HDF5"),
    ("m.onnx", b"\xff\xff\xff", "cannot be read"),
    ("m.onnx", b"", "no ONNX model"),
])
def test_damaged_files_are_named(tmp_path, capsys, name, text, says):
    (tmp_path / name).write_bytes(text)
    out = [] if name.endswith("npz") else ["--out", str(tmp_path / "t.html")]
    assert main(["graph", str(tmp_path / name), *out]) == 1
    heard = capsys.readouterr().err
    assert says in heard and name in heard and "Traceback" not in heard
    assert not (tmp_path / "t.html").exists()


@pytest.mark.parametrize("cut", [20, 200, -40])
@pytest.mark.parametrize("ending", [".safetensors", ".npz"])
def test_files_that_were_cut_off(tmp_path, ending, cut):
    path = written(tmp_path / f"m{ending}", ARRAYS)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(dls.FormatError, match=f"m{ending} cannot be read"):
        viz.read_weights(path)


def test_python_objects_are_not_read(tmp_path):
    path = tmp_path / "m.npz"
    np.savez(path, x=np.array([{}], object))
    with pytest.raises(dls.FormatError, match="Python objects"):
        viz.read_weights(path)


@pytest.mark.parametrize("name, out, code, says", [
    ("m.npz", "t.svg", 2, ".txt, .html, .json"), ("m.npz", "none/t.html", 1, "folder"),
    ("none.safetensors", "t.txt", 1, "none.safetensors"), ("none.onnx", "t.svg", 1, "none.onnx"),
    ("m.onnx", "t.pdf", 2, ".svg"),
])
def test_what_cannot_be(tmp_path, monkeypatch, capsys, name, out, code, says):
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "m.npz", ARRAYS)
    assert main(["graph", name, "--out", out]) == code
    assert says in capsys.readouterr().err


def test_other_endings():
    with pytest.raises(dls.FormatError, match=r"those end in \.safetensors"):
        viz.read_weights("weights.bin")


def test_names_change_nothing_but_the_text(tmp_path):
    hostile = "</table><script>alert(1)</script>\u202e@TABLE@"
    table = viz.read_weights(written(tmp_path / "m.safetensors", {hostile: np.ones(2, "float32")}))
    page = table.to_html()
    assert "<script" not in page and page.count("</table>") == 1 and "@TABLE@" not in page
    assert json.loads(table.to_json())["arrays"][0]["name"] == hostile


# --- models --------------------------------------------------------------------------------------


def test_operators_weights_and_shapes(model):
    graph = viz.onnx_graph(model)
    nodes = {n.name or n.op.partition("(")[0]: n for n in graph.record.nodes}
    assert nodes["Conv"].shape == (1, 6, 24, 24) and nodes["MaxPool"].shape == (1, 6, 12, 12)
    assert nodes["Conv"].op == "Conv(kernel_shape=5)"
    assert nodes["0.weight"].kind == "param" and nodes["0.weight"].shape == (6, 1, 5, 5)
    expected = network().state_dict().keys()
    assert {n.name for n in graph.record.nodes if n.kind == "param"} == expected
    assert graph.record.nodes[-1].kind == "output" and nodes["input"].kind == "input"
    assert " = 1" in graph.record.meta["shapes"]
    svg = graph.to_svg(engine="built-in")
    assert "model model.onnx" in svg and "no gradient flows back" not in svg
    assert "not kept" not in graph.table()


def test_the_weights_are_those_of_the_model(model):
    net = dls.io.import_onnx(model)
    values = {n.name: n.value for n in viz.onnx_graph(model).record.nodes if n.kind == "param"}
    for name, p in net.named_parameters():
        key = next(k for k in values if k.replace(".", "_") == name.replace(".", "_"))
        np.testing.assert_allclose(values[key].mean, p.numpy().mean(), atol=1e-7)


def hand_made(path, *nodes, inputs=("x",), outputs=("y",)):
    graph = GraphProto(node=list(nodes), input=[ValueInfo(n) for n in inputs],
                       output=[ValueInfo(n) for n in outputs])
    model = ModelProto(ir_version=8, graph=graph, opset_import=[OperatorSet("", 17)])
    path.write_bytes(bytes(encode(model)))
    return path


def test_operators_that_are_not_known_here(tmp_path):
    path = hand_made(tmp_path / "m.onnx",
                     NodeProto(["x"], ["h"], "/block/attn/Strange", "Strange", domain="com.else"),
                     NodeProto(["h", "", "x"], ["y"], "/block/Add", "Add"))
    graph = viz.onnx_graph(path)
    assert [(n.op, n.path) for n in graph.record.nodes[1:]] == [
        ("com.else.Strange", ("block", "attn")), ("Add", ("block",))]
    assert [(e.tail, e.head, e.slot) for e in graph.record.edges] == [
        ("v0", "o0", 0), ("o0", "o1", 0), ("v0", "o1", 2)]
    assert graph.record.nodes[1].shape is None
    assert graph.record.meta["shapes"] == "shapes: those that the file states"


def test_the_graph_tool_takes_it(model, tmp_path, capsys):
    for ending in ("html", "svg", "txt", "json"):
        assert main(["graph", str(model), "--out", str(tmp_path / f"g.{ending}")]) == 0
    assert main(["graph", str(tmp_path / "g.json"), "--out", str(tmp_path / "again.svg")]) == 0
    capsys.readouterr()
    assert main(["graph", str(model)]) == 0
    assert capsys.readouterr().out == (tmp_path / "g.txt").read_text("utf-8")


def test_pages_in_a_browser(opened, model, tmp_path):  # noqa: F811
    page = tmp_path / "page.html"
    viz.onnx_graph(model).save(page)
    tab = opened(page)
    assert "Conv(kernel_shape=5)" in tab.inner_text("#stage")
    viz.read_weights(written(tmp_path / "m.npz", ARRAYS)).save(tmp_path / "t.html")
    shutil.copy(tmp_path / "t.html", page)
    tab.goto(f"file://{page}")
    tab.set_viewport_size({"width": 390, "height": 800})
    assert "fc1.weight" in tab.inner_text("main")
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
