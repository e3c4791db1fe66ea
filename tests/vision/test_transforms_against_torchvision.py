"""What transforms do with given numbers: torchvision.transforms.v2.functional's pictures."""

import importlib

import numpy as np
import pytest

from tinygrad_dls.vision.transforms import functional as F

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch
importlib.import_module("tests.oracle.torchvision_models")  # makes torchvision loadable, or skips
V2 = importlib.import_module("torchvision.transforms.v2.functional")
RNG = np.random.default_rng(0)
FLOATS = RNG.random((3, 3, 24, 33)).astype("float32")
BYTES = RNG.integers(0, 256, (3, 3, 24, 33)).astype("uint8")


def close(mine: np.ndarray, theirs, images: np.ndarray) -> None:
    """uint8 may be off by one, where rounding or cutting off decides."""
    assert mine.dtype == images.dtype
    theirs = theirs.numpy()
    if images.dtype == np.uint8:
        gap = np.abs(mine.astype(int) - theirs.astype(int))
        assert gap.max() <= 1 and (gap > 0).mean() < 0.05
    else:
        np.testing.assert_allclose(mine, theirs, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("images", [FLOATS, BYTES, FLOATS.astype("float64")], ids=lambda x: x.dtype)
@pytest.mark.parametrize("mode", ["bilinear", "bicubic", "nearest"])
@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize("size", [(7, 50), (48, 10), (24, 33), (1, 1), (23, 32)])
def test_resize(images, mode, antialias, size) -> None:
    floats = torch.tensor(images if images.dtype != np.uint8 else images.astype("float32"))
    theirs = V2.resize(floats, list(size), interpolation=mode, antialias=antialias)
    if images.dtype == np.uint8:  # theirs rounds the weights, too
        theirs = theirs.round().clamp(0, 255).to(torch.uint8)
    close(F.resize(images, size, mode, antialias), theirs, images)


@pytest.mark.parametrize("wanted, max_size", [(10, None), (50, None), (20, 24), ([12], None)])
@pytest.mark.parametrize("size", [(24, 33), (33, 24), (30, 30)])
def test_sizes_of_resize(wanted, max_size, size) -> None:
    images = np.zeros((1, *size), "float32")
    theirs = V2.resize(torch.tensor(images), wanted, max_size=max_size)
    assert F.target_size(size, wanted, max_size) == tuple(theirs.shape[1:])


@pytest.mark.parametrize("images", [FLOATS, BYTES], ids=lambda x: x.dtype)
@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
@pytest.mark.parametrize("angle", [17.0, -120.5, 90.0, 180.0, 0.0])
@pytest.mark.parametrize("fill", [0, 0.5])
def test_rotate(images, mode, angle, fill) -> None:
    images = images[..., :24]  # square: at 90 degrees no place is half-way between two pixels
    fill = fill if images.dtype != np.uint8 else int(fill * 200)
    floats = torch.tensor(images).float()
    turned, share = (V2.rotate(x, angle, interpolation=mode, fill=None)
                     for x in (floats, torch.ones_like(floats)))
    theirs = turned + (1 - share) * fill  # theirs darkens the edge a second time
    if images.dtype == np.uint8:
        theirs = theirs.round().to(torch.uint8)
    close(F.rotate(images, angle, mode, fill), theirs, images)


@pytest.mark.parametrize("images", [FLOATS, BYTES, FLOATS[:, :1], BYTES[:, :1]],
                         ids=lambda x: f"{x.dtype}-{x.shape[1]}")
@pytest.mark.parametrize("name, factors", [
    ("adjust_brightness", (0.0, 0.3, 1.7)), ("adjust_contrast", (0.0, 0.4, 2.0)),
    ("adjust_saturation", (0.0, 0.5, 3.0)), ("adjust_hue", (-0.5, -0.1, 0.37)),
])
def test_colors(images, name, factors) -> None:
    for factor in factors:
        theirs = getattr(V2, name)(torch.tensor(images), factor)
        close(getattr(F, name)(images, factor), theirs, images)
    each = getattr(F, name)(images, np.array(factors))  # one factor for each picture
    for i, factor in enumerate(factors):
        theirs = getattr(V2, name)(torch.tensor(images[i]), factor)
        close(each[i], theirs, images)


def test_grey_colors_have_no_hue() -> None:
    grey = np.repeat(FLOATS[:, :1], 3, axis=1)
    np.testing.assert_allclose(F.adjust_hue(grey, 0.3), grey)
    np.testing.assert_allclose(F.adjust_hue(F.adjust_hue(FLOATS, 0.3), -0.3), FLOATS, atol=1e-5)


@pytest.mark.parametrize("images", [FLOATS, BYTES], ids=lambda x: x.dtype)
def test_grey_crop_pad_flip_erase_normalize(images) -> None:
    theirs = torch.tensor(images)
    close(F.rgb_to_grayscale(images), V2.rgb_to_grayscale(theirs), images)
    close(F.crop(images, 3, 5, 10, 12), V2.crop(theirs, 3, 5, 10, 12), images)
    close(F.hflip(images), V2.hflip(theirs), images)
    for padding in (2, (1, 2), (1, 2, 3, 4)):
        for mode in ("constant", "edge", "reflect"):
            expected = V2.pad(theirs, padding if isinstance(padding, int) else list(padding),
                              fill=7 if mode == "constant" else None, padding_mode=mode)
            close(F.pad(images, padding, 7, mode), expected, images)
    value = torch.full((3, 4, 5), 9).to(theirs.dtype)
    close(F.erase(images, 1, 2, 4, 5, 9), V2.erase(theirs, 1, 2, 4, 5, value), images)
    if images is FLOATS:
        mean, std = [0.1, 0.2, 0.3], [0.4, 0.5, 0.6]
        shape = (3, 1, 1)
        close(F.normalize(images, np.float32(mean).reshape(shape), np.float32(std).reshape(shape)),
              V2.normalize(theirs, mean, std), images)


@pytest.mark.parametrize("size", [(10, 12), (24, 33), (30, 12), (41, 50), (23, 32)])
def test_center_crop(size) -> None:
    from tinygrad_dls.vision import transforms

    theirs = V2.center_crop(torch.tensor(FLOATS), list(size))
    np.testing.assert_array_equal(transforms.CenterCrop(size)(FLOATS), theirs.numpy())
