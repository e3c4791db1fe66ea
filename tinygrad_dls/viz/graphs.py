"""Graph: what `dls.graph(...)` returns; it shows itself in Jupyter and saves itself as a file."""

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from .._util.atomic_files import write_whole
from ..check.report import Report
from ..errors import DtypeError, FormatError, GraphError
from . import engines, style
from .checking import Operations, Verdicts, check_operations, with_verdicts
from .comparison import compare_records, counts
from .dot import write_dot
from .framed import Frame
from .page import link_to, write_page
from .picture import Options, Picture, picture, title
from .png import write_png
from .record import Record
from .svg import write_svg
from .table import write_table

ENDINGS = (".html", ".svg", ".png", ".dot", ".json", ".txt")
SHOWN = 400  # boxes; a larger graph shows itself in a notebook as text


def check_ending(path: Path, endings: Sequence[str] = ENDINGS) -> None:
    """FormatError if nothing can be written to a file of this name."""
    if path.suffix.lower() not in endings:
        raise FormatError(f"{path.name!r}: the ending of the name says what to write; "
                          f"it can be {', '.join(endings)}")


class Graph:
    """The graph of one computation, with values and gradients as they were when it was taken.

    Every writer takes the options of `dls.graph` again, for this one picture:
    `graph.save("g.svg", depth=1, rankdir="LR", show=("shape",))`.

    >>> x = dls.tensor([1.0, 2.0], requires_grad=True)
    >>> graph = dls.graph((x**2).sum())
    >>> graph.save("graph.json").name
    'graph.json'
    """

    def __init__(
        self, record: Record, options: Options | None = None, operations: Operations | None = None
    ) -> None:
        self._record: Record | None = record
        self.options = options or Options()
        self._operations = operations or Operations()
        self._verdicts: Verdicts = {}

    @property
    def record(self) -> Record:
        """The computation, node by node."""
        assert self._record is not None
        return self._record

    def __repr__(self) -> str:
        ops = sum(bool(node.op) for node in self.record.nodes)
        parameters = sum(node.kind == "param" for node in self.record.nodes)
        ran = "computed" if self.record.backward_ran else "not computed"
        return f"<Graph: {ops} operations, {parameters} parameters, gradients {ran}>"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        """A picture where that is sensible, and a line of text always."""
        try:
            drawn = self.picture()
            if len(drawn.boxes) <= SHOWN:
                return {"image/svg+xml": self._svg(drawn), "text/plain": repr(self)}
            advice = f"{len(drawn.boxes)} boxes: .save('g.svg') draws them, depth=1 folds modules"
        except GraphError as error:
            advice = str(error)
        return {"text/plain": f"{self!r}\n{advice}"}

    def diff(self, other: "Graph", names: tuple[str, str] = ("before", "after")) -> "Comparison":
        """Compare with `other`: what was added, removed, changed, or has other numbers there.

        Parameters and inputs are matched by name, operations by their module and order. `names`:
        what the two are called in the title.
        """
        if not isinstance(other, Graph):
            raise DtypeError(f"diff takes another graph, not a {type(other).__name__}")
        return Comparison(compare_records(self.record, other.record, names), self.options)

    def show(self, height: int = 560, **options: Any) -> Frame:
        """The interactive page in a notebook, in a frame of its own."""
        return Frame(self.to_html(**options), title(self.record), height)

    def check(self, eps: float = 1e-6, tolerance: float = 1e-6, seed: int = 0) -> Report:
        """Check the backward rule of each operation; the record and pictures say what is wrong.

        For what was computed under `with dls.trace():`, while its result is still there. The
        report is that of `gradcheck`, without the whole function.
        """
        record = self.record
        report, self._verdicts = check_operations(self._operations, eps, tolerance, seed)
        self._record = with_verdicts(record, self._verdicts)
        return report

    # --- writers ---------------------------------------------------------------------------------

    def picture(self, **options: Any) -> Picture:
        """The parts of the picture: boxes, arrows, frames."""
        return picture(self.record, self._options(options))

    def to_dot(self, **options: Any) -> str:
        """DOT text, the same on every machine; needs no program."""
        return write_dot(self.picture(**options))

    def to_svg(self, **options: Any) -> str:
        """SVG by the best engine there is: `dot`, graphviz-pure, or the built-in layout."""
        return self._svg(self.picture(**options))

    def to_png(self, **options: Any) -> bytes:
        """PNG by `dot`, by graphviz-pure, or else by matplotlib; EngineError without any."""
        drawn = self.picture(**options)
        return engines.run(write_dot(drawn), "png", drawn.options.engine) or write_png(drawn)

    def to_html(self, **options: Any) -> str:
        """The interactive page: one file that works from disk, without a network."""
        return write_page(self.record, self._options(options))

    def link(self, name: str) -> str:
        """The end of the page's address that opens it where the gradient of `name` is complete.

            page = graph.save("graph.html")
            print(page.resolve().as_uri() + graph.link("W1"))   # ...graph.html#t=9&sel=n2

        name: of a value, or of the operation that made it. GraphError if no step gives it one.
        """
        return link_to(self.record, name)

    def to_json(self) -> str:
        """The whole record: strict JSON with a version."""
        return self.record.to_json()

    @classmethod
    def from_json(cls, text: str) -> "Graph":
        """The graph written by `to_json`; FormatError if the text is anything else."""
        return cls(Record.from_json(text))

    def table(self, **options: Any) -> str:
        """Text for a terminal: one line for each value, indented by module.

        `show` says which columns there are; other options change nothing.
        """
        return write_table(self.record, self._options(options).show)

    def save(self, path: str | os.PathLike[str], **options: Any) -> Path:
        """Write a .html, .svg, .png, .dot, .json or .txt file, whole or not at all; its path."""
        target = Path(path)
        check_ending(target)
        writers: dict[str, Callable[[], str | bytes]] = {
            ".svg": lambda: self.to_svg(**options),
            ".png": lambda: self.to_png(**options),
            ".dot": lambda: self.to_dot(**options),
            ".json": self.to_json,
            ".txt": lambda: self.table(**options),
            ".html": lambda: self.to_html(**options),
        }
        write_whole(target, writers[target.suffix.lower()]())
        return target

    def _options(self, changes: dict[str, Any]) -> Options:
        return Options.of(changes, self.options)

    def _svg(self, drawn: Picture) -> str:
        made = engines.run(write_dot(drawn), "svg", drawn.options.engine)
        return _dressed(made.decode(), drawn) if made else write_svg(drawn)


class Comparison(Graph):
    """Two graphs in one: what is in the second, and what only the first has, all of it marked."""

    @property
    def counts(self) -> dict[str, int]:
        """The numbers of nodes that were "added", "removed", "changed", or have "other numbers"."""
        return counts(self.record)

    def __repr__(self) -> str:
        found = ", ".join(f"{n} {kind}" for kind, n in self.counts.items() if n)
        return f"<Comparison of {self.record.meta['compared']}: {found or 'no difference'}>"


# --- what Graphviz's SVG lacks -------------------------------------------------------------------


def _dressed(svg: str, drawn: Picture) -> str:
    """Title, description and role for those who do not see; fit to the page; dark where it is."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<title>.*?</title>\n?", "", svg, flags=re.DOTALL)  # names of nodes as tooltips
    head, rest = svg.split(">", 1)
    says = "".join(
        f"<{tag}>{_escape(text)}</{tag}>\n"
        for tag, text in (("title", drawn.title), ("desc", drawn.description))
    )
    dark = f"@media (prefers-color-scheme:dark){{{style.dark_rules('.dls-graph')}}}"
    extra = ' class="dls-graph" role="img" style="max-width:100%;height:auto"'
    return f"{head}{extra}>\n{says}<style>{dark}</style>{rest}"


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
