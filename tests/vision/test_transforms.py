"""Transforms: their seeds, their ranges, batches and single pictures, what they refuse."""

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls.vision import transforms as T

RNG = np.random.default_rng(0)
IMAGES = RNG.random((8, 3, 12, 16)).astype("float32")
RANDOM = {
    "crop": lambda g: T.RandomCrop((8, 9), padding=2, generator=g),
    "flip": lambda g: T.RandomHorizontalFlip(generator=g),
    "rotation": lambda g: T.RandomRotation(40, "bilinear", generator=g),
    "color": lambda g: T.ColorJitter(0.4, 0.4, 0.4, 0.2, generator=g),
    "erasing": lambda g: T.RandomErasing(0.7, value="random", generator=g),
}


@pytest.mark.parametrize("name", RANDOM)
@pytest.mark.parametrize("images", [IMAGES, (IMAGES * 255).astype("uint8")], ids=lambda x: x.dtype)
def test_random_transforms_are_seeded(name, images) -> None:
    before = images.copy()
    first, again, other = (RANDOM[name](dls.Generator(seed))(images) for seed in (1, 1, 2))
    assert first.dtype == images.dtype and first.shape[:2] == (8, 3)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    np.testing.assert_array_equal(images, before)
    transform = RANDOM[name](dls.Generator(1))
    assert not np.array_equal(transform(images), transform(images))  # the stream goes on
    dls.manual_seed(5)
    by_default = RANDOM[name](None)(images)
    dls.manual_seed(5)
    np.testing.assert_array_equal(RANDOM[name](None)(images), by_default)


@pytest.mark.parametrize("name", RANDOM)
def test_pictures_of_a_batch_are_drawn_for_by_themselves(name) -> None:
    same = np.repeat(IMAGES[:1], 8, axis=0)
    changed = RANDOM[name](dls.Generator(0))(same)
    assert any(not np.array_equal(changed[0], other) for other in changed[1:])


@pytest.mark.parametrize("name", [*RANDOM, "resize", "center"])
def test_what_goes_in_comes_out(name) -> None:
    make = RANDOM.get(name, lambda g: T.Resize(6) if name == "resize" else T.CenterCrop(6))
    array = make(dls.Generator(3))(IMAGES)
    tensor = make(dls.Generator(3))(dls.Tensor(IMAGES))
    assert isinstance(array, np.ndarray) and isinstance(tensor, dls.Tensor)
    np.testing.assert_array_equal(tensor.numpy(), array)
    assert make(dls.Generator(3))(IMAGES[0]).shape == array.shape[1:]
    assert make(dls.Generator(3))(IMAGES[:0]).shape == (0, *array.shape[1:])


def test_normalize() -> None:
    transform = T.Normalize([0.1, 0.2, 0.3], [0.5, 1, 2])
    expected = np.stack([(IMAGES[:, i] - m) / s
                         for i, (m, s) in enumerate(((0.1, 0.5), (0.2, 1), (0.3, 2)))], axis=1)
    np.testing.assert_allclose(transform(IMAGES), expected, rtol=1e-5, atol=1e-6)
    x = dls.Tensor(IMAGES, requires_grad=True)
    transform(x).sum().backward()  # the gradient goes through
    np.testing.assert_allclose(x.grad.numpy()[0, :, 0, 0], [2, 1, 0.5])


def test_to_tensor() -> None:
    bytes_ = RNG.integers(0, 256, (5, 6, 3)).astype("uint8")
    x = T.ToTensor()(bytes_)
    assert isinstance(x, dls.Tensor) and x.dtype == np.float32
    np.testing.assert_allclose(x.numpy(), bytes_.transpose(2, 0, 1) / 255, rtol=1e-6)
    assert T.ToTensor()(np.zeros((2, 5, 6, 3), "uint8")).shape == (2, 3, 5, 6)
    assert T.ToTensor()(np.zeros((5, 6))).shape == (1, 5, 6)
    with pytest.raises(dls.ShapeError, match="channels last"):
        T.ToTensor()(np.zeros((3, 5, 6)))


def test_crops_are_parts_of_the_picture() -> None:
    numbered = np.arange(12 * 16, dtype="float32").reshape(1, 12, 16)
    places = set()
    crop = T.RandomCrop((10, 15), generator=dls.Generator(0))
    for _ in range(100):
        part = crop(numbered)
        top, left = divmod(int(part[0, 0, 0]), 16)
        np.testing.assert_array_equal(part, numbered[:, top : top + 10, left : left + 15])
        places.add((top, left))
    assert places == {(i, j) for i in range(3) for j in range(2)}
    assert T.RandomCrop(20, pad_if_needed=True)(numbered).shape == (1, 20, 20)


def test_flips_about_half() -> None:
    many = np.repeat(IMAGES[:1], 400, axis=0)
    flipped = T.RandomHorizontalFlip(generator=dls.Generator(0))(many)
    mirrored = (flipped == many[..., ::-1]).all(axis=(1, 2, 3))
    assert 150 < mirrored.sum() < 250
    assert ((flipped == many).all(axis=(1, 2, 3)) ^ mirrored).all()


def test_erased_areas_keep_to_scale_and_ratio() -> None:
    ones = np.ones((300, 1, 40, 40), "float32")
    erased = T.RandomErasing(1.0, (0.1, 0.2), (0.5, 2), generator=dls.Generator(0))(ones)
    for picture in erased[:, 0]:
        rows, columns = (picture == 0).any(1).sum(), (picture == 0).any(0).sum()
        assert (picture == 0).sum() == rows * columns  # a rectangle
        assert 0.08 < rows * columns / 1600 < 0.22 and 0.45 < rows / columns < 2.2
    colors = T.RandomErasing(1.0, value=[1, 2, 3])(np.zeros((3, 8, 8)))
    assert colors.max(axis=(1, 2)).tolist() == [1, 2, 3]


def test_mixup_mixes_pictures_and_labels_alike() -> None:
    labels = RNG.integers(0, 4, 8)
    mix = T.MixUp(alpha=1.0, num_classes=4, generator=dls.Generator(0))
    mixed, targets = mix(IMAGES, labels)
    one_hot = np.eye(4)[labels]
    place = int(np.argmax(labels != np.roll(labels, 1)))
    share = targets[place, labels[place]]
    assert 0 < share < 1
    np.testing.assert_allclose(
        mixed, share * IMAGES + (1 - share) * np.roll(IMAGES, 1, axis=0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        targets, share * one_hot + (1 - share) * np.roll(one_hot, 1, axis=0), rtol=1e-5, atol=1e-6)
    shares = [T.MixUp(0.2, 4, dls.Generator(i))(IMAGES, labels)[1][place, labels[place]]
              for i in range(200)]
    assert np.mean([s < 0.1 or s > 0.9 for s in shares]) > 0.5  # Beta(.2, .2): mostly one of both


def test_compose_and_reprs() -> None:
    both = T.Compose([T.Resize((6, 8)), T.Normalize(0.5, 0.5)])
    np.testing.assert_array_equal(both(IMAGES), (T.Resize((6, 8))(IMAGES) - 0.5) / 0.5)
    assert "Resize(size=(6, 8)" in repr(both) and "RandomCrop(size=(4, 4)" in repr(T.RandomCrop(4))


@pytest.mark.parametrize("call, error, message", [
    (lambda: T.Resize(8)(np.zeros((2, 12, 16, 3), "float32")), dls.ShapeError,
     r"x.transpose\(0, 3, 1, 2\)"),
    (lambda: T.Resize(8)(np.zeros((12, 16))), dls.ShapeError, "channels, height, width"),
    (lambda: T.Resize(8)(np.zeros((3, 12, 16), int)), dls.DtypeError, "uint8"),
    (lambda: T.Resize(0), dls.ShapeError, "whole number"),
    (lambda: T.Resize(8, max_size=4), dls.DataError, "max_size"),
    (lambda: T.Resize(8, "lanczos")(IMAGES), dls.DataError, "interpolation"),
    (lambda: T.CenterCrop((1, 2, 3)), dls.ShapeError, "size"),
    (lambda: T.RandomCrop(20)(IMAGES), dls.ShapeError, "does not fit"),
    (lambda: T.RandomHorizontalFlip(2), dls.DataError, "between 0 and 1"),
    (lambda: T.RandomRotation((5, 1)), dls.DataError, "degrees"),
    (lambda: T.ColorJitter(hue=0.7), dls.DataError, "hue"),
    (lambda: T.ColorJitter(0.5)(np.zeros((4, 8, 8), "float32")), dls.ShapeError, "1 or 3 channels"),
    (lambda: T.Normalize([0, 0], [1, 1])(IMAGES), dls.ShapeError, "3 channels, not 2"),
    (lambda: T.Normalize(0, 0), dls.DataError, "above 0"),
    (lambda: T.Normalize(0, 1)(np.zeros((3, 4, 4), "uint8")), dls.DtypeError, "255"),
    (lambda: T.RandomErasing(scale=(0.5, 0.1)), dls.DataError, "scale"),
    (lambda: T.RandomErasing(1.0, value=[1, 2])(IMAGES), dls.ShapeError, "2 numbers"),
    (lambda: T.MixUp(1.0)(IMAGES, np.zeros(8, int)), dls.DataError, "num_classes"),
    (lambda: T.MixUp(1.0, 3)(IMAGES, np.full(8, 3)), dls.DataError, "labels range"),
    (lambda: T.MixUp(1.0, 3)(IMAGES, np.zeros(7, int)), dls.ShapeError, "for each picture"),
    (lambda: T.MixUp(0), dls.DataError, "alpha"),
    (lambda: T.Resize(8)(dls.Tensor(IMAGES, requires_grad=True)), dls.GraphError, "detach"),
    (lambda: T.RandomCrop(4, generator=np.random.default_rng(0))(IMAGES), dls.DtypeError,
     "dls.Generator"),
])
def test_bad_input_is_refused(call, error, message) -> None:
    with pytest.raises(error, match=message):
        call()
