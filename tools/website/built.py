"""Checks of the pages that were built: links, other hosts, names of this machine, spelling."""

import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

from .pages import ROOT

LOADS = {("img", "src"), ("script", "src"), ("link", "href"), ("iframe", "src"), ("source", "src"),
         ("video", "src"), ("audio", "src"), ("object", "data"), ("embed", "src")}
_CSS = re.compile(r"url\(['\"]?((?:https?:)?//[^)'\"]*)|@import\s+['\"]([^'\"]*)")


class Page(HTMLParser):
    """The ids of a page, its links, and what it loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if value is None:
                continue
            if name == "id" or (tag == "a" and name == "name"):
                self.ids.add(value)
            elif (tag, name) in LOADS:
                self.loads.append(value)
            elif tag == "a" and name == "href":
                self.links.append(value)


def faults(site: Path, folders: tuple[Path, ...] = (ROOT,)) -> Iterator[str]:
    """What is wrong with the pages in a folder, one line for each fault.

    folders: of this machine; no file of the site may name one.
    """
    pages = {path: Page(path.read_text("utf-8")) for path in sorted(site.rglob("*.html"))
             if "_static/lessons" not in path.as_posix()}  # those of graphs have tests of their own
    for path, page in pages.items():
        where = path.relative_to(site).as_posix()
        for link in [*page.links, *page.loads]:
            if fault := _fault_of(link, path, pages, link in page.loads):
                yield f"{where}: {link}: {fault}"
    for path in sorted(site.rglob("*.css")):
        for found in _CSS.findall(path.read_text("utf-8")):
            yield f"{path.relative_to(site).as_posix()}: loads {''.join(found)}"
    for path in sorted(site.rglob("*")):
        if path.suffix in (".html", ".js", ".json", ".svg", ".ipynb", ".txt"):
            text = path.read_text("utf-8", errors="replace")
            if any(str(folder) in text for folder in folders):
                yield f"{path.relative_to(site).as_posix()}: names a folder of this machine"


def _fault_of(link: str, path: Path, pages: dict[Path, Page], loaded: bool) -> str:
    """What is wrong with a link on a page, or nothing."""
    parts = urlsplit(link)
    if parts.scheme == "data":
        return ""
    if parts.scheme or parts.netloc:
        return "is on another host" if loaded else ""
    to, fragment = urldefrag(link)
    target = (path.parent / unquote(urlsplit(to).path)).resolve() if to else path
    if not target.is_file():
        return "there is no such file"
    if fragment and target in pages and unquote(fragment) not in pages[target].ids:
        return "there is no such place on that page"
    return ""


def misspelled(folders: list[Path]) -> list[str]:
    """The words that codespell finds wrong in these folders and files, with their places.

    What lessons print is passed over: a network that learns to write does not spell yet.
    """
    printed = r"```\{code-block\} text\n:class: output\n.*?\n```"
    command = [sys.executable, "-m", "codespell_lib", "--ignore-words",
               str(ROOT / "docs" / "words.txt"), "--ignore-multiline-regex", printed,
               "--skip", "*.json,*.ipynb,*.svg,*.png,*.html",
               *map(str, folders)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode and not result.stdout:
        return [result.stderr]
    return result.stdout.splitlines()
