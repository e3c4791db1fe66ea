"""Non-maximum suppression against a loop; soft suppression against its formula."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_dls as dls
from tinygrad_dls import vision

from .boxes import iou_of, nms_loop, random_boxes


@given(seed=st.integers(0, 10_000), n=st.integers(0, 60), threshold=st.sampled_from([0, .3, .5, 1]))
def test_nms_keeps_what_the_loop_keeps(seed: int, n: int, threshold: float) -> None:
    rng = np.random.default_rng(seed)
    boxes = random_boxes(rng, n, 40)
    if seed % 2:
        boxes = np.round(boxes)
    scores = np.round(rng.random(n), 1 + seed % 3)  # ties: the first one comes first
    assert vision.nms(boxes, scores, threshold).tolist() == nms_loop(boxes, scores, threshold)


@given(seed=st.integers(0, 10_000))
def test_batched_nms_is_nms_of_each_group(seed: int) -> None:
    rng = np.random.default_rng(seed)
    boxes, scores = random_boxes(rng, 40, 30), rng.permutation(40) / 40
    labels = rng.integers(-1, 3, 40)
    expected = [i for label in np.unique(labels) for i in np.flatnonzero(labels == label)[
        nms_loop(boxes[labels == label], scores[labels == label], 0.4)]]
    kept = vision.batched_nms(boxes, scores, labels, 0.4)
    assert kept.tolist() == sorted(expected, key=lambda i: -scores[i])


def test_exactly_at_the_threshold_stays() -> None:
    boxes = [[0, 0, 2, 1], [1, 0, 3, 1]]  # IoU 1/3
    assert vision.nms(boxes, [1.0, 0.5], 1 / 3).tolist() == [0, 1]
    assert vision.nms(boxes, [1.0, 0.5], np.nextafter(1 / 3, 0)).tolist() == [0]
    assert vision.nms(np.float32([[0, 0, 5, 1], [0, 0, 3, 1]]), [1.0, 0.5], 0.6).tolist() == [0, 1]


def test_scores_of_lists_are_not_rounded() -> None:
    boxes = [[0.0, 0.0, 1.0, 1.0]] * 2
    assert vision.nms(boxes, [0.5, 0.5 + 1e-12], 0.5).tolist() == [1]


@pytest.mark.parametrize("method", ["gaussian", "linear"])
def test_soft_nms_follows_its_formula(method: str) -> None:
    rng = np.random.default_rng(1)
    boxes, scores = random_boxes(rng, 30, 40), rng.random(30)
    left, mine, order = list(range(30)), scores.copy(), []
    while left:
        best = max(left, key=lambda i: mine[i])
        left.remove(best)
        order.append(best)
        for i in left:
            iou = iou_of(boxes[i], boxes[best])
            if method == "gaussian":
                mine[i] *= np.exp(-iou**2 / 0.5)
            elif iou > 0.3:
                mine[i] *= 1 - iou
        left = [i for i in left if mine[i] > 0.05]
    places, lowered = vision.soft_nms(boxes, scores, score_threshold=0.05, method=method)
    assert places.tolist() == order
    np.testing.assert_allclose(lowered, mine[order], rtol=1e-12)
    assert (np.diff(lowered) <= 0).all()


def test_what_goes_in_comes_out() -> None:
    boxes, scores = random_boxes(np.random.default_rng(0), 8), np.linspace(0, 1, 8)
    kept = vision.nms(dls.Tensor(boxes), dls.Tensor(scores), 0.5)
    assert isinstance(kept, dls.Tensor) and kept.dtype == np.int64
    arrays = vision.nms(boxes, scores, 0.5)
    assert isinstance(arrays, np.ndarray) and arrays.tolist() == kept.tolist()
    places, lowered = vision.soft_nms(dls.Tensor(boxes), scores)
    assert isinstance(places, dls.Tensor) and isinstance(lowered, dls.Tensor)
    strict = vision.nms(dls.Tensor(boxes, device="strict"), scores, 0.5)
    assert str(strict.device) == "strict" and strict.tolist() == arrays.tolist()


def test_nothing_to_suppress() -> None:
    assert vision.nms([], [], 0.5).tolist() == []
    assert vision.batched_nms(np.zeros((0, 4)), [], [], 0.5).dtype == np.int64
    places, scores = vision.soft_nms([], [])
    assert places.shape == scores.shape == (0,)


@pytest.mark.parametrize("boxes, scores, threshold, error, message", [
    ([[0, 0, 1, 1]], [np.nan], 0.5, dls.DataError, r"scores\[0\] is NaN"),
    ([[0, 0, 1, 1]], [0.5, 0.6], 0.5, dls.ShapeError, "one for each box"),
    ([[2, 0, 1, 1]], [0.5], 0.5, dls.DataError, "x2 < x1"),
    ([[0, 0, 1, 1]], [0.5], 1.5, dls.DataError, "iou_threshold is a number from 0 to 1"),
    ([[0, 0, 1, 1]], [0.5], None, dls.DataError, "iou_threshold"),
    (np.zeros((2, 1, 4)), [0.5, 0.6], 0.5, dls.ShapeError, "one picture"),
])
def test_bad_input_is_refused(boxes, scores, threshold, error, message) -> None:
    with pytest.raises(error, match=message):
        vision.nms(boxes, scores, threshold)


def test_other_bad_input_is_refused() -> None:
    with pytest.raises(dls.ShapeError, match="idxs"):
        vision.batched_nms([[0, 0, 1, 1]], [0.5], [0, 1], 0.5)
    with pytest.raises(dls.DataError, match="method"):
        vision.soft_nms([[0, 0, 1, 1]], [0.5], method="hard")
    with pytest.raises(dls.DataError, match="sigma"):
        vision.soft_nms([[0, 0, 1, 1]], [0.5], sigma=0)
