"""The trigger-word network: the course's counts and shapes, PyTorch's numbers, and causality."""

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls import models


def test_parameters_are_those_of_the_course() -> None:
    network = models.trigger_word()
    assert sum(p.size for p in network.parameters()) == 522_425
    assert models.keras_parameters(network) == 523_329
    assert sum(p.size for p in network.conv.parameters()) == 297_136


def test_ten_seconds_become_1375_moments() -> None:
    network = models.TriggerWord(channels=4, hidden=3).eval()
    with dls.no_grad():
        assert network(dls.Tensor(np.zeros((2, 101, 5511), "float32"))).shape == (2, 1375)


def test_it_hears_what_was_and_not_what_will_be(rng) -> None:
    network = models.TriggerWord(in_channels=7, channels=4, hidden=5).eval()
    x = rng.standard_normal((2, 7, 123)).astype("float32")
    later = x.copy()
    later[:, :, 4 * 9 + 15:] = 100.0  # output 9 sees frames 36 to 50
    with dls.no_grad():
        before, after = network(dls.Tensor(x)).numpy(), network(dls.Tensor(later)).numpy()
    np.testing.assert_array_equal(before[:, :10], after[:, :10])
    assert np.abs(before[:, 10:] - after[:, 10:]).max() > 1e-3


@pytest.mark.torch
@pytest.mark.parametrize("training", [True, False])
def test_outputs_and_gradients_are_pytorchs(rng, training: bool) -> None:
    torch = pytest.importorskip("torch")
    ours = models.TriggerWord(in_channels=7, channels=6, hidden=5, dropout=0.0).train(training)

    class Theirs(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = torch.nn.Conv1d(7, 6, 15, stride=4)
            self.norm = torch.nn.BatchNorm1d(6)
            self.gru1 = torch.nn.GRU(6, 5, batch_first=True)
            self.norm1 = torch.nn.BatchNorm1d(5)
            self.gru2 = torch.nn.GRU(5, 5, batch_first=True)
            self.norm2 = torch.nn.BatchNorm1d(5)
            self.fc = torch.nn.Linear(5, 1)

        def forward(self, x):
            h = self.norm(self.conv(x)).relu().transpose(1, 2)
            h = self.norm1(self.gru1(h)[0].transpose(1, 2)).transpose(1, 2)
            h = self.norm2(self.gru2(h)[0].transpose(1, 2)).transpose(1, 2)
            return self.fc(h)[:, :, 0]

    theirs = Theirs().train(training)
    state = {name: torch.tensor(value.numpy()) for name, value in ours.state_dict().items()}
    theirs.load_state_dict(state)
    x = rng.standard_normal((3, 7, 63)).astype("float32")
    y, their_y = ours(dls.Tensor(x)), theirs(torch.tensor(x))
    np.testing.assert_allclose(y.numpy(), their_y.detach().numpy(), atol=1e-5)
    (y * y).sum().backward()
    (their_y * their_y).sum().backward()
    for (name, p), q in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), atol=2e-4, err_msg=name)
