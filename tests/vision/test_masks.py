"""Masks against counting pixel by pixel."""

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls import vision

RNG = np.random.default_rng(0)


def test_overlaps_count_pixels() -> None:
    a, b = RNG.random((3, 6, 7)) < 0.4, RNG.random((2, 6, 7)) < 0.6
    for i in range(3):
        for j in range(2):
            shared, union = (a[i] & b[j]).sum(), (a[i] | b[j]).sum()
            assert vision.mask_iou(a, b)[i, j] == pytest.approx(shared / union)
            assert vision.dice(a, b)[i, j] == pytest.approx(2 * shared / (a[i].sum() + b[j].sum()))
    nothing = np.zeros((1, 6, 7))
    assert vision.mask_iou(nothing, nothing) == vision.dice(nothing, nothing) == 0
    assert vision.mask_iou(np.zeros((0, 6, 7)), b).shape == (0, 2)
    assert isinstance(vision.dice(dls.Tensor(a), b), dls.Tensor)


def test_classes_are_counted_pixel_by_pixel() -> None:
    found, truth = RNG.integers(0, 4, (2, 5, 6)), RNG.integers(0, 4, (2, 5, 6))
    truth[0, 0] = 255
    counts = np.zeros((5, 5), int)
    for f, t in zip(found.ravel(), truth.ravel()):
        if t != 255:
            counts[t, f] += 1
    assert (vision.confusion_matrix(found, truth, 5, ignore_index=255) == counts).all()
    kept = truth != 255
    iou = [((found == k) & (truth == k)).sum() / (((found == k) & kept) | (truth == k)).sum()
           for k in range(4)]
    mine = vision.class_iou(found, truth, 5, ignore_index=255)
    np.testing.assert_allclose(mine[:4], iou)
    assert np.isnan(mine[4])  # a class that does not occur counts for nothing
    assert vision.mean_iou(found, truth, 5, ignore_index=255) == pytest.approx(np.mean(iou))


@pytest.mark.torch
def test_boxes_around_masks_equal_torchvision() -> None:
    from tests.oracle.torchvision_models import torchvision
    torch = pytest.importorskip("torch")
    masks = RNG.random((5, 9, 8)) < 0.1
    theirs = torchvision.ops.masks_to_boxes(torch.tensor(masks)).numpy()
    np.testing.assert_array_equal(vision.masks_to_boxes(masks), theirs)
    assert vision.masks_to_boxes(np.zeros((1, 3, 3))).tolist() == [[0, 0, 0, 0]]


def test_bad_input_is_refused() -> None:
    with pytest.raises(dls.ShapeError, match="one size"):
        vision.mask_iou(np.zeros((1, 3, 3)), np.zeros((1, 3, 4)))
    with pytest.raises(dls.ShapeError, match=r"\(n, height, width\)"):
        vision.dice(np.zeros((3, 3)), np.zeros((3, 3)))
    with pytest.raises(dls.DataError, match="from 0 to 7, not 0 to 2"):
        vision.class_iou([0, 1], [0, 7], 3)
    with pytest.raises(dls.DataError, match="argmax"):
        vision.mean_iou([0.2], [0], 2)
    with pytest.raises(dls.ShapeError, match="one shape"):
        vision.confusion_matrix([0, 1], [0], 2)
    with pytest.raises(dls.DataError, match="no pixels"):
        vision.mean_iou([0], [9], 2, ignore_index=9)
