"""Labels that a loss leaves out, in captured steps."""

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls import nn, optim
from tinygrad_dls.errors import DataError
from tinygrad_dls.nn import functional as F


def batches(padded, seed=0):
    """(x, labels from 1 on); the batches of these numbers have two labels 0."""
    rng = np.random.default_rng(seed)
    for i in range(7):
        labels = rng.integers(1, 4, 6)
        if i in padded:
            labels[:2] = 0
        yield dls.Tensor(rng.standard_normal((6, 5)).astype("float32")), dls.Tensor(labels)


@pytest.mark.parametrize("padded", [(), (4, 6), (0,), (0, 1, 2, 3, 4, 5, 6)])
@pytest.mark.parametrize("options", [{}, {"label_smoothing": 0.1}, {"reduction": "sum"}])
def test_padding_may_come_and_go(padded, options):
    """A class that is ignored is in some batches and not in others."""
    def build():
        dls.manual_seed(1)
        model = nn.Linear(5, 4)
        optimizer = optim.SGD(model.parameters(), lr=0.1)

        def step(x, labels):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), labels, ignore_index=0, **options)
            loss.backward()
            optimizer.step()
            return loss

        return step

    step, captured = build(), dls.capture(build())
    for x, labels in batches(padded):
        assert captured(x, labels).item() == step(x, labels).item()
    assert captured.reason is None


def test_an_ignored_number_that_is_no_class_is_settled_at_the_recording():
    model = nn.Linear(5, 4)
    captured = dls.capture(lambda x, labels: F.cross_entropy(model(x), labels))
    for x, labels in batches(()):
        captured(x, labels)
    with pytest.raises(DataError, match="let its first two batches have some"):
        captured(x, dls.Tensor(np.array([-100, 1, 2, 3, 1, 2])))
