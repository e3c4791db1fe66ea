"""Suppression of boxes: a loop that looks only at the boxes that are still there."""

from typing import Any

import numpy as np

from ...reference import boxes as reference
from ..compile import kernel
from ..layout import F32, F64

Array = Any


@kernel
def suppress_loop(
    boxes: Array, groups: Array, area: Array, threshold: float, kept: Array
) -> None:
    n = boxes.shape[0]
    for i in range(n):
        if not kept[i]:
            continue
        for j in range(i + 1, n):
            if not kept[j] or groups[j] != groups[i]:
                continue
            width = min(boxes[i, 2], boxes[j, 2]) - max(boxes[i, 0], boxes[j, 0])
            height = min(boxes[i, 3], boxes[j, 3]) - max(boxes[i, 1], boxes[j, 1])
            if width > 0 and height > 0:
                shared = width * height
                if shared / (area[i] + area[j] - shared) > threshold:
                    kept[j] = False


class Boxes(reference.Boxes):
    """That of the reference, by a compiled loop."""

    def suppress(self, boxes: Any, groups: Any, threshold: float) -> Any:
        if boxes.dtype not in (F32, F64):
            return super().suppress(boxes, groups, threshold)
        kept = np.ones(boxes.shape[0], bool)
        area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
        suppress_loop(np.ascontiguousarray(boxes), np.ascontiguousarray(groups), area,
                      float(threshold), kept)
        return kept
