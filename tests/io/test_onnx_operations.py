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


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # the logarithm of -3, say
@pytest.mark.parametrize("opset", [17, pytest.param(20, marks=pytest.mark.slow)])
@pytest.mark.parametrize("dtype", ["float64", "float16", "int64", "int32", "uint8", "bool"])
def test_a_file_of_any_dtype_is_one_that_runtimes_take_or_is_refused(tmp_path, dtype, opset):
    path, written = tmp_path / "m.onnx", 0
    for name in sorted(set(RULES) & set(Op.registry)):
        kind = Op.registry[name]
        samples = [s for s in kind.samples(np.random.default_rng(5))
                   if all(np.size(x) for x in s.inputs if x is not None)]
        for sample in samples[:: max(1, len(samples) // 2)]:
            inputs = [None if x is None else in_dtype(x, dtype) for x in sample.inputs]
            model = Alone(kind(**sample.parameters), inputs)
            given = [x for x in inputs if x is not None]
            try:
                wanted = model(*[dls.Tensor(x, dtype=x.dtype) for x in given]).numpy()
                export_onnx(model, path, *given, dynamic_batch=False, opset=opset)
            except dls.Error:
                continue
            try:
                session = ort.InferenceSession(str(path))
                got, = session.run(None, {i.name: x for i, x in zip(session.get_inputs(), given)})
            except Exception as error:
                assert any(words in str(error) for words in (
                    "NOT_IMPLEMENTED", "does not support double")), (name, sample, error)
                continue  # the file is right, and onnxruntime has no kernel for it
            assert (got.shape, got.dtype) == (wanted.shape, wanted.dtype), (name, sample)
            close = {"rtol": 2e-2, "atol": 5e-2} if dtype == "float16" else {
                "rtol": 1e-4, "atol": 1e-4}
            np.testing.assert_allclose(got, wanted, **close, err_msg=f"{name} {sample}")
            written += 1
    assert written > 60


def in_dtype(x, dtype):
    """Numbers in another dtype, three times as large if that is whole; for floats places stay."""
    array = np.asarray(x)
    if array.dtype.kind in "iub" and np.dtype(dtype).kind == "f":
        return array
    return np.asarray(array * (3 if np.dtype(dtype).kind in "iu" else 1)).astype(dtype)


@pytest.mark.parametrize("name", ["sum", "mean", "max", "min", "prod", "var", "std", "all", "any",
                                  "logsumexp"])
def test_a_number_is_reduced_along_the_axis_that_it_does_not_have(tmp_path, name):
    class Reduced(nn.Module):
        def forward(self, x):
            return getattr(dls, name)(x, axis=0)

    x = np.array(3.0, "float32")
    try:
        wanted = Reduced()(dls.Tensor(x)).numpy()
        export_onnx(Reduced(), tmp_path / "m.onnx", x, dynamic_batch=False)
    except dls.Error:
        return
    got, = ort.InferenceSession(str(tmp_path / "m.onnx")).run(None, {"input": x})
    assert got == wanted and np.shape(got) == ()


def test_mixed_dtypes_meet_in_the_wider_one(tmp_path):
    class Mixed(nn.Module):
        def forward(self, a, b):
            return a + b, a < b, dls.where(a > 1, a, b), dls.concatenate([a, b], axis=0)

    given = np.array([1.0, 2.5]), np.array([2.0, 0.5], "float32")
    wanted = Mixed()(*map(dls.Tensor, given))
    export_onnx(Mixed(), tmp_path / "m.onnx", *given, dynamic_batch=False)
    session = ort.InferenceSession(str(tmp_path / "m.onnx"))
    names = [i.name for i in session.get_inputs()]
    for got, want in zip(session.run(None, dict(zip(names, given))), wanted):
        assert got.dtype == want.dtype and np.array_equal(got, want.numpy())


def test_what_onnx_has_no_type_for_names_the_line(tmp_path):
    class Both(nn.Module):
        def forward(self, x):
            return x + x

    with pytest.raises(dls.GraphError, match=r"(?s)test_onnx_operations.py:\d+: ONNX has no such "
                                             r"operator for bool: write x.astype\('int64'\)"):
        export_onnx(Both(), tmp_path / "m.onnx", np.array([True]), dynamic_batch=False)
    assert not list(tmp_path.iterdir())


def test_rules_are_for_operations_that_there_are():
    layers = {"BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "EmbeddingBag"}
    assert set(RULES) - set(Op.registry) == layers
