"""The interactive page: one HTML file with the record, a viewer and Graphviz inside.

It works from disk without a network. Its content policy lets it load nothing at all, so all parts
stand in the file: `web/page.js` is the viewer, `web/viz-global.js` is Graphviz as WebAssembly
(package @viz-js/viz; licences in `web/LICENSES.txt`), compressed.
"""

import base64
import gzip
import json
from dataclasses import replace
from difflib import get_close_matches
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from ..errors import GraphError
from . import describe, style
from .dot import ROLES
from .flags import flags
from .folding import Fold
from .groups import Path as Modules
from .picture import Options, fold, group_boxes, node_boxes, notes, title
from .record import NodeRecord, Record, strict_json

WEB = Path(__file__).parent / "web"
COSTS = (("flops", "operations forward"), ("flops_back", "operations back"), ("bytes", "memory"),
         ("seconds", "time forward"), ("seconds_back", "time back"))


def write_page(record: Record, options: Options) -> str:
    """The page of a record as HTML; `options.depth` folds modules at first."""
    fill = {
        "TITLE": escape(title(record)),
        "STYLE": _file("page.css"),
        "COLOURS": style.dark_rules(':root[data-theme="dark"] .dls-graph'),
        "DATA": _as_script(strict_json(_document(record, options))),
        "ENGINE": _engine(),
        "SCRIPT": _file("page.js"),
    }
    page = _file("page.html")
    for name in ("STYLE", "COLOURS", "ENGINE", "SCRIPT", "TITLE", "DATA"):  # hostile text last
        page = page.replace(f"@{name}@", fill[name])
    return page


def link_to(record: Record, name: str) -> str:
    """The end of the page's address, "#t=K&sel=ID", at which the gradient of a value is complete.

    name: of a value, or of the operation that made it (the first of several). Step K is the one
    that adds the last part to the gradient. GraphError if there is no such value or gradient.
    """
    found = _named(record, name)
    parts = found.gradient.shares if found.gradient else ()
    back = backward_steps(record)
    given = [back.index(part.source) for part in parts if part.source in back]
    if not given:
        raise GraphError(f"no step gives a gradient to {name!r}: take the graph after backward(), "
                         "of a value that requires one and is not the loss")
    forward = sum(bool(node.op) for node in record.nodes)
    return f"#t={1 + forward + max(given)}&sel={found.id}"


def _named(record: Record, name: str) -> NodeRecord:
    names = [{node.name, node.op.partition("[")[0]} - {""} for node in record.nodes]
    for node, own in zip(record.nodes, names, strict=True):
        if name in own:
            return node
    near = get_close_matches(name, set().union(*names), 1)
    raise GraphError(f"no value and no operation of the graph is called {name!r}"
                     + (f"; did you mean {near[0]!r}?" if near else ""))


def backward_steps(record: Record) -> list[str]:
    """The operations that passed a gradient on, in the order in which they did."""
    if not record.backward_ran:
        return []
    return [n.id for n in reversed(record.nodes) if n.op and n.gradient and n.gradient.computed]


@cache
def _file(name: str) -> str:
    return (WEB / name).read_text("utf-8")


@cache
def _engine() -> str:
    code = (WEB / "viz-global.js").read_bytes()
    return base64.b64encode(gzip.compress(code, 6, mtime=0)).decode()


def _as_script(text: str) -> str:
    """JSON that cannot end the element it stands in, whatever names are in it."""
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _document(record: Record, options: Options) -> dict[str, Any]:
    """Make the viewer's data: the record, its groups, the text of each box, the findings."""
    plain = json.loads(record.to_json())
    pairs = [(edge.tail, edge.head) for edge in record.edges]
    paths, inside, _ = fold(record.nodes, pairs, options)
    groups = list(dict.fromkeys(
        path[:level + 1] for path in paths.values() for level in range(len(path))))
    number = {(): -1, **{path: i for i, path in enumerate(groups)}}
    drawn = replace(options, show=tuple(x for x in options.show if x != "cost"))  # an overlay here
    boxes = node_boxes(record, drawn)
    folded = group_boxes(record, paths, drawn)
    tracked = {n.id for n in record.nodes if n.gradient is not None or "model" in record.meta}
    for node in plain["nodes"]:
        box = boxes[node["id"]]
        node["group"] = number[paths[node["id"]]]
        node["box"] = _box(box)
    return {
        "nodes": plain["nodes"],
        "edges": [{**edge, "gradient": edge["from"] in tracked} for edge in plain["edges"]],
        "groups": [{"label": describe.frame_label(path), "parent": number[path[:-1]],
                    "box": _box(folded[path])}
                   for path in groups],
        "closed": _closed(groups, inside),
        "forward": plain["forward_order"],
        "backward": backward_steps(record),
        "flags": [flag._asdict() for flag in flags(record)],
        "notes": [*filter(None, [plain["meta"].get("error")]), *notes(record, options)],
        "costs": [[name, word] for name, word in COSTS
                  if any(getattr(n, name) for n in record.nodes)],
        "cost": "cost" in options.show, "heat": [light for light, _ in style.HEAT],
        "looks": {kind: {"fill": look.fill[0], "line": look.line[0]}
                  for kind, look in style.LOOKS.items()},
        "roles": ROLES, "ink": style.INK[0], "quiet": style.QUIET[0], "wire": style.WIRE[0],
        "frame": style.FRAME[0], "ground": [light for light, _ in style.GROUND],
    }


def _box(box: Any) -> dict[str, Any]:
    return {"kind": box.kind, "title": box.title, "lines": [[x.role, x.text] for x in box.lines]}


def _closed(groups: list[Modules], inside: Fold) -> list[int]:
    """The groups folded at first, and all inside of them, so that opening one opens no more."""
    shut = set(inside.values())
    return [i for i, path in enumerate(groups)
            if any(path[:level + 1] in shut for level in range(len(path)))]
