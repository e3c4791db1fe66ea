"""The learner's own files: read right, and refused with one clear sentence when they are not."""

import io
import sys
import zipfile
import zlib

import numpy as np
import pytest

from tinygrad_dls.data import sources
from tinygrad_dls.data.sources import cached_files
from tinygrad_dls.data.sources.matlab import read_matrices
from tinygrad_dls.errors import DataError, FormatError

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 2572022\n"


@pytest.fixture
def cats(course, write_h5):
    train = write_h5(course / "cats/train_catvnoncat.h5", "train", 7)
    test = write_h5(course / "cats/test_catvnoncat.h5", "test", 5)
    return train, test


def test_cats_in_the_shapes_of_the_course(cats, course):
    read = sources.load("cats")
    assert read.where == "course"
    assert str(course) in read.statement
    assert read.name == "cats"
    np.testing.assert_array_equal(read.train_x_orig, cats[0]["train_set_x"])
    np.testing.assert_array_equal(read.test_x_orig, cats[1]["test_set_x"])
    np.testing.assert_array_equal(read.train_y, cats[0]["train_set_y"][None])
    assert read.train_x_orig.dtype == np.uint8
    assert read.test_y.shape == (1, 5)
    assert list(read.classes) == [b"non-cat", b"cat"]
    assert [array.shape for array in read.as_tuple()] == [
        (7, 4, 4, 3),
        (1, 7),
        (5, 4, 4, 3),
        (1, 5),
        (2,),
    ]


def test_another_edition_is_read_but_said(cats):
    read = sources.load("cats")
    assert not read.verified
    assert "another edition" in read.statement


@pytest.mark.parametrize("damage", ["truncated", "empty", "pointer", "noise"])
def test_damaged_file_is_a_format_error_and_untouched(cats, course, damage):
    path = course / "cats/train_catvnoncat.h5"
    whole = path.read_bytes()
    path.write_bytes(
        {
            "truncated": whole[: len(whole) // 2],
            "empty": b"",
            "pointer": POINTER,
            "noise": b"\x00" * 5000,
        }[damage]
    )
    before = path.read_bytes()
    with pytest.raises(FormatError) as caught:
        sources.load("cats")
    message = str(caught.value)
    assert str(path) in message
    assert "Copy the course's own file" in message
    assert ("git lfs pull" in message) == (damage == "pointer")
    assert "\n" not in message
    assert path.read_bytes() == before
    assert sources.load("cats", data="built-in").where == "built-in"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"train_set_y": np.array([0, 1, 2, 0, 0, 0, 0])}, "labels run from 0 to 2"),
        ({"train_set_y": np.array([0, 1])}, "labels (1, 2)"),
        ({"train_set_x": np.zeros((7, 4, 4), np.uint8)}, "(7, 4, 4)"),
        ({"train_set_x": np.zeros((7, 4, 4, 3), np.float32)}, "float32"),
        ({"train_set_x": np.zeros((7, 8, 8, 3), np.uint8)}, "of one size"),
        (
            {"train_set_x": np.zeros((0, 4, 4, 3), np.uint8), "train_set_y": np.zeros(0, int)},
            "empty",
        ),
    ],
)
def test_content_that_makes_no_sense_is_a_data_error(cats, course, write_h5, change, said):
    write_h5(course / "cats/train_catvnoncat.h5", "train", 7, **change)
    with pytest.raises(DataError) as caught:
        sources.load("cats")
    assert said in str(caught.value)


def test_missing_key_is_a_format_error(cats, course, write_h5):
    write_h5(course / "cats/train_catvnoncat.h5", "train", 7, list_classes=None)
    with pytest.raises(FormatError, match="list_classes"):
        sources.load("cats")


def test_without_h5py_the_message_names_the_command(cats, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(DataError, match=r"pip install tinygrad_dls\[lessons\]"):
        sources.load("cats", data="course")


def test_signs_prefers_the_h5_and_reads_the_zip(course, write_h5):
    pil = pytest.importorskip("PIL.Image")
    write_h5(course / "signs/test_signs.h5", "test", 12, classes=6)
    with zipfile.ZipFile(course / "signs/signs-64.zip", "w") as zipped:
        for folder, label in [("train_signs", 3), ("train_signs", 0), ("val_signs", 5)]:
            picture = io.BytesIO()
            pil.new("RGB", (4, 4), (40 * label, 0, 0)).save(picture, "JPEG")
            zipped.writestr(f"{folder}/{label}_IMG.jpg", picture.getvalue())
        zipped.writestr("test_signs/1_IMG.jpg", b"not read")
    read = sources.load("signs")
    assert read.train_y.tolist() == [[0, 3, 5]]
    assert [abs(int(image[0, 0, 0]) - 40 * y) < 9 for image, y in zip(read.train_x_orig, [0, 3, 5])]
    assert len(read.classes) == 6
    write_h5(course / "signs/train_signs.h5", "train", 18, classes=6)
    assert sources.load("signs").train_y.shape == (1, 18)


def test_signs_zip_truncated(course, write_h5):
    write_h5(course / "signs/test_signs.h5", "test", 12, classes=6)
    (course / "signs/signs-64.zip").write_bytes(b"PK\x03\x04" + b"\0" * 100)
    with pytest.raises(FormatError, match=r"signs-64.zip"):
        sources.load("signs")


def test_happy_house_splits_the_test_file_when_alone(course, write_h5):
    written = write_h5(course / "happy-house/test_happy.h5", "test", 150)
    read = sources.load("happy-house")
    assert (read.train_x_orig.shape[0], read.test_x_orig.shape[0]) == (120, 30)
    both = np.concatenate([read.train_x_orig, read.test_x_orig]).reshape(150, -1)
    whole = written["test_set_x"].reshape(150, -1)
    assert sorted(map(bytes, both)) == sorted(map(bytes, whole))
    write_h5(course / "happy-house/train_happy.h5", "train", 20)
    assert sources.load("happy-house").train_x_orig.shape[0] == 20


def test_regularization_from_matlab(course):
    scipy_io = pytest.importorskip("scipy.io")
    path = course / "regularization/data.mat"
    path.parent.mkdir()
    X, y = np.arange(8.0).reshape(4, 2), np.array([[0], [1], [1], [0]], np.uint8)
    scipy_io.savemat(path, {"X": X, "y": y, "Xval": X[:3], "yval": y[:3]})
    read = sources.load("regularization")
    np.testing.assert_array_equal(read.X, X.T)
    np.testing.assert_array_equal(read.Y, y.T)
    assert read.X_test.shape == (2, 3)
    assert read.Y_test.shape == (1, 3)
    path.write_bytes(path.read_bytes()[:150])
    with pytest.raises(FormatError, match=r"data\.mat"):
        sources.load("regularization")


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("dtype", ["f8", "f4", "u1", "i2", "i8", "u4"])
def test_matrices_as_scipy_reads_them(tmp_path, compressed, dtype):
    scipy_io = pytest.importorskip("scipy.io")
    rng = np.random.default_rng(0)
    shapes = {"a": (3, 5), "one": (1, 1), "none": (0, 4), "deep": (2, 3, 4), "x" * 20: (70, 2)}
    values = {name: (rng.random(shape) * 100).astype(dtype) for name, shape in shapes.items()}
    path = tmp_path / "m.mat"
    scipy_io.savemat(path, {**values, "text": "hello", "cells": np.array([1, "a"], object),
                            "struct": {"a": 1}, "complex": np.array([[1j]])},
                     do_compression=compressed)
    found, wanted = read_matrices(path.read_bytes()), scipy_io.loadmat(path)
    assert set(found) == set(values)
    for name, value in found.items():
        assert value.dtype == wanted[name].dtype and np.array_equal(value, wanted[name]), name


def test_matrices_of_broken_files(tmp_path):
    scipy_io = pytest.importorskip("scipy.io")
    rng, refused, path = np.random.default_rng(0), 0, tmp_path / "m.mat"
    for compressed in (False, True):
        scipy_io.savemat(path, {"X": np.ones((40, 2)), "y": np.ones((3, 1), "u1")},
                         do_compression=compressed)
        good = path.read_bytes()
        for _ in range(500):
            raw = bytearray(good[: rng.integers(1, len(good) + 1)] if rng.random() < 0.2 else good)
            for place in rng.integers(0, len(raw), rng.integers(1, 5)):
                raw[place] = rng.integers(0, 256)
            try:
                read_matrices(bytes(raw))
            except FormatError:
                refused += 1
    assert refused > 300
    huge = zlib.compress(bytes(2**27))
    with pytest.raises(FormatError, match="too large"):
        read_matrices(good[:128] + np.array([15, len(huge)], "<u4").tobytes() + huge)


def picture():
    pil = pytest.importorskip("PIL.Image")
    raw = io.BytesIO()
    pil.new("RGB", (8, 8)).save(raw, "JPEG")
    return raw.getvalue()


def zipped(path, names, how=zipfile.ZIP_DEFLATED):
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", how) as file:
        for name in names:
            file.writestr(name, picture())
    return path.read_bytes()


def changed(raw, mark, offset, new):
    place = raw.index(mark) + offset
    return raw[:place] + new + raw[place + len(new) :]


@pytest.mark.parametrize("damage", ["data", "method", "encrypted", "end", "picture"])
def test_damaged_archives_of_pictures(course, write_h5, damage):
    path = course / "signs/signs-64.zip"
    write_h5(course / "signs/test_signs.h5", "test", 3, classes=6)
    raw = zipped(path, ["signs/0_a.jpg", "signs/5_b.jpg"])
    if damage == "data":
        raw = changed(raw, b"signs/0_a.jpg", 13, b"\xff" * 8)
    elif damage == "method":
        raw = changed(changed(raw, b"PK\1\2", 10, b"\x63"), b"PK\3\4", 8, b"\x63")
    elif damage == "encrypted":
        raw = changed(changed(raw, b"PK\1\2", 8, b"\1"), b"PK\3\4", 6, b"\1")
    elif damage == "end":
        raw = raw[:-10]
    path.write_bytes(raw)
    if damage == "picture":
        with zipfile.ZipFile(path, "a") as file:
            file.writestr("signs/1_c.jpg", b"no picture")
    with pytest.raises(FormatError, match=r"signs-64\.zip is truncated.*Copy the course's own"):
        sources.load("signs")


def test_archives_with_strange_names(course, write_h5):
    write_h5(course / "signs/test_signs.h5", "test", 3, classes=6)
    for name in ("signs/x_a.jpg", "signs/.jpg", "signs/9_a.jpg", "signs/\u00b2_a.jpg"):
        zipped(course / "signs/signs-64.zip", [name])
        with pytest.raises(FormatError, match="begins with no label"):
            sources.load("signs")
    for name, said in (("a.jpg", "not in a folder of its class"),
                       ("train/bird/0.jpg", "no pictures in test/")):
        zipped(course / "cifar10/cifar10-jpg.zip", [name])
        with pytest.raises(FormatError, match=said):
            sources.load("cifar10", data="course")


def test_damaged_arrays_of_the_cache(tmp_path):
    path = tmp_path / "a.npz"
    np.savez_compressed(path, vectors=np.arange(1000.0), words=np.array(["a", "b"]))
    good, rng = path.read_bytes(), np.random.default_rng(0)
    assert set(cached_files.arrays((path,)).arrays) == {"vectors", "words"}
    refused = 0
    for _ in range(300):
        raw = bytearray(good)
        for place in rng.integers(0, len(raw), rng.integers(1, 5)):
            raw[place] = rng.integers(0, 256)
        path.write_bytes(raw)
        try:
            cached_files.arrays((path,))
        except FormatError as error:
            refused += 1
            assert len(str(error)) < 600 and "\n" not in str(error)
    assert refused > 100


def test_cifar10_from_pictures(course):
    pil = pytest.importorskip("PIL.Image")
    (course / "cifar10").mkdir()
    picture = io.BytesIO()
    pil.new("RGB", (32, 32)).save(picture, "JPEG")
    with zipfile.ZipFile(course / "cifar10/cifar10-jpg.zip", "w") as zipped:
        for name in ["train/bird/0000", "train/airplane/0000", "test/bird/0000"]:
            zipped.writestr(f"{name}.jpg", picture.getvalue())
    read = sources.load("cifar10")
    assert read.train_y.tolist() == [[0, 1]]
    assert read.test_y.tolist() == [[1]]
    assert read.classes.tolist() == [b"airplane", b"bird"]


@pytest.mark.course
def test_the_real_course_files(real_course):
    cats = sources.load("cats", data="course")
    assert cats.train_x_orig.shape == (209, 64, 64, 3)
    assert cats.test_x_orig.shape == (50, 64, 64, 3)
    assert (cats.train_y.sum(), cats.test_y.sum()) == (72, 33)
    assert cats.verified
    signs = sources.load("signs")
    assert signs.train_x_orig.shape == (1080, 64, 64, 3)
    assert np.bincount(signs.train_y[0]).tolist() == [180] * 6
    assert signs.test_x_orig.shape == (120, 64, 64, 3)
    happy = sources.load("happy-house")
    assert happy.train_y.sum() + happy.test_y.sum() == 84
    football = sources.load("regularization")
    assert (football.X.shape, football.X_test.shape) == ((2, 211), (2, 200))


@pytest.mark.course
def test_a_mirror_serves_the_course_files(real_course, monkeypatch):
    monkeypatch.setenv("TINYGRAD_DLS_MIRROR", str(real_course))
    monkeypatch.delenv("TINYGRAD_DLS_DATA")
    assert sources.fetch("cats").where == "cache"
    cached = sources.load("cats")
    assert cached.where == "cache"
    assert cached.train_x_orig.shape == (209, 64, 64, 3)


def test_orl_faces_come_by_person_in_order(course):
    image = pytest.importorskip("PIL.Image")
    (course / "faces").mkdir()
    with zipfile.ZipFile(course / "faces/orl_faces.zip", "w") as zipped:
        for person in range(40, 0, -1):
            for number in (10, 2, 1):
                file = io.BytesIO()
                image.fromarray(np.full((112, 92), 5 * person + number, np.uint8)).save(file, "PPM")
                zipped.writestr(f"s{person}/{number}.pgm", file.getvalue())
    read = sources.load("orl-faces")
    assert read.where == "course" and not read.verified
    assert read.train_x_orig.shape == (90, 112, 92, 1) and len(read.test_x_orig) == 30
    values = np.concatenate([read.train_x_orig, read.test_x_orig])[:, 0, 0, 0]
    np.testing.assert_array_equal(values, [5 * p + n for p in range(1, 41) for n in (1, 2, 10)])
    np.testing.assert_array_equal(read.test_y[0], np.repeat(np.arange(30, 40), 3))


def test_content_and_style(course):
    image = pytest.importorskip("PIL.Image")
    (course / "style-transfer").mkdir()
    for name, value in (("louvre_small.jpg", 40), ("monet.jpg", 200)):
        picture = image.fromarray(np.full((30, 40, 3), value, np.uint8))
        picture.save(course / "style-transfer" / name)
    read = sources.load("style-transfer").arrays
    assert read["content"].shape == (30, 40, 3) and abs(read["content"].mean() - 40) < 2
    assert abs(read["style"].mean() - 200) < 2
    (course / "style-transfer/monet.jpg").write_bytes(b"no picture")
    with pytest.raises(FormatError, match=r"monet\.jpg"):
        sources.load("style-transfer")


@pytest.mark.parametrize("place", [".", "datasets", "data", "models"])
def test_files_as_coursera_lays_them_out(cats, course, place):
    before = [path.read_bytes() for path in sources.locate("cats").files]
    folder = course / place
    folder.mkdir(exist_ok=True)
    for path in sources.locate("cats").files:
        path.rename(folder / path.name)
    found = sources.locate("cats")
    assert found.where == "course" and [path.parent for path in found.files] == [folder] * 2
    assert [path.read_bytes() for path in found.files] == before
