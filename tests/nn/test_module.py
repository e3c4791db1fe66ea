"""Module: finding its parts, modes, moving, hooks, scopes, and what it says of itself."""

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls import nn


class Net(nn.Module):
    """No super().__init__() here, on purpose: it is not needed."""

    def __init__(self):
        self.fc1 = nn.Linear(4, 20)
        self.drop = nn.Dropout(0.5)
        self.fc2 = nn.Linear(20, 3)
        self.scale = nn.Parameter(np.ones(3, "float32"))
        self.register_buffer("mean", dls.zeros(4))
        self.register_buffer("scratch", dls.zeros(2), persistent=False)

    def forward(self, x):
        return self.fc2(self.drop(self.fc1(x - self.mean).relu())) * self.scale


def test_names_are_pytorchs():
    net = Net()
    assert [n for n, _ in net.named_parameters()] == [
        "scale", "fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"]
    assert [n for n, _ in net.named_buffers()] == ["mean", "scratch"]
    assert list(net.state_dict()) == [
        "scale", "mean", "fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"]
    assert [n for n, _ in net.named_modules()] == ["", "fc1", "drop", "fc2"]
    assert [type(m).__name__ for m in net.children()] == ["Linear", "Dropout", "Linear"]
    assert net.get_submodule("fc2") is net.fc2 and net.get_submodule("") is net
    with pytest.raises(AttributeError, match="fc1, drop, fc2"):
        net.get_submodule("fc3")


def test_a_shared_parameter_counts_once_and_is_saved_under_both_names():
    net = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    net[1].weight = net[0].weight
    assert len(list(net.parameters())) == 3
    assert len(net.state_dict()) == 4
    twice = nn.Sequential(net, net)
    assert len(list(twice.modules())) == 4
    assert len(list(twice.children())) == 1


def test_parameters_come_before_buffers_in_state_dict_as_in_pytorch():
    class Window(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("places", dls.arange(4))
            self.norm = nn.BatchNorm1d(2)
            self.scale = nn.Parameter(dls.ones(1))

    assert list(nn.Sequential(Window()).state_dict()) == [
        "0.scale", "0.places", "0.norm.weight", "0.norm.bias", "0.norm.running_mean",
        "0.norm.running_var", "0.norm.num_batches_tracked"]


def test_parameters_are_leaves_that_require_grad():
    p = nn.Parameter(np.zeros((3, 4), "float32"))
    assert isinstance(p, dls.Tensor) and p.is_leaf and p.requires_grad
    assert not hasattr(p, "__dict__")
    q = nn.Parameter(p)
    assert q._data is not p._data
    with pytest.raises(dls.DtypeError, match="floats"):
        nn.Parameter([1, 2])
    assert "requires_grad" in repr(p) and repr(p).startswith("Parameter containing:")


def test_train_eval_and_freezing():
    net = Net()
    assert net.training and net.drop.training
    assert net.eval() is net and not net.drop.training
    x = dls.ones(2, 4)
    assert np.array_equal(net(x).numpy(), net(x).numpy())
    net.train()
    assert not np.array_equal(net(x).numpy(), net(x).numpy())
    net.requires_grad_(False)
    assert not net(x).requires_grad
    net.requires_grad_()
    net(x).sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    net.zero_grad(set_to_none=False)
    assert float(net.scale.grad.sum()) == 0
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())


@pytest.mark.parametrize("device", ["strict", dls.Device("strict")])
def test_to_moves_parameters_buffers_and_gradients_in_place(device):
    net = Net().eval()
    x = dls.ones(2, 4)
    before = net(x)
    before.sum().backward()
    weight = net.fc1.weight
    assert net.to(device) is net and net.fc1.weight is weight
    assert all(t.device.name == "strict" for t in (*net.parameters(), *net.buffers()))
    assert weight.grad.device.name == "strict"
    after = net(x.to("strict"))
    assert np.allclose(after.numpy(), before.numpy(), atol=1e-6)
    net.to("cpu", "float64")
    assert weight.dtype == np.float64 and weight.grad.dtype == np.float64
    assert weight.device.name == "cpu" and weight.is_leaf and weight.requires_grad
    assert net.float().mean.dtype == np.float32 and net.double().mean.dtype == np.float64
    with pytest.raises(dls.DtypeError):
        net.to("int64")


def test_apply_visits_the_innermost_first():
    seen = []
    nn.Sequential(nn.Sequential(nn.ReLU()), nn.Tanh()).apply(lambda m: seen.append(type(m)))
    assert seen == [nn.ReLU, nn.Sequential, nn.Tanh, nn.Sequential]


def test_hooks_see_and_replace_outputs_until_removed():
    net, seen = nn.Linear(2, 2), []
    note = net.register_forward_hook(lambda m, i, o: seen.append((m is net, i[0].shape, o.shape)))
    double = net.register_forward_hook(lambda m, i, o: o * 2)
    x = dls.ones(3, 2)
    doubled = net(x)
    double.remove()
    assert np.allclose(doubled.numpy(), 2 * net(x).numpy())
    note.remove()
    net(x)
    assert seen == [(True, (3, 2), (3, 2))] * 2


def scopes(tensor):
    found, scope = [], tensor._node.scope
    while scope is not None:
        found.append(scope)
        scope = scope.outer
    return found


def test_the_graph_knows_the_modules():
    net = Net()
    y = net(dls.ones(2, 4))
    assert [s.module for s in scopes(y)] == [net]
    inner = nn.Sequential(nn.Sequential(nn.Linear(2, 2)))
    y = inner(dls.ones(1, 2))
    marks = scopes(y)
    assert [s.module for s in marks] == [inner, inner[0], inner[0][0]]
    assert marks[0].start < marks[1].start < marks[2].start < y._node.seq
    with dls.no_grad():
        assert inner(dls.ones(1, 2))._node is None


def test_values_handed_through_are_not_claimed():
    x = dls.ones(2, requires_grad=True) * 2
    assert nn.Identity()(x) is x and x._node.scope is None
    assert nn.Dropout().eval()(x) is x and x._node.scope is None

    class Pair(nn.Module):
        def forward(self, x):
            return {"twice": (x * 2, [x * 3]), "same": x}

    pair = Pair()
    out = pair(x)
    assert scopes(out["twice"][0])[0].module is pair is scopes(out["twice"][1][0])[0].module
    assert x._node.scope is None


def test_errors_name_the_module_once():
    class Deep(nn.Module):
        def __init__(self):
            self.body = nn.Sequential(nn.Linear(4, 20), nn.Linear(7, 2))

        def forward(self, x):
            return self.body(x)

    with pytest.raises(dls.ShapeError) as caught:
        Deep()(dls.ones(3, 4))
    message = str(caught.value)
    last = message.split("\n")[-1]
    assert last == "in module: Deep.body.1 Linear(in_features=7, out_features=2, bias=True)"
    assert message.count("in module") == 1 and "  x       (3, 20)" in message
    with pytest.raises(dls.ShapeError, match=r"in module: Linear\(in_features=2"):
        nn.Linear(2, 2)(dls.ones(3, 4))


def test_errors_name_the_containers_on_the_way():
    class Block(nn.Module):
        def __init__(self, size):
            self.attn = nn.ModuleDict({"q": nn.Linear(size, size)})

        def forward(self, x):
            return self.attn["q"](x)

    class GPT(nn.Module):
        def __init__(self):
            self.blocks = nn.ModuleList([Block(4), Block(5)])
            self.deep = nn.ModuleList([nn.ModuleList([self.blocks[1]])])

        def forward(self, x):
            for block in self.blocks:
                x = block(x)
            return x

    net, failed = GPT(), "attn.q Linear(in_features=5, out_features=5, bias=True)"
    assert "blocks.1.attn.q.weight" in net.state_dict()  # the name that the user knows
    for model, name in ((net, "GPT"), (nn.Sequential(GPT()), "Sequential.0")):
        with pytest.raises(dls.ShapeError) as caught:
            model(dls.ones(3, 4))
        last = str(caught.value).split("\n")[-1]
        assert last == f"in module: {name}.blocks.1.{failed}"

    class Elsewhere(nn.Module):  # calls what it does not hold
        def forward(self, x):
            return net.blocks[1](x)

    with pytest.raises(dls.ShapeError, match=r"in module: Elsewhere\.\w+\.attn\.q Linear"):
        Elsewhere()(dls.ones(3, 4))


def test_what_a_plain_list_hides_is_told_once_when_parameters_are_asked_for(recwarn):
    net = Net()
    net.history, net.sizes = [], [1, 2]
    net.hparams = {"layer": (layer := nn.Linear(2, 2))}
    net.layer = layer  # found under a name of its own
    net.both = [net.fc1, net.fc2]  # only another way to them
    count = len(list(net.parameters()))
    assert count == 7 and not recwarn.list
    net.layers, net.table = [nn.Linear(2, 2)], {"a": nn.Parameter(np.zeros(2, "float32"))}
    assert len(list(net.parameters())) == len(list(net.parameters())) == count
    told = [str(w.message) for w in recwarn.list]
    assert len(told) == 2 and "ModuleList" in told[0] and "ParameterDict" in told[1]
    assert {w.filename for w in recwarn.list} == {__file__}


def test_methods_that_a_user_overrides_are_not_called_by_assignments():
    class Scratch(nn.Module):
        def __init__(self):
            super().__init__()
            self.history = []
            self.weight = dls.randn(3, 2)

        def parameters(self):
            return [self.weight]

    assert Scratch().parameters()[0].shape == (3, 2)


def test_getattr_finds_modules_parameters_and_buffers():
    net = Net()
    net.register_buffer("count", dls.zeros(()))
    for name in ("fc1", "fc2", "count"):
        assert net.__getattr__(name) is getattr(net, name)
    assert net.fc1.__getattr__("weight") is net.fc1.weight
    with pytest.raises(AttributeError, match="did you mean 'fc1'"):
        net.__getattr__("fc11")


def test_what_would_lose_parameters_is_refused():
    net = Net()
    with pytest.raises(dls.DtypeError, match="is a parameter"):
        net.fc1.weight = dls.ones(20, 4)
    net.fc1.bias = None
    assert "fc1.bias" not in net.state_dict()
    with pytest.raises(dls.DtypeError, match="buffer"):
        net.register_buffer("b", np.zeros(2))
    with pytest.raises(NotImplementedError, match="forward"):
        nn.Module()(1)


def test_repr_is_pytorchs_and_summary_counts():
    net = nn.Sequential(nn.Linear(4, 20), nn.Sequential(nn.ReLU(), nn.Dropout(0.2)))
    assert repr(net) == (
        "Sequential(\n"
        "  (0): Linear(in_features=4, out_features=20, bias=True)\n"
        "  (1): Sequential(\n"
        "    (0): ReLU()\n"
        "    (1): Dropout(p=0.2)\n"
        "  )\n"
        ")"
    )
    net[0].requires_grad_(False)
    table = net.summary((1, 4))
    assert (table.parameters, table.trainable, table.bytes) == (100, 0, 400)
    assert [row.output for row in table.rows] == ["(1, 20)"] * 5
    text = str(table)
    assert "100 parameters, 0 of them trained, 400 bytes" in text
    assert len({len(line) for line in text.split("\n")[:-1]}) == 1  # columns are straight
    assert net.training and not net._hooks
    with pytest.raises(dls.ShapeError, match=r"in module: Sequential\.0"):
        net.summary((1, 5))
    assert net.training and not net[0]._hooks
    with pytest.raises(dls.ShapeError, match="summary takes the shape"):
        net.summary(1, 4)


def test_containers():
    named = nn.Sequential({"fc": nn.Linear(2, 3), "act": nn.Tanh()})
    assert list(named.state_dict()) == ["fc.weight", "fc.bias"] and named[-1] is named.act
    net = nn.Sequential(nn.Linear(2, 3)).append(nn.Tanh())
    assert len(net) == 2 and len(net[:1]) == 1 and net[:1][0] is net[0]
    net[1] = nn.ReLU()
    assert isinstance(net[-1], nn.ReLU) and [type(m) for m in net] == [nn.Linear, nn.ReLU]
    with pytest.raises(IndexError, match="2 modules"):
        net[2]
    with pytest.raises(dls.DtypeError, match=r"write ReLU\(...\)"):
        nn.Sequential(nn.ReLU)
    layers = nn.ModuleList(nn.Linear(2, 2) for _ in range(3))
    assert len(list(layers.parameters())) == 6 and len(layers[1:]) == 2
    layers.extend([nn.Tanh()])
    assert len(layers) == 4
    table = nn.ModuleDict({"a": nn.Tanh()})
    table["b"] = nn.Linear(1, 1)
    assert table.keys() == ["a", "b"] and "a" in table and len(table) == 2
    assert [n for n, _ in table.items()] == list(table) and table.values()[0] is table["a"]
    del table["a"]
    assert list(table.state_dict()) == ["b.weight", "b.bias"]
    with pytest.raises(KeyError):
        table["a"]
    with pytest.raises(dls.DataError, match="choose another"):
        table["forward"] = nn.Tanh()


def test_deepcopy_and_pickle_are_independent():
    net = Net().eval()
    x = dls.ones(2, 4)
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert np.array_equal(other(x).numpy(), net(x).numpy())
        with dls.no_grad():
            other.fc1.weight *= 2
        assert not np.array_equal(other(x).numpy(), net(x).numpy())


def test_a_step_leaves_no_cycle():
    net = Net()
    gc.disable()
    try:
        out = net(dls.ones(2, 4))
        gone = weakref.ref(out)
        out.sum().backward()
        del out
        assert gone() is None
    finally:
        gc.enable()


def test_flatten_identity_and_activations_against_numpy():
    x = dls.Tensor(np.linspace(-2, 2, 24).reshape(2, 3, 4))
    a = x.numpy()
    assert nn.Flatten()(x).shape == (2, 12) and nn.Flatten(0, 1)(x).shape == (6, 4)
    assert np.array_equal(nn.ReLU()(x).numpy(), np.maximum(a, 0))
    assert np.allclose(nn.LeakyReLU(0.2)(x).numpy(), np.where(a > 0, a, 0.2 * a))
    assert np.allclose(nn.Tanh()(x).numpy(), np.tanh(a))
    assert np.allclose(nn.Sigmoid()(x).numpy(), 1 / (1 + np.exp(-a)))
    e = np.exp(a) / np.exp(a).sum(axis=1, keepdims=True)
    assert np.allclose(nn.Softmax(dim=1)(x).numpy(), e)
    assert np.allclose(nn.LogSoftmax(axis=1)(x).numpy(), np.log(e))


def test_dropout_scales_repeats_by_seed_and_has_edges():
    x = dls.ones(200, 50)
    layer = nn.Dropout(0.3, generator=dls.Generator(5))
    y = layer(x).numpy()
    assert set(np.unique(y)) == {np.float32(0), np.float32(1 / 0.7)}
    assert abs((y == 0).mean() - 0.3) < 0.02
    assert np.array_equal(nn.Dropout(0.3, generator=dls.Generator(5))(x).numpy(), y)
    assert not np.array_equal(layer(x).numpy(), y)
    dls.manual_seed(1)
    first = nn.Dropout()(x).numpy()
    dls.manual_seed(1)
    assert np.array_equal(nn.Dropout()(x).numpy(), first)
    assert nn.Dropout(0.0)(x) is x and not nn.Dropout(1.0)(x).numpy().any()
    with pytest.raises(dls.DataError, match="between 0 and 1"):
        nn.Dropout(1.5)


@pytest.mark.torch
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_mlp_gives_pytorchs_values_and_gradients(dtype):
    torch = pytest.importorskip("torch")

    def build(nn_):
        return nn_.Sequential(
            nn_.Flatten(), nn_.Linear(6, 8), nn_.LeakyReLU(0.1), nn_.Linear(8, 8, bias=False),
            nn_.Tanh(), nn_.Sigmoid(), nn_.Linear(8, 3), nn_.LogSoftmax(dim=1))

    theirs = build(torch.nn).to(getattr(torch, dtype))
    mine = build(nn).to(dtype)
    assert repr(mine).count("\n") == repr(theirs).count("\n")
    mine.load_state_dict(theirs.state_dict())
    x = np.random.default_rng(0).standard_normal((5, 2, 3)).astype(dtype)
    ours = mine(dls.Tensor(x))
    them = theirs(torch.tensor(x))
    tolerance = 1e-5 if dtype == "float32" else 1e-12
    assert ours.dtype == dtype
    np.testing.assert_allclose(ours.numpy(), them.detach().numpy(), atol=tolerance)
    (ours * ours).sum().backward()
    (them * them).sum().backward()
    for p, q in zip(mine.parameters(), theirs.parameters()):
        assert p.grad.dtype == dtype
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), atol=20 * tolerance)


def test_modules_nested_more_deeply_than_the_stack_of_calls():
    net = nn.Linear(2, 2)
    for _ in range(600):
        net = nn.Sequential(net)
    with pytest.raises(dls.GraphError, match="nested too deeply for Python") as caught:
        net(dls.ones(1, 2))
    assert len(str(caught.value)) < 2000
    assert len(list(net.parameters())) == 2
    for _ in range(900):
        net = nn.Sequential(net)
    assert "Sequential(...)" in repr(net)
