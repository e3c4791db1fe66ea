"""Non-maximum suppression: of boxes that overlap, keep the one with the best score.

These functions choose among boxes, so they have no gradient. They run on the host; a tensor on a
GPU is copied there.
"""

import math
from typing import Any

import numpy as np

from .._util.arguments import is_amount
from .._util.keywords import near_names
from ..backend.device import Device
from ..errors import DataError, ShapeError
from .operands import Boxes, alike, as_given, check_boxes, check_scores, check_threshold, on_host


@near_names
def nms(boxes: Boxes, scores: Any, iou_threshold: float) -> Any:
    """Find the places of the boxes to keep, best score first: (n, 4), (n,) -> int64 (kept,).

    A box is suppressed if its IoU with a better one that is kept lies strictly above the
    threshold. Of equal scores the first comes first. DataError for NaN scores.

    >>> from tinygrad_dls import vision
    >>> boxes = [[0.0, 0.0, 10.0, 10.0], [1.0, 0.0, 10.0, 10.0], [20.0, 0.0, 30.0, 10.0]]
    >>> vision.nms(boxes, [0.8, 0.9, 0.5], iou_threshold=0.5).tolist()
    [1, 2]
    """
    boxes = _flat(boxes)
    return _suppress(boxes, scores, np.zeros(boxes.shape[0], np.int64), iou_threshold)


@near_names
def batched_nms(boxes: Boxes, scores: Any, idxs: Any, iou_threshold: float) -> Any:
    """Run `nms` within each group: boxes of different `idxs` (labels, pictures) (n,) all stay.

    >>> from tinygrad_dls import vision
    >>> boxes = [[0.0, 0.0, 10.0, 10.0], [0.0, 0.0, 10.0, 10.0]]
    >>> vision.batched_nms(boxes, [0.8, 0.9], [0, 1], 0.5).tolist()
    [1, 0]
    """
    boxes = _flat(boxes)
    groups = on_host(idxs)
    if groups.shape != boxes.shape[:1]:
        raise ShapeError(f"idxs are one for each box:\n  boxes  {boxes.shape}\n"
                         f"  idxs   {groups.shape}")
    return _suppress(boxes, scores, np.unique(groups, return_inverse=True)[1], iou_threshold)


@near_names
def soft_nms(
    boxes: Boxes, scores: Any, sigma: float = 0.5, score_threshold: float = 0.001,
    method: str = "gaussian", iou_threshold: float = 0.3,
) -> tuple[Any, Any]:
    """Lower the scores of overlapping boxes instead of dropping them (Bodla et al. 2017).

    In each round the best box stays, and the others' scores are multiplied by
    exp(-IoU^2 / sigma) ("gaussian"), or by 1 - IoU where that is above `iou_threshold`
    ("linear"). Returns the places of the boxes that end above `score_threshold`, best first, and
    their lowered scores.

    >>> from tinygrad_dls import vision
    >>> boxes = [[0.0, 0.0, 10.0, 10.0], [0.0, 0.0, 10.0, 5.0]]
    >>> places, scores = vision.soft_nms(boxes, [0.9, 0.8], method="linear")
    >>> places.tolist(), scores.round(2).tolist()
    ([0, 1], [0.9, 0.4])
    """
    if method not in ("gaussian", "linear"):
        raise DataError(f"method is 'gaussian' or 'linear', not {method!r}")
    if not (is_amount(sigma) and float(sigma) > 0):
        raise DataError(f"sigma is above 0, not {sigma!r}")
    limit = check_threshold(iou_threshold)
    boxes = _flat(boxes)
    given = check_scores(scores, boxes)
    lowered = np.array(given, np.float64 if given.dtype.kind != "f" else given.dtype)
    values = on_host(boxes).astype(np.float64)
    left = np.flatnonzero(lowered > score_threshold)
    kept: list[int] = []
    while left.size:
        best = left[lowered[left].argmax()]
        kept.append(int(best))
        left = left[left != best]
        iou = _iou_with(values[best], values[left])
        factor = (np.exp(-iou * iou / sigma) if method == "gaussian"
                  else np.where(iou > limit, 1 - iou, 1.0))
        lowered[left] *= factor.astype(lowered.dtype)
        left = left[lowered[left] > score_threshold]
    places = np.array(kept, np.int64)
    return as_given(places, boxes, scores), as_given(lowered[places], boxes, scores)


def _flat(boxes: Boxes) -> Any:
    (boxes,) = alike(boxes)
    boxes = check_boxes(boxes)
    if boxes.ndim != 2:
        raise ShapeError(f"boxes are (n, 4), those of one picture, not\n  {boxes.shape}")
    return boxes


def _suppress(boxes: Any, scores: Any, groups: Any, iou_threshold: float) -> Any:
    threshold = check_threshold(iou_threshold)
    order = np.argsort(-check_scores(scores, boxes).astype(np.float64), kind="stable")
    sorted_boxes = np.ascontiguousarray(on_host(boxes)[order], np.float64)
    kept = Device("cpu").kernels.suppress(sorted_boxes, groups[order].astype(np.int64), threshold)
    return as_given(order[kept], boxes, scores)


def _iou_with(box: Any, others: Any) -> Any:
    """The IoU of one box (4,) with others (n, 4)."""
    sides = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    shared = np.maximum(sides, 0).prod(axis=1)
    area = math.prod(box[2:] - box[:2])
    union = area + (others[:, 2:] - others[:, :2]).prod(axis=1) - shared
    return shared / np.where(union == 0, 1.0, union)
