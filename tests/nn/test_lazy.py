"""Lazy layers: PyTorch's shapes and names, the same parameters before and after."""

import copy
import pickle

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls import nn, optim

SHAPES = {  # of an input; the arguments of the lazy layer
    "Linear": ((5, 3), (4,)), "Conv1d": ((2, 4, 9), (6, 3, 2)), "Conv2d": ((2, 4, 9, 8), (6, 3)),
    "Conv3d": ((1, 4, 3, 3, 3), (6, 2)), "ConvTranspose1d": ((2, 4, 5), (6, 3)),
    "ConvTranspose2d": ((2, 4, 5, 5), (6, 3)), "ConvTranspose3d": ((1, 4, 2, 2, 2), (6, 2)),
    "BatchNorm1d": ((5, 3), ()), "BatchNorm2d": ((5, 3, 2, 2), ()),
    "BatchNorm3d": ((5, 3, 2, 2, 2), ()), "InstanceNorm1d": ((5, 3, 4), ()),
    "InstanceNorm2d": ((5, 3, 4, 4), ()), "InstanceNorm3d": ((5, 3, 2, 2, 2), ()),
}


@pytest.mark.parametrize("kind", SHAPES)
def test_a_lazy_layer_becomes_the_layer(kind):
    shape, arguments = SHAPES[kind]
    layer, x = getattr(nn, f"Lazy{kind}")(*arguments), dls.randn(*shape)
    plain = getattr(nn, kind)
    held = dict(layer.named_parameters())
    assert isinstance(layer, plain) and layer.has_uninitialized_params()
    dls.manual_seed(0)
    y = layer(x)
    assert type(layer) is plain and not hasattr(layer, "has_uninitialized_params")
    dls.manual_seed(0)
    size = x.shape[1]
    norm = {"affine": True, "track_running_stats": True} if "InstanceNorm" in kind else {}
    other = plain(size, *arguments, **norm)  # as PyTorch's lazy ones are
    assert repr(layer) == repr(other)
    np.testing.assert_array_equal(y.numpy(), other(x).numpy())
    assert list(layer.state_dict()) == list(other.state_dict())
    assert all(held[name] is p and type(p) is nn.Parameter for name, p in layer.named_parameters())


def test_networks_of_lazy_layers_train_copy_and_load():
    def made():
        return nn.Sequential(nn.LazyConv2d(4, 3, groups=2, bias=False), nn.LazyBatchNorm2d(),
                             nn.ReLU(), nn.Flatten(), nn.LazyLinear(2))

    net, x = made(), dls.randn(3, 2, 5, 5)
    twin = pickle.loads(pickle.dumps(copy.deepcopy(net)))
    opt = optim.SGD(net.parameters(), lr=1e-3)
    before = (net(x) ** 2).sum()
    before.backward()
    opt.step()
    assert (net(x) ** 2).sum().item() < before.item()
    assert twin(x).shape == (3, 2)
    loaded = made()
    loaded.load_state_dict(net.state_dict())
    assert type(loaded[4]) is nn.Linear
    np.testing.assert_array_equal(loaded.eval()(x).numpy(), net.eval()(x).numpy())
    with pytest.raises(dls.DataError, match="call the model once"):
        made().load_state_dict({})
    with pytest.raises(dls.ShapeError, match="no axis -3"):
        nn.LazyConv2d(4, 3)(dls.ones(5))
    with pytest.raises(TypeError):
        nn.LazyLinear(4, feature=2)


@pytest.mark.torch
def test_lazy_layers_have_pytorchs_names_and_shapes():
    torch = pytest.importorskip("torch")
    for kind, (shape, arguments) in SHAPES.items():
        ours = getattr(nn, f"Lazy{kind}")(*arguments)
        theirs = getattr(torch.nn, f"Lazy{kind}")(*arguments)
        x = np.random.default_rng(0).standard_normal(shape).astype("float32")
        assert list(ours.state_dict()) == list(theirs.state_dict()), kind
        theirs(torch.tensor(x))
        ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
        np.testing.assert_allclose(ours.eval()(dls.tensor(x)).detach().numpy(),
                                   theirs.eval()(torch.tensor(x)).detach().numpy(),
                                   rtol=1e-4, atol=1e-5, err_msg=kind)
