"""A lesson as a notebook: written by `learn start`, tested by `learn check`."""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tinygrad_dls import cli
from tinygrad_dls.errors import Error, FormatError
from tinygrad_dls.learn.loading import definitions, parse, read
from tinygrad_dls.learn.notebooks import notebook

NAME = "c1w2-logistic-regression"
SIGMOID = "return 1 / (1 + np.exp(-z))"


@pytest.fixture
def mine(home) -> Path:
    """The learner's notebook."""
    pytest.importorskip("jupytext")
    assert cli.main(["learn", "start", NAME, "--to", "mine.ipynb"]) == 0
    return Path("mine.ipynb").absolute()


def check(capsys, *words: str) -> tuple[int, str]:
    capsys.readouterr()
    code = cli.main(["learn", "check", *words])
    captured = capsys.readouterr()
    return code, captured.out + captured.err


def replace_hole(file: Path, exercise: str, code: str) -> str:
    """Write `code` into an exercise's hole; returns "cell 12, line 4", where its first line is."""
    content = json.loads(file.read_text("utf-8"))
    for number, cell in enumerate(content["cells"], 1):
        lines = "".join(cell["source"]).split("\n")
        for place, line in enumerate(lines):
            if f'NotImplementedError("{exercise}:' in line:
                indent = " " * (len(line) - len(line.lstrip()))
                lines[place] = "\n".join(indent + part for part in code.split("\n"))
                cell["source"] = "\n".join(lines)
                file.write_text(json.dumps(content), "utf-8")
                return f"cell {number}, line {place + 1}"
    raise AssertionError(f"no hole for {exercise}")


def small(*cells: str | tuple[str, str]) -> str:
    """The text of a notebook with these code cells; ("markdown", text) is a cell of text."""
    pairs = [("code", cell) if isinstance(cell, str) else cell for cell in cells]
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [
        {"cell_type": kind, "metadata": {}, "source": source} for kind, source in pairs]})


def test_it_has_the_cells_of_the_script_and_is_checked(mine, capsys):
    content = json.loads(mine.read_text("utf-8"))
    assert content["cells"][0]["cell_type"] == "markdown"
    assert content["metadata"]["kernelspec"]["name"] == "python3"
    assert "SOLUTION" not in mine.read_text("utf-8")
    code, said = check(capsys, str(mine))
    assert code == 1 and said.count("not yet") == 6
    replace_hole(mine, "sigmoid", SIGMOID)
    code, said = check(capsys, NAME)  # progress knows the notebook
    assert code == 1 and "1 of 6 done" in said and "mine.ipynb" in said


def test_jupyter_can_open_it(mine):
    nbformat = pytest.importorskip("nbformat")
    nbformat.validate(nbformat.read(mine, as_version=4))


def test_messages_name_the_cell_and_the_line(mine, capsys):
    place = replace_hole(mine, "sigmoid", "s = 1 / nothing")
    said = check(capsys, str(mine))[1]
    assert f"name 'nothing' is not defined ({place}: s = 1 / nothing)" in said.replace(
        " (only imports, functions, classes and constants such as EPS = 1e-8 are taken from the "
        "file)", "")
    place = replace_hole(mine, "propagate", "cost = (1 +")
    code, said = check(capsys, str(mine))
    assert code == 1 and f"mine.ipynb, {place}: '(' was never closed" in said


def test_it_never_writes_over_a_notebook(mine, capsys):
    mine.write_text("hours of work")
    assert cli.main(["learn", "start", NAME, "--to", str(mine)]) == 1
    assert "stays as it is" in capsys.readouterr().err
    assert mine.read_text() == "hours of work"


def test_a_missing_jupytext_is_said_and_nothing_is_written(home, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "jupytext", None)
    assert cli.main(["learn", "start", NAME, "--to", "x.ipynb"]) == 1
    assert "pip install jupytext" in capsys.readouterr().err
    assert not Path("x.ipynb").exists()


def test_it_is_read_without_jupytext(mine):
    code = ("import sys; sys.modules['jupytext'] = None; from pathlib import Path\n"
            "from tinygrad_dls.learn.loading import definitions\n"
            "print(definitions(Path(sys.argv[1])).predict.__name__)")
    result = subprocess.run([sys.executable, "-c", code, mine], capture_output=True, text=True,
                            timeout=60)
    assert result.stdout == "predict\n", result.stderr


def test_what_only_ipython_understands_is_passed_over(tmp_path):
    file = tmp_path / "a.ipynb"
    file.write_text(small("%matplotlib inline\n!pip install x\nimport numpy as np\nnp.exp?",
                          "%%bash\nls -l", ("markdown", "for = 3"), "%%time\nONE = 1\n",
                          "def two():\n    %time pass\n    return (7\n        % 5)", "LAST = 3"))
    parse(file)
    module = definitions(file)
    assert (module.ONE, module.LAST) == (1, 3)
    source = read(file)
    assert source.places[source.lines.index("LAST = 3")] == "cell 6, line 1"


def test_the_remainder_at_the_start_of_a_line_is_no_command(tmp_path):
    file = tmp_path / "a.ipynb"
    file.write_text(small("def two():\n    return (7\n        % 5)"))
    assert definitions(file).two() == 2


def test_an_import_that_fails_is_said_with_its_cell(tmp_path):
    file = tmp_path / "a.ipynb"
    file.write_text(small(("markdown", "text"), "ONE = 1\nimport no_such_module"))
    with pytest.raises(AssertionError, match="cell 2, line 2: ModuleNotFoundError"):
        _ = definitions(file).no_such_module


@pytest.mark.parametrize("text", [
    "", "{", "[]", "null", "{}", '{"cells": 3}', '{"cells": [3]}', '{"cells": [{}]}',
    '{"cells": [{"cell_type": "code"}]}', '{"cells": [{"cell_type": "code", "source": [1]}]}',
    '{"cells": [{"cell_type": 1, "source": ""}]}', '{"worksheets": [{"cells": []}]}',
    "[" * 100_000,
])
def test_a_broken_notebook_is_said(text, tmp_path, home, capsys):
    file = tmp_path / "a.ipynb"
    file.write_text(text)
    with pytest.raises(FormatError, match="is not a notebook"):
        parse(file)
    code, said = check(capsys, str(file))
    assert code == 1 and "is not a notebook" in said


def test_damaged_notebooks_raise_nothing_else(tmp_path):
    draw = random.Random(0)
    whole = small("%time\nimport os", ("markdown", "t"), "def f():\n    return '\u00e9'").encode()
    file = tmp_path / "a.ipynb"
    for _ in range(300):
        damaged = bytearray(whole[:draw.randrange(1, len(whole) + 1)])
        for _ in range(draw.randrange(4)):
            damaged[draw.randrange(len(damaged))] = draw.randrange(256)
        file.write_bytes(damaged)
        try:
            parse(file)
        except Error:
            pass


def test_a_notebook_without_code_defines_nothing(tmp_path):
    file = tmp_path / "a.ipynb"
    file.write_text(small(("markdown", "only text")))
    with pytest.raises(AssertionError, match="the file defines no 'f'"):
        _ = definitions(file).f


def test_the_code_is_that_of_the_script(tmp_path):
    pytest.importorskip("jupytext")
    file = tmp_path / "a.ipynb"
    script = "# %% [markdown]\n# text\n\n# %%\nx = 1\n\n\n# %%\n# a comment\ny = 2\n"
    file.write_text(notebook(script))
    assert read(file).lines == ["x = 1", "# a comment", "y = 2"]
