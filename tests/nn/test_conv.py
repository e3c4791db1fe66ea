"""Convolutions by hand-computed numbers, their errors, first values, memory, and the GPU double."""

import math
import tracemalloc

import numpy as np
import pytest

import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import nn, optim
from tinygrad_dls.backend import strict
from tinygrad_dls.backend.kernels.reference import ReferenceKernels


def image(*shape):
    return np.arange(math.prod(shape), dtype="float32").reshape(shape)


def test_a_window_slides_over_an_image():
    x = dls.Tensor([[[1.0, 2, 3], [4, 5, 6], [7, 8, 9]]])  # one image of one channel
    w = dls.Tensor([[[[1.0, 0], [0, -1]]]])
    np.testing.assert_array_equal(F.conv2d(x, w).numpy(), [[[-4, -4], [-4, -4]]])
    np.testing.assert_array_equal(
        F.conv2d(x, w, dls.Tensor([10.0]), padding=1).numpy(),
        [[[9, 8, 7, 10], [6, 6, 6, 13], [3, 6, 6, 16], [10, 17, 18, 19]]],
    )
    np.testing.assert_array_equal(F.conv2d(x, w, stride=2, padding=1).numpy(),
                                  [[[-1, -3], [-7, -4]]])
    np.testing.assert_array_equal(F.conv2d(x, w, dilation=2).numpy(), [[[-8]]])


def test_same_padding_of_an_even_window_has_more_after():
    x, w = dls.Tensor([[1.0, 2, 3]]), dls.Tensor([[[1.0, 10]]])
    np.testing.assert_array_equal(F.conv1d(x, w, padding="same").numpy(), [[21, 32, 3]])


def test_groups_keep_channels_apart():
    x = dls.Tensor(image(1, 2, 1, 1) + 1)
    w = dls.Tensor(np.array([10.0, 100, 1000, 10000], "float32").reshape(4, 1, 1, 1))
    y = F.conv2d(x, w, groups=2)
    np.testing.assert_array_equal(y.numpy().ravel(), [10, 100, 2000, 20000])


def test_transposed_convolution_puts_windows_side_by_side():
    x, w = dls.Tensor([[[1.0, 2]]]), dls.Tensor([[[[1.0, 10], [100, 1000]]]])
    np.testing.assert_array_equal(F.conv_transpose2d(x, w, stride=2).numpy(),
                                  [[[1, 10, 2, 20], [100, 1000, 200, 2000]]])
    np.testing.assert_array_equal(F.conv_transpose2d(x, w).numpy(),
                                  [[[1, 12, 20], [100, 1200, 2000]]])


def test_the_gradient_of_a_weight_sums_what_it_met():
    x = dls.Tensor(image(1, 1, 3, 3), requires_grad=True)
    w = dls.zeros((1, 1, 2, 2)).requires_grad_()
    b = dls.zeros(1).requires_grad_()
    F.conv2d(x, w, b).sum().backward()
    np.testing.assert_array_equal(w.grad.numpy(), [[[[8, 12], [20, 24]]]])
    np.testing.assert_array_equal(b.grad.numpy(), [4])
    np.testing.assert_array_equal(x.grad.numpy(), np.zeros((1, 1, 3, 3)))


def test_unfold_and_fold():
    x = dls.Tensor(image(1, 1, 2, 3))
    columns = F.unfold(x, 2)
    np.testing.assert_array_equal(columns.numpy(), [[[0, 1], [1, 2], [3, 4], [4, 5]]])
    np.testing.assert_array_equal(F.fold(columns, (2, 3), 2).numpy(), [[[[0, 2, 2], [3, 8, 5]]]])


def test_results_lie_channels_last():
    x = dls.randn(2, 3, 8, 8)
    y = nn.Conv2d(3, 4, 3, padding=1)(x)
    assert y.data.transpose(0, 2, 3, 1).flags.c_contiguous
    assert nn.ConvTranspose2d(4, 5, 2, 2)(y).data.transpose(0, 2, 3, 1).flags.c_contiguous


@pytest.mark.parametrize(("kind", "sizes", "options"), [
    (nn.Conv2d, (8, 50, 3), {}), (nn.ConvTranspose2d, (50, 8, 3), {}),
    (nn.Conv1d, (24, 50, 3), {}), (nn.Conv2d, (24, 48, 3), {"groups": 3})])
def test_first_values_are_uniform_in_one_over_the_root_of_fan_in(kind, sizes, options):
    layer = kind(*sizes, **options)  # here, where the seed is the test's
    bound = 1 / math.sqrt(math.prod(layer.weight.shape[1:]))
    for values in (layer.weight.numpy(), layer.bias.numpy()):
        assert values.dtype == np.float32
        assert np.abs(values).max() <= bound
        deviation = bound / math.sqrt(3 * values.size)  # of the mean
        assert np.abs(values.mean()) < min(bound / 2, 4 * deviation)
    assert np.abs(layer.weight.numpy()).max() > 0.99 * bound


def test_a_generator_repeats_the_first_values():
    first, second = (nn.Conv2d(2, 3, 3, generator=dls.Generator(7)) for _ in range(2))
    np.testing.assert_array_equal(first.weight.numpy(), second.weight.numpy())


def test_integers_are_taken_as_floats():
    y = F.conv2d(dls.Tensor(np.ones((1, 1, 2, 2), "uint8")), dls.ones((1, 1, 2, 2)))
    assert y.dtype == np.float32
    assert y.item() == 4


def test_options_may_be_lists():
    assert conv(stride=[2, 1], padding=[0, 1]).shape == (2, 4, 3, 8)


def test_lists_and_arrays_become_constants():
    y = F.conv1d([[1.0, 2.0, 3.0]], [[[1.0, 1.0]]])
    np.testing.assert_array_equal(y.numpy(), [[3, 5]])


# --- errors --------------------------------------------------------------------------------------

X, W = np.zeros((2, 3, 8, 8), "float32"), np.zeros((4, 3, 3, 3), "float32")


def conv(x=X, w=W, b=None, **options):
    return F.conv2d(dls.Tensor(x), dls.Tensor(w), None if b is None else dls.Tensor(b), **options)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: conv(X[:, :2]), r"\(2, 2, 8, 8\)(.|\n)*\(4, 3, 3, 3\)(.|\n)*not 3"),
        (lambda: conv(X.transpose(0, 2, 3, 1)), r"moveaxis\(-1, 1\)"),
        (lambda: conv(groups=2), "divides the input channels"),
        (lambda: conv(groups=0), "groups is a whole number"),
        (lambda: conv(groups=3), "divides"),
        (lambda: conv(w=W[:3], groups=3), "second axis of weight is 1"),
        (lambda: conv(X[:, :, :2]), r"padded input \(2, 8\).*1 more padding"),
        (lambda: conv(dilation=4), r"spans \(9, 9\)"),
        (lambda: conv(stride=0), "stride is a whole number of at least 1"),
        (lambda: conv(stride=1.5), "stride is a whole number"),
        (lambda: conv(stride=(1, 2, 3)), "2 of them"),
        (lambda: conv(stride={1: 2}), "tuples of them"),
        (lambda: conv(padding=-1), "padding is a whole number of at least 0"),
        (lambda: conv(padding="full"), "'same' or 'valid'"),
        (lambda: conv(padding="same", stride=2), r"padding=\(1, 1\)"),
        (lambda: conv(dilation=0), "dilation"),
        (lambda: conv(b=np.zeros(3, "float32")), r"bias.*\(4,\)"),
        (lambda: conv(X[0, 0]), r"\(8, 8\)\nwould work: x.reshape\(\(1, 1, 8, 8\)\)"),
        (lambda: conv(w=W[0]), "takes a weight"),
        (lambda: conv(w=W[:0]), "none of them 0"),
        (lambda: F.conv_transpose2d(dls.Tensor(X), dls.Tensor(W)), "first axis of weight is 3"),
        (lambda: F.conv_transpose2d(dls.Tensor(X), dls.Tensor(W[:3]), padding=9), "less padding"),
        (lambda: F.conv_transpose2d(dls.Tensor(X), dls.Tensor(W[:3]), output_padding=1),
         "smaller than the stride"),
        (lambda: F.unfold(dls.Tensor(X), 9), "smaller window"),
        (lambda: F.fold(dls.zeros((1, 8, 5)), (4, 4), 2), "9 of them"),
        (lambda: nn.Conv2d(3, 4, 3, groups=2), "divides in_channels"),
        (lambda: nn.Conv2d(0, 4, 3), "whole numbers from 1"),
        (lambda: nn.Conv2d(3, 4, 0), "kernel_size"),
        (lambda: nn.Conv2d(3, 4, 3, padding_mode="edge"), "replicate"),
        (lambda: nn.ConvTranspose2d(3, 4, 3, padding="same"), "a number or a tuple"),
        (lambda: nn.ConvTranspose2d(3, 4, 2, 2)(dls.Tensor(X), output_size=(19, 16)),
         r"\(16, 16\) to \(17, 17\)"),
    ],
)
def test_what_does_not_fit_says_how_to_mend_it(call, says):
    with pytest.raises(dls.ShapeError, match=says):
        call()


# --- work that is not done, and memory that is not taken -----------------------------------------


def test_the_first_layer_computes_no_gradient_of_the_images(monkeypatch):
    asked = []
    kernels = type(dls.Device("cpu").kernels)
    plain = kernels.transposed_convolution
    monkeypatch.setattr(kernels, "transposed_convolution",
                        lambda *a: asked.append(1) or plain(*a))
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 5, 3))
    model(dls.Tensor(X)).sum().backward()
    assert asked == [1]


def test_memory_stays_near_what_goes_in_and_comes_out():
    x = dls.randn(8, 16, 64, 64).requires_grad_()
    layer = nn.Conv2d(16, 16, 5, padding=2)
    layer(x[:1]).sum().backward()
    x.grad = None
    tracemalloc.start()
    layer(x).sum().backward()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6 * x.data.nbytes  # all windows at once would be 25 times


@pytest.mark.parametrize("shape", [(2, 3, 9, 8), (0, 3, 9, 8), (1, 3, 9, 8)])
def test_any_batch_goes_forward_and_back(shape):
    x = dls.randn(*shape).requires_grad_()
    model = nn.Sequential(nn.Conv2d(3, 6, 3, 2, 1), nn.Conv2d(6, 6, 3, groups=6, padding=1),
                          nn.ConvTranspose2d(6, 2, 2, 2))
    y = model(x)
    y.sum().backward()
    assert x.grad.shape == shape
    assert y.shape == (shape[0], 2, 10, 8)
    assert all(p.grad.shape == p.shape for p in model.parameters())


def test_the_gradient_of_a_gradient_penalty_is_its_slope():
    conv1, conv2 = nn.Conv2d(1, 2, 2, dtype="float64"), nn.Conv2d(2, 1, 2, 2, dtype="float64")

    def penalty(values):
        x = dls.Tensor(values, requires_grad=True)
        y = conv2(conv1(x).tanh()).tanh().sum()
        (g,) = dls.grad(y, [x], create_graph=True)
        return x, (g * g).sum()

    rng = np.random.default_rng(0)
    at, step = rng.standard_normal((2, 1, 1, 5, 5))
    x, p = penalty(at)
    p.backward()
    h = 1e-5
    slope = (penalty(at + h * step)[1].item() - penalty(at - h * step)[1].item()) / (2 * h)
    assert np.sum(x.grad.numpy() * step) == pytest.approx(slope, rel=1e-6)
    assert conv1.weight.grad is not None


@pytest.mark.parametrize("layers", [
    lambda: [nn.Conv2d(3, 4, 3, padding="same"), nn.ConvTranspose2d(4, 2, 2, 2)],
    lambda: [nn.Conv2d(3, 6, 3, groups=3, padding=1, padding_mode="reflect"),
             nn.Conv2d(6, 2, 1, 2)],
    lambda: [nn.Unfold(2), nn.Conv1d(12, 3, 3, dilation=2)],
])
def test_a_step_on_the_gpu_double_waits_for_nothing(layers):
    model = nn.Sequential(*layers())
    x = np.random.default_rng(0).standard_normal((2, 3, 6, 6)).astype("float32")
    want = model(dls.Tensor(x)).numpy()
    model.to("strict")
    opt = optim.SGD(model.parameters(), lr=0.1)
    images = dls.Tensor(x, device="strict")

    def step():
        opt.zero_grad()
        y = model(images)
        (y * y).mean().backward()
        opt.step()
        return y

    np.testing.assert_allclose(step().numpy(), want, rtol=1e-4, atol=1e-5)
    with strict.count() as counted:
        step()
    assert counted.syncs == 0, counted


def test_three_ways_to_one_weight_gradient():
    """Reference, compiled rows and compiled planes agree on float32 to its precision."""
    rng = np.random.default_rng(0)
    reference, compiled = ReferenceKernels(np), dls.Device("cpu").kernels
    for c in (3, 5):
        x = rng.standard_normal((4, c, 33, 29)).astype("float32")
        dy = rng.standard_normal((4, 6, 33, 29)).astype("float32")
        options = ((3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 1)
        want = reference.convolution_weight_gradient(*(a.astype("float64") for a in (x, dy)),
                                                     *options)
        for table in (reference, compiled):
            got = table.convolution_weight_gradient(x, dy, *options)
            np.testing.assert_allclose(got, want, atol=2e-4, rtol=1e-4)
