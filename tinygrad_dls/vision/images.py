"""Reading pictures: what Pillow reads, as arrays, with errors that say how to mend the file."""

from pathlib import Path
from typing import Any

import numpy as np

from .._util.keywords import near_names
from .._util.optional import need
from ..errors import DataError, FormatError

KINDS = {"1": "black and white", "L": "grey", "LA": "grey with transparency",
         "RGBA": "a picture with transparency (RGBA)", "I;16": "16-bit grey", "I": "16-bit grey",
         "F": "floating-point grey", "CMYK": "a picture for print (CMYK)"}
AS_RGB = ("RGB", "P", "YCbCr")  # read as 8-bit colours without a loss


@near_names
def read_image(path: str | Path, convert: bool = False) -> np.ndarray[Any, Any]:
    """Read a picture as uint8 (height, width, 3), red, green, blue, upright.

    DataError for a file that is not there, or for a picture that is grey, has transparency or 16
    bits a channel, since what to do then is a choice: with `convert` grey is repeated three times,
    transparency is laid on white, and 16 bits are cut to 8. FormatError for a corrupt file.

    >>> from pathlib import Path
    >>> import skimage
    >>> from tinygrad_dls import vision
    >>> vision.read_image(Path(skimage.__file__).parent / "data" / "coffee.png").shape
    (400, 600, 3)
    """
    pil, path = need("PIL.Image", "reading pictures"), Path(path)
    upright = need("PIL.ImageOps", "reading pictures").exif_transpose
    if not path.is_file():
        raise DataError(f"there is no file {path}")
    try:
        with pil.open(path) as opened:
            opened.load()  # all of it: a picture that ends early is found here
            picture = upright(opened)
            kind = opened.mode
    except pil.UnidentifiedImageError:
        raise FormatError(f"{path} is not a picture that Pillow can read: is it complete, and does "
                          "its ending say what it is?") from None
    except (OSError, SyntaxError, ValueError, pil.DecompressionBombError) as error:
        raise FormatError(f"{path} is truncated or corrupt: {error}. Copy or save the picture "
                          "again") from None
    if kind not in AS_RGB and not convert:
        raise DataError(f"{path} is {KINDS.get(kind, f'of the kind {kind}')}, not 8-bit RGB: "
                        "read_image(path, convert=True) makes it so, or save it as RGB")
    return np.asarray(_as_rgb(picture, pil), np.uint8)


def _as_rgb(picture: Any, pil: Any) -> Any:
    """An 8-bit RGB picture of one of any kind."""
    if picture.mode.startswith("I"):  # 16 bits, which Pillow's own conversion would cut off at 255
        values = np.asarray(picture, np.int64)
        picture = pil.fromarray((np.clip(values, 0, 65535) // 257).astype(np.uint8))
    if picture.mode in ("LA", "RGBA", "PA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        white = pil.new("RGBA", picture.size, "white")
        picture = pil.alpha_composite(white, picture)
    return picture.convert("RGB")
