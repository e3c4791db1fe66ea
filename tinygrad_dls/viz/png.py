"""PNG of the built-in layout, drawn by matplotlib where it is installed."""

import io
from typing import Any

from . import describe, style
from .engines import EngineError
from .layout import Rect
from .picture import Box, Picture
from .scene import INSIDE, LINE_STEP, MARGIN, SWATCH, TITLE_STEP, place_legend, scene
from .svg import CUT, ROLES, curve

DPI = 144
LARGEST = 30_000  # pixels on a side
SMALL = 0.9 * style.FRAME_SIZE  # matplotlib's own face is wider than most


def write_png(picture: Picture) -> bytes:
    """The picture as PNG; EngineError where matplotlib is missing."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise EngineError(
            "a PNG needs `dot`, graphviz-pure or matplotlib, and none is installed: "
            "pip install graphviz-pure, or save the graph as .svg"
        ) from None
    drawn = scene(picture)
    words = place_legend(picture, drawn.layout.width)
    width = max(drawn.size[0], words.size[0] + 2 * MARGIN)
    height = drawn.size[1] + words.size[1]
    dpi = min(DPI, LARGEST * 72 / max(width, height))
    figure = Figure(figsize=(width / 72, height / 72), dpi=dpi, facecolor=style.PAGE[0])
    axes: Any = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(-MARGIN, width - MARGIN), ylim=(height - MARGIN, -MARGIN))
    axes.axis("off")
    pen = _Pen(axes)
    for path, r in drawn.layout.frames.items():
        pen.polygon(_round(r), style.FRAME[0] + "18", style.FRAME[0])
        name = describe.frame_label(path)
        pen.text(r.x + INSIDE, r.y + INSIDE + 7, name, SMALL, style.QUIET[0], "left")
    for arrow, route in zip(picture.arrows, drawn.layout.routes):
        points = curve(route)
        if picture.options.rankdir == "LR":
            points = [(y, x) for x, y in points]
        pen.arrow(points, arrow.gradient, f"×{arrow.count}" if arrow.count > 1 else "")
    for box in picture.boxes:
        _box(pen, box, drawn.layout.boxes[box.id])
    for kind, word, x, y in words.entries:
        y += drawn.layout.height + MARGIN
        if kind:
            _outline(pen, kind, Rect(x, y, SWATCH, 14.0), False)
        pen.text(x + (SWATCH + 6 if kind else 0), y + 11, word, SMALL, style.QUIET[0], "left")
    buffer = io.BytesIO()
    canvas: Any = FigureCanvasAgg(figure)
    canvas.print_png(buffer)
    return buffer.getvalue()


class _Pen:
    """Three strokes on matplotlib axes; fonts are its own, so they are there everywhere."""

    def __init__(self, axes: Any) -> None:
        self.axes = axes

    def polygon(
        self, points: list[tuple[float, float]], fill: str, line: str, width: float = 1.0,
        dashed: bool = False,
    ) -> None:
        from matplotlib.patches import Polygon

        dash = "--" if dashed else "-"
        self.axes.add_patch(Polygon(points, fc=fill, ec=line, lw=width, ls=dash))

    def text(
        self, x: float, y: float, text: str, size: float, colour: str, align: str = "center",
        mono: bool = False, bold: bool = False,
    ) -> None:
        self.axes.text(
            x, y, text, fontsize=size, color=colour, ha=align, va="baseline", parse_math=False,
            family="monospace" if mono else "sans-serif", weight="bold" if bold else "normal",
        )

    def arrow(self, points: list[tuple[float, float]], solid: bool, count: str) -> None:
        from matplotlib.patches import PathPatch, Polygon
        from matplotlib.path import Path

        codes = [Path.MOVETO] + [Path.CURVE4] * (len(points) - 1)
        wire = style.WIRE[0]
        self.axes.add_patch(
            PathPatch(Path(points, codes), fc="none", ec=wire, ls="-" if solid else "--", lw=1.1)
        )
        (x0, y0), (x, y) = points[-2:]
        across = abs(x - x0) > abs(y - y0)
        tip = [(x - 7, y - 3.5), (x, y), (x - 7, y + 3.5)]
        if not across:
            tip = [(x - 3.5, y - 7), (x, y), (x + 3.5, y - 7)]
        self.axes.add_patch(Polygon(tip, fc=wire, ec="none"))
        if count:
            self.text(x + 6, y - 5, count, SMALL, style.QUIET[0], "left")


def _box(pen: _Pen, box: Box, rect: Rect) -> None:
    _outline(pen, box.kind, rect, box.again)
    x = rect.x + rect.w / 2
    y = rect.y + TITLE_STEP + (6.0 if box.kind == "group" else 0.0)
    pen.text(x, y, box.title, style.TITLE_SIZE * 0.88, style.INK[0], bold=True)
    for line in box.lines:
        y += LINE_STEP
        pen.text(x, y, line.text, style.LINE_SIZE, ROLES[line.role][0], mono=True,
                 bold=line.role in ("warning", "change"))


def _outline(pen: _Pen, kind: str, rect: Rect, again: bool) -> None:
    look, (x, y, w, h), c = style.LOOKS[kind], rect, min(CUT, rect.h / 3)
    fill, line = look.fill[0], look.line[0]
    square = [(x, y), (x + w, y), (x + w, y + h), (x, y + h)]
    if kind == "const" or again:
        pen.polygon(square, fill, line, dashed=True)
    elif kind == "param":
        pen.polygon(square, fill, line)
        left, top, right, foot = x + 3, y + 3, x + w - 3, y + h - 3
        pen.polygon([(left, top), (right, top), (right, foot), (left, foot)], fill, line)
    elif kind == "input":
        pen.polygon([(x, y), (x + w - c, y), (x + w, y + c), *square[2:]], fill, line)
        pen.polygon([(x + w - c, y), (x + w, y + c), (x + w - c, y + c)], fill, line)
    elif kind == "group":
        tab = x + 0.6 * w
        pen.polygon([(x, y), (tab, y), (tab, y + 6), (x + w, y + 6), *square[2:]], fill, line)
    elif kind == "op":
        pen.polygon(_round(rect), fill, line)
    else:
        pen.polygon(
            [(x + c, y), (x + w - c, y), (x + w, y + c), (x + w, y + h - c), (x + w - c, y + h),
             (x + c, y + h), (x, y + h - c), (x, y + c)], fill, line, 2.2,
        )


def _round(rect: Rect, radius: float = 6.0) -> list[tuple[float, float]]:
    """A rectangle whose corners are cut twice: round enough at this size."""
    x, y, w, h = rect
    a, b = radius, radius * 0.3
    return [(x + a, y), (x + w - a, y), (x + w - b, y + b), (x + w, y + a), (x + w, y + h - a),
            (x + w - b, y + h - b), (x + w - a, y + h), (x + a, y + h), (x + b, y + h - b),
            (x, y + h - a), (x, y + a), (x + b, y + b)]
