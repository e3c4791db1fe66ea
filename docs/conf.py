"""Sphinx's settings for the site; `make site` (tools/website) prepares what it reads."""

import os
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[0:0] = [str(ROOT), str(ROOT / "tools")]
CACHE = Path(os.environ["SITE_CACHE"])

from tinygrad_dls.version import __version__  # noqa: E402

project, version, release = "tinygrad_dls", __version__, __version__
copyright = "the authors; MIT licence"
extensions = ["myst_parser", "website.formulas"]
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence"]
myst_heading_anchors = 3
myst_links_external_new_tab = False
smartquotes = False  # docstrings show code
html_theme = "furo"
html_title = f"tinygrad_dls {__version__}"
html_static_path = [str(CACHE / "static")]
html_css_files = ["dls.css"]
html_math_renderer = "svg"
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_last_updated_fmt = None  # two builds give the same files
formulas_file = str(CACHE / "formulas.json")
add_module_names = False
toc_object_entries_show_parents = "hide"
python_use_unqualified_type_names = True
pygments_style, pygments_dark_style = "a11y-light", "a11y-dark"  # enough contrast to read
nitpicky = True


def focusable(app: Any, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Let keys reach what scrolls sideways: code and tables."""
    if "body" in context:
        body = context["body"].replace("<pre>", '<pre tabindex="0">')
        context["body"] = body.replace('<div class="table-wrapper', '<div tabindex="0" '
                                       'class="table-wrapper')


def setup(app: Any) -> None:
    app.connect("html-page-context", focusable)
