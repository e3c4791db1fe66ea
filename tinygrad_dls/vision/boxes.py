"""Boxes: their formats, areas and borders, under the names and rules of torchvision.ops.

A box is (x1, y1, x2, y2), left, top, right, bottom, unless a format says otherwise. Boxes are
arrays or tensors (n, 4); the result is of the same kind, and differentiable on tensors.
"""

from typing import Any

import numpy as np

from .._util.keywords import near_names
from ..errors import DataError, ShapeError
from .operands import Boxes, alike, as_given, check_boxes, on_host, with_four

FORMATS = ("xyxy", "xywh", "cxcywh")


@near_names
def box_convert(boxes: Boxes, in_fmt: str, out_fmt: str) -> Any:
    """Convert boxes (..., 4) between formats: xyxy, xywh and cxcywh (center, width, height).

    Any numbers are converted, as in torchvision: a box with x2 < x1 gets a negative width, and NaN
    stays NaN. `box_area`, `box_iou` and `nms` refuse such boxes.

    >>> from tinygrad_dls import vision
    >>> vision.box_convert([[10.0, 20.0, 30.0, 60.0]], "xyxy", "cxcywh").tolist()
    [[20.0, 40.0, 20.0, 40.0]]
    """
    for fmt in (in_fmt, out_fmt):
        check_format(fmt)
    (boxes,) = alike(boxes)
    boxes = with_four(boxes)
    if in_fmt == out_fmt:
        return boxes * 1
    first, second = boxes[..., :2], boxes[..., 2:]
    if in_fmt == "xyxy":
        corner, size = first, second - first
    elif in_fmt == "xywh":
        corner, size = first, second
    else:
        corner, size = first - second / 2, second
    made = {"xyxy": (corner, corner + size), "xywh": (corner, size),
            "cxcywh": (corner + size / 2, size)}[out_fmt]
    return np.concatenate(made, axis=-1)


@near_names
def box_area(boxes: Boxes, fmt: str = "xyxy") -> Any:
    """Compute the area of each box: (..., 4) -> (...,).

    >>> from tinygrad_dls import vision
    >>> vision.box_area([[0.0, 0.0, 4.0, 3.0]]).tolist()
    [12.0]
    """
    check_format(fmt)
    (boxes,) = alike(boxes)
    boxes = check_boxes(boxes, fmt=fmt)
    return area_of(boxes if fmt == "xyxy" else box_convert(boxes, fmt, "xyxy"))


def area_of(boxes: Any) -> Any:
    """Multiply width and height of boxes (..., 4), unchecked; float16 in float32."""
    boxes = boxes.astype(np.float32) if boxes.dtype == np.float16 else boxes
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


@near_names
def clip_boxes_to_image(boxes: Boxes, size: tuple[int, int]) -> Any:
    """Move corners that lie outside of an image of `size` (height, width) to its border.

    >>> from tinygrad_dls import vision
    >>> vision.clip_boxes_to_image([[-5.0, 2.0, 40.0, 9.0]], (8, 32)).tolist()
    [[0.0, 2.0, 32.0, 8.0]]
    """
    (boxes,) = alike(boxes)
    boxes = with_four(boxes)
    if len(size) != 2:
        raise ShapeError(f"size is (height, width), not {size!r}")
    height, width = size
    limits = np.array([width, height, width, height], boxes.dtype)
    return np.minimum(np.maximum(boxes, 0), as_given(limits, boxes))


@near_names
def remove_small_boxes(boxes: Boxes, min_size: float) -> Any:
    """Find the boxes whose two sides are at least `min_size` long: places, int64.

    >>> from tinygrad_dls import vision
    >>> vision.remove_small_boxes([[0.0, 0.0, 9.0, 9.0], [0.0, 0.0, 9.0, 1.0]], 2).tolist()
    [0]
    """
    (boxes,) = alike(boxes)
    values = on_host(check_boxes(boxes))
    long = (values[:, 2:] - values[:, :2] >= min_size).all(axis=1)
    return as_given(np.flatnonzero(long), boxes)


def check_format(fmt: str) -> None:
    """Raise DataError unless there is a format of this name."""
    if fmt not in FORMATS:
        raise DataError(f"the format of boxes is one of {', '.join(FORMATS)}, not {fmt!r}")
