"""Hooks around modules, lists of parameters, parts by name, copies."""

import copy
import pickle

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls import nn

X = np.random.default_rng(0).standard_normal((2, 3)).astype("float32")


class Two(nn.Module):
    """y, z = a * w, b, and a third input that is not used."""

    def __init__(self):
        self.w = nn.Parameter(np.array([2.0], "float32"))

    def forward(self, a, b, c=None):
        return a * self.w, b + 1


def test_pre_hooks_replace_inputs():
    layer = nn.Linear(3, 2)
    plain = layer(dls.Tensor(X)).numpy()
    seen = []
    first = layer.register_forward_pre_hook(lambda m, i: seen.append(i[0].shape))
    double = layer.register_forward_pre_hook(lambda m, i: i[0] * 2)
    last = layer.register_forward_pre_hook(lambda m, i: (i[0] / 2,), prepend=True)
    assert np.allclose(layer(dls.Tensor(X)).numpy(), plain, atol=1e-6) and seen == [(2, 3)]
    for handle in (first, double, last):
        handle.remove()
    assert not layer._hooks
    options = []
    two = Two()
    two.register_forward_pre_hook(lambda m, i, k: options.append(dict(k)) or ((i[0], i[1]), {}),
                                  with_kwargs=True)
    two.register_forward_hook(lambda m, i, k, o: o[0], with_kwargs=True)
    assert two(dls.ones(1), dls.ones(1), c=3).tolist() == [2.0]
    assert options == [{"c": 3}]
    with pytest.raises(dls.DtypeError, match="hook is a function"):
        layer.register_forward_pre_hook(None)


def test_backward_hooks_see_and_replace_gradients():
    seen = []
    layer = nn.Linear(3, 2)
    x = dls.Tensor(X, requires_grad=True)

    def hook(module, grad_input, grad_output):
        seen.append((module is layer, grad_input[0].numpy(), grad_output[0].numpy()))
        return (grad_input[0] * 10,)

    handle = layer.register_full_backward_hook(hook)
    pre = layer.register_full_backward_pre_hook(lambda m, g: (g[0] * 3,))
    layer(x).sum().backward()
    rows = np.tile(layer.weight.numpy().sum(axis=0), (2, 1))
    (own, dx, dy), = seen
    assert own and np.allclose(dy, 3) and np.allclose(dx, 3 * rows, atol=1e-6)
    assert np.allclose(x.grad.numpy(), 30 * rows, atol=1e-5)
    assert np.allclose(layer.bias.grad.numpy(), 6)
    handle.remove()
    pre.remove()
    seen.clear()
    layer.register_full_backward_hook(lambda m, gi, go: seen.append((gi, go[0].tolist())))
    layer(dls.Tensor(X)).sum().backward()  # no input asks: called with the outputs' gradients
    assert seen == [((None,), [[1.0, 1.0]] * 2)]


def test_backward_hooks_with_several_inputs_and_outputs():
    seen = []
    module = Two()
    module.register_full_backward_hook(lambda m, gi, go: seen.append((
        [None if g is None else g.tolist() for g in gi],
        [None if g is None else g.tolist() for g in go])))
    a, b, c = (dls.ones(1).requires_grad_() for _ in range(3))
    y, z = module(a, b, c)
    loss = (y * 5 + z * 7).sum()
    loss.backward(retain_graph=True)
    assert seen == [([[10.0], [7.0], None], [[5.0], [7.0]])]
    loss.backward()
    assert len(seen) == 2 and seen[1] == seen[0]
    assert a.grad.tolist() == [20.0] and c.grad is None
    y, z = module(a, b, c)
    y.sum().backward()  # the other output has no gradient
    assert seen[2] == ([[2.0], None, None], [[1.0], None])
    with dls.no_grad():
        module(a, b)
    with pytest.raises(dls.GraphError, match="2 gradients in place of 1"):
        layer = nn.ReLU()
        layer.register_full_backward_hook(lambda m, gi, go: (1, 2))
        layer(dls.ones(1).requires_grad_()).backward()


@pytest.mark.torch
def test_backward_hooks_against_pytorch():
    torch = pytest.importorskip("torch")
    logs = {"ours": [], "theirs": []}
    models = {"ours": nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)),
              "theirs": torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(),
                                            torch.nn.Linear(4, 2))}
    models["ours"].load_state_dict(
        {n: v.detach().numpy() for n, v in models["theirs"].state_dict().items()})
    for who, model in models.items():
        for i, layer in enumerate(model):
            layer.register_full_backward_hook(
                lambda m, gi, go, i=i, log=logs[who]: log.append((i, [
                    None if g is None else g.detach().numpy().copy() for g in (*gi, *go)])))
    models["ours"](dls.Tensor(X)).sum().backward()
    models["theirs"](torch.from_numpy(X)).sum().backward()
    assert [i for i, _ in logs["ours"]] == [i for i, _ in logs["theirs"]] == [2, 1, 0]
    for (_, mine), (_, want) in zip(logs["ours"], logs["theirs"]):
        for a, b in zip(mine, want, strict=True):
            assert (a is None) == (b is None)
            if a is not None:
                np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_lists_and_dictionaries_of_parameters():
    class Net(nn.Module):
        def __init__(self):
            self.steps = nn.ParameterList([np.ones(2, "float32"), dls.zeros(3)])
            self.named = nn.ParameterDict({"a": np.ones(1, "float32")})

    net = Net()
    net.steps.append(nn.Parameter(np.zeros((2, 2), "float32")))
    net.named["b"] = dls.ones(4)
    assert list(net.state_dict()) == ["steps.0", "steps.1", "steps.2", "named.a", "named.b"]
    assert [p.shape for p in net.steps] == [(2,), (3,), (2, 2)]
    assert net.steps[-1] is net.steps[2] and len(net.steps[:2]) == 2
    net.steps[0] = dls.zeros(5)
    assert net.steps[0].shape == (5,) and isinstance(net.steps[0], nn.Parameter)
    assert net.named.keys() == ["a", "b"] and "a" in net.named and len(net.named) == 2
    assert dict(net.named.items())["b"] is net.named["b"]
    assert [*net.named] == ["a", "b"] and net.named.values()[0] is net.named["a"]
    del net.named["a"]
    assert "a" not in net.named
    for bad in ("", "x.y", "forward", 3):
        with pytest.raises(dls.DataError):
            net.named[bad] = dls.ones(1)
    with pytest.raises(KeyError):
        net.named["zzz"]
    net.listed = [nn.Parameter(np.ones(1))]
    with pytest.warns(UserWarning, match=r"nn\.ParameterList"):
        list(net.parameters())
    net.mapped = {"a": nn.Linear(1, 1)}
    with pytest.warns(UserWarning, match=r"nn\.ModuleDict"):
        list(net.parameters())


def test_parts_by_dotted_name():
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    assert net.get_parameter("0.weight") is net[0].weight
    assert net.get_buffer("1.running_mean") is net[1].running_mean
    with pytest.raises(AttributeError, match="weight, bias"):
        net.get_parameter("0.bios")
    with pytest.raises(AttributeError, match="running_mean"):
        net.get_buffer("1.weight")
    net.register_module("2", nn.ReLU())
    assert len(net) == 3


def test_unpickled_and_copied_modules_run_on_the_compiled_kernels():
    """Kernels ask which object a dtype is, and an unpickled array has one of its own."""
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU())
    net[0].register_forward_hook(print)
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net)), copy.copy(net)):
        for tensor in (*other.parameters(), *other.buffers()):
            assert tensor.data.dtype is np.dtype(tensor.data.dtype.name)
        assert len(other[0]._hooks) == 1
        x = dls.Tensor(X)
        assert np.array_equal(other.eval()(x).numpy(), net.eval()(x).numpy())
