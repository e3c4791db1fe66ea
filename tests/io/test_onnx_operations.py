"""Each operation that can be written, with the samples of its declaration, and read again."""

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls import nn
from tinygrad_dls.io import export_onnx, import_onnx
from tinygrad_dls.io.onnx_export import RULES
from tinygrad_dls.ops.call import function
from tinygrad_dls.ops.op import Op

ort = pytest.importorskip("onnxruntime")
ort.set_default_logger_severity(4)

REFUSED = ("packed sequences", "symmetric", "at random", "no fixed shape", "along one axis at a",
           "more than there are", "of these sizes")  # what ONNX has not


class Alone(nn.Module):
    """One operation; inputs that are None stay that."""

    def __init__(self, op, inputs):
        self.function, self.given = function(op), [x is not None for x in inputs]

    def forward(self, *inputs):
        left = iter(inputs)
        return self.function(*[next(left) if given else None for given in self.given])


def as32(x):
    array = np.asarray(x)
    return array.astype(np.float32) if array.dtype == np.float64 else array


@pytest.mark.parametrize("name", sorted(set(RULES) & set(Op.registry)))
def test_an_operation_there_and_back(tmp_path, name):
    kind, path, compared = Op.registry[name], tmp_path / "m.onnx", 0
    for sample in kind.samples(np.random.default_rng(5)):
        inputs = [None if x is None else as32(x) for x in sample.inputs]
        model = Alone(kind(**sample.parameters), inputs)
        given = [x for x in inputs if x is not None]
        try:
            export_onnx(model, path, *given, dynamic_batch=False, opset=20)
        except dls.GraphError as error:
            assert any(reason in str(error) for reason in REFUSED), error
            continue
        wanted = model(*map(dls.Tensor, given)).numpy()
        found = []
        if all(x.size for x in given):  # onnxruntime makes no promises about nothing
            session = ort.InferenceSession(str(path))
            found += session.run(None, {i.name: x for i, x in zip(session.get_inputs(), given)})
        if all(x.size for x in given) or (wanted.size == 0 and name != "RmsNorm"):  # mean of none
            found.append(import_onnx(path)(*map(dls.Tensor, given)).numpy())
        for got in found:
            assert got.shape == wanted.shape and got.dtype == wanted.dtype, sample
            np.testing.assert_allclose(got, wanted, atol=2e-5, rtol=1e-4)
            compared += 1
    assert compared


def test_rules_are_for_operations_that_there_are():
    layers = {"BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "EmbeddingBag"}
    assert set(RULES) - set(Op.registry) == layers
