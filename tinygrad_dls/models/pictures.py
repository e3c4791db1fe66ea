"""Turn a picture into what a trained network wants to see."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .._util.optional import need
from ..errors import DataError, ShapeError
from ..tensors import Tensor

RGB = "RGB"


@dataclass(frozen=True)
class Preparation:
    """Resize, order the channels, subtract the mean, divide: `transform(picture)`.

    size: (height, width) of the result. fit: "stretch" to it, "crop" the middle after resizing the
    short side, or "pad" with black to a square, at the right and below ("pad") or all around
    ("center"). mean, divide_by: per channel, in the order of `channels`, "RGB" or "BGR".
    """

    size: tuple[int, int]
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    divide_by: float = 255.0
    channels: Literal["RGB", "BGR"] = "RGB"
    fit: Literal["stretch", "crop", "pad", "center"] = "stretch"

    def __call__(self, pictures: Any) -> Tensor:
        """Return float32 (1, 3, height, width); of a list of pictures (m, 3, height, width).

        A picture is a uint8 array (h, w, 3) in RGB, or a Pillow image in mode RGB, of any size.
        DataError or ShapeError, with what mends it, for grey, transparent and 16-bit pictures.
        """
        several = isinstance(pictures, (list, tuple)) or getattr(pictures, "ndim", 3) == 4
        found = [self._one(picture) for picture in (pictures if several else [pictures])]
        if not found:
            raise DataError("there is no picture in the list")
        return Tensor(np.stack(found))

    def _one(self, picture: Any) -> NDArray[np.float32]:
        x = self._resized(as_picture(picture)).astype(np.float32)
        if self.channels == "BGR":
            x = x[..., ::-1]
        x = (x - np.array(self.mean, np.float32)) / np.float32(self.divide_by)
        return np.ascontiguousarray(x.transpose(2, 0, 1))

    def _resized(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        height, width = self.size
        h, w = picture.shape[:2]
        if self.fit == "crop":
            scale = max(height / h, width / w)
            picture = _resize(picture, max(height, round(h * scale)), max(width, round(w * scale)))
            top, left = (picture.shape[0] - height) // 2, (picture.shape[1] - width) // 2
            return picture[top : top + height, left : left + width]
        if self.fit in ("pad", "center") and h != w:
            side = max(h, w)
            top, left = self._margins(h, w)
            square = np.zeros((side, side, 3), np.uint8)
            square[top : top + h, left : left + w] = picture
            picture = square
        return _resize(picture, height, width)

    def _margins(self, h: int, w: int) -> tuple[int, int]:
        """Rows above and columns to the left of a picture in its square."""
        if self.fit != "center":
            return 0, 0
        side = max(h, w)
        return (side - h) // 2, (side - w) // 2

    def to_picture(self, boxes: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
        """Return boxes (n, 4), in parts of the network's input, as pixels of a picture.

        size: (height, width) of that picture; boxes are x1, y1, x2, y2.
        """
        h, w = size
        if self.fit == "crop":
            raise DataError("a cropped picture has lost its margins: boxes cannot be mapped back")
        if self.fit == "stretch":
            return np.asarray(boxes * np.array([w, h, w, h], boxes.dtype))
        top, left = self._margins(h, w)
        shift = np.array([left, top, left, top], boxes.dtype)
        return np.asarray(boxes * np.array(max(h, w), boxes.dtype) - shift)


def as_picture(picture: Any) -> NDArray[np.uint8]:
    """Return a picture as uint8 (h, w, 3); an error that says how to mend it for any other."""
    mode = getattr(picture, "mode", None)
    if isinstance(mode, str) and mode != RGB:
        raise DataError(
            f"the picture is a Pillow image in mode {mode}; the network sees RGB.\n"
            'Write picture.convert("RGB")'
        )
    if isinstance(picture, (str, os.PathLike)):
        raise DataError(f"a picture is an array, not the name of a file. Write "
                        f"vision.read_image({str(picture)!r})")
    if picture is None:
        raise DataError("a picture is an array uint8 (h, w, 3), not None: was its file read?")
    try:
        x = np.asarray(picture)
    except OSError as error:  # Pillow decodes only now
        raise DataError(
            f"the picture cannot be decoded ({error}): save it again, or leave it out"
        ) from None
    if x.dtype != np.uint8:
        scale = {"u": "(picture // 257).astype(np.uint8), if its white is 65535",
                 "f": "(255 * picture).round().astype(np.uint8), if its white is 1"}
        mend = scale.get(x.dtype.kind, "picture.astype(np.uint8)")
        raise DataError(f"the picture has dtype {x.dtype}, expected uint8 from 0 to 255.\n"
                        f"Write {mend}")
    if x.ndim == 2 or (x.ndim == 3 and x.shape[2] == 1):
        mend = "np.repeat(picture[..., None], 3, axis=2)" if x.ndim == 2 else (
            "np.repeat(picture, 3, axis=2)")
        raise ShapeError(f"the picture is grey, {x.shape}; the network sees RGB, (h, w, 3).\n"
                         f"Write {mend}")
    if x.ndim == 3 and x.shape[2] == 4:
        raise ShapeError(f"the picture has a fourth channel, {x.shape}: transparency.\n"
                         "Write picture[..., :3], or paste it on a background")
    if x.ndim != 3 or x.shape[2] != 3:
        raise ShapeError(f"a picture is (height, width, 3), got {x.shape}")
    if 0 in x.shape:
        raise ShapeError(f"the picture is empty, {x.shape}")
    return x


def _resize(picture: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Bilinear, averaging where it shrinks, as Pillow does it."""
    if picture.shape[:2] == (height, width):
        return picture
    image = need("PIL.Image", "resizing a picture")
    small = image.fromarray(picture).resize((width, height), image.Resampling.BILINEAR)
    return np.asarray(small)


def size_of(picture: Any) -> tuple[int, int]:
    """Return (height, width) of a picture."""
    height, width = as_picture(picture).shape[:2]
    return height, width
