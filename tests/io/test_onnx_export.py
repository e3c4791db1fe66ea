"""export_onnx: the file computes what the model does, in onnxruntime, for any batch size."""

import os

import numpy as np
import pytest

import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import nn
from tinygrad_dls.io import export_onnx, import_onnx

from .onnx_models import MODELS, Residual, floats, made, outputs

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")


def run(path, *inputs):
    session = ort.InferenceSession(str(path))
    return session.run(None, {i.name: x for i, x in zip(session.get_inputs(), inputs)})


def close(got, wanted, atol=2e-5):
    assert len(got) == len(wanted)
    for g, w in zip(got, wanted):
        assert g.shape == w.shape and g.dtype == w.dtype
        np.testing.assert_allclose(g, w, atol=atol, rtol=1e-4)


@pytest.mark.parametrize("opset", [17, 21])
@pytest.mark.parametrize("name", MODELS)
def test_onnxruntime_computes_the_same(tmp_path, name, opset):
    model, inputs = made(name)
    path = tmp_path / "m.onnx"
    export_onnx(model, path, *inputs, opset=opset)
    onnx.checker.check_model(onnx.load(path), full_check=True)
    for count in (1, 2, 5):
        more = [np.concatenate([x] * 3)[:count] for x in inputs]
        close(run(path, *more), outputs(model, *more))
    assert os.listdir(tmp_path) == ["m.onnx"]


@pytest.mark.parametrize("name", MODELS)
def test_back_again_as_a_module(tmp_path, name):
    model, inputs = made(name)
    export_onnx(model, tmp_path / "m.onnx", *inputs)
    back = import_onnx(tmp_path / "m.onnx")
    for count in (1, 3):
        more = [np.concatenate([x] * 3)[:count] for x in inputs]
        close(outputs(back, *more), outputs(model, *more))
    state = model.state_dict()
    for n, t in back.state_dict().items():  # the names are those of the model
        assert np.array_equal(t.numpy(), state[n].numpy()), n
    assert {n for n, _ in back.named_parameters()} == {n for n, _ in model.named_parameters()}
    with dls.no_grad():
        for p in model.parameters():
            p.copy_(p.numpy() * 0.5)
    back.load_state_dict({n: t for n, t in model.state_dict().items() if n in back.state_dict()})
    close(outputs(back, *inputs), outputs(model, *inputs))


def test_names_shapes_and_metadata(tmp_path):
    path = tmp_path / "m.onnx"
    export_onnx(nn.Linear(4, 3), path, floats(2, 4), input_names=["x"], output_names=["scores"],
                metadata={"made by": "me"})
    graph = onnx.load(path).graph
    assert [i.name for i in graph.input] == ["x"] and [o.name for o in graph.output] == ["scores"]
    assert sorted(t.name for t in graph.initializer) == ["bias", "weight"]
    assert graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    assert import_onnx(path).metadata == {"made by": "me"}
    export_onnx(nn.Linear(4, 3), path, floats(2, 4), dynamic_batch=False)
    assert onnx.load(path).graph.input[0].type.tensor_type.shape.dim[0].dim_value == 2


def test_steps_first_and_float64(tmp_path):
    model = nn.LSTM(3, 4, dtype="float64")
    x = floats(5, 2, 3).astype("float64")
    export_onnx(model, tmp_path / "m.onnx", x, batch_axis=1)
    back = import_onnx(tmp_path / "m.onnx")
    wide = np.concatenate([x, x], axis=1)
    close(outputs(back, wide), outputs(model, wide), 1e-12)


def test_the_model_stays_as_it_is(tmp_path):
    model = nn.Sequential(Residual(3), nn.Dropout(0.5))
    model[0].b1.eval()
    before = {n: t.numpy().copy() for n, t in model.state_dict().items()}
    export_onnx(model, tmp_path / "m.onnx", floats(2, 3, 5, 5))
    assert model.training and model[1].training and not model[0].b1.training
    assert all(np.array_equal(t.numpy(), before[n]) for n, t in model.state_dict().items())
    assert not any(m._hooks for m in model.modules())
    y = model(dls.Tensor(floats(2, 3, 5, 5)))  # gradients are recorded as before
    y.sum().backward()
    assert model[0].c1.weight.grad is not None


@pytest.mark.parametrize("affine", [True, False])
def test_batch_norm_as_a_function_with_given_statistics(tmp_path, affine):
    class Normalized(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("mean", dls.randn(3))
            self.register_buffer("var", dls.rand(3) + 0.5)
            self.weight = nn.Parameter(dls.randn(3)) if affine else None
            self.bias = nn.Parameter(dls.randn(3)) if affine else None

        def forward(self, x):
            return F.batch_norm(x, self.mean, self.var, self.weight, self.bias, eps=0.1)

    model, x = Normalized(), floats(2, 3, 4, 4)
    export_onnx(model, tmp_path / "m.onnx", x)
    assert "BatchNormalization" in {n.op_type for n in onnx.load(tmp_path / "m.onnx").graph.node}
    close(run(tmp_path / "m.onnx", x), outputs(model, x))


def test_tied_weights_are_written_once(tmp_path):
    class Tied(nn.Module):
        def __init__(self):
            self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)
            self.b.weight = self.a.weight

        def forward(self, x):
            return {"once": self.a(x), "twice": self.b(self.a(x))}

    model = Tied()
    export_onnx(model, tmp_path / "m.onnx", floats(2, 4))
    names = [t.name for t in onnx.load(tmp_path / "m.onnx").graph.initializer]
    assert sorted(names) == ["a.bias", "a.weight", "b.bias"]
    assert import_onnx(tmp_path / "m.onnx").output_names == ("once", "twice")


class Of(nn.Module):
    """A function as a module."""

    def __init__(self, function):
        self.inner = nn.Linear(4, 4)
        self.function = function

    def forward(self, x):
        return self.function(self, x)


GOOD = {
    "a batch's own length": lambda m, x: m.inner(x) + dls.zeros((x.shape[0], 4)),
    "numbered examples": lambda m, x: m.inner(x) + dls.arange(x.shape[0]).reshape(-1, 1) * 1.0,
    "the last example": lambda m, x: m.inner(x)[-1:],
    "all but the last": lambda m, x: m.inner(x)[:-1],
    "half": lambda m, x: m.inner(x)[: x.shape[0] // 1],
    "as rows": lambda m, x: m.inner(x).reshape(x.shape[0] * 2, 2),
    "as one": lambda m, x: m.inner(x).reshape(-1),
    "into new axes": lambda m, x: dls.broadcast_to(m.inner(x)[:, None], (x.shape[0], 3, 4)),
    "a mask": lambda m, x: dls.where(x > 0, m.inner(x), 0.0),
    "places of the largest": lambda m, x: m.inner(x).argmax(axis=1),
    "sorted": lambda m, x: dls.sort(m.inner(x), 0),
    "reversed": lambda m, x: m.inner(x)[::-1],
    "chosen by another": lambda m, x: dls.take_along_axis(
        m.inner(x), x.argmax(axis=1, keepdims=True), 1),
    "the input itself": lambda m, x: (x, m.inner(x), x),
    "a parameter": lambda m, x: (m.inner(x), m.inner.weight),
}


@pytest.mark.parametrize("name", GOOD)
def test_lengths_that_follow_the_batch(tmp_path, name):
    model, path = Of(GOOD[name]), tmp_path / "m.onnx"
    export_onnx(model, path, floats(3, 4))
    for count in (1, 2, 6):
        x = floats(count, 4)
        close(run(path, x), outputs(model, x))
        close(outputs(import_onnx(path), x), outputs(model, x))


BAD = {
    "NumPy in between": (lambda m, x: m.inner(dls.Tensor(x.numpy() * 2)), "no operation of the"),
    "a branch on values": (lambda m, x: m.inner(x) if float(x.numpy()[0, 0]) > 0 else x.exp(),
                           "another for others"),
    "a loop over examples": (lambda m, x: dls.stack([m.inner(x)[i] for i in range(x.shape[0])]),
                             "dynamic_batch=False"),
    "a length that is not a multiple": (
        lambda m, x: m.inner(x)[: x.shape[0] ** 2 // 7 + 1], "not a multiple"),
    "no counterpart": (lambda m, x: dls.cumprod(m.inner(x), 1), r"cumprod.*, from test_onnx"),
    "a mask as index": (lambda m, x: m.inner(x)[x > 0], "no fixed shape|another for others"),
    "chance": (lambda m, x: F.dropout(m.inner(x), 0.5), "dropout"),
    "a write": (lambda m, x: _written(m.inner(x)), "in place"),
    "no tensor": (lambda m, x: "text", "returns tensors"),
    "nothing": (lambda m, x: None, "no tensor"),
}


def _written(y):
    z = y * 2
    z[0] = 1.0
    return z


@pytest.mark.parametrize("name", BAD)
def test_what_a_file_cannot_hold_is_refused(tmp_path, name):
    function, message = BAD[name]
    x = floats(3, 4)
    x[0, 0], x[-1, 0] = 1, -1
    with pytest.raises(dls.Error, match=message):
        export_onnx(Of(function), tmp_path / "m.onnx", x)
    assert os.listdir(tmp_path) == []


def test_a_loop_can_be_written_for_one_number_of_examples(tmp_path):
    model = Of(BAD["a loop over examples"][0])
    x = floats(3, 4)
    export_onnx(model, tmp_path / "m.onnx", x, dynamic_batch=False)
    close(run(tmp_path / "m.onnx", x), outputs(model, x))


def test_wrong_arguments(tmp_path):
    path, model = tmp_path / "m.onnx", nn.Linear(4, 3)
    for arguments, options, message in [
        ((), {}, "takes an example"), ((floats(2, 4),), {"opset": 3}, "17 to 21"),
        ((floats(2, 4),), {"input_names": ["a", "b"]}, "1 different names"),
        ((floats(0, 4),), {}, "at least"), ((floats(2, 4),), {"batch_axis": 5}, "axis 5"),
        ((np.array(["a"]),), {}, "no numbers"),
    ]:
        with pytest.raises(dls.Error, match=message):
            export_onnx(model, path, *arguments, **options)
    with pytest.raises(dls.DtypeError, match="takes a Module"):
        export_onnx(lambda x: x, path, floats(2, 4))
    with pytest.raises(dls.DataError, match="no folder"):
        export_onnx(model, tmp_path / "not" / "there.onnx", floats(2, 4))
    with pytest.raises(dls.ShapeError, match="in module"):
        export_onnx(model, path, floats(2, 5))
    model.to("strict")
    with pytest.raises(dls.DeviceError, match=r"model\.to"):
        export_onnx(model, path, floats(2, 4))
    assert os.listdir(tmp_path) == []
