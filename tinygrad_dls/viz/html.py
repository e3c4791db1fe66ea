"""Pieces of HTML that pages share: text that nothing can break out of, tables."""

from collections.abc import Sequence
from html import escape


def escaped(text: str) -> str:
    """Return the text in printable characters, as HTML, without marks of our own templates."""
    line = "".join(c if c.isprintable() else " " for c in text)
    return escape(line.encode("utf-8", "replace").decode()).replace("@", "&#64;")


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], label: str = "table") -> str:
    """Make a table that scrolls by itself where it is too wide; the first column names the row."""
    head = "".join(f'<th scope="col">{escaped(name)}</th>' for name in heads)
    body = "".join(
        f'<tr><th scope="row">{escaped(row[0])}</th>'
        + "".join(f"<td>{escaped(cell)}</td>" for cell in row[1:]) + "</tr>"
        for row in rows)
    return (f'<div class="scroll" tabindex="0" role="group" aria-label="{escaped(label)}"><table>'
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>")
