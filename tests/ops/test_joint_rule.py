"""An op of two inputs with one rule for both, met by a Python number on either side."""

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls.ops.call import function
from tinygrad_dls.ops.op import Op


@pytest.fixture
def hypotenuse():
    class Hypotenuse(Op):
        """y = sqrt(a*a + b*b)"""

        broadcasts = True

        def forward(self, a, b):
            return (a * a + b * b) ** 0.5

        def backward(self, dy, a, b, y, shapes):
            assert len(shapes) == 2
            return dy * a / y, dy * b / y

    yield function(Hypotenuse())
    del Op.registry["Hypotenuse"]


def test_a_number_takes_part_on_either_side(hypotenuse):
    x = dls.Tensor([3.0, 6.0], requires_grad=True)
    for y in (hypotenuse(x, 4.0), hypotenuse(4.0, x)):
        (share,) = dls.grad(y, [x], grad_outputs=dls.ones(2))
        np.testing.assert_allclose(share.numpy(), [3 / 5, 6 / 52**0.5], rtol=1e-6)


def test_one_of_two_tensors_asks(hypotenuse):
    a, b = dls.Tensor([3.0], requires_grad=True), dls.Tensor([4.0])
    hypotenuse(a, b).sum().backward()
    assert a.grad.item() == pytest.approx(0.6)
    assert b.grad is None
