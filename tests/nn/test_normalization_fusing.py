"""In nn.Sequential batch norm and the ReLU after it are one operation where that is worth it."""

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls import nn
from tinygrad_dls.nn.normalization import LARGE


def blocks(activation):
    dls.manual_seed(2)
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), activation(),
                         nn.Conv2d(8, 4, 1), nn.BatchNorm2d(4), activation())


def one_by_one(model, x):
    for module in model:
        x = module(x)
    return x


def steps(model, forward, x):
    """Outputs, gradients and buffers of three steps."""
    found = []
    for _ in range(3):
        for p in model.parameters():
            p.grad = None
        y = forward(x)
        (y * y).sum().backward()
        found += [y.numpy().copy(), *(p.grad.numpy().copy() for p in model.parameters())]
    return found + [b.numpy().copy() for b in model.buffers()]


def names(y):
    """The operations that led to y."""
    found, waiting = [], [y._node]
    while waiting:
        node = waiting.pop()
        found.append(node.op.name)
        waiting += [e for e in node.edges if type(e) is type(node)]
    return found


def images(size):
    rng = np.random.default_rng(0)
    return dls.Tensor(rng.standard_normal((2, 3, size, size)).astype("float32"))


@pytest.mark.parametrize("activation", [nn.ReLU, nn.ReLU6])
def test_the_same_numbers_to_the_bit(activation):
    x, one, two = images(128), blocks(activation), blocks(activation)
    assert 2 * 8 * 128 * 128 >= LARGE
    assert names(blocks(activation)(x))[:1] == ["batch_norm_activation"]
    for a, b in zip(steps(one, one, x), steps(two, lambda x: one_by_one(two, x), x), strict=True):
        np.testing.assert_array_equal(a, b)


def test_modules_that_someone_watches_run_by_themselves():
    x, model = images(128), blocks(nn.ReLU)
    seen = []
    model[2].register_forward_hook(lambda module, inputs, output: seen.append(output))
    y = model(x)
    assert names(y).count("batch_norm_activation") == 1  # the other pair's
    assert len(seen) == 1
    assert seen[0]._node.op.name == "relu"
    with dls.trace():
        assert "batch_norm_activation" not in names(model(x))


def test_small_inputs_other_modules_and_evaluation_are_as_ever():
    model = blocks(nn.ReLU)
    assert "batch_norm_activation" not in names(model(images(16)))
    assert "batch_norm_activation" not in names(blocks(nn.Tanh)(images(128)))
    x = images(128)
    np.testing.assert_array_equal(model.eval()(x).numpy(), one_by_one(model, x).numpy())
    with dls.no_grad():
        np.testing.assert_array_equal(model(x).numpy(), one_by_one(model, x).numpy())

    class MyReLU(nn.ReLU):
        def forward(self, input):
            return super().forward(input) + 1.0

    mine = blocks(MyReLU)
    np.testing.assert_array_equal(mine(x).numpy(), one_by_one(blocks(MyReLU), x).numpy())


def test_a_forward_of_ones_own_is_called_as_it_is():
    class Doubled(nn.BatchNorm2d):
        def forward(self, x):
            return super().forward(x) * 2.0

    def build():
        dls.manual_seed(2)
        return nn.Sequential(Doubled(3), nn.ReLU(), nn.BatchNorm2d(3), nn.ReLU())

    x, one, two = images(128), build(), build()
    for model in (one, two):
        model[3].forward = lambda x: x.relu() + 1.0
    np.testing.assert_array_equal(one(x).numpy(), one_by_one(two, x).numpy())
    assert "batch_norm_activation" not in names(build()[:2](x))


def test_a_cumulative_average_is_left_to_the_layer_itself():
    """With momentum=None the share of a batch is 1 / how many there were."""
    def build():
        dls.manual_seed(2)
        return nn.Sequential(nn.BatchNorm2d(3, momentum=None), nn.ReLU())

    one, two = build(), build()
    batches = [images(128) + float(i) for i in range(3)]
    for x in batches:
        y = one(x)
        assert "batch_norm_activation" not in names(y)
        np.testing.assert_array_equal(y.numpy(), one_by_one(two, x).numpy())
    means = [x.numpy().mean(axis=(0, 2, 3)) for x in batches]
    np.testing.assert_allclose(one[0].running_mean.numpy(), np.mean(means, axis=0), rtol=1e-4)


def test_in_use_norm_and_activation_are_one_operation_without_gradients():
    """Against the formula in float64; where gradients flow the layers run one by one."""
    model, x, rng = blocks(nn.ReLU6).eval(), images(128), np.random.default_rng(3)
    for norm in (model[1], model[4]):
        for name in ("weight", "bias", "running_mean"):
            getattr(norm, name)._data[...] = rng.standard_normal(norm.num_features)
        norm.running_var._data[...] = rng.uniform(0.5, 2.0, norm.num_features)
    step = dls.capture(lambda x: model(x))
    with dls.no_grad():
        found, captured = model[:3](x).numpy(), [step(x).numpy() for _ in range(4)]
        alone = one_by_one(model, x).numpy()
    norm, before = model[1], model[0](x).detach().numpy().astype("float64")
    w, b, mean, var = (t.detach().numpy().reshape(1, -1, 1, 1) for t in (
        norm.weight, norm.bias, norm.running_mean, norm.running_var))
    wanted = np.clip((before - mean) / np.sqrt(var + norm.eps) * w + b, 0, 6)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)
    assert step.source().count("frozen_batch_norm_activation") == 2
    for y in captured:
        np.testing.assert_array_equal(y, alone)
    assert names(model(x)).count("scale_channels") == 2
