"""A picture with every size and place fixed by the built-in layout, ready to be drawn."""

from dataclasses import dataclass
from functools import lru_cache

from . import describe, style
from .groups import Path
from .layout import Layout, Size, layout
from .picture import Box, Line, Picture

TITLE_STEP, LINE_STEP = 17.0, 13.5  # from one baseline to the next
INSIDE = 8.0  # between the outline of a box and its text
MARGIN = 14.0  # around all
SWATCH, LEGEND_STEP = 20.0, 21.0  # width of a sample in the legend, height of a row


@dataclass(frozen=True)
class Scene:
    """A picture and its layout."""

    picture: Picture
    layout: Layout

    @property
    def size(self) -> Size:
        """Width and height of the drawing with margins, without the legend."""
        return self.layout.width + 2 * MARGIN, self.layout.height + 2 * MARGIN


def scene(picture: Picture) -> Scene:
    """Lay a picture out."""
    frames = picture.frames
    return Scene(
        picture,
        layout(
            {box.id: box_size(box) for box in picture.boxes},
            [(arrow.tail, arrow.head) for arrow in picture.arrows],
            {box.id: box.path for box in picture.boxes},
            {path: label_size(path) for path in frames},
            picture.options.rankdir,
        ),
    )


def box_size(box: Box) -> Size:
    """Room for the title and all lines."""
    width = max(
        style.text_width(box.title, style.TITLE_SIZE),
        max((line_width(line) for line in box.lines), default=0.0),
        24.0,
    )
    extra = 6.0 if box.kind == "group" else 0.0
    return width + 2 * INSIDE, TITLE_STEP + LINE_STEP * len(box.lines) + INSIDE + extra


@lru_cache(maxsize=4096)
def line_width(line: Line) -> float:
    """Of one line under the title, in a monospaced face."""
    return style.text_width(line.text, style.LINE_SIZE, mono=True)


def label_size(path: Path) -> Size:
    """Of a frame's label."""
    return style.text_width(describe.frame_label(path), style.FRAME_SIZE), style.FRAME_SIZE


def legend(picture: Picture) -> list[tuple[str, str]]:
    """(kind, word) of each entry; notes follow as ("", note)."""
    if not picture.options.legend:
        return []
    kinds = [(kind, style.LOOKS[kind].word) for kind in picture.kinds]
    return kinds + [("", note) for note in picture.notes]


@dataclass(frozen=True)
class Legend:
    """The legend under the drawing: entries (kind, word, x, y of the top), and its size."""

    entries: list[tuple[str, str, float, float]]
    size: Size


def place_legend(picture: Picture, width: float) -> Legend:
    """In rows as wide as the drawing, or as the widest entry; a note has a row of its own."""
    entries: list[tuple[str, str, float, float]] = []
    x = y = widest = 0.0
    for kind, word in legend(picture):
        room = style.text_width(word, style.FRAME_SIZE) + (SWATCH + 6.0 if kind else 0.0)
        if x and (not kind or x + room > max(width, 240.0)):
            x, y = 0.0, y + LEGEND_STEP
        entries.append((kind, word, x, y))
        widest = max(widest, x + room)
        x += room + 12.0
    return Legend(entries, (widest, y + LEGEND_STEP if entries else 0.0))
