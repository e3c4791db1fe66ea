"""Layout programs: each may be absent, slow or broken."""

import os
import sys

import pytest

from tinygrad_dls.viz import engines
from tinygrad_dls.viz.engines import EngineError
from tinygrad_dls.viz.graphs import Graph

from .records import three_times


@pytest.fixture
def bare(monkeypatch, tmp_path):
    """No program anywhere: an empty PATH, and an interpreter with nothing beside it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    return tmp_path


def program(folder, name, body):
    path = folder / name
    path.write_text(f"#!{os.path.realpath('/bin/sh')}\n{body}\n")
    path.chmod(0o755)
    return path


def test_neither_is_there(bare):
    assert engines.candidates() == []
    svg = Graph(three_times()).to_svg()
    assert "dls-page" in svg  # ours
    assert Graph(three_times()).to_dot().startswith("digraph")


def test_png_with_neither_is_drawn_by_matplotlib(bare):
    pytest.importorskip("matplotlib")
    assert Graph(three_times()).to_png().startswith(b"\x89PNG")


def test_png_with_nothing_says_what_to_install(bare, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(EngineError, match="pip install graphviz-pure"):
        Graph(three_times()).to_png()


def test_svg_needs_no_matplotlib(bare, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert Graph(three_times()).to_svg()


def test_only_graphviz_pure_beside_the_interpreter(bare):
    program(bare, "graphviz-pure", "echo '<svg width=\"1\"><title>t</title></svg>'")
    os.environ["PATH"] = ""
    assert engines.candidates() == [str(bare / "graphviz-pure")]
    assert Graph(three_times()).to_svg().startswith('<svg width="1" class="dls-graph"')


def test_dot_comes_first(bare):
    for name in ("graphviz-pure", "dot"):
        program(bare, name, f"echo {name}")
    assert engines.run("digraph {}", "svg") == b"dot\n"
    assert engines.run("digraph {}", "svg", "graphviz-pure") == b"graphviz-pure\n"
    assert engines.run("digraph {}", "svg", "built-in") is None


def test_a_broken_program_gives_way_to_the_next(bare):
    program(bare, "dot", "echo no >&2; exit 3")
    assert "dls-page" in Graph(three_times()).to_svg()
    program(bare, "graphviz-pure", "echo pure")
    assert engines.run("digraph {}", "svg") == b"pure\n"


def test_a_program_that_was_asked_for_must_work(bare):
    with pytest.raises(EngineError, match="no such program"):
        Graph(three_times()).to_svg(engine="dot")
    program(bare, "dot", "echo bad news >&2; exit 3")
    with pytest.raises(EngineError, match="bad news"):
        Graph(three_times()).to_svg(engine="dot")


def test_a_program_that_does_not_answer_is_given_up(bare, monkeypatch):
    monkeypatch.setattr(engines, "SECONDS", 0.2)
    program(bare, "dot", "exec /bin/sleep 20")
    assert "dls-page" in Graph(three_times()).to_svg()
