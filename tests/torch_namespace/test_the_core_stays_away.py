"""The core calls no method of a tensor whose meaning differs in torch.Tensor.

All methods that torch.Tensor defines otherwise report a caller that is a file of the package and
not of the namespace, while layers, losses, optimizers, training, pictures, checks and files run on
such tensors.
"""

import inspect
import sys
from pathlib import Path

import numpy as np
import pytest

import tinygrad_dls as dls
import tinygrad_dls.torch as torch
import tinygrad_dls.torch.nn as nn
import tinygrad_dls.torch.nn.functional as F
from tinygrad_dls import data

PACKAGE = Path(dls.__file__).parent
SAME = {  # these take whatever the core's take, and mean the same by it
    "__init__", "__array__", "shape", "size", "to", "clone", "contiguous", "tolist", "backward",
    "reshape", "register_hook", "cpu", "copy_", "_promote", "_kind", "__doc__", "__module__",
    "__slots__",
}


def _alike(name, args):
    """Return whether an index or a power means the same in both: most do."""
    if name == "__pow__":
        return args[0].dtype != "bool"
    if name not in ("__getitem__", "__setitem__"):
        return False
    parts = args[1] if isinstance(args[1], tuple) else (args[1],)
    numbers = [isinstance(p, int | np.integer) for p in parts]
    arrays = [hasattr(p, "dtype") and not n for p, n in zip(parts, numbers)]
    return not any(isinstance(p, list) or getattr(p, "dtype", None) == "uint8" for p in parts
                   ) and not (any(numbers) and any(arrays))


@pytest.fixture
def calls(monkeypatch):
    """The calls of methods that differ, by file of the package; those of the namespace are not."""
    kind, found = torch.Tensor, set()

    def guard(name, member):
        def core_calls():
            caller = sys._getframe(2)
            file = caller.f_code.co_filename
            inside = file.startswith(str(PACKAGE)) and not file.startswith(str(PACKAGE / "torch"))
            if inside:
                found.add(f"{Path(file).relative_to(PACKAGE)}:{caller.f_lineno} calls x.{name}")
            return inside

        if isinstance(member, property):
            plain = inspect.getattr_static(dls.Tensor, name)
            return property(lambda x: (plain if core_calls() else member).fget(x), member.fset)
        plain = getattr(dls.Tensor, name)

        def call(*args, **options):
            same = _alike(name, args)
            return (plain if not same and core_calls() else member)(*args, **options)

        return call

    for name in dir(kind):
        mine = inspect.getattr_static(kind, name)
        if hasattr(dls.Tensor, name) and mine is not inspect.getattr_static(dls.Tensor, name):
            if name not in SAME:
                monkeypatch.setattr(kind, name, guard(name, mine))
    return found


def _x(*shape, kind="float32"):
    return torch.tensor(np.random.default_rng(0).normal(size=shape).astype(kind))


LAYERS = {
    (2, 3, 8, 8): """
        nn.Conv2d(3, 4, 3, padding=1) nn.ConvTranspose2d(3, 4, 2) nn.BatchNorm2d(3)
        nn.GroupNorm(3, 3)
        nn.InstanceNorm2d(3, affine=True) nn.LocalResponseNorm(2) nn.MaxPool2d(2) nn.AvgPool2d(2)
        nn.AdaptiveAvgPool2d(2) nn.AdaptiveMaxPool2d(2) nn.LPPool2d(2, 2)
        nn.Upsample(scale_factor=2)
        nn.Dropout2d() nn.ReflectionPad2d(1) nn.CircularPad2d(1) nn.ZeroPad2d(1) nn.Unfold(2)
        nn.PixelUnshuffle(2) nn.Flatten() nn.Softmax2d() nn.ChannelShuffle(3)
        nn.UpsamplingBilinear2d(scale_factor=2)""",
    (4, 6): """
        nn.Linear(6, 3) nn.BatchNorm1d(6) nn.LayerNorm(6) nn.RMSNorm(6) nn.Dropout()
        nn.AlphaDropout()
        nn.ReLU() nn.ReLU(True) nn.ReLU6() nn.LeakyReLU() nn.ELU() nn.SELU() nn.CELU() nn.GELU()
        nn.SiLU() nn.Mish() nn.Hardswish() nn.Hardsigmoid() nn.Hardtanh() nn.Hardshrink()
        nn.Softshrink() nn.Tanhshrink() nn.Softplus() nn.Softsign() nn.Tanh() nn.Sigmoid()
        nn.LogSigmoid() nn.PReLU() nn.RReLU() nn.GLU() nn.Threshold(0.1, 0) nn.Softmax(1)
        nn.LogSoftmax(1) nn.Softmin(1) nn.Identity() nn.Unflatten(1, (2, 3))""",
    (3, 2, 6): """
        nn.LSTM(6,4,2,bidirectional=True) nn.GRU(6,4) nn.RNN(6,4) nn.TransformerEncoderLayer(6,2,8)
        nn.MaxPool1d(2) nn.Conv1d(2,2,2) nn.LSTM(6,4,proj_size=2)""",
}
LOSSES = """MSELoss L1Loss SmoothL1Loss HuberLoss SoftMarginLoss KLDivLoss PoissonNLLLoss
    BCEWithLogitsLoss MultiLabelSoftMarginLoss HingeEmbeddingLoss"""


def _outputs(y):
    return [t for part in y for t in _outputs(part)] if isinstance(y, tuple | list) else [y]


def test_layers_and_losses(calls):
    for shape, names in LAYERS.items():
        for text in names.replace(", ", ",").split():
            layer, x = eval(text, {"nn": nn}), _x(*shape).requires_grad_()
            for _ in range(2):
                made = _outputs(layer(x * 1))
                torch.stack([y.sum() for y in made]).sum().backward()
                layer.eval()
            assert all(type(y) is torch.Tensor for y in made), text
            assert type(x.grad) is torch.Tensor
            assert repr(layer) and all(type(p) is nn.Parameter for p in layer.parameters())
    for name in LOSSES.split():
        x = _x(4, 6).requires_grad_()
        for reduction in ("mean", "none"):
            loss = getattr(nn, name)(reduction=reduction)(x, torch.ones(4, 6))
            loss.sum().backward()
            assert type(loss) is torch.Tensor, name
    labels = torch.tensor([0, 5, 2, 1])
    for loss in (nn.CrossEntropyLoss(torch.ones(6), label_smoothing=0.1, ignore_index=2),
                 nn.NLLLoss(), nn.MultiMarginLoss(),
                 lambda x, y: F.cross_entropy(x, F.softmax(x, 1))):
        loss(_x(4, 6).requires_grad_(), labels).backward()
    nn.BCELoss()(torch.sigmoid(_x(4, 6)), torch.ones(4, 6))
    nn.TripletMarginLoss()(_x(4, 6), _x(4, 6), _x(4, 6) + 1)
    nn.CosineEmbeddingLoss()(_x(4, 6), _x(4, 6), torch.ones(4))
    nn.GaussianNLLLoss()(_x(4, 6), _x(4, 6), torch.ones(4, 6))
    logs = F.log_softmax(_x(5, 2, 6), 2)
    nn.CTCLoss()(logs, torch.tensor([[1, 2], [3, 4]]), torch.tensor([5, 5]), torch.tensor([2, 2]))
    nn.MultiheadAttention(6, 2)(_x(3, 2, 6), _x(3, 2, 6), _x(3, 2, 6))
    nn.Transformer(6, 2, 1, 1, 8)(_x(3, 2, 6), _x(4, 2, 6))
    nn.EmbeddingBag(6, 3, mode="max")(labels.view(2, 2))
    nn.Embedding(6, 3, padding_idx=0, max_norm=1.0)(labels)
    nn.LSTMCell(6, 3)(_x(4, 6)), nn.GRUCell(6, 3)(_x(4, 6))
    nn.Bilinear(6, 6, 2)(_x(4, 6), _x(4, 6))
    packed = nn.utils.rnn.pack_padded_sequence(_x(3, 2, 6), torch.tensor([3, 2]))
    h, lengths = nn.utils.rnn.pad_packed_sequence(nn.LSTM(6, 3)(packed)[0])
    assert type(h) is torch.Tensor and type(lengths) is torch.Tensor
    layer = nn.utils.parametrizations.weight_norm(nn.Linear(6, 2))
    layer(_x(4, 6)).sum().backward()
    layer = nn.utils.spectral_norm(nn.Linear(6, 2))
    layer(_x(4, 6)).sum().backward()
    assert not calls, "\n".join(sorted(calls))


def _net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))


def test_optimizers_training_capture_pictures_checks_and_files(calls, tmp_path):
    x, y = _x(8, 6), torch.tensor([0, 1, 2, 0, 1, 2, 0, 1])
    names = [n for n, kind in vars(torch.optim).items() if isinstance(kind, type) and issubclass(
        kind, dls.optim.Optimizer) and n not in ("Optimizer", "LBFGS", "SparseAdam", "Muon")]
    assert len(names) > 8
    for name in names:
        net = _net()
        opt = getattr(torch.optim, name)(net.parameters(), lr=0.01)
        for _ in range(2):
            opt.zero_grad()
            F.cross_entropy(net(x), y).backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            opt.step()
        opt.load_state_dict(opt.state_dict())
        torch.optim.lr_scheduler.StepLR(opt, 1).step()
    loader = data.DataLoader(data.TensorDataset(x, y), batch_size=4)
    history = dls.fit(net, F.cross_entropy, torch.optim.Adam(net.parameters()), loader, epochs=1,
                      validation=loader, metrics={"accuracy": dls.accuracy})
    assert len(history["loss"]) == 1

    def step(xb, yb):
        opt.zero_grad()
        loss = F.cross_entropy(net(xb), yb)
        loss.backward()
        opt.step()
        return loss

    fast = dls.capture(step)
    losses = [fast(x, y) for _ in range(4)]
    assert fast.reason is None and {type(loss) for loss in losses} == {torch.Tensor}
    loss = F.cross_entropy(net(x), y)
    assert "svg" in dls.graph(loss, net)._repr_mimebundle_()["image/svg+xml"]
    with dls.trace() as t:
        F.cross_entropy(net(x), y).backward()
    assert t.to_json()
    assert dls.gradcheck(lambda v: (v.tanh() ** 2).sum(), x[:2].double()).ok
    assert net.summary((2, 6)) and str(net.cost(x))
    dls.save(tmp_path / "net.safetensors", net.state_dict())
    net.load_state_dict(dls.load(tmp_path / "net.safetensors"))
    dls.io.export_onnx(net.eval(), tmp_path / "net.onnx", x)
    assert repr(loss) and f"{loss:.2f}" and float(loss) > 0 and np.exp(x).shape == (8, 6)
    assert not calls, "\n".join(sorted(calls))
