"""DOT, the language of Graphviz: the same picture always gives the same text.

Works with Graphviz 2.43 and newer: colours have six digits, labels are HTML-like, every node,
edge and frame has an id of its own, which becomes the id in the SVG.
"""

from html import escape

from . import describe, style
from .groups import Path
from .picture import Box, Line, Picture
from .scene import legend

ROLES = {"shape": style.QUIET[0], "value": style.INK[0], "grad": style.GRADIENT[0],
         "saved": style.QUIET[0], "cost": style.COST[0], "warning": style.WARNING[0],
         "change": style.CHANGE[0]}


def write_dot(picture: Picture) -> str:
    """The picture as DOT text."""
    out = [
        "digraph computation {",
        f"  graph [rankdir={picture.options.rankdir} tooltip={_quoted(picture.title)} "
        f'bgcolor="{style.PAGE[0]}" fontname="Helvetica" fontsize=11 nodesep=0.3 ranksep=0.4 '
        f"pad=0.15 {_legend(picture)}]",
        f'  node [fontname="Helvetica" fontsize=13 fontcolor="{style.INK[0]}" '
        'margin="0.09,0.04" height=0.3]',
        f'  edge [color="{style.WIRE[0]}" arrowsize=0.7 fontname="Helvetica" fontsize=10]',
    ]
    out += _groups(picture)
    for number, arrow in enumerate(picture.arrows):
        more = "" if arrow.gradient else " style=dashed"
        more += f' label="×{arrow.count}"' if arrow.count > 1 else ""
        out.append(f'  {_quoted(arrow.tail)} -> {_quoted(arrow.head)} [id="e{number}"{more}]')
    return "\n".join([*out, "}"]) + "\n"


def _groups(picture: Picture) -> list[str]:
    """Boxes inside the frames of their modules; a walk without recursion."""
    children: dict[Path, list[Path]] = {}
    for path in picture.frames:
        children.setdefault(path[:-1], []).append(path)
    boxes: dict[Path, list[Box]] = {}
    for box in picture.boxes:
        boxes.setdefault(box.path, []).append(box)
    number = {path: i for i, path in enumerate(picture.frames)}
    out: list[str] = []
    work: list[tuple[Path, bool]] = [((), False)]  # (frame, is it to be closed?)
    while work:
        path, closing = work.pop()
        if closing:
            out.append("  " * len(path) + "}")
            continue
        indent = "  " * (len(path) + 1)
        if path:
            out += [
                f"{indent[2:]}subgraph cluster_{number[path]} {{",
                f'{indent}graph [id="c{number[path]}" label={_quoted(describe.frame_label(path))} '
                f'labeljust=l labelloc=t style="rounded,filled" fillcolor="{_tint(len(path))}" '
                f'color="{style.FRAME[0]}" fontcolor="{style.QUIET[0]}" fontsize=11 '
                f'tooltip={_quoted("/".join(path))}]',
            ]
            work.append((path, True))
        out += [indent + _node(box) for box in boxes.get(path, ())]
        work += [(child, False) for child in reversed(children.get(path, []))]
    return out


def _tint(depth: int) -> str:
    """The ground of a frame: a little darker at each depth."""
    return style.GROUND[min(depth, len(style.GROUND)) - 1][0]


def _node(box: Box) -> str:
    look = style.LOOKS[box.kind]
    outline = {
        "op": 'style="rounded,filled"',
        "param": "style=filled peripheries=2",
        "const": 'style="filled,dashed"',
        "loss": 'style="filled,diagonals" penwidth=2 margin="0.16,0.09"',
        "output": 'style="filled,diagonals" penwidth=2 margin="0.16,0.09"',
    }.get(box.kind, "style=filled")
    if box.again:
        outline = 'style="filled,dashed"'
    return (
        f"{_quoted(box.id)} [id={_quoted(box.id)} shape={look.outline} {outline} "
        f'fillcolor="{look.fill[0]}" color="{look.line[0]}" '
        f"tooltip={_quoted(box.tooltip or box.title)} label=<{_label(box)}>]"
    )


def _label(box: Box) -> str:
    # Room for the faces that stand in for Helvetica, which are wider than the engine reckons.
    width = round(style.text_width(box.title, style.TITLE_SIZE))
    rows = f'<TR><TD WIDTH="{width}"><B>{_html(box.title)}</B></TD></TR>'
    rows += "".join(f"<TR><TD>{_line(line)}</TD></TR>" for line in box.lines)
    return f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1">{rows}</TABLE>'


def _line(line: Line) -> str:
    text = _html(line.text)
    text = f"<B>{text}</B>" if line.role in ("warning", "change") else text
    return f'<FONT FACE="Courier" POINT-SIZE="10" COLOR="{ROLES[line.role]}">{text}</FONT>'


def _legend(picture: Picture) -> str:
    """The legend as the label of the whole graph."""
    entries = legend(picture)
    if not entries:
        return ""
    cells = "".join(
        f'<TD WIDTH="{round(style.text_width(word, 12))}" '
        f'BGCOLOR="{style.LOOKS[kind].fill[0]}" COLOR="{style.LOOKS[kind].line[0]}" '
        f'BORDER="{_border(kind)}" STYLE="{_style(kind)}">{_html(word)}</TD>'
        for kind, word in entries if kind
    )
    count = sum(bool(kind) for kind, _ in entries)
    rows = f"<TR>{cells}</TR>" if cells else ""
    rows += "".join(
        f'<TR><TD COLSPAN="{max(1, count)}">{_html(note)}</TD></TR>'
        for kind, note in entries if not kind
    )
    table = f'<TABLE BORDER="0" CELLBORDER="1" CELLSPACING="4" CELLPADDING="3">{rows}</TABLE>'
    note_rows = table.replace("<TD COLSPAN", '<TD BORDER="0" COLSPAN')
    return f'labelloc=b fontcolor="{style.QUIET[0]}" label=<{note_rows}>'


def _border(kind: str) -> int:
    return 2 if kind in ("loss", "output", "param") else 1


def _style(kind: str) -> str:
    return {"op": "rounded", "const": "dashed"}.get(kind, "solid")


def _html(text: str) -> str:
    """Escaped for an HTML-like label; an empty one would be an error there."""
    return escape("".join(c if c.isprintable() else " " for c in text)) or " "


def _quoted(text: str) -> str:
    """A DOT string: the quote and the backslash are special in it, and entities such as &lt;."""
    printable = "".join(c if c.isprintable() else " " for c in text).replace("&", "&amp;")
    return '"' + printable.replace("\\", "\\\\").replace('"', '\\"') + '"'
