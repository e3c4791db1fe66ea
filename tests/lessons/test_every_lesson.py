"""What holds for every lesson: it runs, fast and as a notebook, and it keeps to the format."""

import ast
import builtins
import re
import sys

import pytest

from tinygrad_dls.train.options import VARIABLE

ALLOWED = {"numpy", "matplotlib", "optuna", "sklearn", "tinygrad_dls", *sys.stdlib_module_names}
LONGEST = 88


# --- it runs -------------------------------------------------------------------------------------


def test_it_runs_fast_on_what_is_built_in(entry, run_lesson):
    run = run_lesson(entry.name, "--fast", "--data", "built-in", "--seed", "1")
    figures = run.result.pop("figures")
    assert run.result.pop("seconds") > 0
    assert run.result == {
        "lesson": entry.name, "data": "built-in", "device": "cpu", "fast": True, "seed": 1
    }
    assert figures
    pictures = [path for path in run.out.iterdir() if path.suffix in (".png", ".svg")]
    assert pictures and all(path.stat().st_size > 1000 for path in pictures)
    assert {path.suffix for path in run.out.iterdir()} <= {
        ".png", ".svg", ".json", ".html", ".csv", ".wav", ".mid"
    }


@pytest.mark.slow
def test_its_notebook_runs_unchanged(entry, tmp_path, monkeypatch):
    jupytext, nbclient = pytest.importorskip("jupytext"), pytest.importorskip("nbclient")
    monkeypatch.delenv("MPLBACKEND", raising=False)  # the kernel chooses its own
    monkeypatch.setenv("TINYGRAD_DLS_NUM_THREADS", "1")  # tests run side by side
    monkeypatch.setenv(VARIABLE, f"--fast --data built-in --out '{tmp_path / 'out'}'")
    notebook = jupytext.read(entry.script, fmt="py:percent")
    assert notebook.cells[0].cell_type == "markdown"
    folder = {"metadata": {"path": str(tmp_path)}}
    client = nbclient.NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources=folder
    )
    client.execute()
    assert (tmp_path / "out" / "result.json").is_file()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert any("image/png" in output.get("data", {}) for output in outputs), "shows no figure"


# --- its format ----------------------------------------------------------------------------------


@pytest.fixture
def text(entry) -> str:
    return entry.script.read_text("utf-8")


def test_cells(text):
    cells = re.split(r"^# %%(.*)$", text, flags=re.MULTILINE)
    assert cells[0].strip() == "", "something stands before the first cell"
    kinds = [kind.strip() for kind in cells[1::2]]
    assert set(kinds) <= {"", "[markdown]"}
    assert cells[2].lstrip().startswith("# # "), "the first cell is the title"
    for kind, body in zip(kinds, cells[2::2], strict=True):
        if kind == "[markdown]":
            assert all(line.startswith("#") for line in body.strip().splitlines()), body
        assert body.strip(), "an empty cell"


def test_length_of_lines(text):
    long = [n for n, line in enumerate(text.splitlines(), 1) if len(line) > LONGEST]
    assert not long, f"lines of more than {LONGEST} characters: {long}"


def test_sections_come_in_the_order_of_all_lessons(text):
    wanted = [
        "what you need", "the idea in a picture", "one number by hand", "the mathematics",
        "your code", "check it three ways", "see the graph", "train", "look at it", "break it",
        "recap", "questions", "go further",
    ]
    found = [title.strip().lower() for title in re.findall(r"^# ## (.+)$", text, re.MULTILINE)]
    assert [title for title in found if title in wanted] == wanted
    assert "**goal.**" in text.lower()
    questions = text[text.index("# ## Questions") : text.index("# ## Go further")]
    assert questions.count("<details><summary>") == questions.count("</details>") >= 3


def test_it_imports_only_what_every_learner_has(text):
    for node in ast.walk(ast.parse(text)):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        assert {name.partition(".")[0] for name in names} <= ALLOWED


def test_it_asserts_and_ends_with_its_figures(text):
    tree = ast.parse(text)
    assert sum(isinstance(node, ast.Assert) for node in ast.walk(tree)) >= 5
    last = tree.body[-1]
    assert isinstance(last, ast.Expr) and ast.unparse(last).startswith("lesson.finish(")


def test_solutions_are_marked_in_pairs_inside_functions(text):
    lines = text.splitlines()
    marks = [(n, line.strip()) for n, line in enumerate(lines, 1) if "SOLUTION" in line]
    assert len(marks) >= 2
    assert [mark for _, mark in marks] == ["# BEGIN SOLUTION", "# END SOLUTION"] * (len(marks) // 2)
    functions = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef)]
    for number, _ in marks:
        inside = [f for f in functions if f.lineno < number <= (f.end_lineno or 0) + 1]
        assert inside, f"line {number}: a solution outside of a function"
    for (begin, _), (end, _) in zip(marks[::2], marks[1::2], strict=True):
        assert end > begin + 1, f"line {begin}: an empty solution"


def test_without_its_solutions_it_still_compiles(entry, text):
    hole = r"^([ \t]*)# BEGIN SOLUTION\n.*?# END SOLUTION$"
    stripped = re.sub(hole, r"\1raise NotImplementedError", text, flags=re.MULTILINE | re.DOTALL)
    assert "SOLUTION" not in stripped
    compile(stripped, str(entry.script), "exec")


def test_exercises_use_only_imports_arguments_and_functions(text):
    """So that a checker can take the functions out of a learner's file and run them alone."""
    tree = ast.parse(text)
    known = set(dir(builtins))
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            known |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            known.add(node.name)
    lines = text.splitlines()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            body = "\n".join(lines[node.lineno - 1 : node.end_lineno])
            if "BEGIN SOLUTION" not in body:
                continue
            own = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)
                   and isinstance(n.ctx, ast.Store)}
            own |= {n.arg for n in ast.walk(node) if isinstance(n, ast.arg)}
            own |= {n.name for n in ast.walk(node) if isinstance(n, ast.FunctionDef)}
            used = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
            assert used <= known | own, f"{node.name} uses {used - known - own}"
