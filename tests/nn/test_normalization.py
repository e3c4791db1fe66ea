"""Normalization layers: numbers by hand, running statistics, errors, devices; computed weights."""

import copy
import pickle

import numpy as np
import pytest

import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import nn, optim
from tinygrad_dls.backend import strict


def test_batch_norm_by_hand():
    layer = nn.BatchNorm1d(2, eps=0.0)
    y = layer(dls.Tensor([[1.0, 10.0], [3.0, 30.0]]))
    assert np.allclose(y.numpy(), [[-1, -1], [1, 1]])
    # means 2 and 20; variances without bias 2 and 200; a tenth of the way from 0 and 1
    assert np.allclose(layer.running_mean.numpy(), [0.2, 2.0])
    assert np.allclose(layer.running_var.numpy(), [1.1, 20.9])
    assert layer.num_batches_tracked.item() == 1
    assert layer.num_batches_tracked.dtype == np.int64
    layer.eval()
    y = layer(dls.Tensor([[0.2, 2.0]]))
    assert np.allclose(y.numpy(), 0, atol=1e-6)
    assert layer.num_batches_tracked.item() == 1


def test_momentum_none_is_the_mean_over_all_batches():
    layer = nn.BatchNorm1d(1, momentum=None)
    for start in (0.0, 10.0, 50.0):
        layer(dls.Tensor([[start], [start + 2]]))
    assert np.allclose(layer.running_mean.numpy(), (1 + 11 + 51) / 3)
    assert np.allclose(layer.running_var.numpy(), 2)


@pytest.mark.parametrize("make", [
    lambda: nn.BatchNorm2d(8), lambda: nn.BatchNorm2d(8, momentum=None), lambda: nn.GroupNorm(2, 8),
    lambda: nn.InstanceNorm2d(8, affine=True, track_running_stats=True),
    lambda: nn.LayerNorm((8, 4, 5)), lambda: nn.RMSNorm((4, 5)), lambda: nn.LocalResponseNorm(3),
    lambda: nn.utils.spectral_norm(nn.Linear(5, 5)), lambda: nn.utils.weight_norm(nn.Linear(5, 5)),
    lambda: nn.utils.parametrizations.spectral_norm(nn.Linear(5, 5)),
])
def test_a_training_step_waits_for_the_device_nowhere(make):
    layer = make()
    twin = copy.deepcopy(layer)
    layer.to("strict")
    x = np.random.default_rng(0).standard_normal((3, 8, 4, 5)).astype("float32")
    batches = [dls.Tensor(x), dls.Tensor(x, device="strict")]
    weights = [dls.Tensor(x[::-1].copy()), dls.Tensor(x[::-1].copy(), device="strict")]
    if isinstance(layer, nn.LocalResponseNorm):
        optimizers = [None, None]
    else:
        optimizers = [optim.SGD(m.parameters(), lr=0.1) for m in (twin, layer)]

    def step(module, place):
        loss = (module(batches[place]) * weights[place]).sum()
        if optimizers[place]:
            loss.backward()
            optimizers[place].step()
            optimizers[place].zero_grad()

    step(layer, 1)
    with strict.count() as counted:
        step(layer, 1)
    assert counted.syncs == 0, counted
    step(twin, 0)
    step(twin, 0)
    for (name, mine), want in zip(layer.state_dict().items(), twin.state_dict().values()):
        assert mine.dtype == want.dtype
        np.testing.assert_allclose(mine.numpy(), want.numpy(), rtol=2e-4, atol=2e-5, err_msg=name)


@pytest.mark.parametrize("mean", [1e3, 1e5])
@pytest.mark.parametrize("shape", [(64, 16, 8, 8), (64, 5, 9, 9), (300, 33)])
def test_no_digits_are_lost_to_a_large_mean(shape, mean):
    x = (np.random.default_rng(1).standard_normal(shape) + mean).astype("float32")
    exact = x.astype("float64")
    axes = (0, *range(2, x.ndim))
    centered = exact - exact.mean(axis=axes, keepdims=True)
    want = centered / np.sqrt(exact.var(axis=axes, keepdims=True) + 1e-5)
    layer = (nn.BatchNorm2d if x.ndim == 4 else nn.BatchNorm1d)(shape[1], affine=False)
    images = np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)
    for batch in (x, images):
        y = layer(dls.from_numpy(batch)).numpy()
        # One step of float32 at the mean is mean * 1.2e-7: more than that is not in the input.
        assert np.abs(y - want).max() < 3e-7 * mean + 1e-5
    rows = np.ascontiguousarray(x.reshape(len(x), -1))
    exact_rows = rows.astype("float64")
    want = (exact_rows - exact_rows.mean(1, keepdims=True)) / exact_rows.std(1, keepdims=True)
    y = F.layer_norm(dls.from_numpy(rows), rows.shape[1:]).numpy()
    assert np.abs(y - want).max() < 3e-7 * mean + 1e-4
    variance = exact.var(axis=axes, ddof=1)
    moved = 1 + (1 - 0.9**2) * (variance - 1)
    assert np.allclose(layer.running_var.numpy(), moved, rtol=1e-4)


def test_a_gradient_is_at_right_angles_to_what_norms_ignore():
    """Scaling or shifting x changes nothing, so dL/dx has no part along x - mean or along 1."""
    x = dls.Tensor(np.random.default_rng(2).standard_normal((6, 3, 4)), requires_grad=True)
    y = F.batch_norm(x, None, None, training=True, eps=0.0)
    (y * dls.Tensor(np.random.default_rng(3).standard_normal((6, 3, 4)))).sum().backward()
    g = x.grad.numpy()
    centered = x.numpy() - x.numpy().mean(axis=(0, 2), keepdims=True)
    assert np.abs(g.sum(axis=(0, 2))).max() < 1e-12
    assert np.abs((g * centered).sum(axis=(0, 2))).max() < 1e-12


@pytest.mark.parametrize("layer, shape", [
    (nn.BatchNorm1d(3), (5, 3)), (nn.LayerNorm(3), (4, 3)), (nn.GroupNorm(1, 4), (2, 4, 3)),
    (nn.RMSNorm(3), (2, 3)), (nn.InstanceNorm1d(2), (2, 2, 5)),
])
def test_gradcheck(layer, shape):
    layer.to("float64")
    x = dls.Tensor(np.random.default_rng(4).standard_normal(shape))
    assert dls.gradcheck(layer, x).ok


def test_errors_say_what_to_do_and_leave_nothing_half_done():
    layer = nn.BatchNorm1d(3)
    before = layer.state_dict()
    with pytest.raises(dls.DataError, match="more than one number for each channel"):
        layer(dls.ones(1, 3))
    with pytest.raises(dls.ShapeError, match=r"weight has shape \(4,\)"):
        layer(dls.ones(2, 4))
    with pytest.raises(dls.ShapeError, match="2 or 3 axes"):
        layer(dls.ones(2, 3, 4, 5))
    with pytest.raises(dls.DtypeError, match="float64"):
        layer(dls.Tensor(np.ones((2, 3))))
    assert all(np.array_equal(v.numpy(), before[n].numpy()) for n, v in layer.state_dict().items())
    for call, error in (
        (lambda: F.layer_norm(dls.ones(2, 3), (2,)), dls.ShapeError),
        (lambda: F.layer_norm(dls.ones(2, 3), ()), dls.ShapeError),
        (lambda: F.layer_norm(dls.ones(2, 3), (3,), eps=-1), dls.DataError),
        (lambda: F.group_norm(dls.ones(2, 4, 2), 3), dls.ShapeError),
        (lambda: F.group_norm(dls.ones(1, 2), 2), dls.DataError),
        (lambda: F.instance_norm(dls.ones(2, 3, 1)), dls.DataError),
        (lambda: F.instance_norm(dls.ones(2, 3)), dls.ShapeError),
        (lambda: F.batch_norm(dls.ones(2, 3), None, None), dls.DataError),
        (lambda: F.batch_norm(dls.ones(2, 3), dls.zeros(3), None, training=True), dls.DataError),
        (lambda: F.batch_norm(dls.ones(2, 3), np.zeros(3), np.ones(3)), dls.DtypeError),
        (lambda: F.local_response_norm(dls.ones(2, 3, 4), 0), dls.ShapeError),
        (lambda: nn.GroupNorm(3, 4), dls.ShapeError),
        (lambda: nn.LayerNorm(2.5), dls.ShapeError),
        (lambda: nn.BatchNorm2d(3, momentum=-1), dls.DataError),
    ):
        with pytest.raises(error):
            call()


def test_statistics_read_by_an_evaluation_cannot_be_overwritten_before_its_backward():
    layer = nn.BatchNorm1d(3).eval()
    x = dls.ones(4, 3).requires_grad_()
    loss = layer(x).sum()
    layer.train()(dls.randn(4, 3))
    loss.backward()  # the scale was computed from the statistics, they are not needed any more
    assert x.grad is not None


def test_integers_and_lists_become_floats():
    assert F.layer_norm([[1, 2, 3]], (3,)).dtype == np.float32
    assert F.normalize(dls.Tensor([[3, 4]])).tolist() == [pytest.approx([0.6, 0.8])]
    assert np.isfinite(F.normalize(dls.zeros(2, 3)).numpy()).all()


def test_state_dict_of_another_library_is_told_apart():
    layer = nn.BatchNorm2d(3)
    state = {n: v.numpy() for n, v in layer.state_dict().items()}
    with pytest.raises(dls.DataError, match="removeprefix"):
        layer.load_state_dict({f"module.{n}": v for n, v in state.items()})
    state["num_batches_tracked"] = np.array(7.0)
    layer.load_state_dict(state)
    assert layer.num_batches_tracked.dtype == np.int64 and int(layer.num_batches_tracked) == 7
    del state["num_batches_tracked"]
    with pytest.raises(dls.DataError, match="num_batches_tracked"):
        layer.load_state_dict(state)
    assert layer.load_state_dict(state, strict=False).missing_keys == ["num_batches_tracked"]
    half = copy.deepcopy(layer).to("float64")
    assert half.running_mean.dtype == np.float64
    assert half.num_batches_tracked.dtype == np.int64


# --- weights that are computed -------------------------------------------------------------------

OLD = (nn.utils.weight_norm, nn.utils.spectral_norm)
NEW = (nn.utils.parametrizations.weight_norm, nn.utils.parametrizations.spectral_norm)


@pytest.mark.parametrize("norm", [*OLD, *NEW])
def test_computed_weights_train_copy_and_pickle(norm):
    layer = norm(nn.Linear(3, 4))
    x = dls.randn(5, 3)
    assert "weight" not in dict(layer.named_parameters())
    opt = optim.SGD(layer.parameters(), lr=0.1)
    for _ in range(3):
        opt.zero_grad()
        (layer(x) ** 2).sum().backward()
        opt.step()
    layer.eval()
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert np.array_equal(other(x).numpy(), layer(x).numpy())
        assert list(other.state_dict()) == list(layer.state_dict())
    with pytest.raises(dls.DataError, match="computed already"):
        norm(layer)
    with pytest.raises(dls.DtypeError, match="no parameter"):
        norm(nn.ReLU())
    with pytest.raises(AttributeError, match="nothing"):
        _ = layer.nothing


def test_weight_norm_keeps_the_weight_and_gives_it_back():
    layer = nn.Linear(3, 4)
    before = layer.weight.numpy().copy()
    nn.utils.weight_norm(layer)
    assert np.allclose(layer.weight.numpy(), before, atol=1e-6)
    assert np.allclose(layer.weight_g.numpy()[:, 0], np.linalg.norm(before, axis=1))
    with dls.no_grad():
        layer.weight_g.copy_(layer.weight_g * 2)
    assert np.allclose(layer.weight.numpy(), 2 * before, atol=1e-6)
    nn.utils.remove_weight_norm(layer)
    assert list(layer.state_dict()) == ["bias", "weight"]
    assert np.allclose(layer.weight.numpy(), 2 * before, atol=1e-6)
    with pytest.raises(dls.DataError, match="no such norm"):
        nn.utils.remove_weight_norm(layer)
    whole = nn.utils.weight_norm(nn.Linear(3, 4), dim=None)
    assert whole.weight_g.shape == ()


@pytest.mark.parametrize("norm", [nn.utils.spectral_norm,
                                  nn.utils.parametrizations.spectral_norm])
def test_spectral_norm_makes_the_largest_singular_value_1(norm):
    layer = norm(nn.Linear(6, 4), n_power_iterations=5)
    for _ in range(30):
        layer(dls.ones(1, 6))
    assert np.linalg.svd(layer.eval().weight.numpy(), compute_uv=False)[0] == pytest.approx(1, 1e-3)
    if norm is nn.utils.spectral_norm:
        nn.utils.remove_spectral_norm(layer)
        assert list(layer.state_dict()) == ["bias", "weight"] and not layer._hooks
    else:
        nn.utils.parametrizations.remove_parametrizations(layer, "weight")
        assert list(layer.state_dict()) == ["bias", "weight"]


def test_batch_norm_folds_into_the_layer_before_it():
    linear, norm = nn.Linear(3, 4), nn.BatchNorm1d(4)
    with dls.no_grad():
        norm.weight.copy_(dls.randn(4))
        norm.bias.copy_(dls.randn(4))
    for _ in range(5):
        norm(linear(dls.randn(9, 3)))
    with pytest.raises(dls.DataError, match="eval"):
        nn.utils.fuse_linear_bn_eval(linear, norm)
    x = dls.randn(7, 3)
    fused = nn.utils.fuse_linear_bn_eval(linear.eval(), norm.eval())
    assert np.allclose(fused(x).numpy(), norm(linear(x)).numpy(), atol=1e-6)
    image = dls.randn(2, 3, 5, 5)
    for conv, transpose in ((nn.Conv2d(3, 4, 3), False), (nn.ConvTranspose2d(3, 4, 3), True)):
        both = nn.utils.fuse_conv_bn_eval(conv.eval(), nn.BatchNorm2d(4).eval(), transpose)
        want = nn.BatchNorm2d(4).eval()(conv(image))
        assert np.allclose(both(image).numpy(), want.numpy(), atol=1e-5)


@pytest.mark.parametrize("shape", [(5, 4), (3, 4, 1), (2, 4, 3, 3)])
@pytest.mark.parametrize("norm", [
    lambda x, w, b: F.batch_norm(x, None, None, w, b, True),
    lambda x, w, b: F.batch_norm(
        x, dls.zeros(4, dtype="float64"), dls.ones(4, dtype="float64"), w, b, False),
    lambda x, w, b: F.group_norm(x, 2, w, b),
    lambda x, w, b: F.layer_norm(x.swapaxes(1, -1), 4, w, b),
])
def test_weights_that_are_columns_of_a_matrix_count_as_their_copies_do(norm, shape):
    rng = np.random.default_rng(0)
    data, dy = rng.standard_normal((2, *shape))
    columns = dls.Tensor(rng.standard_normal((4, 2)))  # weight and bias of each channel
    found = []
    for w, b in ((columns[:, 0], columns[:, 1]), columns.numpy().T.copy()):
        x = dls.tensor(data, requires_grad=True)
        y = norm(x, *(v if isinstance(v, dls.Tensor) else dls.Tensor(v) for v in (w, b)))
        (y.reshape(-1) * dls.Tensor(dy.reshape(-1))).sum().backward()
        found.append((y.numpy(), x.grad.numpy()))
    for got, wanted in zip(*found):
        np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-12)
