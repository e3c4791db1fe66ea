"""Formulas as SVG, drawn when the site is built: pages need no script and no font for them.

A Sphinx extension. Drawing one takes tens of milliseconds, so that drawings are kept in a file.
"""

import hashlib
import html
import json
from pathlib import Path
from typing import Any

import ziamath
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging

SIZE = 17  # of letters, in pixels: that of the theme's text
MARGIN = 1  # that ziamath leaves around a formula, in pixels
NARROW = 340  # pixels: what a telephone has room for
LOG = logging.getLogger(__name__)
ziamath.config.svg2 = False  # glyphs as paths: no id is used twice on a page

_drawn: dict[str, tuple[str, float]] = {}  # key -> (SVG, depth below the line in pixels)


def _key(tex: str, inline: bool) -> str:
    text = f"{ziamath.__version__} {SIZE} {MARGIN} {inline} {tex}"
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def draw(tex: str, inline: bool) -> tuple[str, float]:
    """The SVG of a formula and how far it reaches below the line of text, in pixels."""
    key = _key(tex, inline)
    if key not in _drawn:
        formula = ziamath.Latex(tex, size=SIZE, inline=inline)
        _drawn[key] = formula.svg(), formula.node.bbox.ymin - MARGIN
    return _drawn[key]


def written(node: Any, inline: bool) -> str:
    """The HTML of a formula."""
    tex = node.astext().strip()
    try:
        svg, depth = draw(tex, inline)
    except Exception as error:  # ziamath raises whatever its parser meets
        LOG.warning("formula cannot be drawn: %s (%s)", tex, error, location=node)
        return html.escape(tex)
    name = html.escape(" ".join(tex.split()), quote=True)
    style = f'style="vertical-align:{depth:.2f}px" ' if inline else ""
    svg = svg.replace("<svg ", f'<svg role="img" aria-label="{name}" {style}', 1)
    if inline:
        return f'<span class="formula">{svg}</span>'
    wide = float(svg.partition(' width="')[2].partition('"')[0]) > NARROW
    keys = ' tabindex="0"' if wide else ""  # on a narrow screen it scrolls sideways
    return f'<div class="formula"{keys}>{svg}</div>'


def visit_inline(self: Any, node: Any) -> None:
    self.body.append(written(node, inline=True))
    raise nodes.SkipNode


def visit_block(self: Any, node: Any) -> None:
    self.body.append(written(node, inline=False))
    raise nodes.SkipNode


def _load(app: Sphinx) -> None:
    path = Path(app.config.formulas_file)
    if path.is_file():
        _drawn.update({key: tuple(value) for key, value in json.loads(path.read_text()).items()})


def _save(app: Sphinx, error: Exception | None) -> None:
    Path(app.config.formulas_file).write_text(json.dumps(_drawn, sort_keys=True))


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_config_value("formulas_file", "", "")
    app.add_html_math_renderer("svg", (visit_inline, None), (visit_block, None))
    app.connect("builder-inited", _load)
    app.connect("build-finished", _save)
    return {"parallel_read_safe": True}
