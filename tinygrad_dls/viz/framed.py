"""A page inside of a notebook: in a frame of its own, so that neither disturbs the other."""

from dataclasses import dataclass
from html import escape


@dataclass(frozen=True, repr=False)
class Frame:
    """A page that shows itself in a notebook; it may run its script, and reach nothing outside."""

    page: str
    title: str
    height: int = 560  # pixels

    def _repr_html_(self) -> str:
        style = f"width:100%;height:{int(self.height)}px;border:1px solid #9aa5b8;border-radius:6px"
        return (f'<iframe sandbox="allow-scripts" title="{escape(self.title)}" '
                f'srcdoc="{escape(self.page)}" style="{style}" loading="lazy"></iframe>')

    def __repr__(self) -> str:
        return f"<Frame: {self.title}, {len(self.page):,} characters of HTML>"
