"""ResNet-20 in float32: the gradients of two ranks and of one process differ where ReLU switches.

A sum in another order changes the last digit. Where the input of a ReLU is within that digit of 0,
it is let through on one side only, and the gradient there is another number. So: the inputs that
change sides are a few and tiny, and with each held on the side that one process found, or with a
smooth activation, the gradients agree to float32's digits.
"""

import threading
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("mpi4py")

import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tests.distributed.doubles import run
from tinygrad_dls import nn
from tinygrad_dls.bench import networks
from tinygrad_dls.distributed import GradientAverager, SyncBatchNorm

BATCH, RANKS, DIGITS = 32, 2, 2e-5
rng = np.random.default_rng(0)
X = rng.standard_normal((BATCH, 3, 32, 32)).astype("float32")
Y = rng.integers(0, 10, BATCH)
local = threading.local()  # a rank is a thread
relu = dls.Tensor.relu


class Activation(nn.Module):
    def forward(self, x):
        return local.activation(x)


LIB = SimpleNamespace(nn=SimpleNamespace(**{**vars(nn), "ReLU": Activation}))


def gradients(state, activation, world=None):
    """The gradients of the whole batch, or of a rank's share, averaged."""
    local.activation = activation
    model = networks.resnet20(LIB)
    model.load_state_dict(state)
    share = slice(None)
    if world is not None:
        model = SyncBatchNorm.convert(model, world)
        averager, share = GradientAverager(model, world), slice(world.rank, None, world.size)
    F.cross_entropy(model(dls.Tensor(X[share].copy())), dls.Tensor(Y[share].copy())).backward()
    if world is not None:
        averager.finish()
    return {name: p.grad.numpy() for name, p in model.named_parameters()}


def apart(found, wanted):
    """The largest difference beside the largest entry of its tensor."""
    return max(np.abs(found[n] - wanted[n]).max() / np.abs(wanted[n]).max() for n in wanted)


def noting(inputs):
    """ReLU, with its inputs kept."""
    def activation(x):
        inputs.append(x.numpy().copy())
        return relu(x)

    return activation


def held(inputs, share=slice(None)):
    """Each number on the side of 0 that it had in `inputs`."""
    rest = iter(inputs)
    return lambda x: x * dls.Tensor((next(rest)[share] > 0).astype("float32"))


def test_only_inputs_of_relu_within_rounding_of_0_make_gradients_differ(monkeypatch):
    monkeypatch.setattr(dls.Tensor, "relu", lambda x: local.activation(x))
    dls.manual_seed(1)
    state = {name: t.numpy() for name, t in networks.resnet20(LIB).state_dict().items()}

    whole, parts = [], [[] for _ in range(RANKS)]
    one = gradients(state, noting(whole))
    two = run(RANKS, lambda world: gradients(state, noting(parts[world.rank]), world))[0]
    assert len(whole) == 19
    changed = 0
    for rank, inputs in enumerate(parts):
        for mine, all_of_them in zip(inputs, whole):
            theirs = all_of_them[rank::RANKS]
            other_side = (mine > 0) != (theirs > 0)
            assert np.abs(theirs[other_side]).max(initial=0) < 1e-5 * theirs.std()
            changed += other_side.sum()
    assert changed <= 1e-6 * sum(x.size for x in whole)  # 2 of 6 million, on one machine
    assert changed or apart(two, one) < DIGITS

    def mine(world):
        return gradients(state, held(whole, slice(world.rank, None, RANKS)), world)

    assert apart(run(RANKS, mine)[0], gradients(state, held(whole))) < DIGITS
    for smooth in (F.silu, F.gelu):
        found = run(RANKS, lambda world, smooth=smooth: gradients(state, smooth, world))[0]
        assert apart(found, gradients(state, smooth)) < DIGITS
