"""Pooling, padding and the spatial layers: numbers worked out by hand, errors, devices, layouts."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import nn, optim
from tinygrad_dls.backend import strict

SQUARE = np.arange(16.0).reshape(1, 1, 4, 4)


def values(x: dls.Tensor) -> Any:
    return x.numpy().squeeze().tolist()


def test_max_pool_by_hand() -> None:
    x = dls.Tensor(SQUARE, requires_grad=True)
    y, places = F.max_pool2d(x, 2, return_indices=True)
    assert values(y) == [[5, 7], [13, 15]]
    assert values(places) == [[5, 7], [13, 15]]
    assert places.dtype == np.int64
    (y * dls.Tensor([[1.0, 2.0], [3.0, 4.0]])).sum().backward()
    want = np.zeros((4, 4))
    want[1, 1], want[1, 3], want[3, 1], want[3, 3] = 1, 2, 3, 4
    assert np.array_equal(x.grad.numpy()[0, 0], want)


def test_of_equal_ones_the_first_gets_the_gradient() -> None:
    x = dls.ones((1, 1, 2, 4)).requires_grad_()
    F.max_pool2d(x, (2, 2)).sum().backward()
    assert values(x.grad) == [[1, 0, 1, 0], [0, 0, 0, 0]]


def test_overlapping_windows_add_up() -> None:
    x = dls.Tensor([[[0.0, 9.0, 0.0, 0.0]]], requires_grad=True)
    F.max_pool1d(x, 2, stride=1).sum().backward()
    assert values(x.grad) == [0, 2, 1, 0]


def test_means_by_hand() -> None:
    x = dls.Tensor(SQUARE)
    assert values(F.avg_pool2d(x, 2)) == [[2.5, 4.5], [10.5, 12.5]]
    assert values(F.avg_pool2d(x, 2, divisor_override=1)) == [[10, 18], [42, 50]]
    corner = F.avg_pool2d(x, 3, stride=3, padding=1)
    assert values(corner)[0][0] == pytest.approx((0 + 1 + 4 + 5) / 9)
    without = F.avg_pool2d(x, 3, stride=3, padding=1, count_include_pad=False)
    assert values(without)[0][0] == pytest.approx(2.5)
    assert values(F.adaptive_avg_pool2d(x, 1)) == 7.5
    assert F.adaptive_avg_pool2d(x, (None, 1)).shape == (1, 1, 4, 1)


def test_interpolation_by_hand() -> None:
    x = dls.Tensor([[[0.0, 2.0]]])
    assert values(F.interpolate(x, scale_factor=2)) == [0, 0, 2, 2]
    assert values(F.interpolate(x, 4, mode="linear")) == [0, 0.5, 1.5, 2]
    assert values(F.interpolate(x, 3, mode="linear", align_corners=True)) == [0, 1, 2]
    assert values(F.interpolate(dls.Tensor(SQUARE), 2, mode="area")) == [[2.5, 4.5], [10.5, 12.5]]


def test_interpolation_goes_back_to_the_neighbours() -> None:
    x = dls.Tensor([[[0.0, 2.0, 5.0]]], requires_grad=True)
    F.interpolate(x, 6, mode="linear").sum().backward()
    assert values(x.grad) == [2, 2, 2]


def test_infinity_stays_where_it_is() -> None:
    x = np.zeros((1, 1, 5, 4))
    x[0, 0, 4, 1] = np.inf
    assert np.isfinite(F.avg_pool2d(dls.Tensor(x), 4).numpy()).all()
    assert np.isfinite(F.avg_pool2d(dls.Tensor(x), 2).numpy()).all()
    assert values(F.avg_pool2d(dls.Tensor(x), (5, 2))) == [np.inf, 0]


def test_padding_by_hand() -> None:
    x = dls.Tensor([[[1.0, 2.0, 3.0]]])
    assert values(F.pad(x, (1, 2))) == [0, 1, 2, 3, 0, 0]
    assert values(F.pad(x, (2, 1), "reflect")) == [3, 2, 1, 2, 3, 2]
    assert values(F.pad(x, (1, 1), "replicate")) == [1, 1, 2, 3, 3]
    assert values(F.pad(x, (1, 1), "circular")) == [3, 1, 2, 3, 1]
    assert values(F.pad(x, (-1, 1), value=7.0)) == [2, 3, 7]
    assert F.pad(dls.zeros((2, 3, 4, 5)), (1, 2, 3, 4)).shape == (2, 3, 11, 8)  # left ... bottom
    assert nn.ReflectionPad2d((1, 2, 0, 1))(dls.zeros((3, 4, 5))).shape == (3, 5, 8)


def test_padding_by_nothing_is_another_tensor_with_the_same_graph() -> None:
    x = dls.Tensor([[[1.0, 2.0]]], requires_grad=True)
    F.pad(x, (0, 0), "reflect").sum().backward()
    assert values(x.grad) == [1, 1]


def test_pixels_and_channels() -> None:
    x = dls.Tensor(np.arange(8.0).reshape(1, 8, 1, 1))
    assert values(F.pixel_shuffle(x, 2)) == [[[0, 1], [2, 3]], [[4, 5], [6, 7]]]
    assert values(F.pixel_unshuffle(F.pixel_shuffle(x, 2), 2)) == list(range(8))
    assert values(F.channel_shuffle(x, 2)) == [0, 4, 1, 5, 2, 6, 3, 7]


def test_a_grid_that_is_the_image() -> None:
    image = dls.Tensor(SQUARE)
    theta = dls.Tensor([[[1.0, 0, 0], [0, 1.0, 0]]])
    for align in (True, False):
        grid = F.affine_grid(theta, (1, 1, 4, 4), align_corners=align)
        seen = F.grid_sample(image, grid.astype("float64"), align_corners=align)
        np.testing.assert_allclose(seen.numpy(), SQUARE, atol=1e-5)
    mirrored = F.affine_grid(theta * dls.Tensor([-1.0, 1, 1]), (1, 1, 4, 4), align_corners=True)
    seen = F.grid_sample(image, mirrored.astype("float64"), align_corners=True)
    np.testing.assert_allclose(seen.numpy(), SQUARE[..., ::-1], atol=1e-5)


def test_results_lie_as_images_do() -> None:
    first = dls.from_numpy(np.random.default_rng(0).standard_normal((2, 3, 4, 6)))
    last = dls.from_numpy(np.ascontiguousarray(first.numpy().transpose(0, 2, 3, 1))
                          .transpose(0, 3, 1, 2))
    calls: tuple[Callable[[Any], Any], ...] = (
        lambda x: F.max_pool2d(x, 2), lambda x: F.avg_pool2d(x, 2),
        lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"),
    )
    compiled = type(dls.Device("cpu").kernels).__name__ == "CompiledKernels"
    for call in calls:
        if compiled:  # the reference leaves it to NumPy
            assert call(first).data.flags.c_contiguous
            assert call(last).data.transpose(0, 2, 3, 1).flags.c_contiguous
        np.testing.assert_array_equal(call(first).numpy(), call(last).numpy())


@pytest.mark.parametrize(("call", "words"), [
    (lambda x: F.max_pool2d(x, 9), "kernel_size=(4, 5)"),
    (lambda x: F.max_pool2d(x, 2, padding=2), "padding=(1, 1)"),
    (lambda x: F.max_pool2d(x[0, 0], 2), "x.reshape(1, 4, 5)"),
    (lambda x: F.max_pool1d(x, 2), "(m, channels, length)"),
    (lambda x: F.max_pool2d(x, 2, stride=0), "stride is a whole number from 1"),
    (lambda x: F.max_pool2d(x, (2, 2, 2)), "kernel_size"),
    (lambda x: F.max_pool2d(x[:, :, :1], 2, padding=(1, 0), dilation=(2, 1)), "no place inside"),
    (lambda x: F.max_pool2d(x[:, :, :0], 2), "nothing to look at"),
    (lambda x: F.adaptive_avg_pool2d(x, 0), "output_size"),
    (lambda x: F.avg_pool2d(x, 2, divisor_override=0), "divisor_override"),
    (lambda x: F.interpolate(x, size=3, scale_factor=2), "not both"),
    (lambda x: F.interpolate(x), "got neither"),
    (lambda x: F.interpolate(x, size=3, mode="cubic"), "bicubic"),
    (lambda x: F.interpolate(x, size=3, mode="linear"), "bilinear"),
    (lambda x: F.interpolate(x, size=3, align_corners=True), "align_corners"),
    (lambda x: F.interpolate(x, size=(3, 3, 3)), "one for each of 2 axes"),
    (lambda x: F.interpolate(x, scale_factor=0.1), "leaves nothing"),
    (lambda x: F.interpolate(x, size=9, antialias=True), "area"),
    (lambda x: F.pad(x, (1, 2, 3)), "pairs"),
    (lambda x: F.pad(x, (5, 0, 0, 0), "reflect"), "at most 4"),
    (lambda x: F.pad(x, (6, 0, 0, 0), "circular"), "at most 5"),
    (lambda x: F.pad(x, (1, 1), "edge"), "replicate"),
    (lambda x: F.pad(x, (-3, -3)), "cutting off"),
    (lambda x: nn.ZeroPad2d(1)(x[0, 0]), "(m, channels, height, width)"),
    (lambda x: nn.ConstantPad1d((1, 2, 3), 0.0), "left, right"),
    (lambda x: F.pixel_shuffle(x, 2), "groups of 4"),
    (lambda x: F.pixel_unshuffle(x, 3), "divides"),
    (lambda x: F.channel_shuffle(x, 2), "divides"),
    (lambda x: F.grid_sample(x, x), "(m, rows, columns, 2)"),
    (lambda x: F.grid_sample(x, dls.zeros((2, 1, 1, 2)), "bicubic"), "nearest"),
    (lambda x: F.affine_grid(dls.zeros((1, 2, 3)), (2, 1, 3, 3)), "one matrix"),
    (lambda x: F.max_unpool2d(x, dls.zeros((2, 3, 4, 5)), 2), "indices are integers"),
    (lambda x: F.max_unpool2d(x, dls.full((2, 3, 4, 5), 80), 2), "80 is out of range"),
    (lambda x: F.max_unpool2d(x, dls.full((2, 3, 4, 5), 0), 2, output_size=(5, 5)), "pooled"),
    (lambda x: F.lp_pool2d(x, 0, 2), "norm_type"),
])
def test_bad_input_is_told_what_would_be_right(call: Any, words: str) -> None:
    with pytest.raises(dls.Error) as caught:
        call(dls.zeros((2, 3, 4, 5)))
    assert words in str(caught.value)


def test_integers_are_pooled_as_what_they_are() -> None:
    x = dls.Tensor(SQUARE.astype(np.int64))
    assert F.max_pool2d(x, 2).dtype == np.int64
    assert F.avg_pool2d(x, 2).dtype == np.float32


class Net(nn.Module):
    """One of each, to be trained."""

    def __init__(self) -> None:
        self.first = nn.Sequential(
            nn.ReflectionPad2d(1), nn.MaxPool2d(3, 2, 1), nn.PixelUnshuffle(2),
            nn.Upsample(scale_factor=2, mode="bilinear"), nn.AvgPool2d(2, padding=1),
            nn.ZeroPad2d((-1, 1, 0, 0)), nn.ChannelShuffle(2), nn.AdaptiveMaxPool2d((3, 2)),
            nn.CircularPad2d(1), nn.UpsamplingNearest2d(scale_factor=2), nn.AdaptiveAvgPool2d(2),
        )
        self.last = nn.Linear(32, 2)
        self.theta = nn.Parameter(np.array([[[1.0, 0.1, 0], [0, 0.9, 0.1]]] * 2, np.float32))

    def forward(self, x: dls.Tensor) -> dls.Tensor:
        x = F.grid_sample(x, F.affine_grid(self.theta, x.shape, align_corners=False),
                          padding_mode="reflection", align_corners=False)
        y, places = F.max_pool2d(x, 2, return_indices=True)
        x = x + F.max_unpool2d(y, places, 2)
        return self.last(nn.Flatten()(self.first(x)))


def trained(name: str) -> list[Any]:
    """The parameters after two steps on a device; the second must not wait for it."""
    device, model = dls.Device(name), Net()
    model.last.reset_parameters(dls.Generator(0))
    model.to(device)
    numbers = np.random.default_rng(1).standard_normal((2, 2, 10, 10)).astype(np.float32)
    x = dls.Tensor(numbers, device=device)
    optimizer = optim.SGD(model.parameters(), lr=0.1)

    def step() -> None:
        optimizer.zero_grad()
        (model(x) ** 2).mean().backward()
        optimizer.step()

    step()
    with strict.count() as counted:
        step()
    assert counted.syncs == 0, counted
    assert counted.host_to_device == 0, counted  # what is copied once is kept
    return [p.numpy() for p in model.parameters()]


def test_a_training_step_never_waits_for_the_device_and_gives_the_same() -> None:
    for mine, other in zip(trained("cpu"), trained("strict")):
        np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("layer", [
    nn.MaxPool2d(2), nn.AvgPool2d(3, 1, 1), nn.AdaptiveAvgPool2d(1), nn.ReflectionPad2d(1),
    nn.Upsample(scale_factor=2, mode="bicubic"), nn.PixelUnshuffle(2), nn.LPPool2d(2, 2),
], ids=lambda layer: type(layer).__name__)
def test_float32_stays(layer: nn.Module) -> None:
    x = (dls.rand(2, 4, 4, 6) + 0.1).requires_grad_()
    y = layer(x)
    y.sum().backward()
    assert y.dtype == x.grad.dtype == np.float32
    single = layer(x[0]) if not isinstance(layer, nn.Upsample) else y[0]
    np.testing.assert_allclose(single.numpy(), y.numpy()[0], rtol=1e-6)
