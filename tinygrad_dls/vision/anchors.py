"""Anchors: boxes to start from at each place of a feature map, and boxes written relative to them.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .._util.arguments import is_amount, is_whole
from .._util.keywords import near_names
from ..errors import DataError, ShapeError
from .boxes import box_convert
from .operands import Boxes, alike, as_given, check_boxes, check_threshold, on_host, with_four

BACKGROUND, BETWEEN = -1, -2
MAX_LOG_RATIO = math.log(1000 / 16)  # a decoded box is at most 62.5 times as long as its anchor


@near_names
def anchor_shapes(sizes: Sequence[float], aspect_ratios: Sequence[float] = (1.0,)) -> Any:
    """List (width, height) of every size with every ratio height / width; area = size squared.

    float32 (len(sizes) * len(aspect_ratios), 2), in pixels.

    >>> from tinygrad_dls import vision
    >>> vision.anchor_shapes([10], [1, 4]).tolist()
    [[10.0, 10.0], [5.0, 20.0]]
    """
    if not all(is_amount(x) and x > 0 for x in (*sizes, *aspect_ratios)):
        raise DataError(f"sizes and aspect ratios are above 0, not {sizes!r} and {aspect_ratios!r}")
    return np.array([(size / math.sqrt(ratio), size * math.sqrt(ratio))
                     for size in sizes for ratio in aspect_ratios], np.float32).reshape(-1, 2)


@near_names
def grid_anchors(
    feature_size: tuple[int, int], image_size: tuple[int, int], shapes: Any
) -> Any:
    """Center every shape (k, 2) of (width, height) in each cell of a feature map.

    `feature_size` (rows, columns), `image_size` (height, width). Returns float32 boxes xyxy
    (rows * columns * k, 4), by rows, then columns, then shapes. Anchors may overhang the image.

    >>> from tinygrad_dls import vision
    >>> vision.grid_anchors((1, 2), (10, 20), [[4, 6]]).tolist()
    [[3.0, 2.0, 7.0, 8.0], [13.0, 2.0, 17.0, 8.0]]
    """
    shapes = np.asarray(shapes, np.float32)
    if shapes.ndim != 2 or shapes.shape[1] != 2:
        raise ShapeError(f"shapes are (width, height) pairs (k, 2), not\n  {shapes.shape}")
    if not all(is_whole(n, 1) for n in (*feature_size, *image_size)):
        raise ShapeError("feature_size and image_size are pairs of whole numbers from 1, not "
                         f"{feature_size!r} and {image_size!r}")
    (rows, columns), (height, width) = feature_size, image_size
    y = (np.arange(rows, dtype=np.float32) + 0.5) * (height / rows)
    x = (np.arange(columns, dtype=np.float32) + 0.5) * (width / columns)
    centers = np.stack(np.broadcast_arrays(x[None, :], y[:, None]), axis=-1)  # (rows, columns, 2)
    lead = (rows, columns, len(shapes), 2)
    boxes = np.concatenate([np.broadcast_to(centers[:, :, None], lead),
                            np.broadcast_to(shapes, lead)], axis=-1)
    return box_convert(boxes.reshape(-1, 4), "cxcywh", "xyxy")


@near_names
def encode(
    boxes: Boxes, anchors: Boxes, weights: Sequence[float] = (1.0, 1.0, 1.0, 1.0)
) -> Any:
    """Write boxes (n, 4) relative to as many anchors: offsets (n, 4).

    tx = (center - anchor's center) / anchor's width, tw = log(width / anchor's width); y and h
    alike; each times its weight (Ren et al. 2015). SSD's variances .1 and .2 are the weights
    (10, 10, 5, 5). DataError for a box or an anchor without area.

    >>> from tinygrad_dls import vision
    >>> vision.encode([[2.0, 0.0, 6.0, 8.0]], [[0.0, 0.0, 4.0, 8.0]]).tolist()
    [[0.5, 0.0, 0.0, 0.0]]
    """
    boxes, anchors = alike(boxes, anchors)
    boxes, anchors = check_boxes(boxes), check_boxes(anchors, "anchors")
    for name, x in (("boxes", boxes), ("anchors", anchors)):
        sides = on_host(x)[..., 2:] - on_host(x)[..., :2]
        if not (sides > 0).all():
            place = int((sides <= 0).any(-1).argmax())
            raise DataError(f"{name}[{place}] has no area, and the logarithm of 0 is infinite: "
                            "remove_small_boxes finds those that have some")
    box, anchor = (box_convert(x, "xyxy", "cxcywh") for x in (boxes, anchors))
    center = (box[..., :2] - anchor[..., :2]) / anchor[..., 2:]
    size = np.log(box[..., 2:] / anchor[..., 2:])
    offsets = np.concatenate([center, size], axis=-1)
    return offsets * _weights(weights, offsets)


@near_names
def decode(
    offsets: Any, anchors: Boxes, weights: Sequence[float] = (1.0, 1.0, 1.0, 1.0)
) -> Any:
    """Undo `encode`: offsets (..., n, 4) and anchors (n, 4) to boxes xyxy. Differentiable.

    Log ratios above log(1000 / 16) are cut off there, so that exp stays finite.

    >>> from tinygrad_dls import vision
    >>> vision.decode([[0.5, 0.0, 0.0, 0.0]], [[0.0, 0.0, 4.0, 8.0]]).tolist()
    [[2.0, 0.0, 6.0, 8.0]]
    """
    offsets, anchors = alike(offsets, anchors)
    offsets = with_four(offsets, "offsets")
    offsets = offsets / _weights(weights, offsets)
    anchor = box_convert(check_boxes(anchors, "anchors"), "xyxy", "cxcywh")
    center = offsets[..., :2] * anchor[..., 2:] + anchor[..., :2]
    size = np.exp(np.minimum(offsets[..., 2:], MAX_LOG_RATIO)) * anchor[..., 2:]
    return box_convert(np.concatenate([center, size], axis=-1), "cxcywh", "xyxy")


@near_names
def match_anchors(
    iou: Any, positive: float = 0.5, negative: float = 0.4, force: bool = True
) -> Any:
    """Give each anchor the box it is to predict: IoUs (boxes, anchors) -> int64 (anchors,).

    The place of the box it overlaps most, if by at least `positive`; -1 (background) below
    `negative`; -2 (to be ignored) between. With `force` each box also gets the anchor that
    overlaps it most, however little; a later box takes it from an earlier one (Liu et al. 2016).
    Without boxes, all is background.

    >>> from tinygrad_dls import vision
    >>> vision.match_anchors([[0.9, 0.45, 0.1], [0.0, 0.2, 0.3]]).tolist()
    [0, -2, 1]
    """
    high, low = check_threshold(positive, "positive"), check_threshold(negative, "negative")
    if low > high:
        raise DataError(f"negative={low:g} is above positive={high:g}")
    (given,) = alike(iou)
    values = on_host(given)
    if values.ndim != 2:
        raise ShapeError(f"iou is (boxes, anchors), not\n  {values.shape}")
    if np.isnan(values).any():
        raise DataError("iou holds NaN")
    boxes, anchors = values.shape
    matches = np.full(anchors, BACKGROUND, np.int64)
    if boxes and anchors:
        best = values.max(axis=0)
        matches[best >= low] = BETWEEN
        matches[best >= high] = values.argmax(axis=0)[best >= high]
        if force:
            overlapped = np.flatnonzero(values.max(axis=1) > 0)  # others have no best anchor
            matches[values.argmax(axis=1)[overlapped]] = overlapped
    return as_given(matches, given)


def _weights(weights: Sequence[float], like: Any) -> Any:
    array = np.asarray(weights, like.dtype)
    if array.shape != (4,) or not (array > 0).all():
        raise DataError(f"weights are four numbers above 0, not {weights!r}")
    return as_given(array, like)
