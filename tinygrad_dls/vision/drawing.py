"""Drawing with matplotlib: boxes and masks on pictures, activations and filters as pictures."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .._util.keywords import near_names
from .._util.optional import need
from ..errors import ShapeError
from .operands import Boxes, alike, check_boxes, check_scores, on_host

LABEL = 0.08  # the height of a label, as a part of the picture: nearer to the top it goes inside
COLORS = ("#ff4b00", "#0072b2", "#f0c000", "#009e73", "#cc79a7", "#56b4e9", "#8040c0", "#d55e00")


@near_names
def draw_boxes(
    image: Any, boxes: Boxes, labels: Sequence[Any] | None = None, scores: Any = None,
    ax: Any = None, colors: Sequence[str] | Mapping[Any, str] = COLORS, linewidth: float = 2.0,
) -> Any:
    """Show an image with boxes (n, 4) in pixels, each with its label and score: a matplotlib Axes.

    `image` is (h, w, 3), (h, w) or channels first (3, h, w), uint8 or floats from 0 to 1; None
    draws onto what `ax` shows. Equal labels have one color; a dict of `colors` says which.

    >>> import numpy as np
    >>> from tinygrad_dls import vision
    >>> ax = vision.draw_boxes(np.zeros((8, 8, 3)), [[1.0, 1.0, 5.0, 6.0]], ["cat"], [0.9])
    >>> len(ax.patches), ax.texts[0].get_text()
    (1, 'cat 0.90')
    """
    pyplot = need("matplotlib.pyplot", "drawing")
    corners = on_host(check_boxes(*alike(boxes)))
    if corners.ndim != 2:
        raise ShapeError(f"boxes are (n, 4), those of one picture, not\n  {corners.shape}")
    if labels is not None and len(labels) != len(corners):
        raise ShapeError(f"there are {len(labels)} labels for {len(corners)} boxes")
    numbers = None if scores is None else check_scores(scores, corners)
    ax = _shown(image, ax)
    kinds = sorted(set(labels), key=str) if labels is not None else []
    for i, (x1, y1, x2, y2) in enumerate(corners.tolist()):
        if isinstance(colors, Mapping):
            color = colors[labels[i] if labels is not None else i]
        else:
            color = colors[(kinds.index(labels[i]) if labels is not None else i) % len(colors)]
        ax.add_patch(pyplot.Rectangle((x1 - 0.5, y1 - 0.5), x2 - x1, y2 - y1, fill=False,
                                      edgecolor=color, linewidth=linewidth))
        words = [] if labels is None else [str(labels[i])]
        words += [] if numbers is None else [f"{numbers[i]:.2f}"]
        if words:
            above = y1 - min(ax.get_ylim()) > LABEL * abs(np.diff(ax.get_ylim())[0])
            ax.text(x1, y1 - 1 if above else y1 + 1, " ".join(words), fontsize=8, color="white",
                    va="bottom" if above else "top", clip_on=True,
                    bbox={"facecolor": color, "edgecolor": "none", "pad": 1.5})
    return ax


@near_names
def draw_masks(
    image: Any, masks: Any, alpha: float = 0.5, ax: Any = None, colors: Sequence[str] = COLORS
) -> Any:
    """Show an image with masks (n, h, w) laid over it, one color each: a matplotlib Axes.

    >>> import numpy as np
    >>> from tinygrad_dls import vision
    >>> ax = vision.draw_masks(np.zeros((8, 8, 3)), np.ones((2, 8, 8), bool))
    >>> len(ax.images)
    3
    """
    to_rgb = need("matplotlib.colors", "drawing").to_rgb
    stack = on_host(masks) != 0
    ax = _shown(image, ax)
    if stack.ndim != 3:
        raise ShapeError(f"masks are (n, height, width), not\n  {stack.shape}")
    for i, mask in enumerate(stack):
        layer = np.zeros((*mask.shape, 4))
        layer[..., :3] = to_rgb(colors[i % len(colors)])
        layer[..., 3] = alpha * mask
        ax.imshow(layer, interpolation="nearest")
    return ax


@near_names
def draw_activations(maps: Any, columns: int = 8, most: int = 64, titles: bool = False) -> Any:
    """Show the channels (c, h, w) of a layer's output side by side: a matplotlib Figure.

    Each channel has its own scale of grey; at most `most` are shown.

    >>> import numpy as np
    >>> from tinygrad_dls import vision
    >>> len(vision.draw_activations(np.zeros((5, 4, 4)), columns=3).axes)
    6
    """
    channels = on_host(maps)
    if channels.ndim != 3:
        raise ShapeError(f"activations of one picture are (channels, height, width), not\n"
                         f"  {channels.shape}")
    return _grid([(channel, {"cmap": "gray"}) for channel in channels[:most]], columns, titles)


@near_names
def draw_filters(weight: Any, columns: int = 8, most: int = 64, titles: bool = False) -> Any:
    """Show filters (out, in, kh, kw) as pictures: a matplotlib Figure.

    Filters of three channels are in color, grey standing for 0; of others the first channel is
    shown, red above 0 and blue below. All are on one scale.

    >>> import numpy as np
    >>> from tinygrad_dls import vision
    >>> len(vision.draw_filters(np.ones((4, 3, 3, 3)), columns=2).axes)
    4
    """
    filters = on_host(weight)
    if filters.ndim != 4:
        raise ShapeError(f"filters are (out, in, height, width), not\n  {filters.shape}")
    largest = float(np.abs(filters).max()) if filters.size else 1.0
    largest = largest or 1.0
    pictures = [
        (np.moveaxis(0.5 + one / (2 * largest), 0, -1), {}) if len(one) == 3
        else (one[0], {"cmap": "RdBu_r", "vmin": -largest, "vmax": largest})
        for one in filters[:most]
    ]
    return _grid(pictures, columns, titles)


def _grid(pictures: Sequence[tuple[Any, dict[str, Any]]], columns: int, titles: bool) -> Any:
    pyplot = need("matplotlib.pyplot", "drawing")
    columns = max(1, min(columns, len(pictures)))
    rows = max(1, math.ceil(len(pictures) / columns))
    figure, axes = pyplot.subplots(rows, columns, figsize=(1.1 * columns, 1.1 * rows),
                                   squeeze=False, layout="constrained")
    for ax in axes.flat:
        ax.axis("off")
    for i, (ax, (picture, options)) in enumerate(zip(axes.flat, pictures)):
        ax.imshow(picture, interpolation="nearest", **options)
        if titles:
            ax.set_title(str(i), fontsize=7)
    return figure


def _shown(image: Any, ax: Any) -> Any:
    """The axes with the image on them and no ticks."""
    if ax is None:
        ax = need("matplotlib.pyplot", "drawing").subplots(layout="constrained")[1]
    if image is None:
        return ax
    picture = on_host(image)
    if picture.ndim == 3 and picture.shape[0] in (1, 3) and picture.shape[2] not in (1, 3, 4):
        picture = np.moveaxis(picture, 0, -1)
    if picture.ndim == 3 and picture.shape[2] == 1:
        picture = picture[..., 0]
    if picture.ndim != 2 and (picture.ndim != 3 or picture.shape[2] not in (3, 4)):
        raise ShapeError("an image is (height, width), (height, width, 3) or (3, height, width), "
                         f"not\n  {picture.shape}")
    if picture.dtype.kind == "f":
        picture = np.clip(picture, 0, 1)
    ax.imshow(picture, cmap="gray")
    ax.axis("off")
    return ax
