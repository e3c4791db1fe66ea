"""Overlaps of boxes: intersection over union, and its forms that also serve as losses."""

from typing import Any

import numpy as np

from .._util.keywords import near_names
from ..errors import DataError, ShapeError
from ..nn.functional.checks import check_reduction
from .boxes import area_of, box_convert, check_format
from .operands import Boxes, alike, check_boxes, with_four


@near_names
def box_iou(boxes1: Boxes, boxes2: Boxes, fmt: str = "xyxy") -> Any:
    """Compute the intersection over union of each pair: (n, 4), (m, 4) -> (n, m).

    Leading axes are batches. Two boxes without area overlap by 0. Differentiable on tensors.

    >>> from tinygrad_dls import vision
    >>> boxes = [[1.0, 1.0, 3.0, 3.0], [0.0, 0.0, 2.0, 1.0]]
    >>> vision.box_iou([[0.0, 0.0, 2.0, 2.0]], boxes).round(3).tolist()
    [[0.143, 0.5]]
    """
    boxes1, boxes2 = _pair(boxes1, boxes2, fmt)
    intersection, union = _intersection_union(boxes1[..., :, None, :], boxes2[..., None, :, :])
    return intersection / np.where(union == 0, 1.0, union)


@near_names
def generalized_box_iou(boxes1: Boxes, boxes2: Boxes) -> Any:
    """Compute IoU - (hull - union) / hull of each pair: (n, 4), (m, 4) -> (n, m).

    The hull is the smallest box around both; -1 for boxes far apart, 1 for equal ones
    (Rezatofighi et al. 2019).

    >>> from tinygrad_dls import vision
    >>> vision.generalized_box_iou([[0.0, 0.0, 1.0, 1.0]], [[3.0, 0.0, 4.0, 1.0]]).tolist()
    [[-0.5]]
    """
    boxes1, boxes2 = _pair(boxes1, boxes2, "xyxy")
    a, b = boxes1[..., :, None, :], boxes2[..., None, :, :]
    intersection, union = _intersection_union(a, b)
    hull = _hull_area(a, b)
    return (intersection / np.where(union == 0, 1.0, union)
            - (hull - union) / np.where(hull == 0, 1.0, hull))


@near_names
def generalized_box_iou_loss(
    boxes1: Boxes, boxes2: Boxes, reduction: str = "none", eps: float = 1e-7
) -> Any:
    """Compute 1 - generalized IoU of boxes one to one: (n, 4), (n, 4) -> (n,), or a mean or sum.

    A loss: the gradient moves boxes together that do not touch yet. Boxes are not checked, since
    those of a network in training may be turned inside out.

    >>> from tinygrad_dls import vision
    >>> a, b = [[0.0, 0.0, 1.0, 1.0]], [[3.0, 0.0, 4.0, 1.0]]
    >>> vision.generalized_box_iou_loss(a, b).round(3).tolist()
    [1.5]
    """
    boxes1, boxes2 = alike(boxes1, boxes2)
    a, b = with_four(boxes1, "boxes1"), with_four(boxes2, "boxes2")
    width_height = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    # Boxes that do not meet share nothing, also where one is turned inside out.
    meet = (width_height[..., 0] > 0) & (width_height[..., 1] > 0)
    intersection = np.where(meet, width_height[..., 0] * width_height[..., 1], 0.0)
    union = area_of(a) + area_of(b) - intersection
    hull = _hull_area(a, b)
    losses = 1 - intersection / (union + eps) + (hull - union) / (hull + eps)
    if check_reduction(reduction) == "none":
        return losses
    if reduction == "mean" and not losses.size:
        raise DataError("the mean of no losses: there are no boxes")
    return losses.mean() if reduction == "mean" else losses.sum()


def _pair(boxes1: Boxes, boxes2: Boxes, fmt: str) -> tuple[Any, Any]:
    """Both as arrays or both as tensors, checked, in the format xyxy."""
    check_format(fmt)
    pair = [check_boxes(boxes, name, fmt)
            for boxes, name in zip(alike(boxes1, boxes2), ("boxes1", "boxes2"))]
    for boxes, name in zip(pair, ("boxes1", "boxes2")):
        if boxes.ndim < 2:
            raise ShapeError(f"{name} are (n, 4), one row each, not\n  {boxes.shape}")
    if fmt != "xyxy":
        pair = [box_convert(boxes, fmt, "xyxy") for boxes in pair]
    return pair[0], pair[1]


def _intersection_union(a: Any, b: Any) -> tuple[Any, Any]:
    """Areas that boxes a and b (broadcast against each other) share, and cover together."""
    width_height = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    if width_height.dtype == np.float16:
        width_height = width_height.astype(np.float32)
    width_height = np.maximum(width_height, 0)
    intersection = width_height[..., 0] * width_height[..., 1]
    return intersection, area_of(a) + area_of(b) - intersection


def _hull_area(a: Any, b: Any) -> Any:
    """The area of the smallest box around each pair."""
    left_top = np.minimum(a[..., :2], b[..., :2])
    right_bottom = np.maximum(a[..., 2:], b[..., 2:])
    return area_of(np.concatenate([left_top, right_bottom], axis=-1))
