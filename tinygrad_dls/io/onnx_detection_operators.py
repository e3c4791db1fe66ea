"""ONNX's operators of object detection: boxes chosen by NumPy, on the host."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import FormatError
from ..ops.call import tensor_of
from .onnx_operators import Args, host, operator
from .reading import Array


@operator("NonMaxSuppression", host=(2, 3, 4))
def _non_max_suppression(a: Args) -> Any:
    """(example, class, box) of the boxes kept: the best first, none that overlaps a better one.

    Boxes (m, n, 4) are two corners (y, x, y, x), or a center with width and height; scores
    (m, classes, n). Overlaps are intersections over unions.
    """
    boxes, scores = host(a[0]), host(a[1])
    if boxes.ndim != 3 or boxes.shape[-1] != 4 or scores.ndim != 3 or (
            scores.shape[::2] != boxes.shape[:2]):
        raise FormatError(f"{a.what}: boxes {boxes.shape} and scores {scores.shape}")
    most = 0 if a[2] is None else int(host(a[2]).item())
    overlap = 0.0 if a[3] is None else float(host(a[3]).item())
    least = None if a[4] is None else float(host(a[4]).item())
    corners = _corners(boxes, bool(a.option("center_point_box", 0)))
    rows = [(i, j, box) for i, j in np.ndindex(*scores.shape[:2])
            for box in _kept(corners[i], scores[i, j], most, overlap, least)]
    return tensor_of(np.array(rows, np.int64).reshape(-1, 3), a[0].device)


def _corners(boxes: Array, centered: bool) -> Array:
    """Boxes (..., 4) as (low, low, high, high)."""
    one, two = boxes[..., :2], boxes[..., 2:]
    one, two = (one - two / 2, one + two / 2) if centered else (one, two)
    return np.concatenate([np.minimum(one, two), np.maximum(one, two)], axis=-1)


def _kept(boxes: Array, scores: Array, most: int, overlap: float, least: float | None
          ) -> list[int]:
    """The boxes of one class that stay, at most `most`; of equal scores the first comes first."""
    left = np.argsort(-scores, kind="stable")
    left = left if least is None else left[scores[left] > least]
    kept: list[int] = []
    while len(left) and len(kept) < most:
        kept.append(int(left[0]))
        left = left[1:][_overlaps(boxes[left[0]], boxes[left[1:]]) <= overlap]
    return kept


def _overlaps(box: Array, others: Array) -> Array:
    """The intersection over the union of one box with each of the others."""
    sides = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    shared = np.prod(np.maximum(sides, 0), axis=-1)
    sizes = [np.prod(b[..., 2:] - b[..., :2], axis=-1) for b in (box, others)]
    union = sizes[0] + sizes[1] - shared
    whole = (sizes[0] > 0) & (sizes[1] > 0) & (union > 0)  # a box without an area overlaps nothing
    found: Array = np.where(whole, shared / np.where(union > 0, union, 1), 0)
    return found
