"""What pages of the site are made of; needs neither Sphinx nor a browser."""

import ast
import importlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import tinygrad_dls as dls
from tinygrad_dls import nn
from tinygrad_dls.train.catalog import find_lesson, lessons

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


@pytest.fixture(scope="module", autouse=True)
def website():
    """The package in tools/, importable for these tests."""
    sys.path.insert(0, str(ROOT / "tools"))
    yield importlib.import_module("website")
    sys.path.remove(str(ROOT / "tools"))


def test_cells_of_every_lesson_are_its_lines(website):
    cells = importlib.import_module("website.cells").cells
    for entry in lessons():
        lines = entry.script.read_text("utf-8").splitlines()
        found = cells("\n".join(lines))
        assert found[0].kind == "markdown" and found[0].source.startswith("# "), entry.name
        for cell in found:
            rest = lines[cell.line - 1 :]
            for shown, line in zip(cell.source.split("\n"), rest):
                assert line in (shown, f"# {shown}", f"#{shown}"), (entry.name, line)
        code = [cell for cell in found if cell.kind == "code"]
        assert not any("SOLUTION" in cell.shown for cell in code)
        assert any("SOLUTION" in cell.source for cell in code), entry.name


def test_markdown_of_a_lesson_has_readable_answers_and_links(website):
    lesson = importlib.import_module("website.lessons")
    text = ("See `c1w1-neural-network`, `c9w9-none`.\n% of all\n1. Why?\n"
            "   <details><summary>Answer</summary>\n   Since $x$.\n   </details>")
    made = lesson.markdown(text, "c1w2-vectorization", {"c1w1-neural-network"})
    assert "[`c1w1-neural-network`](c1w1-neural-network.md)" in made and "\n\\% of" in made
    assert "`c9w9-none`," in made.replace("`.", "`,") and "](c9w9" not in made
    assert "</summary>\n\n   Since $x$.\n\n   </details>" in made


def test_docstrings_become_markdown(website):
    reference = importlib.import_module("website.reference")

    def thing(x, size=(1, 2), f=print, *, flag=True):
        """Return x * 2 of `a_b`.

        y = a_b

        size: how large
            it is.
        f, flag: two.

        - one
          line
        - two

        The formula:
            y = x
        of old.

        >>> thing(1)
        2
        """

    assert reference.signature(thing) == "(x, size=(1, 2), f=..., *, flag=True)"
    assert reference.docstring(thing) == (
        "Return x \\* 2 of `a_b`.\n\ny = a\\_b\n\n- **size**: how large it is.\n"
        "- **f, flag**: two.\n\n- one line\n- two\n\nThe formula:\n\n```text\ny = x\n```\n\n"
        "of old.\n\n"
        "```pycon\n>>> thing(1)\n2\n```")
    page = reference.entry("tinygrad_dls.nn.Linear", nn.Linear)
    assert "{py:class} Linear(in_features, out_features, bias=True" in page
    assert "\n:module: tinygrad_dls.nn\n" in page
    assert "\n:::::{py:method} reset_parameters(generator=None)\n" in page
    found = reference.modules()
    assert {"tinygrad_dls.nn", "tinygrad_dls.torch"} <= set(found)
    assert len(set(found.values())) == len(found)
    for name, module in ((name, importlib.import_module(name)) for name in found):
        names = reference.names_of(module)
        assert names and all(reference.first_line(getattr(module, one)) for one in names), name
    assert {"Tensor", "exp", "fit", "GraphError"} <= set(reference.names_of(dls))
    assert {"sum", "backward", "T"} <= {name for name, _ in reference.members(dls.Tensor)}


def test_texts_link_to_pages_of_the_site_only(website):
    pages = importlib.import_module("website.pages")
    text = ("[a](../CONTRIBUTING.md) [b](ops/op.py) [c](https://x.org/y) [d](#here) "
            "[e](../docs/graph-tool.md#part) [f](../README.md)")
    assert pages.relinked(text, "tinygrad_dls/ARCHITECTURE.md", "about/architecture.md") == (
        "[a](contributing.md) b [c](https://x.org/y) [d](#here) [e](../graph-tool.md#part) "
        "[f](../index.md)")
    assert pages.fenced("a ``` b", "text").startswith("````text")


def test_faults_of_built_pages_are_found(website, tmp_path):
    faults = importlib.import_module("website.built").faults
    (tmp_path / "b.html").write_text('<p id="here"></p>')
    (tmp_path / "x.svg").write_text("<svg/>")
    good = '<a href="b.html#here">b</a><img src="x.svg"><a href="https://x.org">x</a><i id="i"></i>'
    page = tmp_path / "a.html"
    page.write_text(good + '<a href="#i">i</a><img src="data:image/png;base64,AA">')
    assert list(faults(tmp_path)) == []
    for bad, says in (('<a href="b.html#there">', "no such place"),
                      ('<a href="c.html">', "no such file"),
                      ('<script src="https://x.org/a.js"></script>', "another host"),
                      ('<img src="//x.org/a.png">', "another host"),
                      (f"<p>{ROOT}</p>", "folder of this machine")):
        page.write_text(good + bad)
        found = list(faults(tmp_path))
        assert len(found) == 1 and says in found[0], bad
    page.write_text(good)
    (tmp_path / "a.css").write_text("@import 'x.css'; p { background: url(https://x.org/y.png) }")
    assert len(list(faults(tmp_path))) == 2


def variables() -> set[str]:
    """The environment variables that the package reads, and those that it names for itself."""
    found: set[str] = set()
    for path in sorted((ROOT / "tinygrad_dls").rglob("*.py")):
        if "bench" in path.parts:
            continue
        text = path.read_text("utf-8")
        if "environ" in text or "TINYGRAD_DLS_" in text:
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found |= set(re.findall(r"^TINYGRAD_DLS_[A-Z_]+$", node.value))
            found |= set(re.findall(r"environ(?:\.\w+\(|\[)\s*[\"'](\w+)[\"']", text))
            found |= set(re.findall(r"[\"']([A-Z][A-Z_]+)[\"'] (?:not )?in os\.environ", text))
    return found


def test_what_a_lesson_prints_is_not_held_to_its_spelling(website, tmp_path):
    pytest.importorskip("codespell_lib")
    misspelled = importlib.import_module("website.built").misspelled
    page = tmp_path / "page.md"
    text = "teh\n\n```{code-block} text\n:class: output\n\nthe expression teh\n```\n\nrecieve\n"
    page.write_text(text)
    wrong = [line.rpartition(": ")[2].split()[0] for line in misspelled([page])]
    assert wrong == ["teh", "recieve"]


def test_the_page_of_environment_variables_has_all_that_the_code_reads():
    text = (DOCS / "howto" / "environment.md").read_text("utf-8")
    listed = {name for row in re.findall(r"^\| (`.*?) \|", text, re.MULTILINE)
              for name in re.findall(r"`(\w+)`", row)}
    found = variables()
    assert {"TINYGRAD_DLS_DATA", "TINYGRAD_DLS_KERNELS", "NUMBA_DISABLE_JIT"} <= found
    assert found <= listed, found - listed
    assert {name for name in listed if name.startswith("TINYGRAD_DLS_")} <= found


def test_the_speed_page_says_what_the_file_says(website):
    speed = importlib.import_module("website.speed")
    found = json.loads((DOCS / "benchmark.json").read_text("utf-8"))
    cases = {"a": {"title": "one, two", "ours_ms": 2.0, "captured_ms": 1.0,
                   "peers": {"torch": 4.0, "torch_channels_last": 2.0}},
             "b": {"title": "slow", "ours_ms": 30.0, "captured_ms": 40.0, "peers": {"torch": 10.0}}}
    text = speed.figures({**found, "cases": cases})
    assert "| one, two | 2 | 1 | 4 | 2 | 0.50 |" in text
    assert "| slow | 30 | 40 | 10 | - | 3.00 |" in text
    assert "faster than PyTorch at its fastest in 1 and slower in 1: slow" in text
    drawn = speed.picture(cases)
    assert drawn.count("<rect") == 3 and ">0.50<" in drawn and ">3.00<" in drawn
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", found["date"]) and "PyTorch" in found["versions"]
    assert "/" not in json.dumps(found["machine"])  # no folder of the machine it ran on


def test_a_lesson_that_is_not_known_is_named(website):
    lesson = importlib.import_module("website.lessons")
    assert [e.name for e in lesson.chosen("c1w2-vectorization,")[0]] == ["c1w2-vectorization"]
    assert lesson.chosen("none")[0] == [] and len(lesson.chosen("full")[0]) == len(lessons())
    with pytest.raises(Exception, match="no lesson is called c0w0"):
        lesson.chosen("c0w0")
    assert find_lesson("c1w2-vectorization").title


def test_the_code_of_every_page_runs(tmp_path):
    """One process, for an operation that a page declares would stay among those of the package."""
    program = "import matplotlib; matplotlib.use('Agg')\n"
    for page in [DOCS / "index.md", DOCS / "start.md", *sorted((DOCS / "howto").glob("*.md"))]:
        blocks = re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.M | re.S)
        code = "".join(blocks)
        program += f"exec(compile({code!r}, {page.name!r}, 'exec'), {{'__name__': 'page'}})\n"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True,
                            cwd=tmp_path, check=False)
    assert result.returncode == 0, result.stderr
    assert "def step(x0, x1):" in result.stdout and "{'step': 100}" in result.stdout
    assert result.stdout.count("gradient check: right") == 3


def test_readme_counts_the_lessons_and_has_its_pictures():
    text = (ROOT / "README.md").read_text("utf-8")
    counts = [sum(entry.course == course for entry in lessons()) for course in range(1, 6)]
    row = next(line for line in text.splitlines() if line.startswith(f"| {sum(counts)} lessons"))
    assert [int(n) for n in re.findall(r"\d+", row)] == [sum(counts), *counts]
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text)
    assert len(pictures) == 2 and all((ROOT / path).is_file() for path in pictures)
    assert sum(path.stat().st_size for path in (DOCS / "pictures").iterdir()) < 300_000
