"""What stands out in a record, and what does not."""

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls import nn
from tinygrad_dls.nn import functional as F
from tinygrad_dls.viz.flags import flags


def texts(t):
    return [flag.text for flag in flags(t.record)]


def leaf(values, name):
    return dls.Tensor(np.asarray(values, "float32"), requires_grad=True, name=name)


def test_a_sound_step_has_none():
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))
    with dls.trace() as t:
        F.cross_entropy(model(dls.randn(16, 4)), dls.Tensor(np.arange(16) % 3)).backward()
    assert [text for text in texts(t) if "0.bias" not in text] == []  # before batch norm: about 0


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_where_nan_starts():
    x = leaf([-1.0, 1.0], "x")
    with dls.trace() as t:
        (x.log() * 2.0).sum().backward()
    assert texts(t)[0] == "log: NaN 1 of 2 starts here, and reaches 2 more"


def test_gradients_that_never_came_or_are_zero():
    w, unused, dead = leaf([1.0, 2.0], "w"), leaf([1.0], "unused"), leaf([-1.0, -2.0], "dead")
    with dls.trace() as t:
        unused * 2.0
        (w * dead.relu()).sum().backward()
    found = texts(t)
    assert "unused: no gradient came: the loss does not depend on it" in found
    assert "dead: the gradient is 0 everywhere" in found
    assert "relu: 2 of 2 outputs are 0: dead units" in found


def test_gradients_that_explode_or_vanish():
    small = [leaf([1e-9, 1e-9], f"s{i}") for i in range(3)]
    with dls.trace() as t:
        total = leaf([1.0, 1.0], "big") * 1e5
        for x in small:
            total = total + x * 1e-3
        total.sum().backward()
    found = texts(t)
    assert any(text.startswith("big: exploding: norm of grad 1.414e+05") for text in found)
    assert sum("vanishing" in text for text in found) == 3


def test_many_of_one_sort_are_counted():
    with dls.trace() as t:
        for i in range(20):
            leaf([1.0], f"w{i}") * 2.0
        leaf([1.0], "x").sum().backward()
    found = texts(t)
    assert len(found) == 6 and found[-1].startswith("w5 and 14 more")


def test_an_error():
    a = dls.ones(2, 3)
    t = dls.trace()
    with pytest.raises(dls.ShapeError), t:
        a @ a
    assert texts(t)[0].startswith("matmul: failed: 'matmul' cannot take these shapes")


def test_a_bias_before_batch_norm_does_not_vanish_but_is_useless():
    model = nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, 3))
    x = dls.Tensor(np.random.default_rng(0).standard_normal((6, 2, 4, 4)).astype("float32"))
    with dls.trace() as t:
        (model(x) ** 3).mean().backward()
    texts = [flag.text for flag in flags(t.record)]
    assert texts == ["0.bias: the batch norm after it takes any bias away (bias=False spares it)"]
