"""Looks of the kinds of nodes: a colour, an outline and a word each, never colour alone."""

from typing import NamedTuple


class Look(NamedTuple):
    """The look of one kind; colours as #rrggbb, (on white, on black)."""

    word: str  # in the legend
    outline: str  # DOT's name of the shape
    fill: tuple[str, str]
    line: tuple[str, str]


LOOKS = {
    "input": Look("input", "note", ("#dff3df", "#1d3b24"), ("#3b7d46", "#6fbf7d")),
    "param": Look("parameter", "box", ("#ffedcc", "#46330f"), ("#a86a00", "#e0a94a")),
    "buffer": Look("buffer", "box", ("#e3f1ee", "#18352f"), ("#2f7d6b", "#6cc0ab")),
    "const": Look("constant", "box", ("#f1f1f1", "#2c2f36"), ("#777777", "#9aa0aa")),
    "op": Look("operation", "box", ("#e6eefc", "#1c2c49"), ("#4a6fb5", "#7fa3e6")),
    "loss": Look("loss", "box", ("#fbdcdc", "#4a1f24"), ("#b23a48", "#ee8590")),
    "output": Look("output", "box", ("#ecdffa", "#35244d"), ("#7a4fb0", "#b996e6")),
    "group": Look("module, folded", "tab", ("#dcecf0", "#17363d"), ("#2f7a8c", "#66b7c9")),
}

INK = ("#1b2230", "#e8ebf2")  # titles
QUIET = ("#4a5364", "#b4bccb")  # shapes, values, labels of clusters
GRADIENT = ("#8a3b12", "#f0a77c")  # gradients
COST = ("#5b3a8c", "#d4bdf5")  # arithmetic, memory, time
HEAT = (  # from little to much
    ("#fdf8f1", "#241f19"), ("#fff0db", "#32240f"), ("#ffe2bd", "#402d0b"), ("#ffd29c", "#4e3407"),
    ("#ffc27d", "#5c3a03"),
)
WARNING = ("#b00020", "#ff8f9c")  # NaN, infinity
CHANGE = ("#7a1580", "#ee9df4")  # what a comparison found
WIRE = ("#6b778d", "#8b96aa")  # edges
FRAME = ("#9aa5b8", "#5c6780")  # clusters
PAGE = ("#ffffff", "#14181f")
GROUND = (  # inside clusters, by depth
    ("#f4f6f9", "#1a1f27"), ("#ebeef3", "#20262f"), ("#e3e7ee", "#262d38"), ("#dbe0e8", "#2c3441"),
)

SANS = "Helvetica,Arial,sans-serif"
MONO = "DejaVu Sans Mono,Menlo,Consolas,monospace"
TITLE_SIZE, LINE_SIZE, FRAME_SIZE = 13.0, 10.0, 11.0

_NARROW = frozenset("iljtfrI.,:;|!'()[]/ -")
_WIDE = frozenset("mwMWGOQ@%&_")


def text_width(text: str, size: float, mono: bool = False) -> float:
    """Upper estimate of the width of a text, in the units of `size`; no font is asked."""
    if mono:
        return 0.61 * size * len(text)
    wide = sum(_advance(character) for character in text)
    return size * wide


def _advance(character: str) -> float:
    if ord(character) > 0x2E80:  # ideographs fill the square
        return 1.05
    if character in _NARROW:
        return 0.42
    if character in _WIDE or character.isupper():
        return 0.86
    return 0.69


def dark_rules(where: str) -> str:
    """CSS that swaps each colour of the light set for its fellow, in what `where` selects."""
    pairs: dict[str, str] = {}
    fills = [look.fill for look in LOOKS.values()]
    lines = [look.line for look in LOOKS.values()]
    rest = (INK, QUIET, GRADIENT, COST, WARNING, CHANGE, WIRE, FRAME, *GROUND, *HEAT, PAGE)
    for light, dark in (*fills, *lines, *rest):
        pairs[light] = dark
    return "".join(
        f'{where} [fill="{light}"]{{fill:{dark}}}{where} [stroke="{light}"]{{stroke:{dark}}}'
        for light, dark in pairs.items()
    )
