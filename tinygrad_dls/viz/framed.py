"""A page inside of a notebook: in a frame of its own, so that neither disturbs the other."""

from html import escape


def framed(page: str, title: str, height: int = 560) -> str:
    """A frame with the page in it, as HTML; it may run its script, and reach nothing outside."""
    return (f'<iframe sandbox="allow-scripts" title="{escape(title)}" srcdoc="{escape(page)}" '
            f'style="width:100%;height:{height}px;border:1px solid #9aa5b8;border-radius:6px" '
            'loading="lazy"></iframe>')
