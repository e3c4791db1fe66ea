"""The speed page: a table and a picture of what `tinygrad-dls benchmark --json` wrote."""

import json
from html import escape
from math import log2
from pathlib import Path
from typing import Any

from .pages import ROOT, plain

BENCHMARK = ROOT / "docs" / "benchmark.json"
COLUMNS = {"torch": "PyTorch", "torch_channels_last": "channels-last",
           "torch_fused": "fused optimizers", "torch_compile": "`torch.compile`"}
WIDTH, ROW, LEFT, TOP = 720, 26, 270, 34  # of the picture, in pixels
RANGE = 2.25  # doublings to each side of PyTorch's time that the scale has


def write_speed(source: Path, static: Path) -> None:
    """Write the page and its picture."""
    found = json.loads(BENCHMARK.read_text("utf-8"))
    static.mkdir(parents=True, exist_ok=True)
    (static / "speed.svg").write_text(picture(found["cases"]), "utf-8")
    page = source / "speed.md"
    page.write_text(page.read_text("utf-8").replace("<!-- figures -->", figures(found)), "utf-8")


def figures(found: dict[str, Any]) -> str:
    """Where and when it was measured, the picture, and the table."""
    machine = found["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    slower = [title(case) for case in found["cases"].values() if ratio(case) > 1]
    says = (f"slower in {len(slower)}: {'; '.join(map(plain, slower))}" if slower
            else "slower in none")
    return "\n\n".join([
        f"Measured on {found['date']} on {machine['cores']} cores ({machine['processor']}, "
        f"{machine['system']}, load {found['load']:.2f}), with {versions}.",
        '<p class="picture"><img src="_static/speed.svg" alt="Time of our faster step over that '
        'of the faster of PyTorch and PyTorch channels-last, for each case; the table has the '
        'numbers"></p>',
        f"Of {len(found['cases'])} cases this package, at its faster of eager and captured, is "
        f"faster than PyTorch at its fastest in {len(found['cases']) - len(slower)} and {says}.",
        table(found["cases"]),
    ])


def title(case: dict[str, Any]) -> str:
    """What a case is."""
    return str(case["title"])


def ratio(case: dict[str, Any]) -> float:
    """Our faster step over the fastest of PyTorch's."""
    peers = [case["peers"][name] for name in COLUMNS if name in case["peers"]]
    return float(min(case["ours_ms"], case["captured_ms"]) / min(peers))


def table(cases: dict[str, Any]) -> str:
    """Milliseconds of a step, case by case."""
    columns = {name: words for name, words in COLUMNS.items()
               if any(name in case["peers"] for case in cases.values())}
    head = ["case", "ours, eager", "captured", *columns.values(), "ratio"]
    rows = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    for case in cases.values():
        times = [case["ours_ms"], case["captured_ms"], *map(case["peers"].get, columns)]
        cells = [f"{time:.4g}" if time else "-" for time in times]
        rows.append(f"| {' | '.join([plain(title(case)), *cells, f'{ratio(case):.2f}'])} |")
    return "\n".join(rows)


def picture(cases: dict[str, Any]) -> str:
    """A bar for each case, on a scale of doublings: to the left we are faster."""
    height = TOP + ROW * len(cases) + 8
    middle = LEFT + (WIDTH - LEFT) / 2
    unit = (WIDTH - LEFT - 90) / 2 / RANGE  # pixels for a factor of 2
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
             f'width="{WIDTH}" height="{height}" font-family="sans-serif" font-size="13">',
             f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>']
    for power in range(-2, 3):
        x = middle + power * unit
        name = f"{2.0 ** power:g} x"
        lines.append(f'<path d="M{x:g} {TOP - 8}V{height - 8}" stroke="#c8ccd4" '
                     f'stroke-width="{2 if power == 0 else 1}"/>'
                     f'<text x="{x:g}" y="18" text-anchor="middle" fill="#33363d">{name}</text>')
    for row, case in enumerate(cases.values()):
        value = ratio(case)
        end = max(-RANGE, min(RANGE, log2(value))) * unit
        y = TOP + ROW * row
        colour = "#1f6fb2" if value <= 1 else "#b3541e"
        side = "end" if end < 0 else "start"
        at = middle + end + (-4 if end < 0 else 4)
        short = title(case).split(",")[0].split(":")[0][:38]
        lines.append(f'<text x="{LEFT - 10}" y="{y + 15}" text-anchor="end" fill="#33363d">'
                     f"{escape(short)}</text>"
                     f'<rect x="{middle + min(end, 0):.1f}" y="{y + 3}" width="{abs(end):.1f}" '
                     f'height="{ROW - 9}" fill="{colour}"/>'
                     f'<text x="{at:.1f}" y="{y + 15}" text-anchor="{side}" fill="#33363d">'
                     f"{value:.2f}</text>")
    return "\n".join([*lines, "</svg>"]) + "\n"
