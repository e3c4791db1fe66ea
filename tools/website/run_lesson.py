"""Run a lesson cell by cell, as its script would run, and keep what each cell shows.

    python tools/website/run_lesson.py lessons/course1_neural_networks/c1w1_x.py [--fast]

The lesson's files go to its usual place, out/NAME below the working folder; cells.json has the text
that each code cell prints, and its pictures.
Course files are not used, so that pages show only what may be passed on.
"""

import io
import json
import os
import sys
from contextlib import redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Any

sys.path[0] = str(Path(__file__).resolve().parents[1])  # tools/, in place of this folder
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tinygrad_dls.train.lesson import Lesson  # noqa: E402
from website.cells import cells  # noqa: E402

shown: list[dict[str, Any]] = []  # pictures of the cell that runs


def _keep_figures() -> None:
    """Let lessons note each picture and page that they save."""
    save_figure, save_graph = Lesson.figure, Lesson.graph

    def figure(lesson: Lesson, drawn: Any, name: str) -> None:
        titles = [drawn.get_suptitle(), *(ax.get_title() for ax in drawn.axes)]
        save_figure(lesson, drawn, name)
        shown.append({"file": f"{name}.png", "titles": [title for title in titles if title]})

    def graph(lesson: Lesson, drawn: Any, name: str, steps: Any = None, **options: Any) -> None:
        with redirect_stdout(io.StringIO()):  # addresses of files on this machine
            save_graph(lesson, drawn, name, steps, **options)
        file = name if Path(name).suffix else f"{name}.svg"
        page = Path(file).with_suffix(".html").name
        links = {seen: drawn.link(value) for seen, value in (steps or {}).items()}
        shown.append({"file": file, "page": page, "links": links})

    Lesson.figure, Lesson.graph = figure, graph  # type: ignore[method-assign]


def run(script: Path, arguments: list[str]) -> list[dict[str, Any]]:
    """What each code cell of a script prints and draws, in order."""
    main = ModuleType("__main__")
    main.__file__ = str(script)
    sys.modules["__main__"] = main
    sys.argv = [str(script), *arguments]
    sys.path[0:0] = [str(script.parent)]
    found = []
    here = f"{Path.cwd()}{os.sep}"  # pages name files below it as the lesson's reader does
    for cell in cells(script.read_text("utf-8")):
        if cell.kind == "code":
            text = io.StringIO()
            code = compile("\n" * (cell.line - 1) + cell.source, str(script), "exec")
            with redirect_stdout(text):
                exec(code, vars(main))
            found.append({"text": text.getvalue().replace(here, ""), "pictures": shown[:]})
            shown.clear()
    return found


if __name__ == "__main__":
    path, *rest = sys.argv[1:]
    _keep_figures()
    outputs = run(Path(path).resolve(), ["--data", "built-in", *rest])
    Path("cells.json").write_text(json.dumps(outputs, indent=1) + "\n", "utf-8")
