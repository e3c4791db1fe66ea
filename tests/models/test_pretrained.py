"""Trained networks: right on real pictures, equal to another implementation, or clearly missing."""

import io as bytes_io
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls import io, models
from tinygrad_dls.data import sources
from tinygrad_dls.data.sources import locating
from tinygrad_dls.data.sources.folders import COURSE, datasets_folder
from tinygrad_dls.models import pretrained

image = pytest.importorskip("PIL.Image")
pytest.importorskip("skimage")
ALL = [(entry.name, entry.weights) for entry in models.PRETRAINED.values()]
QUICK = ("squeezenet1_1", "tiny_yolov2", "face_resnet")  # to export to ONNX
BUILT_IN = ("squeezenet1_1", "tiny_yolov2")


@pytest.fixture(scope="module")
def photographs():
    return sources.load("photographs").arrays


@pytest.fixture
def bare(monkeypatch, tmp_path):
    """A machine fresh from the installation: nothing fetched, no course files.

    Its cache of data moves, not the one of compiled kernels.
    """
    monkeypatch.delenv(COURSE, raising=False)
    monkeypatch.setattr(locating, "cache_folder", lambda: tmp_path / "data")
    monkeypatch.setattr(pretrained, "user_cache", lambda: tmp_path)


def loaded(name):
    try:
        return models.load(name)
    except dls.DataError as missing:
        pytest.skip(str(missing))


def run(model, picture):
    with dls.no_grad():
        return model(model.transform(picture))


def best_face(model, picture):
    """(score, box in pixels) of the surest face."""
    boxes, scores = model.boxes(run(model, picture))
    place = scores[0, :, 0].argmax()
    box = model.transform.to_picture(boxes[0, place : place + 1], picture.shape[:2])[0]
    return scores[0, place, 0], box


def iou(a, b):
    w, h = np.maximum(0, np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]))
    return w * h / (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - w * h)


# --- on a fresh machine --------------------------------------------------------------------------


def test_squeezenet_knows_what_is_on_photographs(bare, photographs):
    model = models.load("squeezenet1_1", weights="imagenet")
    assert not model.training and len(model.classes) == 1000
    assert "built-in" in model.statement
    for name, words in (("coffee", ["espresso"]), ("chelsea", ["tiger cat", "Egyptian cat",
                                                               "tabby, tabby cat"])):
        logits = run(model, photographs[name]).numpy()[0]
        chances = np.exp(logits - logits.max())
        chances /= chances.sum()
        found = [model.classes[i] for i in np.argsort(-chances)[: len(words)]]
        assert sorted(found) == sorted(words)
        assert sum(sorted(chances)[-len(words):]) > 0.95


def test_the_face_detector_finds_the_astronaut_and_nothing_else(bare, photographs):
    model = models.load("tiny_yolov2", weights="faces")
    score, box = best_face(model, photographs["astronaut"])
    assert score > 0.9
    assert iou(box, np.array([175, 70, 275, 190])) >= 0.5  # drawn by hand
    for name in ("coffee", "chelsea", "rocket"):
        assert best_face(model, photographs[name])[0] < 0.4


def test_what_is_not_here_says_how_to_fetch_it(bare):
    for entry in models.PRETRAINED.values():
        if entry.name not in BUILT_IN:
            with pytest.raises(dls.DataError) as caught:
                models.load(entry.name)
            assert f"tinygrad-dls data fetch {entry.source}" in str(caught.value)
            assert "\n" not in str(caught.value)


def test_the_table(bare, monkeypatch):
    rows = {row["name"]: row for row in models.table()}
    assert list(rows) == [name for name, _ in ALL]
    for name, row in rows.items():
        assert row["licence"] and row["source"] and row["megabytes"] > 0
        if name in BUILT_IN:
            assert row["here"] == "built-in"
        else:
            assert row["here"].startswith("tinygrad-dls data fetch ")
    text = repr(models.table())
    assert all(name in text for name in rows) and len(text.splitlines()) == len(rows) + 1


# --- against plain NumPy -------------------------------------------------------------------------


def conv(x, kernel, bias=0.0, stride=1, padding=0, depthwise=False):
    """x (h, w, in), kernel (k, k, in, out), as TensorFlow stores them."""
    k = kernel.shape[0]
    x = np.pad(x, ((padding, padding), (padding, padding), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(x, (k, k), (0, 1))[::stride, ::stride]
    sums = "hwcij,ijco->hwc" if depthwise else "hwcij,ijco->hwo"
    return np.einsum(sums, windows, kernel, optimize=not depthwise) + bias


def pool(x, size, stride):
    windows = np.lib.stride_tricks.sliding_window_view(x, (size, size), (0, 1))
    return windows[::stride, ::stride].max((-1, -2))


def test_squeezenet_equals_numpy(bare, photographs):
    with np.load(datasets_folder() / "squeezenet1_1.npz") as file:
        arrays = dict(file)

    def layer(x, name, **options):
        kernel = arrays[f"{name}/codes"].astype(float) * arrays[f"{name}/scale"]
        return np.maximum(conv(x, kernel, arrays[f"{name}/bias"], **options), 0)

    crop = photographs["coffee"][100:327, 200:427]  # of the size it wants, so that none is resized
    x = crop[..., ::-1] - np.array([104.0, 117.0, 123.0])
    x = pool(layer(x, "conv1", stride=2, padding=1), 3, 2)
    for number in range(2, 10):
        s = layer(x, f"fire{number}/squeeze1x1")
        x = np.concatenate([layer(s, f"fire{number}/expand1x1"),
                            layer(s, f"fire{number}/expand3x3", padding=1)], axis=2)
        x = pool(x, 3, 2) if number in (3, 5) else x
    expected = layer(x, "conv10").mean((0, 1))
    found = run(models.load("squeezenet1_1"), crop).numpy()[0]
    np.testing.assert_allclose(found, expected, atol=1e-4 * expected.max())


def test_the_face_detector_equals_numpy(bare, photographs):
    arrays = io.load_tensorflowjs(
        datasets_folder() / "tiny_face_detector_model-weights_manifest.json"
    )
    leaky = lambda x: np.maximum(x, 0.1 * x)  # noqa: E731
    picture = photographs["astronaut"][:416, :416]
    x = (picture - np.array([117.001, 114.697, 97.404])) / 255
    x = leaky(conv(x, arrays["conv0/filters"], arrays["conv0/bias"]))
    for i in range(1, 6):
        odd = (0, x.shape[0] % 2)
        x = pool(np.pad(x, (odd, odd, (0, 0)), constant_values=-np.inf), 2, 2)
        x = conv(x, arrays[f"conv{i}/depthwise_filter"], padding=1, depthwise=True)
        x = leaky(conv(x, arrays[f"conv{i}/pointwise_filter"], arrays[f"conv{i}/bias"]))
    x = pool(np.pad(x, ((0, 1), (0, 1), (0, 0)), constant_values=-np.inf), 2, 1)
    expected = conv(x, arrays["conv8/filters"], arrays["conv8/bias"]).transpose(2, 0, 1)
    found = run(models.load("tiny_yolov2"), picture).numpy()[0]
    assert found.shape == expected.shape == (25, 13, 13)
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("name", [
    name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name, _ in ALL
])
def test_onnxruntime_computes_the_same(name, photographs, tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    model = loaded(name)
    x = model.transform(photographs["astronaut"])
    io.export_onnx(model, tmp_path / "model.onnx", x)
    session = runtime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    expected = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    with dls.no_grad():
        outputs = model(x)
    outputs = list(outputs.values()) if isinstance(outputs, dict) else outputs
    for a, b in zip(outputs if isinstance(outputs, list) else [outputs], expected, strict=True):
        np.testing.assert_allclose(a.numpy(), b, atol=1e-4 * np.abs(b).max())


# --- the fetched ones on real pictures -----------------------------------------------------------


def test_rounding_to_8_bits_changes_little(photographs):
    try:
        whole = models.load("squeezenet1_1", data="cache")
    except dls.DataError as missing:
        pytest.skip(str(missing))
    rounded = models.load("squeezenet1_1", data="built-in")
    a, b = run(whole, photographs["coffee"]).numpy(), run(rounded, photographs["coffee"]).numpy()
    assert a.argmax() == b.argmax()
    assert np.abs(a - b).max() < 0.05 * a.max()
    face = models.load("tiny_yolov2", data="cache").state_dict()  # published with 8 bits
    for name, value in models.load("tiny_yolov2", data="built-in").state_dict().items():
        np.testing.assert_allclose(value.numpy(), face[name].numpy(), rtol=1e-5, atol=1e-6)


def test_squeezenet_1_0_sees_the_espresso(photographs):
    model = loaded("squeezenet1_0")
    assert model.classes[run(model, photographs["coffee"]).numpy().argmax()] == "espresso"


def test_vgg16_finds_edges(photographs):
    """Its first filters answer to the border of the cup, not to the plain table."""
    model = loaded("vgg16_features")
    assert run(model, photographs["coffee"]).shape == (1, 512, 7, 7)
    flat = np.full((64, 64, 3), 120, np.uint8)
    edge = flat.copy()
    edge[:, 32:] = 200
    first = model[:4]
    answers = [first(model.transform(p)).detach().numpy()[0, :, 112].std(axis=1).sum()
               for p in (flat, edge)]
    assert answers[1] > 3 * answers[0]


def test_the_ssd_finds_the_astronaut(photographs):
    model = loaded("mobilenet_ssd")
    score, box = best_face(model, photographs["astronaut"])
    assert score > 0.9 and iou(box, np.array([175, 70, 275, 190])) >= 0.5
    for name in ("coffee", "rocket"):
        assert best_face(model, photographs[name])[0] < 0.4


@pytest.mark.course
def test_yolo_fastest_finds_the_car():
    model = loaded("yolo_fastest_1_1")
    folder = Path(os.environ[COURSE]) / "car-detection" / "images"
    picture = image.open(folder / "test.jpg")
    with dls.no_grad():
        maps = model(model.transform(picture))
    boxes, scores = model.boxes(maps)
    place, label = np.unravel_index(scores[0].argmax(), scores[0].shape)
    assert model.classes[label] == "car" and scores[0, place, label] >= 0.85
    box = model.transform.to_picture(boxes[0, [place]], (720, 1280))[0]
    assert iou(box, np.array([966, 345, 1241, 706])) >= 0.9


def orl_faces():
    path = Path(os.environ.get(COURSE, "")) / "faces" / "orl_faces.zip"
    if not path.is_file():
        pytest.skip("no ORL faces among the course files")
    with zipfile.ZipFile(path) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".pgm"))
        return {tuple(name.split("/")[-2:]): image.open(bytes_io.BytesIO(archive.read(name)))
                .convert("RGB") for name in names}


@pytest.mark.course
def test_the_face_detector_finds_pasted_faces(photographs):
    """At their own size, 92 x 112, on photographs of 416 x 416 without people."""
    model = models.load("tiny_yolov2", data="built-in")
    rng, found = np.random.default_rng(0), []
    for i, face in enumerate(list(orl_faces().values())[::8]):
        ground = image.fromarray(photographs[("coffee", "chelsea", "rocket")[i % 3]])
        ground = ground.resize((416, 416))
        x, y = (int(rng.integers(0, 416 - n)) for n in face.size)
        ground.paste(face, (x, y))
        score, box = best_face(model, np.asarray(ground))
        found.append(score >= 0.4 and iou(box, np.array([x, y, x + 92, y + 112])) >= 0.5)
    assert np.mean(found) >= 0.95


@pytest.mark.course
def test_the_face_embedding_tells_people_apart():
    model = loaded("face_resnet")
    faces = [(who, np.asarray(face.crop((0, 10, 92, 102)))) for (who, _), face
             in list(orl_faces().items())[::5]]
    people = np.array([who for who, _ in faces])
    x = model.transform([face for _, face in faces])
    with dls.no_grad():
        points = np.concatenate([model(x[i : i + 20]).numpy() for i in range(0, len(x), 20)])
    apart = np.linalg.norm(points[:, None] - points[None], axis=2)
    same = apart[(people[:, None] == people) & ~np.eye(len(people), dtype=bool)]
    others = apart[people[:, None] != people]
    assert (same[:, None] < others).mean() > 0.8  # without the alignment it was trained with


def test_detect_keeps_one_box_per_face(bare, photographs):
    model = models.load("tiny_yolov2")
    found = models.detect(model, photographs["astronaut"])
    assert found["boxes"].shape == (1, 4) and found["labels"].tolist() == [0]
    assert iou(found["boxes"][0], np.array([175, 70, 275, 190])) >= 0.5
    both = np.concatenate([photographs["astronaut"], photographs["astronaut"][:, ::-1]], axis=1)
    assert len(models.detect(model, both)["boxes"]) == 2
    for name in ("coffee", "chelsea", "rocket"):
        nothing = models.detect(model, photographs[name])
        assert nothing["boxes"].shape == (0, 4) and nothing["scores"].shape == (0,)
    everything = models.detect(model, photographs["coffee"], score_threshold=0.001)
    height, width = photographs["coffee"].shape[:2]
    assert everything["boxes"].min() >= 0 and len(everything["boxes"]) > 5
    assert (everything["boxes"].max(axis=0) <= [width, height, width, height]).all()
    assert (np.diff(everything["scores"]) <= 0).all()


@pytest.mark.course
def test_detect_names_the_cars_on_the_road():
    model = loaded("yolo_fastest_1_1")
    folder = Path(os.environ[COURSE]) / "car-detection" / "images"
    found = models.detect(model, image.open(folder / "test.jpg"))
    names = [model.classes[label] for label in found["labels"]]
    assert names[0] == "car" and names.count("car") >= 4
    assert iou(found["boxes"][0], np.array([966, 345, 1241, 706])) >= 0.9


# --- the cache of converted weights --------------------------------------------------------------


@pytest.mark.course
def test_weights_are_converted_once_and_again_when_damaged(monkeypatch, tmp_path):
    monkeypatch.setattr(pretrained, "user_cache", lambda: tmp_path)
    first = loaded("yolo_fastest_1_1").state_dict()
    (path,) = (tmp_path / "models").iterdir()
    assert path.name == "yolo_fastest_1_1-coco.safetensors"
    written = path.stat().st_mtime_ns
    models.load("yolo_fastest_1_1")
    assert path.stat().st_mtime_ns == written
    path.write_bytes(path.read_bytes()[:1000])
    again = models.load("yolo_fastest_1_1").state_dict()
    assert path.stat().st_mtime_ns != written
    for name, value in first.items():
        np.testing.assert_array_equal(value.numpy(), again[name].numpy())


# --- bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name, weights, said", [
    ("squeezenet11", None, "did you mean squeezenet1_1"),
    ("nothing", None, r"models.table\(\) shows all"),
    ("squeezenet1_1", "coco", "has the weights 'imagenet', not 'coco'"),
])
def test_names_that_are_not_there(name, weights, said):
    with pytest.raises(dls.DataError, match=said):
        models.load(name, weights=weights)


GREY = np.zeros((9, 7), np.uint8)


@pytest.mark.parametrize("picture, said", [
    (GREY, r"grey, \(9, 7\)(.|\n)*np.repeat\(picture\[..., None\], 3, axis=2\)"),
    (GREY[..., None], r"grey, \(9, 7, 1\)(.|\n)*np.repeat\(picture, 3, axis=2\)"),
    (np.zeros((9, 7, 4), np.uint8), r"fourth channel(.|\n)*picture\[..., :3\]"),
    (np.zeros((9, 7, 3), np.uint16), r"dtype uint16(.|\n)*picture // 257"),
    (np.zeros((9, 7, 3)), r"dtype float64(.|\n)*255 \* picture"),
    (np.zeros((3, 9, 7), np.uint8), r"a picture is \(height, width, 3\), got \(3, 9, 7\)"),
    (np.zeros((0, 7, 3), np.uint8), "the picture is empty"),
    (image.new("L", (5, 5)), r'mode L(.|\n)*picture.convert\("RGB"\)'),
    (image.new("RGBA", (5, 5)), "mode RGBA"),
    (image.new("I;16", (5, 5)), "mode I;16"),
    ([], "no picture in the list"),
])
def test_pictures_that_are_not_rgb(picture, said):
    with pytest.raises(dls.Error, match=said):
        models.Preparation((8, 8))(picture)


def test_a_picture_that_is_cut_off(photographs):
    whole = bytes_io.BytesIO()
    image.fromarray(photographs["coffee"]).save(whole, "JPEG")
    cut = image.open(bytes_io.BytesIO(whole.getvalue()[:9000]))
    with pytest.raises(dls.DataError, match=r"cannot be decoded .*truncated"):
        models.Preparation((8, 8))(cut)


@pytest.mark.parametrize("model", [models.FaceResNet, models.MobileNetSSD])
def test_a_network_of_one_size_says_which(model):
    with pytest.raises(dls.ShapeError, match=r"got \(1, 3, 64, 64\)(.|\n)*resizes"):
        model()(dls.zeros((1, 3, 64, 64)))


def test_how_pictures_are_fitted():
    wide = np.zeros((10, 20, 3), np.uint8)
    wide[:, 5:15] = [255, 128, 0]
    crop = models.Preparation((10, 10), fit="crop")(wide).numpy()
    np.testing.assert_allclose(crop, np.broadcast_to(
        np.array([1, 128 / 255, 0], "float32").reshape(1, 3, 1, 1), (1, 3, 10, 10)))
    bgr = models.Preparation((10, 10), (1.0, 2.0, 3.0), 2.0, "BGR", "crop")(wide).numpy()
    np.testing.assert_allclose(bgr[0, :, 0, 0], [-0.5, 63, 126])
    padded = models.Preparation((20, 20), fit="pad")(wide).numpy()
    assert padded[0, 0, :10, 5:15].min() == 1 and padded[0, :, 10:].max() == 0
    centred = models.Preparation((20, 20), fit="center")(wide).numpy()
    assert centred[0, 0, 5:15, 5:15].min() == 1 and centred[0, :, :5].max() == 0
    assert models.Preparation((4, 6))([wide, wide[:5]]).shape == (2, 3, 4, 6)


@pytest.mark.parametrize("fit", ["stretch", "pad", "center"])
def test_boxes_go_back_to_the_picture(fit):
    """A bright rectangle is found in the input, and its box brought back to where it was."""
    picture = np.zeros((60, 100, 3), np.uint8)
    picture[20:40, 10:70] = 255
    transform = models.Preparation((200, 200), fit=fit)
    rows, columns = np.nonzero(transform(picture).numpy()[0, 0] > 0.5)
    box = np.array([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]]) / 200
    np.testing.assert_allclose(transform.to_picture(box, (60, 100)), [[10, 20, 70, 40]], atol=1)
