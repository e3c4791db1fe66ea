"""Deep copies and pickles of networks whose modules are nested deeply."""

import copy
import pickle

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls import nn


class Around(nn.Module):
    """y = x + inner(x)"""

    def __init__(self, inner):
        self.inner = inner

    def forward(self, x):
        return x + self.inner(x)


def nested(depth: int, layer: type[nn.Module] = Around) -> nn.Module:
    net: nn.Module = nn.Linear(2, 2)
    for _ in range(depth):
        net = layer(net)
    return net


@pytest.mark.parametrize("layer", [Around, nn.Sequential])
def test_a_network_that_runs_is_copied_and_pickled(layer):
    net, x = nested(240, layer), dls.zeros(1, 2)
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert np.array_equal(other(x).numpy(), net(x).numpy())
        (mine, _), (yours, _) = net.parameters(), other.parameters()
        assert mine is not yours


def test_a_deeper_one_is_copied():
    net = nested(900)
    other = copy.deepcopy(net)
    ours = {id(module) for module in net.modules()}
    theirs = [*other.modules()]
    assert len(theirs) == 901 and not any(id(module) in ours for module in theirs)


def test_what_is_shared_stays_shared():
    inner = nn.Linear(2, 2)
    net = nn.Sequential(Around(inner), Around(inner), inner)
    twin = copy.deepcopy(net)
    assert twin[0].inner is twin[1].inner is twin[2] is not inner
    both = copy.deepcopy([net, inner])
    assert both[0][2] is both[1]


class Counted(Around):
    """Its calls are counted by a hook of its own, and are not part of its state."""

    def __init__(self, inner):
        super().__init__(inner)
        self.calls = 0
        self.register_forward_hook(self.count)

    def count(self, module, inputs, output):
        self.calls += 1

    def __getstate__(self):
        return vars(self) | {"calls": 0}

    def __setstate__(self, state):
        vars(self).update(state)
        self.restored = True


def test_hooks_and_states_of_the_user_s_own():
    net = Counted(Counted(nn.Linear(2, 2)))
    net(dls.zeros(1, 2))
    twin = copy.deepcopy(net)
    assert twin.restored and twin.inner.restored and (twin.calls, net.calls) == (0, 1)
    twin(dls.zeros(1, 2))
    assert (twin.calls, twin.inner.calls, net.calls) == (1, 1, 1)


class Slotted(Around):
    __slots__ = ("note",)


class Same(nn.Linear):
    def __deepcopy__(self, memo):
        return self


def test_slots_and_a_copy_of_the_user_s_own():
    net = Slotted(Same(2, 2))
    net.note = ["kept"]
    twin = copy.deepcopy(net)
    assert twin.note == ["kept"] and twin.note is not net.note
    assert twin.inner is net.inner
