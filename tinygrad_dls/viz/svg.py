"""SVG of the built-in layout: scales to its place, readable on white and black, no script."""

from html import escape

from . import describe, style
from .layout import Rect, Stop
from .picture import Arrow, Box, Picture
from .scene import INSIDE, LINE_STEP, MARGIN, SWATCH, TITLE_STEP, Scene, place_legend, scene

CUT = 7.0  # of corners
ROLES = {"shape": style.QUIET, "value": style.INK, "grad": style.GRADIENT,
         "saved": style.QUIET, "cost": style.COST, "warning": style.WARNING,
         "change": style.CHANGE}


def write_svg(picture: Picture) -> str:
    """The picture as a whole SVG document."""
    drawn = scene(picture)
    words = place_legend(picture, drawn.layout.width)
    width = max(drawn.size[0], words.size[0] + 2 * MARGIN)
    height = drawn.size[1] + words.size[1]
    lr = picture.options.rankdir == "LR"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="dls-graph" role="img" '
        f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'style="max-width:100%;height:auto">',
        f"<title>{_text(picture.title)}</title>",
        f"<desc>{_text(picture.description)}</desc>",
        f"<style>{_css()}</style>",
        f'<rect class="dls-page" width="{width:.0f}" height="{height:.0f}"/>',
        f'<g transform="translate({MARGIN:g} {MARGIN:g})">',
        *_frames(drawn),
        *(
            _arrow(arrow, route, lr)
            for arrow, route in zip(picture.arrows, drawn.layout.routes)
        ),
        *(_box(box, drawn.layout.boxes[box.id]) for box in picture.boxes),
        *_labels(drawn),
        *(_entry(*entry, drawn.layout.height + MARGIN) for entry in words.entries),
        "</g>",
        "</svg>\n",
    ]
    return "\n".join(parts)


def _text(text: str) -> str:
    """Escaped, and without the control characters that XML has no place for."""
    return escape("".join(c if c.isprintable() else " " for c in text))


def _css() -> str:
    """Colours by class; the second set where the reader's system is dark."""
    return _colours(0) + "@media (prefers-color-scheme:dark){" + _colours(1) + "}"


def _colours(mode: int) -> str:
    rules = [
        f".dls-page{{fill:{style.PAGE[mode]}}}",
        f".dls-title{{fill:{style.INK[mode]};font:bold {style.TITLE_SIZE:g}px {style.SANS}}}",
        f".dls-line{{font:{style.LINE_SIZE:g}px {style.MONO};white-space:pre}}",
        f".dls-label{{fill:{style.QUIET[mode]};font:{style.FRAME_SIZE:g}px {style.SANS}}}",
        f".dls-halo{{paint-order:stroke;stroke:{style.PAGE[mode]};stroke-width:3px}}",
        f".dls-frame{{fill:{style.FRAME[mode]};fill-opacity:.08;stroke:{style.FRAME[mode]}}}",
        f".dls-wire{{fill:none;stroke:{style.WIRE[mode]};stroke-width:1.2}}",
        f".dls-tip{{fill:{style.WIRE[mode]}}}",
    ]
    rules += [f".dls-{role}{{fill:{colour[mode]}}}" for role, colour in ROLES.items()]
    rules += [
        f".dls-{kind}{{fill:{look.fill[mode]};stroke:{look.line[mode]}}}"
        for kind, look in style.LOOKS.items()
    ]
    return "".join(rules)


# --- boxes ---------------------------------------------------------------------------------------


def _box(box: Box, rect: Rect) -> str:
    middle = rect.x + rect.w / 2
    y = rect.y + TITLE_STEP + (6.0 if box.kind == "group" else 0.0)
    tip = f"<title>{_text(box.tooltip)}</title>" if box.tooltip else ""
    parts = [
        f'<g data-id="{escape(box.id)}">{tip}{_outline(box.kind, rect, box.again)}',
        f'<text class="dls-title" x="{middle:.1f}" y="{y:.1f}" text-anchor="middle">'
        f"{_text(box.title)}</text>",
    ]
    for line in box.lines:
        y += LINE_STEP
        weight = ' font-weight="bold"' if line.role in ("warning", "change") else ""
        parts.append(
            f'<text class="dls-line dls-{line.role}" x="{middle:.1f}" y="{y:.1f}" '
            f'text-anchor="middle"{weight}>{_text(line.text)}</text>'
        )
    return "".join(parts) + "</g>"


def _outline(kind: str, rect: Rect, again: bool = False) -> str:
    """Each kind has its own outline: colour is never the only sign."""
    x, y, w, h = rect
    css = f'class="dls-{kind}"'
    if kind == "op":
        return f'<rect {css} x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}" rx="8"/>'
    if kind == "const" or again:
        return (f'<rect {css} x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}" '
                'stroke-dasharray="4 3"/>')
    if kind == "param":  # a double line
        return (f'<rect {css} x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}"/>'
                f'<rect {css} x="{x + 3:.1f}" y="{y + 3:.1f}" width="{w - 6:.1f}" '
                f'height="{h - 6:.1f}"/>')
    if kind == "input":  # a sheet with its corner folded
        fold = f"M{x + w - CUT:.1f} {y:.1f}v{CUT}h{CUT}"
        return (f'<path {css} d="M{x:.1f} {y:.1f}h{w - CUT:.1f}l{CUT} {CUT}v{h - CUT:.1f}'
                f'h{-w:.1f}z{fold}"/>')
    if kind == "group":  # a folder
        return (f'<path {css} d="M{x:.1f} {y:.1f}h{w * 0.6:.1f}v6h{w * 0.4:.1f}v{h - 6:.1f}'
                f'h{-w:.1f}z"/>')
    c = min(CUT, h / 3)  # loss and output: cut corners and a thick line
    return (f'<path {css} stroke-width="2.2" d="M{x + c:.1f} {y:.1f}h{w - 2 * c:.1f}l{c} {c}'
            f'v{h - 2 * c:.1f}l{-c} {c}h{2 * c - w:.1f}l{-c} {-c}v{2 * c - h:.1f}z"/>')


def _frames(drawn: Scene) -> list[str]:
    return [
        f'<rect class="dls-frame" x="{r.x:.1f}" y="{r.y:.1f}" width="{r.w:.1f}" '
        f'height="{r.h:.1f}" rx="9"/>'
        for r in drawn.layout.frames.values()
    ]


def _labels(drawn: Scene) -> list[str]:
    """Of the frames; over the arrows, with a halo."""
    return [
        f'<text class="dls-label dls-halo" x="{r.x + INSIDE:.1f}" '
        f'y="{r.y + INSIDE + style.FRAME_SIZE * 0.7:.1f}">'
        f'{_text(describe.frame_label(path))}</text>'
        for path, r in drawn.layout.frames.items()
    ]


def _entry(kind: str, word: str, x: float, y: float, top: float) -> str:
    """Of the legend."""
    sample = _outline(kind, Rect(x, top + y, SWATCH, 14.0)) if kind else ""
    x += SWATCH + 6.0 if kind else 0.0
    y += top + 11
    return f'{sample}<text class="dls-label" x="{x:.1f}" y="{y:.1f}">{_text(word)}</text>'


# --- arrows --------------------------------------------------------------------------------------


def _arrow(arrow: Arrow, route: list[Stop], across: bool) -> str:
    points = curve(route)
    if across:
        points = [(y, x) for x, y in points]
    (x, y), rest = points[0], points[1:]
    path = f"M{x:.1f} {y:.1f}"
    for i in range(0, len(rest), 3):
        path += "C" + " ".join(f"{x:.1f} {y:.1f}" for x, y in rest[i : i + 3])
    x, y = points[-1]
    tip = f"{x - 7:.1f} {y - 3.5:.1f} {x:.1f} {y:.1f} {x - 7:.1f} {y + 3.5:.1f}"
    if not across:
        tip = f"{x - 3.5:.1f} {y - 7:.1f} {x:.1f} {y:.1f} {x + 3.5:.1f} {y - 7:.1f}"
    dash = "" if arrow.gradient else ' stroke-dasharray="4 3"'
    count = ""
    if arrow.count > 1:
        count = (f'<text class="dls-label" x="{x + 6:.1f}" y="{y - 5:.1f}">'
                 f"×{arrow.count}</text>")
    return (f'<path class="dls-wire" d="{path}"{dash}/>'
            f'<polygon class="dls-tip" points="{tip}"/>{count}')


def curve(route: list[Stop]) -> list[tuple[float, float]]:
    """A start and triples of Bezier points: straight down through each stop, bent between."""
    points = [(route[0].x, route[0].y)]
    for i, stop in enumerate(route):
        (x0, y0), x1, y1 = points[-1], stop.x, stop.y
        if i:
            bend = (y1 - y0) / 2
            points += [(x0, y0 + bend), (x1, y1 - bend), (x1, y1)]
        if stop.y2 > stop.y:
            third = (stop.y2 - stop.y) / 3
            points += [(x1, y1 + third), (x1, stop.y2 - third), (x1, stop.y2)]
    return points
