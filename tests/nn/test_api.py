"""The public surface of layers and training, as it is promised, word for word."""

import numpy as np

import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import data, nn, optim


def test_layers():
    model = nn.Sequential(nn.Flatten(), nn.ReLU(), nn.Linear(8 * 64, 10))
    nn.Parameter(np.zeros((3, 4), "float32"))
    assert nn.Parameter(dls.Tensor([1.0])).requires_grad
    assert len(list(model.parameters())) == 2
    assert [n for n, _ in model.named_parameters()] == ["2.weight", "2.bias"]
    mapping = model.state_dict()
    assert not mapping["2.weight"].requires_grad
    model.load_state_dict(mapping, strict=True)
    model.train()
    model.eval()
    model.to("strict")
    model.to("cpu")
    assert "5,130" in str(model.summary((1, 8, 8, 8)))
    model.requires_grad_(False)
    logits, labels = dls.randn(4, 10), dls.Tensor([1, 2, 3, 4])
    loss = F.cross_entropy(logits, labels, weight=None, ignore_index=-100, reduction="mean",
                           label_smoothing=0.0)
    assert loss.shape == ()
    z = logits
    assert np.allclose(F.softmax(z, axis=1).numpy(), F.softmax(z, dim=1).numpy())
    assert np.allclose(F.log_softmax(z, axis=1).exp().numpy(), F.softmax(z, axis=1).numpy())


def test_training(capsys):
    g = dls.Generator(0)
    dls.manual_seed(0)
    X = np.random.default_rng(0).standard_normal((200, 4)).astype("float32")
    Y = X.argmax(axis=1)
    model = nn.Sequential(nn.Linear(4, 32), nn.Tanh(), nn.Linear(32, 4))
    opt = optim.Adam(model.parameters(), lr=1e-3)
    sched = optim.lr_scheduler.StepLR(opt, step_size=3, gamma=0.5)
    loader = data.DataLoader(data.TensorDataset(X, Y), batch_size=64, shuffle=True, generator=g)
    for xb, yb in loader:
        opt.zero_grad()
        loss = F.cross_entropy(model(xb), yb)
        loss.backward()
        opt.step()
    sched.step()
    opt = optim.Adam(model.parameters(), lr=1e-2)
    dev_loader = loader
    history = dls.fit(model, F.cross_entropy, opt, loader, epochs=10, validation=dev_loader,
                      metrics={"accuracy": dls.accuracy}, capture=False)
    assert history["validation_accuracy"][-1] > 0.9
    dls.fit(model, F.cross_entropy, opt, loader, epochs=1, capture=True)
