"""Steps to be captured, and their comparison with the same step as it is."""

import numpy as np

import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import nn, optim
from tinygrad_dls.random import default_generator


def batches(count, m=6, n=4, classes=3, seed=0):
    rng = np.random.default_rng(seed)
    return [(dls.Tensor(rng.standard_normal((m, n)).astype("float32")),
             dls.Tensor(rng.integers(0, classes, m))) for _ in range(count)]


def parts(build, rate=0.1, optimizer=None):
    """A model, its optimizer, and a step that trains it; the same ones each time."""
    dls.manual_seed(4)
    model = build()
    opt = (optimizer or (lambda p: optim.SGD(p, lr=rate, momentum=0.9)))(model.parameters())

    def step(x, y):
        opt.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        opt.step()
        return loss

    return model, opt, step


def mlp():
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))


def state(model, opt=None):
    arrays = [t.numpy().copy() for t in model.state_dict().values()]
    arrays += [p.grad.numpy().copy() for p in model.parameters() if p.grad is not None]
    for values in (opt.state_dict()["state"].values() if opt else ()):
        arrays += [np.asarray(v) if not isinstance(v, dls.Tensor) else v.numpy()
                   for v in values.values()]
    return arrays


def equal(a, b):
    assert len(a) == len(b)
    for one, two in zip(a, b):
        np.testing.assert_array_equal(one, two)


def compare(build, data, optimizer=None, programs=1):
    """Train twice, as it is and captured, from the same start: all equal, and it was replayed."""
    model, opt, step = parts(build, optimizer=optimizer)
    losses = [step(*batch).numpy().copy() for batch in data]
    end = default_generator.get_state()
    twin, twin_opt, twin_step = parts(build, optimizer=optimizer)
    captured = dls.capture(twin_step)
    equal(losses, [captured(*batch).numpy() for batch in data])
    equal(state(model, opt), state(twin, twin_opt))
    assert default_generator.get_state() == end
    assert captured.reason is None
    assert captured.source().count("def step(") == programs
    return captured
