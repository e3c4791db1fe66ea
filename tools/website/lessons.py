"""Pages of lessons and courses: text, code, and what the code printed and drew when it was run."""

import hashlib
import html
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tinygrad_dls.learn.exercises import without_solutions
from tinygrad_dls.learn.notebooks import notebook
from tinygrad_dls.train.catalog import Entry, lessons
from tinygrad_dls.version import __version__

from .cells import cells
from .pages import ROOT, SiteError, fenced, plain, toctree

RUNNER = Path(__file__).parent / "run_lesson.py"
LIMIT = {"fast": 900, "full": 3600}  # seconds for one lesson, on a busy machine
COURSES = {
    1: "Neural networks", 2: "Improving networks", 3: "Structuring projects",
    4: "Convolutional networks", 5: "Sequence models",
}
_DETAILS = re.compile(r"^( *)<details><summary>(.*?)</summary>[ ]*\n(.*?)\n? *</details> *$",
                      re.MULTILINE | re.DOTALL)
_ROW = re.compile(r"^\| `(c\d+w\d+-[a-z0-9-]+)` \| (.*) \|$", re.MULTILINE)
_NAME = re.compile(r"`(c\dw\d-[a-z0-9-]+)`")


# --- running -------------------------------------------------------------------------------------


def outputs(entry: Entry, how: str, kept: Path) -> Path:
    """The folder of what a lesson gave, with its files in out/NAME: from the cache, or from a run.

    A run is kept under the text of the script, the version of the package and `how` it ran.
    SiteError with the end of its messages if it fails.
    """
    text = f"{__version__} {how} {entry.script.read_text('utf-8')}"
    folder = kept / f"{entry.name}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    if (folder / "cells.json").is_file():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    print(f"running {entry.name} ({how})", flush=True)
    command = [sys.executable, str(RUNNER), str(entry.script)]
    environment = {**os.environ, "MPLBACKEND": "Agg", "PYTHONIOENCODING": "utf-8"}
    environment.pop("TINYGRAD_DLS_LESSON", None)
    try:
        result = subprocess.run(
            [*command, *(["--fast"] if how == "fast" else [])], capture_output=True, text=True,
            encoding="utf-8", errors="replace", env=environment, cwd=folder, timeout=LIMIT[how],
            check=False)
    except subprocess.TimeoutExpired:
        raise SiteError(f"{entry.name} takes more than {LIMIT[how]} s") from None
    if result.returncode:
        raise SiteError(f"{entry.name} failed:\n{result.stderr[-3000:]}")
    return folder


def run_all(entries: list[Entry], how: str, kept: Path, jobs: int) -> dict[str, Path]:
    """The folder of each lesson's outputs; `jobs` run at a time."""
    with ThreadPoolExecutor(jobs) as pool:
        found = pool.map(lambda entry: outputs(entry, how, kept), entries)
        return dict(zip([entry.name for entry in entries], found, strict=True))


def chosen(words: str) -> tuple[list[Entry], str]:
    """The lessons that `LESSONS=` names, and how to run them: "fast", "full", or some names."""
    known = {entry.name: entry for entry in lessons()}
    if words in LIMIT:
        return list(known.values()), words
    names = [word for word in words.split(",") if word and word != "none"]
    if wrong := [name for name in names if name not in known]:
        raise SiteError(f"no lesson is called {', '.join(wrong)}: say fast, full, none or names")
    return [entry for name, entry in known.items() if name in names], "fast"


# --- pages ---------------------------------------------------------------------------------------


def write_lessons(words: str, source: Path, static: Path, kept: Path, jobs: int) -> None:
    """Write the pages of lessons and courses into `source`, their files into `static`."""
    entries, how = chosen(words)
    ran = run_all(entries, how, kept, jobs)
    folder = source / "lessons"
    folder.mkdir(parents=True)
    names = {entry.name for entry in entries}
    for before, entry, after in zip([None, *entries], entries, [*entries[1:], None]):
        _copy_files(ran[entry.name] / "out" / entry.name, static / "lessons" / entry.name)
        _write_notebooks(entry, static / "notebooks")
        page = lesson_page(entry, ran[entry.name], how, names, before, after)
        (folder / f"{entry.name}.md").write_text(page, "utf-8")
    says = dict(_ROW.findall((ROOT / "lessons" / "README.md").read_text("utf-8")))
    for course in COURSES:
        of_course = [entry for entry in lessons() if entry.course == course]
        (folder / f"course{course}.md").write_text(course_page(course, of_course, says, names),
                                                   "utf-8")


def lesson_page(entry: Entry, folder: Path, how: str, names: set[str], before: Entry | None,
                after: Entry | None) -> str:
    """The page of a lesson, in Markdown."""
    kept = iter(json.loads((folder / "cells.json").read_text("utf-8")))
    parts: list[str] = []
    for cell in cells(entry.script.read_text("utf-8")):
        if cell.kind == "markdown":
            parts.append(markdown(cell.source, entry.name, names))
            if len(parts) == 1:
                head, _, rest = parts[0].partition("\n")
                parts = [head, _head(entry, how), rest.strip("\n")]
        else:
            output = next(kept)
            parts.append(fenced(cell.shown, "python"))
            parts += _shown(output, entry.name)
    links = [f"[{text}: {plain(other.title)}]({other.name}.md)"
             for text, other in (("Before", before), ("Next", after)) if other]
    course = f"[Course {entry.course}: {COURSES[entry.course]}](course{entry.course}.md)"
    return "\n\n".join([*parts, "---", " · ".join([*links, course])]) + "\n"


def markdown(text: str, name: str, names: set[str]) -> str:
    """A text cell for MyST: answers are Markdown, too; names of other lessons are links."""
    def answer(match: re.Match[str]) -> str:
        indent, summary, inside = match.groups()
        return (f"{indent}<details><summary>{summary}</summary>\n\n{inside}\n\n"
                f"{indent}</details>")

    def link(match: re.Match[str]) -> str:
        other = match[1]
        return f"[`{other}`]({other}.md)" if other in names - {name} else match[0]

    text = _DETAILS.sub(answer, text)
    text = re.sub(r"^%", r"\\%", text, flags=re.MULTILINE)  # a comment in MyST
    return _NAME.sub(link, text)


def _head(entry: Entry, how: str) -> str:
    """What is said below the title: how it was run, what to download."""
    files = f"../_static/notebooks/{entry.name}"
    run = ("The outputs below come from a short run (`--fast`), in which networks have not learned "
           "as much as the text says." if how == "fast" else
           "The outputs below come from a full run.")
    return (f'<p class="downloads">Course {entry.course}, week {entry.week} · '
            f'<a href="{files}.ipynb" download>notebook</a> · '
            f'<a href="{files}-exercises.ipynb" download>notebook with exercises to fill in</a> · '
            f"<code>tinygrad-dls lesson {entry.name}</code></p>\n\n{run}")


def _shown(output: dict[str, Any], name: str) -> Iterator[str]:
    """What a code cell printed and drew."""
    if text := output["text"].rstrip():
        yield fenced(text, "text", "output")
    for picture in output["pictures"]:
        path = f"../_static/lessons/{name}/{picture['file']}"
        if "page" not in picture:
            alt = "; ".join(picture["titles"]) or f"the picture {Path(path).stem}"
            yield f'<p class="picture"><img src="{path}" loading="lazy" alt="{_quoted(alt)}"></p>'
            continue
        page = f"../_static/lessons/{name}/{picture['page']}"
        links = "".join(f' · <a href="{page}{_quoted(end)}">{html.escape(seen)}</a>'
                        for seen, end in picture["links"].items())
        title = f"graph {Path(path).stem} of {name}"
        yield (f'<p class="picture"><img src="{path}" loading="lazy" alt="{title}"></p>\n'
               f'<p><a href="{page}">Step through this graph, forward and backward</a>{links}</p>\n'
               f"<details><summary>Step through it here</summary>\n"
               f'<iframe class="graph" src="{page}" loading="lazy" title="{title}"></iframe>\n'
               f"</details>")


def _quoted(text: str) -> str:
    return html.escape(" ".join(text.replace("$", "").split()), quote=True)


def course_page(course: int, entries: list[Entry], says: dict[str, str], names: set[str]) -> str:
    """The page of a course: its lessons in the order in which they teach."""
    lines = [f"# Course {course}: {COURSES[course]}", "",
             "The lessons, in the order in which they teach.", "",
             "| week | lesson | what it builds |", "|---|---|---|"]
    for entry in entries:
        title = plain(entry.title)
        where = f"[{title}]({entry.name}.md)" if entry.name in names else title
        lines.append(f"| {entry.week} | {where} | {says.get(entry.name, '')} |")
    pages = [entry.name for entry in entries if entry.name in names]
    return "\n".join(lines) + "\n\n" + toctree(pages)


def _copy_files(folder: Path, to: Path) -> None:
    """Copy pictures and pages of graphs."""
    to.mkdir(parents=True)
    for path in sorted(folder.iterdir()):
        if path.suffix in (".png", ".svg", ".html"):
            shutil.copyfile(path, to / path.name)


def _write_notebooks(entry: Entry, to: Path) -> None:
    """Write the lesson as a notebook, and one with its solutions cut out."""
    to.mkdir(parents=True, exist_ok=True)
    script = entry.script.read_text("utf-8")
    for end, text in (("", script), ("-exercises", without_solutions(script, entry.name))):
        made = json.loads(notebook(text))
        for number, cell in enumerate(made["cells"]):
            cell["id"] = f"cell-{number}"  # jupytext draws them at random
        (to / f"{entry.name}{end}.ipynb").write_text(json.dumps(made, indent=1) + "\n", "utf-8")
