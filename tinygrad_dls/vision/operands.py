"""Checks of the arguments that this room shares: boxes, scores and labels, as arrays or tensors."""

from typing import Any

import numpy as np

from ..engine.autograd import TensorBase
from ..engine.conversion import host_array
from ..errors import DataError, DeviceError, ShapeError
from ..ops.call import operand
from ..tensors import Tensor

Boxes = Any  # an array or a Tensor (..., 4)


def alike(*given: Any) -> list[Any]:
    """All as arrays, or all as tensors on one device if any of them is a tensor."""
    tensors = [x for x in given if isinstance(x, TensorBase)]
    if not tensors:
        return [as_array(x) for x in given]
    device = tensors[0].device
    other = [x.device for x in tensors if x.device is not device]
    if other:
        raise DeviceError(f"one operand is on {device} and another on {other[0]}: "
                          f".to({str(device)!r}) brings it there")
    return [operand(x, device) for x in given]


def on_host(x: Any) -> np.ndarray[Any, Any]:
    """The values of an array, a tensor or a list, as a NumPy array."""
    return Tensor.numpy(x) if isinstance(x, Tensor) else as_array(x)


def as_array(x: Any) -> np.ndarray[Any, Any]:
    """An array as it is, lists of Python floats in float64."""
    array = host_array(x)
    lists_of_floats = array.dtype.kind == "f" and not hasattr(x, "dtype")
    return host_array(x, np.float64) if lists_of_floats else array


def as_given(values: np.ndarray[Any, Any], *given: Any) -> Any:
    """`values` as a tensor on the device of the first tensor among `given`; an array if none is."""
    for x in given:
        if isinstance(x, TensorBase):
            return Tensor(values, device=x.device)
    return values


def check_boxes(boxes: Any, name: str = "boxes", fmt: str = "xyxy") -> Any:
    """`boxes` if they are well-formed; `[]` becomes (0, 4), and integers become int64.

    ShapeError unless the last axis has 4 numbers; DataError if one is NaN or infinite, or if a
    box ends before it begins.
    """
    boxes = with_four(boxes, name)
    values = on_host(boxes)
    if not np.isfinite(values).all():
        raise DataError(f"{name}{_first(~np.isfinite(values).all(-1), values)}: coordinates are "
                        "finite numbers (did the training diverge?)")
    ends_early = (values[..., 2:] < (values[..., :2] if fmt == "xyxy" else 0)).any(-1)
    if ends_early.any():
        said = ("x2 < x1 or y2 < y1: boxes are (x1, y1, x2, y2); box_convert makes them from "
                "xywh or cxcywh" if fmt == "xyxy" else "a width or a height is negative")
        raise DataError(f"{name}{_first(ends_early, values)}: {said}")
    return boxes


def with_four(boxes: Any, name: str = "boxes") -> Any:
    """`boxes` with 4 numbers on the last axis, of any values; ShapeError for another shape."""
    if boxes.shape == (0,):
        boxes = boxes.reshape(0, 4)
    if boxes.ndim < 1 or boxes.shape[-1] != 4:
        raise ShapeError(f"{name} have four numbers each, (n, 4), not\n  {boxes.shape}")
    return boxes.astype(np.int64) if boxes.dtype.kind in "uib" else boxes


def check_scores(scores: Any, boxes: Any, name: str = "scores") -> np.ndarray[Any, Any]:
    """The scores (n,) on the host; ShapeError unless one a box, DataError if one is NaN."""
    values = on_host(scores)
    if values.shape != boxes.shape[:1]:
        raise ShapeError(f"{name} are one for each box:\n  boxes   {boxes.shape}\n"
                         f"  {name}  {values.shape}")
    if np.isnan(values).any():
        raise DataError(f"{name}[{int(np.isnan(values).argmax())}] is NaN: there is no order "
                        "among such boxes; drop them, or find where the NaN comes from")
    return values


def check_threshold(value: Any, name: str = "iou_threshold") -> float:
    """A number between 0 and 1 as a float; DataError for anything else."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if not 0 <= number <= 1:
        raise DataError(f"{name} is a number from 0 to 1, not {value!r}")
    return number


def _first(wrong: Any, values: np.ndarray[Any, Any]) -> str:
    """The place and the numbers of the first wrong box, for a message."""
    place = tuple(int(i) for i in np.argwhere(wrong)[0])
    numbers = ", ".join(f"{v:g}" for v in values[place].tolist())
    return f"[{', '.join(map(str, place))}] = ({numbers})"
