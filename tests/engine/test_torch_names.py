"""PyTorch's names that contradict nothing in NumPy: they mean here what they mean there."""

import copy
import pickle

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls import nn
from tinygrad_dls.nn import functional as F

A = np.random.default_rng(0).standard_normal((3, 4)).astype("float32")
PLACES = np.array([[0, 2, 1, 0], [1, 1, 2, 2], [2, 0, 0, 1]])
CALLS = {  # name -> what both libraries are asked; L is the library, x and y float32 (3, 4)
    "size": lambda L, x, y, i: [x.size(0), x.size(-1), tuple(x.size()), x.size(dim=1)],
    "dtypes": lambda L, x, y, i: [
        x.to(getattr(L, name)) for name in (
            "float16", "float32", "float64", "half", "float", "double", "int8", "int16", "int32",
            "int64", "short", "int", "long", "uint8", "bool")],
    "asked": lambda L, x, y, i: [
        x.nelement(), x.element_size(), x.is_floating_point(), i.is_floating_point(), x.is_cuda,
        L.is_tensor(x), L.is_tensor(3), L.is_floating_point(i), L.numel(x), x.dtype == L.float32,
        x.device.type, x.device.index, x.is_contiguous(), x.t().is_contiguous()],
    "kinds": lambda L, x, y, i: [
        x.type(L.int64), x.type_as(i), x.to(i), x.to(dtype=L.float64), x.to(device="cpu"),
        x.to("cpu", L.float64, non_blocking=True), x.bool(), x.int(), x.half()],
    "new": lambda L, x, y, i: [
        x.new_zeros(2, 3), x.new_zeros((2, 3)), x.new_ones(2, dtype=L.int64), i.new_zeros(2),
        x.new_full((2,), 7), i.new_full((2,), 7), x.new_tensor([1, 2]), i.new_tensor([1.0, 2.0]),
        x.new_zeros(size=(2, 2))],
    "functions": lambda L, x, y, i: [
        L.mul(x, y), L.sub(x, y), L.div(x, y), L.neg(x), L.eq(x, y), L.ne(x, y), L.lt(x, y),
        L.le(x, y), L.gt(x, 0), L.ge(x, y), L.absolute(x), L.true_divide(x, y), L.t(x), L.clone(x),
        L.mv(x, y[0]), L.addmm(L.ones(3, 3), x, y.t()), L.amax(x, dim=1), L.amin(x),
        L.addmm(L.ones(3), x, y.t(), beta=0.5, alpha=2), x.amax(dim=0, keepdim=True),
        L.bincount(i.reshape(-1)), L.bincount(i.reshape(-1), minlength=5),
        L.linspace(0, 1, steps=5), L.as_tensor([1.0, 2.0]), L.asarray(A)],
    "numbers": lambda L, x, y, i: [L.pi, L.e, L.inf, L.nan],
    "in place": lambda L, x, y, i: [
        x.clone().add_(y), x.clone().add_(y, alpha=0.5), x.clone().sub_(y), x.clone().mul_(y),
        x.clone().div_(2.0), x.clone().fill_(2), i.clone().fill_(3), x.clone().zero_(),
        x.clone().clamp_(-0.5, 0.5), x.clone().clamp_(min=0), x.clone().pow_(2),
        x.clone().abs_().sqrt_(), x.clone().exp_(), x.clone().tanh_(), x.clone().sigmoid_(),
        x.clone().relu_(), x.clone().neg_(), x.clone().masked_fill_(x > 0, 9.0),
        x.clone().addcmul_(x, y, value=0.5), x.clone().addcdiv_(x, y.abs() + 1, value=-2),
        x.clone().scatter_(1, i, 1.0), x.clone().scatter_add_(0, i, y), x.clone().lerp_(y, 0.25)],
    "grad": lambda L, x, y, i: list(_grad(L)(
        outputs=(x.requires_grad_() ** 3).sum(), inputs=x, create_graph=True, retain_graph=True,
        only_inputs=True)),
}


def _grad(library):
    return library.grad if library is dls else library.autograd.grad


def seen(value):
    """A value as something to compare: numbers, dtype and shape."""
    if hasattr(value, "detach"):
        array = value.detach().numpy()
        return array.dtype, array.shape, array.tolist()
    return type(value), value


@pytest.mark.torch
@pytest.mark.parametrize("name", CALLS)
def test_names_mean_what_pytorch_means(name):
    torch = pytest.importorskip("torch")
    ours = CALLS[name](dls, dls.tensor(A), dls.tensor(A[::-1].copy()), dls.tensor(PLACES % 3))
    theirs = CALLS[name](torch, torch.tensor(A), torch.tensor(A[::-1].copy()),
                         torch.tensor(PLACES % 3))
    for place, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        a, b = seen(a), seen(b)
        assert a[:-1] == b[:-1], (name, place)
        assert a[-1] == pytest.approx(b[-1], rel=1e-6, abs=1e-7, nan_ok=True) if not isinstance(
            a[-1], (list, str, tuple, type(None))) else True, (name, place)
        if isinstance(a[-1], list):
            np.testing.assert_allclose(a[-1], b[-1], rtol=1e-6, atol=1e-7, err_msg=str(place))
        elif not isinstance(a[-1], float):
            assert a[-1] == b[-1], (name, place)


def test_sizes_are_plain_numbers_too():
    x = dls.ones(2, 3)
    assert (x.size, x.size(0), x.size()) == (6, 2, (2, 3))
    assert pickle.loads(pickle.dumps(x.size)) == 6 == copy.copy(x.size)
    with pytest.raises(dls.ShapeError, match="size: 2 is not an axis"):
        x.size(2)


def test_dtypes_leave_pythons_names_to_star_imports():
    names: dict[str, object] = {}
    exec("from tinygrad_dls import *", names)
    assert not {"float", "int", "bool"} & set(names) - {"__builtins__"}
    assert {"float32", "int64", "bool", "long", "pi", "inf"} <= set(dir(dls))
    assert dls.float32 == np.float32 and dls.zeros(2, dtype=dls.long).dtype == np.int64


def test_arrays_are_shared_by_as_tensor():
    array = np.zeros(3)
    x = dls.as_tensor(array)
    array[0] = 5
    assert x[0].item() == 5 and dls.as_tensor(x) is x
    assert dls.asarray(array, dtype=dls.float32).dtype == np.float32


def test_modes_of_recording():
    w = dls.ones(2, requires_grad=True)
    with dls.inference_mode():
        assert not (w * 2).requires_grad
    with dls.inference_mode(False):
        assert (w * 2).requires_grad

    @dls.inference_mode()
    def predict():
        return w * 2

    @dls.set_grad_enabled(False)
    def quiet():
        return w * 2

    assert not predict().requires_grad and not quiet().requires_grad and (w * 2).requires_grad
    with dls.set_grad_enabled(False):
        assert not (w * 2).requires_grad
        with dls.set_grad_enabled(True):
            assert (w * 2).requires_grad
        assert not dls.is_grad_enabled()
    assert dls.is_grad_enabled()
    dls.set_grad_enabled(False)
    assert not dls.is_grad_enabled()
    dls.set_grad_enabled(True)
    with pytest.raises(dls.GraphError, match="True or False"):
        dls.set_grad_enabled(1)


def test_printing_can_be_set():
    x = dls.tensor([3.14159, 1e5])
    try:
        dls.set_printoptions(precision=2, sci_mode=False)
        assert repr(x) == "Tensor([3.14, 100000.00])"
        dls.set_printoptions(sci_mode=True)
        assert repr(x) == "Tensor([3.14e+00, 1.00e+05])"
        dls.set_printoptions(threshold=4, edgeitems=1)
        assert repr(dls.arange(9)) == "Tensor([0, ..., 8])"
        dls.set_printoptions(profile="full")
        assert "..." not in repr(dls.arange(2000))
        with pytest.raises(dls.DataError, match="precision"):
            dls.set_printoptions(precision=-1)
    finally:
        dls.set_printoptions(profile="default")
    assert repr(x) == "Tensor([3.1416e+00, 1.0000e+05])"


def test_questions_about_gpus_have_answers_without_one(monkeypatch):
    monkeypatch.setattr(dls.cuda, "_cupy", lambda: None)
    assert not dls.cuda.is_available() and dls.cuda.device_count() == 0
    assert dls.device("cuda" if dls.cuda.is_available() else "cpu") is dls.Device("cpu")
    dls.cuda.manual_seed(0), dls.cuda.manual_seed_all(0)
    dls.cuda.synchronize(), dls.cuda.empty_cache()
    with pytest.raises(dls.DeviceError, match="is_available"):
        dls.cuda.get_device_name()
    with pytest.raises(dls.DataError):
        dls.cuda.manual_seed(-1)
    assert dls.Device("cpu", 0) is dls.Device("cpu")


def test_random_numbers_are_written_in_place():
    g = dls.Generator(0)
    x = dls.empty(2000)
    assert x.normal_(5, 0.1, generator=g) is x and abs(x.mean().item() - 5) < 0.02
    x.uniform_(-1, 1, generator=g)
    assert -1 <= x.min().item() < -0.9 < 0.9 < x.max().item() < 1
    assert abs(x.exponential_(2.0, generator=g).mean().item() - 0.5) < 0.05
    assert abs(x.bernoulli_(0.25, generator=g).mean().item() - 0.25) < 0.05
    assert set(x.random_(3, generator=g).tolist()) == {0, 1, 2}
    assert set(x.random_(5, 7, generator=g).tolist()) == {5, 6}


def test_writing_in_place_follows_the_rules_of_the_graph():
    w = dls.ones(2, requires_grad=True)
    with pytest.raises(dls.GraphError, match="leaf"):
        w.zero_()
    with dls.no_grad():
        w.mul_(0.25)
    y = w * 2
    assert y.add_(1).tanh_() is y
    y.sum().backward()
    np.testing.assert_allclose(w.grad.numpy(), 2 * (1 - np.tanh(1.5) ** 2), rtol=1e-3)
    w.grad.zero_()
    assert w.grad.tolist() == [0, 0]
    with pytest.raises(dls.DtypeError, match=r"x\.sigmoid_\(\) of float32 values"):
        dls.arange(3).sigmoid_()


INPLACE = {
    "relu": (), "relu6": (), "hardtanh": (-0.5, 0.5), "hardsigmoid": (), "hardswish": (),
    "leaky_relu": (0.2,), "elu": (0.7,), "selu": (), "silu": (), "mish": (), "celu": (0.6,),
    "threshold": (0.1, -3.0), "rrelu": (0.1, 0.3),
}
LAYERS = [nn.ReLU, nn.ReLU6, nn.Hardtanh, nn.Hardsigmoid, nn.Hardswish, nn.LeakyReLU, nn.ELU,
          nn.SELU, nn.SiLU, nn.Mish, nn.CELU, nn.RReLU, nn.Dropout, nn.Dropout1d, nn.AlphaDropout]


def test_inplace_writes_into_the_input():
    for name, arguments in INPLACE.items():
        function = getattr(F, name)
        x, x2 = (dls.Tensor(A, requires_grad=True) for _ in range(2))
        h = x * 2
        assert function(h, *arguments, inplace=True) is h
        expected = function(x2 * 2, *arguments)
        np.testing.assert_array_equal(h.numpy(), expected.numpy(), err_msg=name)
        (h * h).sum().backward(), (expected * expected).sum().backward()
        np.testing.assert_array_equal(x.grad.numpy(), x2.grad.numpy(), err_msg=name)
        plain = dls.Tensor(A * 2)
        assert function(plain, *arguments, inplace=True) is plain
        np.testing.assert_array_equal(plain.numpy(), expected.numpy(), err_msg=name)
    for kind in LAYERS:
        x = dls.Tensor(A) * 1
        assert kind(inplace=True)(x) is x and (x.numpy() != A).any(), kind
    with pytest.raises(dls.DtypeError, match="leave it out"):
        F.relu(A, inplace=True)
    with pytest.raises(dls.GraphError, match="leaf"):
        F.relu(dls.Tensor(A, requires_grad=True), inplace=True)


@pytest.mark.torch
def test_inplace_is_seen_where_the_input_was_kept():
    """As neural style transfer meets it: features are kept, and the ReLU after them writes."""
    torch = pytest.importorskip("torch")
    gradients = []
    for L, layer in ((dls, nn.ReLU(inplace=True)), (torch, torch.nn.ReLU(inplace=True))):
        x = L.tensor(A, requires_grad=True)
        h = x * 2
        kept = [h]
        h = layer(h)
        loss = (kept[0] ** 2).sum() + h.sum()
        loss.backward()
        gradients.append([loss.item(), *x.grad.numpy().ravel()])
    np.testing.assert_allclose(*gradients, rtol=1e-6)
