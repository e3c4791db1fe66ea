"""The page of `dls.watch`: a training so far, as one HTML file."""

import math
import time
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeVar

from . import describe
from .charts import curve, number, spread
from .flags import EXPLODING, LARGE, VANISHING
from .html import escaped, table
from .layers import LayerLog
from .samples import Curve

if TYPE_CHECKING:
    from .watching import watch

Item = TypeVar("Item")
State: TypeAlias = Literal["training", "finished", "stopped", "failed"]
WEB = Path(__file__).parent / "web"
SLOW, FAST = 1e-5, 1e-1  # updates over weights beyond which a rate is worth a look; 1e-3 is usual
ROWS = 12  # of a table of numbers over time
EACH = 5  # remarks of one sort
WORDS = {"training": "training", "finished": "finished", "stopped": "stopped by Ctrl-C",
         "failed": "ended by an error"}


def write_watch_page(seen: "watch", refresh: bool = True) -> str:
    """The page as HTML; `refresh`: does it read itself again while the training goes on?"""
    goes_on = refresh and seen.state == "training"
    title = describe.shorten(f"training of {type(seen.model).__name__}", 80)
    fill = {
        "STYLE": _file("watch.css"),
        "SCRIPT": _file("watch.js"),
        "AGAIN": '<noscript><meta http-equiv="refresh" content="5"></noscript>' if goes_on else "",
        "RUNS": "yes" if goes_on else "no",
        "WRITTEN": f"{time.time():.0f}",
        "TITLE": escaped(title),
        "STATE": _state(seen),
        "REMARKS": _remarks(seen),
        "LOSS": _loss(seen),
        "TABLE": _table(seen.layers),
        "LAYERS": "".join(_layer(i, log) for i, log in enumerate(seen.layers)),
    }
    page = _file("watch.html")
    for name, text in fill.items():  # names of modules come last
        page = page.replace(f"@{name}@", text)
    return page


@cache
def _file(name: str) -> str:
    return (WEB / name).read_text("utf-8")


# --- the training as a whole ---------------------------------------------------------------------


def _state(seen: "watch") -> str:
    text = f"<b>{WORDS[seen.state]}</b>, {seen.steps:,} step{'s' * (seen.steps != 1)}"
    text += f", {seen.samples:,} looked at (every {seen.every}"
    text += f"; {seen.put_off:,} put off, to take little time)" if seen.put_off else ")"
    if seen.error:
        text += f'<br><span class="icon" aria-hidden="true">&#x26a0;</span> {escaped(seen.error)}'
    return text


def _loss(seen: "watch") -> str:
    found: Curve = seen.loss
    if found.newest is None:
        return "<p>No loss yet: hand it over, <code>w.step(loss)</code>.</p>"
    step, value = found.newest
    says = f"loss {describe.number(value)} at step {step:,}"
    if found.first is not None and found.best is not None:
        says += f"; {describe.number(found.first)} at the start, {describe.number(found.best[1])} "\
                f"at best, at step {found.best[0]:,}"
    points = [(float(s.last), s.mean) for s in found.spans]
    band = [(float(s.last), s.low, s.high) for s in found.spans] if found.length > 1 else []
    marks = [(name, [(float(x), y) for x, y in values]) for name, values in seen.figures.items()
             if name.endswith("loss")]
    label = "loss" if found.length == 1 else f"loss, means of {found.length} steps, least and most"
    rows = [(f"{s.first:,} to {s.last:,}" if s.last > s.first else f"{s.first:,}",
             describe.number(s.mean), describe.number(s.low), describe.number(s.high))
            for s in _few(found.spans)]
    html = curve(points, label, says, band, marks) + _numbers(
        "loss", ("steps", "mean", "least", "most"), rows)
    figures = [(name, f"{values[-1][0]:,}", describe.number(values[-1][1]))
               for name, values in seen.figures.items() if values]
    if figures:
        html += table(("figure", "at step", "value"), figures)
    return html


def _remarks(seen: "watch") -> str:
    found = []
    for sort in (_bad, _left_out, _no_gradient, _dead, _sizes, _rates):
        remarks = list(sort(seen))
        found += remarks[:EACH]
        if len(remarks) > EACH:
            found.append(f"{len(remarks) - EACH} more like the last one")
    if not found:
        words = "Nothing stands out." if seen.samples else "Nothing was looked at yet."
        return f'<p class="fine">{words}</p>'
    return "<ul>" + "".join(
        f'<li><span class="icon" aria-hidden="true">&#x26a0;</span> {escaped(text)}</li>'
        for text in found) + "</ul>"


def _bad(seen: "watch") -> Iterator[str]:
    if seen.loss.bad is not None:
        yield f"the loss was NaN or infinite at step {seen.loss.bad:,}, the first time"
    for log in seen.layers:
        for what, history in (("outputs", log.outputs), ("gradients", log.gradients)):
            if history.newest is not None and history.newest.bad:
                yield f"{log.name}: NaN or Inf among its {what} at step {history.newest.step:,}"


def _left_out(seen: "watch") -> Iterator[str]:
    for log in seen.layers:
        if log.left_out:
            yield f"{log.name}: the optimizer does not have its {', '.join(log.left_out)}"


def _no_gradient(seen: "watch") -> Iterator[str]:
    if seen.samples:
        for log in seen.layers:
            if log.wants_gradients and not log.had_gradient:
                yield f"{log.name}: no gradient came at the last step that was looked at"


def _dead(seen: "watch") -> Iterator[str]:
    for log in seen.layers:
        if log.dead and log.silent is not None:
            yield (f"{log.name}: {log.dead:,} of {log.silent.size:,} units are dead: they gave 0 "
                   f"for every example, {min(log.samples, 5)} times in a row")


def _sizes(seen: "watch") -> Iterator[str]:
    sizes = [(log, log.updates.newest.gradients) for log in seen.layers
             if log.updates.newest is not None and log.updates.newest.gradients]
    known = sorted(size for _, size in sizes if size is not None and math.isfinite(size))
    if not known:
        return
    usual = known[len(known) // 2]
    for log, size in sizes:
        if size is not None and size > max(LARGE, EXPLODING * usual):
            yield f"{log.name}: its gradients explode, {describe.number(size)} in the mean"
        elif size is not None and size < VANISHING * known[-1]:
            yield f"{log.name}: its gradients vanish, {describe.number(size)} in the mean"


def _rates(seen: "watch") -> Iterator[str]:
    for log in seen.layers:
        now = log.updates.newest
        if now is None or not log.had_gradient or len(log.updates.items) < 2:
            continue
        if now.ratio > FAST:
            yield (f"{log.name}: an update changes its weights by {number(now.ratio)} of their "
                   "size, usual is 0.001: the learning rate may be too high")
        elif 0 < now.ratio < SLOW:
            yield (f"{log.name}: an update changes its weights by {number(now.ratio)} of their "
                   "size, usual is 0.001: it hardly learns")


# --- layers --------------------------------------------------------------------------------------


def _table(layers: Sequence[LayerLog]) -> str:
    """The newest numbers of all layers, side by side."""
    rows = []
    for i, log in enumerate(layers):
        out, update = log.outputs.newest, log.updates.newest
        rows.append((
            f'<a href="#layer{i}">{escaped(log.name)}</a>',
            "" if out is None else f"{describe.number(out.mean)} ± {describe.number(out.std)}",
            "" if out is None else f"{100 * out.zeros:.0f} %",
            "" if log.silent is None else f"{log.dead:,} of {log.silent.size:,}",
            "" if update is None or update.gradients is None else number(update.gradients),
            "" if update is None else number(update.ratio),
        ))
    heads = ("layer", "output", "zeros", "dead units", "gradient (root mean square)",
             "update / weight")
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    body = "".join(
        f'<tr><th scope="row">{row[0]}</th>' + "".join(
            f'<td data-of="{name}">{cell}</td>' for name, cell in zip(heads[1:], row[1:])) + "</tr>"
        for row in rows)
    return f'<table class="wide"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def _layer(place: int, log: LayerLog) -> str:
    """The charts of one layer."""
    parts = []
    if log.outputs.newest is not None:
        now = log.outputs.newest
        says = f"outputs: {describe.number(now.mean)} ± {describe.number(now.std)}, " \
               f"{100 * now.zeros:.0f} % are 0"
        parts.append(spread(log.outputs.items, "outputs over time", says, False))
    if log.gradients.newest is not None:
        now, update = log.gradients.newest, log.updates.newest
        size = update.gradients if update is not None else None
        says = f"gradients: root mean square {number(size) if size is not None else 'unknown'}, " \
               f"{100 * now.zeros:.0f} % are 0"
        parts.append(spread(log.gradients.items, "sizes of gradients over time, logarithmic", says,
                            True))
    points = [(float(u.step), u.ratio) for u in log.updates.items if u.ratio > 0]
    if points:
        says = f"an update changes the weights by {number(points[-1][1])} of their size"
        parts.append(curve(points, "update / weight", says, level=(1e-3, "dashed: 0.001")))
    if not parts:
        parts.append("<p>It was not called in a step that was looked at.</p>")
    rows = []
    gradients = {u.step: u for u in log.updates.items}
    for h in _few(log.outputs.items):
        u = gradients.get(h.step)
        rows.append((f"{h.step:,}", describe.number(h.mean), describe.number(h.std),
                     f"{100 * h.zeros:.0f} %",
                     number(u.gradients) if u is not None and u.gradients is not None else "",
                     number(u.ratio) if u is not None else ""))
    numbers = _numbers(f"layer{place}", ("step", "output, mean", "std", "zeros", "gradient",
                                       "update / weight"), rows, log.name) if rows else ""
    return (f'<section class="layer" id="layer{place}" tabindex="-1"><h3>{escaped(log.name)} '
            f"<small>{escaped(describe.shorten(log.words, 60))}</small></h3>"
            f'<div class="charts">{"".join(parts)}</div>{numbers}</section>')


# --- tables --------------------------------------------------------------------------------------


def _few(items: Sequence[Item]) -> list[Item]:
    """ROWS of the items, evenly, the first and last among them."""
    if len(items) <= ROWS:
        return list(items)
    return [items[round(i * (len(items) - 1) / (ROWS - 1))] for i in range(ROWS)]


def _numbers(key: str, heads: Sequence[str], rows: Sequence[Sequence[str]], of: str = "") -> str:
    name = f"numbers of {of}" if of else "numbers"
    return (f'<details id="t-{key}"><summary>{escaped(name)}</summary>'
            f'{table(heads, rows)}</details>')
