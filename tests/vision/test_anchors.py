"""Anchors, boxes relative to them, and who is to predict which box."""

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls import vision

from .boxes import random_boxes

RNG = np.random.default_rng(0)


def test_anchors_stand_in_the_middle_of_their_cells() -> None:
    shapes = vision.anchor_shapes([8, 16], [0.5, 1, 2])
    np.testing.assert_allclose(shapes.prod(axis=1), [64] * 3 + [256] * 3, rtol=1e-6)
    np.testing.assert_allclose(shapes[:, 1] / shapes[:, 0], [0.5, 1, 2] * 2, rtol=1e-6)
    boxes = vision.grid_anchors((3, 4), (60, 100), shapes)
    assert boxes.shape == (3 * 4 * 6, 4)
    for row in range(3):
        for column in range(4):
            for k in range(6):
                x, y, w, h = vision.box_convert(boxes, "xyxy", "cxcywh")[(row * 4 + column) * 6 + k]
                assert (x, y) == pytest.approx((25 * column + 12.5, 20 * row + 10), rel=1e-5)
                assert (w, h) == pytest.approx(tuple(shapes[k]), rel=1e-5)


@pytest.mark.torch
@pytest.mark.parametrize("weights", [(1.0, 1.0, 1.0, 1.0), (10.0, 10.0, 5.0, 5.0)])
def test_encode_and_decode_equal_torchvision(weights) -> None:
    from tests.oracle.torchvision_models import torchvision
    torch = pytest.importorskip("torch")
    coder = torchvision.models.detection._utils.BoxCoder(weights)
    boxes, anchors = random_boxes(RNG, 20), random_boxes(RNG, 20)
    offsets = vision.encode(boxes, anchors, weights)
    np.testing.assert_allclose(
        offsets, coder.encode_single(torch.tensor(boxes), torch.tensor(anchors)).numpy(), rtol=1e-9)
    np.testing.assert_allclose(vision.decode(offsets, anchors, weights), boxes, rtol=1e-9)
    wild = RNG.normal(0, 30, (20, 4))  # beyond the limit, too
    theirs = coder.decode_single(torch.tensor(wild), torch.tensor(anchors)).numpy()
    np.testing.assert_allclose(vision.decode(wild, anchors, weights), theirs, rtol=1e-9)


def test_decode_passes_the_gradient_check() -> None:
    anchors = random_boxes(RNG, 3)
    offsets = dls.Tensor(RNG.normal(0, 1, (2, 3, 4)))
    assert dls.gradcheck(lambda x: vision.decode(x, anchors).sum(), offsets).ok


@pytest.mark.torch
@pytest.mark.parametrize("force", [False, True])
def test_matches_equal_torchvision(force: bool) -> None:
    from tests.oracle.torchvision_models import torchvision
    torch = pytest.importorskip("torch")
    utils = torchvision.models.detection._utils
    for seed in range(20):
        rng = np.random.default_rng(seed)
        iou = vision.box_iou(random_boxes(rng, 5, 60), random_boxes(rng, 40, 60))
        iou = iou[iou.max(axis=1) > 0]
        matcher = utils.SSDMatcher(0.5) if force else utils.Matcher(0.5, 0.3)
        mine = vision.match_anchors(iou, 0.5, 0.5 if force else 0.3, force)
        assert mine.tolist() == matcher(torch.tensor(iou)).tolist()


def test_pictures_without_boxes_are_background() -> None:
    assert vision.match_anchors(np.zeros((0, 3))).tolist() == [-1, -1, -1]
    assert vision.match_anchors(np.zeros((2, 0))).tolist() == []
    assert vision.match_anchors([[0.0, 0.0]]).tolist() == [-1, -1]  # it overlaps no anchor
    assert vision.encode([], []).shape == (0, 4)


def test_bad_input_is_refused() -> None:
    with pytest.raises(dls.DataError, match="no area"):
        vision.encode([[0, 0, 0, 1]], [[0, 0, 1, 1]])
    with pytest.raises(dls.DataError, match=r"anchors.* no area"):
        vision.encode([[0, 0, 1, 1]], [[0, 0, 1, 0]])
    with pytest.raises(dls.DataError, match="weights"):
        vision.decode([[0, 0, 0, 0]], [[0, 0, 1, 1]], (1, 1, 0, 1))
    with pytest.raises(dls.ShapeError, match=r"\(boxes, anchors\)"):
        vision.match_anchors([0.5])
    with pytest.raises(dls.DataError, match="above positive"):
        vision.match_anchors([[0.5]], positive=0.3, negative=0.4)
    with pytest.raises(dls.ShapeError, match="pairs"):
        vision.grid_anchors((2, 2), (8, 8), [1, 2, 3])
    with pytest.raises(dls.DataError, match="above 0"):
        vision.anchor_shapes([0])
