"""Darknet networks: what a cfg says, and YOLO-Fastest on a real picture."""

import os
from pathlib import Path

import numpy as np
import pytest

import tinygrad_dls as dls
from tests.models.darknet_cfg import CFG
from tinygrad_dls import io, models


def test_yolo_boxes_by_hand():
    """One cell in the middle of 3 x 2, and its anchor: the numbers of the paper's figure."""
    raw = np.zeros((1, 2 * 7, 2, 3))
    raw[0, 7:, 1, 2] = [np.log(3), 0, np.log(2), np.log(0.5), 0, np.log(4), -np.log(4)]
    boxes, objects, scores = models.decode_yolo(raw, [[0.1, 0.1], [0.2, 0.4]], 2)
    assert boxes.shape == (1, 12, 4) and objects.shape == (1, 12) and scores.shape == (1, 12, 2)
    middle, size = np.array([2.75 / 3, 1.5 / 2]), np.array([0.4, 0.2])
    np.testing.assert_allclose(boxes[0, 11], [*(middle - size / 2), *(middle + size / 2)])
    assert objects[0, 11] == 0.5
    np.testing.assert_allclose(scores[0, 11], [0.8, 0.2])
    _, _, scores = models.decode_yolo(raw, [[0.1, 0.1], [0.2, 0.4]], 2, softmax=True)
    np.testing.assert_allclose(scores[0, 11], [16 / 17, 1 / 17])
    boxes, _, _ = models.decode_yolo(raw, [[0.1, 0.1], [0.2, 0.4]], 2, scale_x_y=2.0)
    np.testing.assert_allclose(boxes[0, 11, [0, 2]].mean(), (2 + 2 * 0.75 - 0.5) / 3)


def test_heads_take_their_anchors_from_the_cfg():
    model = models.darknet(io.parse_darknet_cfg(CFG))
    yolo, region = model.heads
    raw = np.zeros((1, 14, 3, 4), "float32")
    boxes, _, _ = yolo.decode(raw)  # anchors in pixels of 64 x 48
    np.testing.assert_allclose(np.ptp(boxes[0, :12].reshape(-1, 2, 2), axis=1)[0],
                               [8 / 64, 12 / 48], rtol=1e-6)
    boxes, _, scores = region.decode(raw)  # anchors in cells of 4 x 3
    np.testing.assert_allclose(np.ptp(boxes[0, 12:].reshape(-1, 2, 2), axis=1)[0],
                               [3 / 4, 4 / 3], rtol=1e-6)
    np.testing.assert_allclose(scores, 0.5)
    boxes, scores = model.boxes([raw, raw])
    assert boxes.shape == (1, 48, 4) and scores.shape == (1, 48, 2)
    np.testing.assert_allclose(scores, 0.25)


# --- what a cfg may get wrong --------------------------------------------------------------------


@pytest.mark.parametrize("change, said", [
    (("[upsample]", "[mystery]"), r"layer 7 of the cfg is \[mystery\], which is not known here"),
    (("activation=mish", "activation=gelu2"), "activation=gelu2 is not known here; known are"),
    (("groups=4", "groups=3"), "layer 2.*do not split into groups=3"),
    (("layers=-1,4", "layers=-1,40"), "layer 8.*names layer 40, which is not before it"),
    (("filters=14", "filters=15"), "filters=15; 2 anchors x .5 . 2 classes. make 14"),
    (("anchors=1,2, 3,4", "anchors=1,2,3"), "anchors are pairs of numbers, not 3"),
    (("anchors=1,2, 3,4", "anchors=1,b"), "anchors is not a list of numbers"),
    (("mask=1,2", "mask=1,3"), "mask names an anchor that is not there"),
    (("from=-3", "from=-8"), "layer 4.*names layer -4, which is not before it"),
    (("filters=8\nsize=5", "filters=12\nsize=5"), "layer 4.*a sum needs as many"),
    (("stride=2\n[convolutional]\nfilters=14", "stride=3\n[convolutional]\nfilters=14"),
     r"\[reorg\].*multiple of 9"),
    (("scale_x_y=1.1", "new_coords=1"), "new_coords=1 is not known here"),
])
def test_a_wrong_cfg(change, said):
    assert change[0] in CFG
    with pytest.raises(dls.Error, match=said):
        models.darknet(io.parse_darknet_cfg(CFG.replace(*change)))


def test_a_cfg_that_is_not_there():
    with pytest.raises(dls.DataError, match=r"'none.cfg' is not a file"):
        models.darknet("none.cfg")


def test_weights_of_another_cfg(tmp_path):
    cfg, weights = tmp_path / "net.cfg", tmp_path / "net.weights"
    cfg.write_text(CFG)
    header = np.array([0, 2, 5, 0, 0], "<i4").tobytes()
    count = sum(t.size for name, t in models.darknet(cfg).state_dict().items()
                if "num_batches" not in name)
    weights.write_bytes(header + np.ones(count, "<f4").tobytes())
    assert models.darknet(cfg, weights=weights).state_dict()["11.conv.bias"].numpy().sum() == 14
    weights.write_bytes(header + np.ones(count - 5, "<f4").tobytes())
    with pytest.raises(dls.FormatError, match=r"net.weights.*too short.*Is it of this cfg"):
        models.darknet(cfg, weights=weights)


def test_a_picture_of_other_channels():
    model = models.darknet(io.parse_darknet_cfg(CFG))
    with pytest.raises(dls.ShapeError, match=r"expected pictures \(m, 3, height, width\)"):
        model(dls.zeros((1, 1, 48, 64)))


def test_a_picture_whose_maps_do_not_fit_together():
    model = models.darknet(io.parse_darknet_cfg(CFG))
    with pytest.raises(dls.ShapeError, match=r"pictures of 50 x 64 do not fit: layer 8(.|\n)*48 x"):
        model(dls.zeros((1, 3, 50, 64)))


# --- the real one --------------------------------------------------------------------------------

FOLDER = Path(os.environ.get("TINYGRAD_DLS_DATA", "."))
YOLO = FOLDER / "pretrained" / "yolo-fastest"


def iou(a, b):
    w, h = np.maximum(0, np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]))
    return w * h / (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - w * h)


@pytest.mark.course
@pytest.mark.skipif(not YOLO.is_dir(), reason="no YOLO-Fastest among the course files")
@pytest.mark.parametrize("name, overlap", [
    ("yolo-fastest-1.1_coco/yolo-fastest-1.1", 0.95),
    ("yolo-fastest-1.1_coco/yolo-fastest-1.1-xl", 0.9),
    ("yolo-fastest-1.0_coco/yolo-fastest", 0.6),
    ("yolo-fastest-1.0_coco/yolo-fastest-xl", 0.7),
])
def test_yolo_fastest_finds_the_car(name, overlap):
    image = pytest.importorskip("PIL.Image")
    model = models.darknet(f"{YOLO / name}.cfg", weights=f"{YOLO / name}.weights").eval()
    picture = image.open(FOLDER / "car-detection" / "images" / "test.jpg")
    _, height, width = model.input_shape
    x = np.asarray(picture.resize((width, height), image.Resampling.BILINEAR), "float32") / 255
    with dls.no_grad():
        maps = model(dls.Tensor(x.transpose(2, 0, 1)[None].copy()))
    boxes, scores = model.boxes([m.numpy() for m in maps])
    best, label = np.unravel_index(scores[0].argmax(), scores[0].shape)
    assert label == 2 and scores[0, best, label] >= 0.85  # a car
    box = boxes[0, best] * np.tile(picture.size, 2)
    assert iou(box, np.array([966, 345, 1241, 706])) >= overlap
