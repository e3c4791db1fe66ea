"""Warnings of `fit` point at the line that called it."""

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls import nn, optim


def test_warnings_are_at_the_user_s_line():
    model = nn.Sequential(nn.Linear(4, 3), nn.Softmax(1))
    batch = dls.Tensor(np.ones((6, 4))), dls.Tensor(np.arange(6) % 3)  # float64
    with pytest.warns(UserWarning) as warned:
        dls.fit(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters(), lr=0.1), [batch],
                progress=False)
    said = [str(warning.message) for warning in warned]
    assert any("ends in Softmax" in text for text in said)
    assert any("batches are float64" in text for text in said)
    assert {warning.filename for warning in warned} == {__file__}
