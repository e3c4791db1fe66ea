"""Parts of pages: fences, escapes, lists of pages, texts that stand elsewhere in the clone."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)#\s]*)(#[^)\s]*)?\)")
_SPECIAL = re.compile(r"([\\*_<>\[\]$#|~^{}])")
TEXTS = {  # texts of the clone that are pages, too
    "tinygrad_dls/ARCHITECTURE.md": "about/architecture.md",
    "tinygrad_dls/ops/README.md": "reference/operations.md",
    "tinygrad_dls/backend/kernels/README.md": "about/kernels.md",
    "tinygrad_dls/capturing/README.md": "about/capturing.md",
    "datasets/README.md": "about/data.md",
    "CONTRIBUTING.md": "about/contributing.md",
    "CHANGELOG.md": "about/changelog.md",
}


class SiteError(Exception):
    """The site cannot be built; the message says why."""


def plain(text: str) -> str:
    """Text as Markdown that shows it unchanged; what is in backquotes is code."""
    parts = re.split(r"(`[^`]+`)", text)
    return "".join(part if i % 2 else _SPECIAL.sub(r"\\\1", part) for i, part in enumerate(parts))


def fenced(text: str, language: str, kind: str = "") -> str:
    """A block of code, inside as many backquotes as it takes."""
    ticks = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    if kind:
        return f"{ticks}{{code-block}} {language}\n:class: {kind}\n\n{text}\n{ticks}"
    return f"{ticks}{language}\n{text}\n{ticks}"


def toctree(pages: Iterable[str]) -> str:
    """The pages below a page, for the sidebar."""
    return "```{toctree}\n:hidden:\n\n" + "\n".join(pages) + "\n```\n"


def write_texts(source: Path) -> None:
    """Write the texts that stand elsewhere in the clone as pages of the site."""
    for path, page in TEXTS.items():
        text = relinked((ROOT / path).read_text("utf-8"), path, page)
        target = source / page
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8")


def relinked(text: str, path: str, page: str) -> str:
    """A text whose links lead to pages of the site; a link to any other file is its name only."""
    def link(match: re.Match[str]) -> str:
        words, to, part = match[1], match[2], match[3] or ""
        if not to or ":" in to:
            return match[0]
        file = os.path.normpath(os.path.join(os.path.dirname(path), to)).replace(os.sep, "/")
        if file.startswith("docs/"):
            known: str | None = file.removeprefix("docs/")
        else:
            known = {**TEXTS, "README.md": "index.md", "lessons/README.md": "courses.md"}.get(file)
        if known is None:
            return words
        return f"[{words}]({os.path.relpath(known, os.path.dirname(page) or '.')}{part})"

    return _LINK.sub(link, text)
