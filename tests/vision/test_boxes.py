"""Boxes: formats, areas and overlaps against torchvision and against the definition."""

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls import vision

from .boxes import iou_of, random_boxes

RNG = np.random.default_rng(0)
A, B = random_boxes(RNG, 17), random_boxes(RNG, 9)
FORMATS = ("xyxy", "xywh", "cxcywh")


def test_iou_is_that_of_the_definition() -> None:
    expected = [[iou_of(a, b) for b in B] for a in A]
    np.testing.assert_allclose(vision.box_iou(A, B), expected, rtol=1e-12)
    assert vision.box_iou(A, A).diagonal() == pytest.approx(1)


@pytest.mark.torch
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int64"])
def test_boxes_equal_torchvision(dtype: str) -> None:
    from tests.oracle.torchvision_models import torchvision
    ops, torch = torchvision.ops, pytest.importorskip("torch")
    a, b = A.astype(dtype), B.astype(dtype)
    a_, b_ = torch.tensor(a), torch.tensor(b)
    close = {"float16": 2e-3, "float32": 1e-6}.get(dtype, 1e-6 if "int" in dtype else 1e-13)
    for mine, theirs in (
        (vision.box_iou(a, b), ops.box_iou(a_, b_)),
        (vision.generalized_box_iou(a, b), ops.generalized_box_iou(a_, b_)),
        (vision.box_area(a), ops.box_area(a_)),
        (vision.clip_boxes_to_image(a, (50, 60)), ops.clip_boxes_to_image(a_, (50, 60))),
        (vision.remove_small_boxes(a, 20), ops.remove_small_boxes(a_, 20)),
    ):
        np.testing.assert_allclose(mine, theirs.numpy(), rtol=close, atol=close)
        if dtype.startswith("float"):
            assert mine.dtype == theirs.numpy().dtype


@pytest.mark.torch
@pytest.mark.parametrize("before", FORMATS)
@pytest.mark.parametrize("after", FORMATS)
def test_formats_equal_torchvision(before: str, after: str) -> None:
    from tests.oracle.torchvision_models import torchvision
    torch = pytest.importorskip("torch")
    x = RNG.uniform(1, 50, (2, 5, 4))
    theirs = torchvision.ops.box_convert(torch.tensor(x), before, after).numpy()
    np.testing.assert_allclose(vision.box_convert(x, before, after), theirs, rtol=1e-13)
    back = vision.box_convert(vision.box_convert(x, before, after), after, before)
    np.testing.assert_allclose(back, x, rtol=1e-12)
    if after == "xyxy":
        np.testing.assert_allclose(
            vision.box_iou(x[0], x[1], fmt=before) if before != "xyxy" else 0,
            vision.box_iou(theirs[0], theirs[1]) if before != "xyxy" else 0, rtol=1e-12)


@pytest.mark.torch
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_generalized_iou_loss_and_its_gradient_equal_torchvision(reduction: str) -> None:
    from tests.oracle.torchvision_models import torchvision
    torch = pytest.importorskip("torch")
    a, b = A[:9], B
    theirs_a = torch.tensor(a, requires_grad=True)
    theirs = torchvision.ops.generalized_box_iou_loss(theirs_a, torch.tensor(b), reduction)
    mine_a = dls.Tensor(a, requires_grad=True)
    mine = vision.generalized_box_iou_loss(mine_a, b, reduction)
    np.testing.assert_allclose(mine.detach().numpy(), theirs.detach().numpy(), rtol=1e-12)
    np.testing.assert_allclose(vision.generalized_box_iou_loss(a, b, reduction), mine.numpy())
    theirs.sum().backward()
    mine.sum().backward()
    np.testing.assert_allclose(mine_a.grad.numpy(), theirs_a.grad.numpy(), rtol=1e-9, atol=1e-14)


def test_overlaps_pass_the_gradient_check() -> None:
    a, b = dls.Tensor(A[:3]), dls.Tensor(A[:3] + RNG.uniform(-3, 3, (3, 4)))
    assert dls.gradcheck(lambda x: vision.box_iou(x, b).sum(), a).ok
    assert dls.gradcheck(lambda x: vision.generalized_box_iou(x, b).sum(), a).ok


@pytest.mark.parametrize("function", [vision.box_iou, vision.generalized_box_iou])
def test_what_goes_in_comes_out(function) -> None:
    tensor = function(dls.Tensor(A), B)
    assert isinstance(tensor, dls.Tensor)
    array = function(A, B)
    assert isinstance(array, np.ndarray)
    np.testing.assert_array_equal(tensor.numpy(), array)
    np.testing.assert_allclose(function(A.tolist(), B.tolist()), array)
    batch = function(np.stack([A, A + 1]), np.stack([B, B]))
    np.testing.assert_allclose(batch[0], array)


def test_no_boxes_and_boxes_without_area() -> None:
    assert vision.box_iou([], A).shape == (0, 17)
    assert vision.box_iou(A, np.zeros((0, 4))).shape == (17, 0)
    assert vision.box_area([]).shape == (0,)
    assert vision.box_convert([], "xyxy", "xywh").shape == (0, 4)
    point = [[3.0, 3.0, 3.0, 3.0]]
    assert vision.box_iou(point, point).tolist() == [[0.0]]
    assert vision.generalized_box_iou(point, point).tolist() == [[0.0]]


def test_large_integers_do_not_overflow() -> None:
    boxes = np.array([[0, 0, 200, 200], [250, 250, 255, 255]], np.uint8)
    assert vision.box_area(boxes).tolist() == [40_000, 25]
    assert vision.box_iou(boxes, boxes).tolist() == [[1, 0], [0, 1]]
    assert vision.box_area(np.array([[0, 0, 60_000, 60_000]], np.int32)).tolist() == [3_600_000_000]


@pytest.mark.parametrize("bad, error, message", [
    ([[5.0, 0.0, 1.0, 9.0]], dls.DataError, r"boxes1\[0\] = \(5, 0, 1, 9\): x2 < x1"),
    ([[0.0, 0.0, 1.0, 1.0], [0.0, 9.0, 1.0, 1.0]], dls.DataError, r"boxes1\[1\].*y2 < y1"),
    ([[0.0, 0.0, np.nan, 1.0]], dls.DataError, "finite"),
    ([[0.0, 0.0, np.inf, 1.0]], dls.DataError, "finite"),
    ([[0.0, 0.0, 1.0]], dls.ShapeError, r"four numbers each, \(n, 4\)"),
    ([["a", "b", "c", "d"]], dls.DtypeError, "floats"),
])
def test_bad_boxes_are_refused(bad, error, message) -> None:
    for function in (vision.box_iou, vision.generalized_box_iou):
        with pytest.raises(error, match=message):
            function(bad, B)


def test_other_bad_input_is_refused() -> None:
    with pytest.raises(dls.DataError, match="negative"):
        vision.box_area([[0.0, 0.0, -1.0, 2.0]], fmt="xywh")
    with pytest.raises(dls.DataError, match="one of xyxy, xywh, cxcywh"):
        vision.box_convert(A, "xyxy", "yxyx")
    with pytest.raises(dls.DataError, match="no boxes"):
        vision.generalized_box_iou_loss([], [], "mean")
    with pytest.raises(dls.ShapeError, match="size is"):
        vision.clip_boxes_to_image(A, (3, 4, 5))
