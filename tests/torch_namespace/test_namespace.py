"""tinygrad_dls.torch without PyTorch at hand: the meaning of names, against NumPy."""

import copy
import importlib
import pickle

import numpy as np
import pytest

import tinygrad_dls as dls
import tinygrad_dls.torch as torch
import tinygrad_dls.torch.nn as nn
import tinygrad_dls.torch.nn.functional as F
from tinygrad_dls.torch import optim
from tinygrad_dls.torch.utils.data import DataLoader, TensorDataset

A = np.random.default_rng(0).normal(size=(4, 6)).astype("float32")


def _x(**options):
    return torch.tensor(A, **options)


def test_what_differs_from_the_core_has_pytorchs_meaning():
    x = _x()
    values, places = x.max(1)
    assert np.array_equal(values.numpy(), A.max(1)) and places.tolist() == A.argmax(1).tolist()
    assert places.dtype == torch.int64 and torch.max(x, 1)[1].tolist() == places.tolist()
    assert x.size() == (4, 6) and x.size(0) == 4 and x.size(-1) == 6 and x.shape.numel() == 24
    assert np.allclose(x.std(0).numpy(), A.std(0, ddof=1))
    assert np.allclose(x.var().item(), A.var(ddof=1))
    assert np.array_equal(x.repeat(2, 1).numpy(), np.tile(A, (2, 1)))
    assert [p.shape for p in x.split(4, 1)] == [(4, 4), (4, 2)]
    assert [p.shape for p in x.split([1, 5], 1)] == [(4, 1), (4, 5)]
    assert x.unsqueeze(0).transpose(1, 2).shape == (1, 6, 4)
    assert x.median().item() == np.sort(A, None)[11] and len(x.nonzero()) == 24
    assert np.isclose(x.norm(1).item(), np.abs(A).sum()) and torch.equal(x, x.clone()) is True
    ordered, places = x.sort(1, descending=True)
    assert np.array_equal(ordered.numpy(), -np.sort(-A, 1))
    assert torch.meshgrid(torch.arange(2), torch.arange(3))[0].shape == (2, 3)
    assert torch.Tensor(5).shape == (5,) and torch.Tensor([1, 2]).dtype == torch.float32
    assert torch.LongTensor([1, 2]).dtype == torch.long
    assert (x * torch.tensor(2.0, dtype=torch.float64)).dtype == torch.float32
    assert F.softmax(x.reshape(2, 2, 6)).sum(0).allclose(torch.ones(2, 6))


def test_data_shares_memory_and_methods_with_an_underscore_write():
    w = _x(requires_grad=True)
    (w * 2).sum().backward()
    w.data.add_(-0.5 * w.grad)
    assert np.allclose(w.detach().numpy(), A - 1)
    w.data -= 1
    assert np.allclose(w.tolist(), A - 2)
    with pytest.raises(dls.GraphError):
        w.add_(1)
    with pytest.raises(dls.GraphError):
        w.numpy()
    h = w * 1
    h.mul_(3).clamp_(min=0)
    h.sum().backward()
    assert np.allclose(w.grad.numpy() - 2, 3 * (A > 2))
    shared = torch.from_numpy(values := A.copy())
    shared.zero_()
    assert not values.any()


def test_inplace_writes_into_the_input():
    for act in (nn.ReLU(inplace=True), lambda h: F.relu(h, inplace=True), F.relu_,
                torch.Tensor.relu_):
        h = _x(requires_grad=True) * 1
        kept = [h]
        assert act(h) is h and np.array_equal(kept[0].detach().numpy(), np.maximum(A, 0))
    plain = _x()
    F.leaky_relu(plain, 0.1, True)
    assert np.allclose(plain.numpy(), np.where(A > 0, A, A * np.float32(0.1)))


def test_a_tensor_of_one_is_a_tensor_of_the_other():
    x, plain = _x(), dls.tensor(A)
    assert isinstance(x, dls.Tensor) and torch.is_tensor(plain)
    assert dls.max(x, axis=1).shape == (4,) and len(torch.max(plain, 1)) == 2
    assert type(x + plain) is torch.Tensor and type(plain + x) is torch.Tensor
    assert type(dls.nn.Linear(6, 2)(x)) is torch.Tensor
    assert type(nn.Linear(6, 2)(plain)) is torch.Tensor and type(plain * 2) is dls.Tensor
    leaf = dls.tensor(A, requires_grad=True)
    nn.Linear(6, 2)(leaf).sum().backward()
    assert type(leaf.grad) is dls.Tensor and type(dls.nn.Linear(6, 2).weight) is dls.nn.Parameter
    assert type(plain.max(axis=1)) is dls.Tensor and torch.as_tensor(plain) is plain


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(inplace=True))
        self.head = nn.Linear(3 * 16, 3)

    def forward(self, x):
        h = self.body(x)
        return self.head(h.view(h.size(0), -1))


def test_a_network_trains_is_copied_and_pickled_and_has_parameters_of_the_namespace():
    torch.manual_seed(0)
    net, x, y = Net(), torch.randn(8, 1, 6, 6), torch.randint(0, 3, (8,))
    opt, losses = optim.Adam(net.parameters(), lr=0.05, foreach=False), []
    for _ in range(5):
        for xb, yb in DataLoader(TensorDataset(x, y), batch_size=4, shuffle=True, num_workers=0):
            opt.zero_grad()
            loss = F.cross_entropy(net(xb), yb)
            loss.backward()
            opt.step()
            losses.append(loss.item())
    assert losses[-1] < losses[0] / 2
    assert {type(p) for p in net.parameters()} == {nn.Parameter}
    assert {type(p.grad) for p in net.parameters()} == {torch.Tensor}
    assert {type(b) for b in net.buffers()} == {torch.Tensor}
    assert {type(v) for s in opt.state.values() for v in s.values()} == {int, torch.Tensor}
    assert all(isinstance(m, nn.Module) for m in net.modules())
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert repr(other) == repr(net) and type(other.head.weight) is nn.Parameter
        assert torch.equal(other.eval()(x), net.eval()(x))
    state = net.state_dict()
    state["head.bias"].fill_(7)  # it shares memory, as PyTorch's does
    assert net.head.bias.tolist() == [7, 7, 7]
    plain = dls.nn.Sequential(dls.nn.Linear(48, 3))
    plain[0].load_state_dict(net.head.state_dict())
    assert list(plain[0].state_dict()) == list(net.head.state_dict())


def test_layers_made_of_layers_are_of_the_namespace_throughout():
    model = nn.Transformer(8, 2, 1, 1, 16, batch_first=True)
    assert all(isinstance(m, nn.Module) for m in model.modules())
    assert {type(p) for p in model.parameters()} == {nn.Parameter}
    assert isinstance(model.encoder.layers[0].linear1, nn.Linear)
    h, state = nn.LSTM(4, 5)(torch.zeros(3, 2, 4))
    assert {type(t) for t in (h, *state)} == {torch.Tensor}


def test_a_module_begins_with_its_init():
    class Bad(nn.Module):
        def __init__(self):
            self.fc = nn.Linear(2, 2)

    with pytest.raises(AttributeError, match=r"before Module.__init__"):
        Bad()


def test_what_pytorch_refuses_is_refused():
    for wrong in (lambda: nn.Linear(6, 2)(torch.tensor(A.astype("float64"))),
                  lambda: torch.arange(3).mean(), lambda: torch.arange(3).std(),
                  lambda: _x(requires_grad=True).numpy(), lambda: nn.Parameter(torch.arange(2))):
        with pytest.raises((dls.DtypeError, dls.GraphError)):
            wrong()
    with pytest.raises(AttributeError, match=r"softmax"):
        torch.sofmax(_x())


def test_settings_and_decorators_that_scripts_mention():
    torch.backends.cudnn.benchmark = True
    torch.use_deterministic_algorithms(True)
    torch.set_float32_matmul_precision("high")
    assert torch.jit.script(net := nn.Linear(2, 2)) is net and torch.compile(net) is net
    assert not torch.jit.is_scripting() and nn.DataParallel(net) is net
    assert isinstance(nn.Conv2d(1, 1, 1), nn.modules.conv._ConvNd)
    assert isinstance(nn.BatchNorm2d(1), nn.modules.batchnorm._BatchNorm)
    assert nn.modules.utils._pair(3) == (3, 3)
    assert nn.modules.linear.Linear is nn.modules.Linear is nn.Linear
    assert nn.modules.batchnorm.BatchNorm2d is nn.BatchNorm2d and nn.NLLLoss2d is nn.NLLLoss
    assert nn.modules.module.Module is nn.Module and issubclass(torch.jit.ScriptModule, nn.Module)
    placed = importlib.import_module("tinygrad_dls.torch.distributions.normal")
    assert placed.Normal is torch.distributions.Normal and torch.distributions.normal is placed
    assert nn.parallel.data_parallel(net, torch.ones(1, 2), [0, 1]).shape == (1, 2)
    assert issubclass(torch.cuda.OutOfMemoryError, MemoryError)
    assert not torch.cuda.is_bf16_supported()
    with pytest.raises(dls.DataError, match=r"sample\(\)"):
        torch.distributions.Gamma(1.0, 1.0).rsample()
    drawn = torch.distributions.gamma.Gamma(4.0, 2.0).sample((4000,))
    assert abs(drawn.mean().item() - 2) < 0.1 and abs(drawn.var().item() - 1) < 0.15
    alone = torch.distributed
    assert not (alone.is_available() or alone.is_initialized())
    assert (alone.get_rank(), alone.get_world_size()) == (0, 1)
    data = torch.utils.data
    assert data.dataloader.DataLoader is DataLoader and data.dataset.Dataset is data.Dataset
    assert data.dataloader.default_collate is data.default_collate
    assert torch.utils.checkpoint.checkpoint_sequential([net, net], 2, torch.ones(1, 2)).shape

    @torch.compile
    def step(x):
        return (x * x).sum()

    assert [step(_x()).item() for _ in range(3)] == [pytest.approx((A * A).sum(), 1e-5)] * 3
    scaler = torch.cuda.amp.GradScaler(enabled=False)
    with torch.autocast("cuda", enabled=False):
        assert scaler.scale(_x()).shape == (4, 6)
    with torch.autograd.set_detect_anomaly(True), torch.random.fork_rng():
        first = torch.rand(2)
    assert torch.equal(first, torch.rand(2))
    state = torch.get_rng_state()
    first = torch.randn(2)
    torch.set_rng_state(state)
    assert torch.equal(first, torch.randn(2))
    g = torch.Generator().manual_seed(3)
    assert torch.equal(torch.randperm(9, generator=g),
                       torch.randperm(9, generator=torch.Generator().manual_seed(3)))
    assert torch.ones(1).to().shape == (1,) and f"{torch.tensor(3)}" == "3"
    for values, text in (([1.5, 2], "tensor([1.5000, 2.0000])"), ([1, 2], "tensor([1., 2.])"),
                         ([1e-5, 1], "tensor([1.0000e-05, 1.0000e+00])"), ([], "tensor([])"),
                         ([-1.5, 22], "tensor([-1.5000, 22.0000])")):
        assert repr(torch.tensor(values, dtype=torch.float32)) == text
    assert repr(torch.tensor(0.5).double()) == "tensor(0.5000, dtype=torch.float64)"
    assert repr(torch.tensor([[1, 2], [3, 4]])) == "tensor([[1, 2],\n        [3, 4]])"
    assert repr(nn.Parameter(torch.ones(1))).startswith("Parameter containing:\ntensor([1.]")


def test_data_sets_and_loaders():
    data = torch.utils.data
    both = data.ConcatDataset([TensorDataset(torch.arange(3)), TensorDataset(torch.arange(5))])
    assert len(both) == 8 and both[4][0].item() == 1 and both[-1][0].item() == 4
    parts = data.random_split(both, [0.5, 0.5], generator=torch.Generator().manual_seed(0))
    assert [len(p) for p in parts] == [4, 4]

    class Count(data.IterableDataset):
        def __iter__(self):
            return iter(range(5))

    assert [b.tolist() for b in DataLoader(Count(), batch_size=2)] == [[0, 1], [2, 3], [4]]
    pairs = [(A[i], i, {"name": "x"}) for i in range(4)]
    x, y, rest = next(iter(DataLoader(pairs, batch_size=3, drop_last=True)))
    assert x.shape == (3, 6) and y.tolist() == [0, 1, 2] and rest == {"name": ["x"] * 3}
    assert type(x) is torch.Tensor and len(DataLoader(pairs, 3)) == 2
    loader = DataLoader(pairs, batch_size=2, sampler=[3, 2, 1], collate_fn=len)
    assert list(loader) == [2, 1]


class Cube(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, g):
        x, = ctx.saved_tensors
        return 3 * x**2 * g


def test_functions_with_a_backward_of_their_own():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    Cube.apply(x).sum().backward()
    assert x.grad.tolist() == [3, 12] and torch.autograd.gradcheck(Cube.apply, (x.double(),))
    assert torch.linalg.inv(torch.eye(2) * 2).tolist() == [[0.5, 0], [0, 0.5]]


def test_layers_of_ones_own_show_their_options():
    class Mine(nn.Dropout):
        pass

    assert repr(Mine(0.5)) == "Mine(p=0.5, inplace=False)"
    assert repr(nn.ReLU(inplace=True)) == "ReLU(inplace=True)" and repr(nn.ReLU()) == "ReLU()"


def test_einops_works_on_tensors_of_the_namespace():
    einops = pytest.importorskip("einops")
    x = torch.tensor(A.reshape(2, 3, 4), requires_grad=True)
    turned = einops.rearrange(x, "a b c -> c (a b)")
    assert type(turned) is torch.Tensor
    assert np.array_equal(turned.tolist(), A.reshape(6, 4).T)
    for name in ("max", "mean", "sum"):
        wanted = getattr(A.reshape(2, 12), name)(1)
        assert np.allclose(einops.reduce(x, "a b c -> a", name).tolist(), wanted)
    einops.repeat(x, "a b c -> (r a) b c", r=3).sum().backward()
    assert np.array_equal(x.grad.numpy(), np.full((2, 3, 4), 3))


def _write_number(i, folder, fail):
    (folder / str(i)).write_text("here")
    if fail:
        raise SystemExit(i)


def test_spawn_runs_a_function_in_processes_and_tells_of_failures(tmp_path):
    torch.multiprocessing.spawn(_write_number, (tmp_path, False), nprocs=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "1"]
    with pytest.raises(dls.DataError, match=r"process 1 ended with exit code 1"):
        torch.multiprocessing.spawn(_write_number, (tmp_path, True), nprocs=2)
    assert torch.multiprocessing.Process is importlib.import_module("multiprocessing").Process


def test_onnx_export_writes_what_the_core_writes(tmp_path):
    net, x = nn.Sequential(nn.Linear(6, 3), nn.ReLU()), _x()
    torch.onnx.export(net, x, tmp_path / "a.onnx", input_names=["x"], dynamic_axes={"x": {0: "n"}})
    torch.onnx.export(net, (x,), tmp_path / "b.onnx", opset_version=18)
    dls.io.export_onnx(net, tmp_path / "c.onnx", x, input_names=["x"])
    dls.io.export_onnx(net, tmp_path / "d.onnx", x, opset=18, dynamic_batch=False)
    a, b, c, d = [(tmp_path / f"{name}.onnx").read_bytes() for name in "abcd"]
    assert a == c and b == d and a != b


def test_a_sparse_tensor_says_what_it_cannot():
    x = torch.eye(2).to_sparse()
    with torch.serialization.safe_globals([nn.Linear]):
        assert repr(x).startswith("tensor(indices=")
    for wrong, message in ((lambda: x.mean(), r"to_dense\(\)"), (lambda: x + torch.eye(2), "dense"),
                           (lambda: x @ torch.ones(3, 1), "do not fit"),
                           (lambda: torch.sparse_coo_tensor([[0]], [1.0, 2.0], (2,)), "indices"),
                           (lambda: torch.sparse_coo_tensor([[0]], [1.0]).values(), "coalesce")):
        with pytest.raises((AttributeError, dls.DtypeError, dls.ShapeError), match=message):
            wrong()


def test_lazy_layers_become_layers_of_the_namespace_with_the_same_parameters():
    for lazy, kind, x in ((nn.LazyLinear(3), nn.Linear, _x()),
                          (nn.LazyConv2d(2, 1), nn.Conv2d, _x().reshape(1, 2, 3, 4)),
                          (nn.LazyBatchNorm1d(), nn.BatchNorm1d, _x())):
        weight = lazy.weight
        assert isinstance(weight, nn.parameter.UninitializedParameter)
        opt = optim.SGD(lazy.parameters(), lr=0.1)
        lazy(x).sum().backward()
        before = weight.tolist()
        opt.step()
        assert type(lazy) is kind and lazy.weight is weight and type(weight) is nn.Parameter
        assert type(weight.data) is torch.Tensor and weight.tolist() != before


def test_switches_of_libraries_are_modules():
    cudnn = importlib.import_module("tinygrad_dls.torch.backends.cudnn")
    cudnn.benchmark = True
    assert torch.backends.cudnn is cudnn and torch.backends.cudnn.benchmark
    assert not torch.backends.mps.is_available() and not cudnn.is_available()
