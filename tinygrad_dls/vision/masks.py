"""Masks: how far two of them agree, and how well a picture is cut into classes."""

import math
from typing import Any

import numpy as np

from .._util.arguments import is_whole
from .._util.keywords import near_names
from ..errors import DataError, ShapeError
from .operands import alike, as_given, on_host


@near_names
def mask_iou(masks1: Any, masks2: Any) -> Any:
    """Compute the intersection over union of each pair of masks: (n, h, w), (m, h, w) -> (n, m).

    Anything but 0 belongs to a mask. Two empty masks overlap by 0.

    >>> from tinygrad_dls import vision
    >>> vision.mask_iou([[[1, 1, 0]]], [[[0, 1, 1]], [[1, 1, 0]]]).round(3).tolist()
    [[0.333, 1.0]]
    """
    shared, first, second = _overlaps(masks1, masks2)
    union = first[:, None] + second - shared
    return as_given(shared / np.where(union == 0, 1.0, union), masks1, masks2)


@near_names
def dice(masks1: Any, masks2: Any) -> Any:
    """Compute 2 |A and B| / (|A| + |B|) of each pair of masks: (n, h, w), (m, h, w) -> (n, m).

    >>> from tinygrad_dls import vision
    >>> vision.dice([[[1, 1, 0]]], [[[0, 1, 1]], [[1, 1, 0]]]).tolist()
    [[0.5, 1.0]]
    """
    shared, first, second = _overlaps(masks1, masks2)
    both = first[:, None] + second
    return as_given(2 * shared / np.where(both == 0, 1.0, both), masks1, masks2)


@near_names
def masks_to_boxes(masks: Any) -> Any:
    """Find the box around each mask: (n, h, w) -> (n, 4), float32 (x1, y1, x2, y2).

    x2 and y2 are the last column and row of the mask, as in torchvision; an empty mask has the
    box (0, 0, 0, 0).

    >>> from tinygrad_dls import vision
    >>> vision.masks_to_boxes([[[0, 0, 0], [0, 1, 1]]]).tolist()
    [[1.0, 1.0, 2.0, 1.0]]
    """
    stack = _masks(masks, "masks")
    boxes = np.zeros((len(stack), 4), np.float32)
    for box, mask in zip(boxes, stack):
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        if rows.size:
            box[:] = columns[0], rows[0], columns[-1], rows[-1]
    return as_given(boxes, masks)


@near_names
def confusion_matrix(
    predicted: Any, target: Any, num_classes: int, ignore_index: int | None = None
) -> Any:
    """Count pixels by class: int64 (num_classes, num_classes), rows the target's, columns found.

    `predicted` and `target` are class numbers of one shape, for example (m, h, w). Pixels whose
    target is `ignore_index` are left out.

    >>> from tinygrad_dls import vision
    >>> vision.confusion_matrix([0, 1, 1], [0, 0, 1], 2).tolist()
    [[1, 1], [0, 1]]
    """
    found, truth = on_host(predicted), on_host(target)
    if found.shape != truth.shape:
        raise ShapeError(f"class numbers of one shape:\n  predicted  {found.shape}\n"
                         f"  target     {truth.shape}")
    if not is_whole(num_classes, 1):
        raise DataError(f"num_classes is a whole number from 1, not {num_classes!r}")
    counted = np.ones(truth.shape, bool) if ignore_index is None else truth != ignore_index
    found, truth = found[counted], truth[counted]
    for name, x in (("predicted", found), ("target", truth)):
        if x.dtype.kind not in "iub":
            raise DataError(f"{name} holds {x.dtype}: class numbers are integers; argmax over the "
                            "classes makes them from scores")
        if x.size and not (0 <= x.min() and x.max() < num_classes):
            raise DataError(f"{name} has classes from {x.min()} to {x.max()}, not 0 to "
                            f"{num_classes - 1}")
    cells = truth.astype(np.int64) * num_classes + found.astype(np.int64)
    counts = np.bincount(cells, minlength=num_classes**2)
    return as_given(counts.reshape(num_classes, num_classes), predicted, target)


@near_names
def class_iou(
    predicted: Any, target: Any, num_classes: int, ignore_index: int | None = None
) -> Any:
    """Compute the IoU of each class over all pixels: (num_classes,), NaN where a class is absent.

    >>> from tinygrad_dls import vision
    >>> vision.class_iou([0, 1, 1], [0, 0, 1], 3).tolist()
    [0.5, 0.5, nan]
    """
    counts = on_host(confusion_matrix(predicted, target, num_classes, ignore_index))
    right = np.diagonal(counts)
    union = counts.sum(axis=0) + counts.sum(axis=1) - right
    iou = np.where(union == 0, np.nan, right / np.where(union == 0, 1, union))
    return as_given(iou, predicted, target)


@near_names
def mean_iou(
    predicted: Any, target: Any, num_classes: int, ignore_index: int | None = None
) -> float:
    """Average `class_iou` over the classes that occur in the prediction or in the target.

    >>> from tinygrad_dls import vision
    >>> vision.mean_iou([0, 1, 1], [0, 0, 1], num_classes=3)
    0.5
    """
    iou = on_host(class_iou(predicted, target, num_classes, ignore_index))
    if np.isnan(iou).all():
        raise DataError("there are no pixels to judge")
    return float(np.nanmean(iou))


def _overlaps(masks1: Any, masks2: Any) -> tuple[Any, Any, Any]:
    """Pixels that each pair shares (n, m), and the areas (n,), (m,) of both sides; float64."""
    alike(masks1, masks2)  # on one device
    first, second = _masks(masks1, "masks1"), _masks(masks2, "masks2")
    if first.shape[1:] != second.shape[1:]:
        raise ShapeError(f"masks of pictures of one size:\n  masks1  {first.shape}\n"
                         f"  masks2  {second.shape}")
    flat = [x.reshape(len(x), math.prod(x.shape[1:])).astype(np.float64) for x in (first, second)]
    return flat[0] @ flat[1].T, flat[0].sum(axis=1), flat[1].sum(axis=1)


def _masks(masks: Any, name: str) -> Any:
    array = on_host(masks)
    if array.ndim != 3:
        raise ShapeError(f"{name} are (n, height, width), not\n  {array.shape}")
    return array != 0
