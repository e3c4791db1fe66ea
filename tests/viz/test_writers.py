"""DOT, SVG, PNG and text of hand-made records."""

import re
import shutil
import subprocess
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygrad_dls.viz.engines import find
from tinygrad_dls.viz.graphs import Graph
from tinygrad_dls.viz.record import Edge, Record
from tinygrad_dls.viz.style import dark_rules

from .records import chain, diamond, leaf, op, perceptron, three_times, transformer

RECORDS = {"scalars": three_times(), "diamond": diamond(), "modules": perceptron(),
           "blocks": transformer(), "chain": chain(50), "empty": Record((), ())}
SVG = "{http://www.w3.org/2000/svg}"

GOLDEN = """\
digraph computation {
  graph [rankdir=TB tooltip="computation graph of y" bgcolor="#ffffff" fontname="Helvetica" \
fontsize=11 nodesep=0.3 ranksep=0.4 pad=0.15 ]
  node [fontname="Helvetica" fontsize=13 fontcolor="#1b2230" margin="0.09,0.04" height=0.3]
  edge [color="#6b778d" arrowsize=0.7 fontname="Helvetica" fontsize=10]
  "n0" [id="n0" shape=box style=filled peripheries=2 fillcolor="#ffedcc" color="#a86a00" \
tooltip="x" label=<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1">\
<TR><TD WIDTH="9"><B>x</B></TD></TR>\
<TR><TD><FONT FACE="Courier" POINT-SIZE="10" COLOR="#1b2230">value 3</FONT></TD></TR>\
<TR><TD><FONT FACE="Courier" POINT-SIZE="10" COLOR="#8a3b12">grad 7</FONT></TD></TR></TABLE>>]
  "n1" [id="n1" shape=box style="rounded,filled" fillcolor="#e6eefc" color="#4a6fb5" \
tooltip="mul" label=<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1">\
<TR><TD WIDTH="26"><B>mul</B></TD></TR>\
<TR><TD><FONT FACE="Courier" POINT-SIZE="10" COLOR="#1b2230">value 9</FONT></TD></TR>\
<TR><TD><FONT FACE="Courier" POINT-SIZE="10" COLOR="#8a3b12">grad 1</FONT></TD></TR></TABLE>>]
  "n2" [id="n2" shape=box style="filled,diagonals" penwidth=2 margin="0.16,0.09" \
fillcolor="#fbdcdc" color="#b23a48" tooltip="y = add" \
label=<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1">\
<TR><TD WIDTH="56"><B>y = add</B></TD></TR>\
<TR><TD><FONT FACE="Courier" POINT-SIZE="10" COLOR="#1b2230">value 12</FONT></TD></TR>\
<TR><TD><FONT FACE="Courier" POINT-SIZE="10" COLOR="#8a3b12">grad 1</FONT></TD></TR></TABLE>>]
  "n0" -> "n1" [id="e0" label="×2"]
  "n1" -> "n2" [id="e1"]
  "n0" -> "n2" [id="e2"]
}
"""


def test_golden_dot():
    assert Graph(diamond()).to_dot(legend=False) == GOLDEN


def test_dot_has_frames_and_a_legend():
    dot = Graph(perceptron()).to_dot()
    frames = re.findall(r'subgraph cluster_\d+ {\n +graph \[id="c\d+" label="([^"]*)"', dot)
    assert frames == ["MLP", "layers.0: Linear", "layers.1: ReLU", "layers.2: Linear"]
    for word in ("input", "parameter", "operation", "loss"):
        assert f">{word}</TD>" in dot
    assert ">constant</TD>" not in dot
    assert dot.count("{") == dot.count("}")


@pytest.mark.parametrize("name", RECORDS)
def test_ids_in_dot_are_unique_and_colours_have_six_digits(name):
    dot = Graph(RECORDS[name]).to_dot()
    ids = re.findall(r' \[id="([^"]+)"', dot)
    assert len(ids) == len(set(ids))
    assert not re.findall(r'"#(?![0-9a-f]{6}")[^"]*"', dot)


def test_every_colour_has_a_fellow_for_dark_pages():
    nan = Record((op("a", "f", np.nan), op("b", "g", [1, 2], kind="output")), (Edge("a", "b"),))
    for record in (*RECORDS.values(), nan):
        for depth in (None, 0):
            dot = Graph(record).to_dot(depth=depth, show=("shape", "value", "grad", "saved"))
            for colour in re.findall(r'"(#[0-9a-f]{6})"', dot):
                assert f'[fill="{colour}"]{{fill:#' in dark_rules("")


@pytest.mark.parametrize("engine", ["dot", "graphviz-pure", "built-in"])
@pytest.mark.parametrize("name", RECORDS)
@pytest.mark.parametrize("rankdir", ["TB", "LR"])
def test_svg(engine, name, rankdir):
    if engine != "built-in" and find(engine) is None:
        pytest.skip(f"{engine} is not installed")
    graph = Graph(RECORDS[name])
    svg = graph.to_svg(engine=engine, rankdir=rankdir)
    root = ET.fromstring(svg)
    assert root.tag == f"{SVG}svg" and root.get("role") == "img" and root.get("viewBox")
    assert root.find(f"{SVG}title").text.startswith("computation graph of ")
    assert root.find(f"{SVG}desc").text
    words = {element.text for element in root.iter(f"{SVG}text")}
    assert {box.title for box in graph.picture().boxes} <= words
    assert "prefers-color-scheme:dark" in svg


@pytest.mark.parametrize("options", [{}, {"rankdir": "LR"}, {"depth": 0}, {"depth": 1}])
def test_built_in_svg_keeps_all_text_in_view(options):
    root = ET.fromstring(Graph(transformer()).to_svg(engine="built-in", **options))
    width, height = (float(x) for x in root.get("viewBox").split()[2:])
    for text in root.iter(f"{SVG}text"):
        x, y = float(text.get("x")) + 14, float(text.get("y")) + 14
        assert 0 < x < width and 0 < y < height


def test_built_in_svg_is_deterministic():
    assert Graph(transformer()).to_svg(engine="built-in") == Graph(transformer()).to_svg(
        engine="built-in")


NASTY = ['<&">', "a\\", 'quote"end', "]]>", "{x|y}", "é日本", "--", "tab\there\n", "\x00\x1b", "%s",
         "<script>alert(1)</script>", "", " ", "\\N", "W_{1}^{[l]}", "$x$"]


def nasty(name):
    node = op("b", name or "f", [1, np.nan], name=name, path=(name or "m",), saved=(name,))
    return Record((leaf("a", name, 1.0), node), (Edge("a", "b"),), {name: name})


@pytest.mark.parametrize("name", NASTY)
def test_names_with_special_characters(name):
    graph = Graph(nasty(name))
    for engine in ("built-in", "dot", "graphviz-pure"):
        if engine == "built-in" or find(engine):
            root = ET.fromstring(graph.to_svg(engine=engine, show=("value", "saved")))
            assert not list(root.iter(f"{SVG}script"))
    assert Graph.from_json(graph.to_json()).to_json() == graph.to_json()
    assert graph.table()


@given(st.text(max_size=30))
@settings(max_examples=100, deadline=None)
def test_any_name_makes_well_formed_svg(name):
    ET.fromstring(Graph(nasty(name)).to_svg(engine="built-in"))


@pytest.mark.parametrize("name", ["$x$", "<&\">", "é"])
def test_png_by_matplotlib(name):
    pytest.importorskip("matplotlib")
    for rankdir in ("TB", "LR"):
        png = Graph(nasty(name)).to_png(engine="built-in", rankdir=rankdir)
        assert png.startswith(b"\x89PNG\r\n\x1a\n") and png.rstrip()[-8:-4] == b"IEND"


@pytest.mark.parametrize("engine", ["dot", "graphviz-pure"])
def test_png_by_program(engine):
    if find(engine) is None:
        pytest.skip(f"{engine} is not installed")
    assert Graph(perceptron()).to_png(engine=engine).startswith(b"\x89PNG")


def test_graphviz_has_nothing_to_complain_of():
    program = shutil.which("dot")
    if program is None:
        pytest.skip("dot is not installed")
    for record in RECORDS.values():
        done = subprocess.run([program, "-Tsvg"], input=Graph(record).to_dot().encode(),
                              capture_output=True, check=True)
        assert done.stderr == b""


def test_table():
    lines = Graph(three_times()).table().splitlines()
    assert [line.split() for line in lines] == [
        ["operation", "shape", "value", "gradient"],
        ["b", "(param)", "()", "3", "6"], ["c", "(param)", "()", "2", "9"],
        ["u", "mul", "()", "6", "3"], ["a", "(param)", "()", "5", "3"],
        ["v", "add", "()", "11", "3"], ["const", "(const)", "()", "3"],
        ["J", "mul", "()", "33", "1"]]


def test_table_is_indented_by_module():
    lines = Graph(perceptron()).table().splitlines()
    assert "MLP/" in lines and "  layers.0: Linear/" in lines
    assert any(line.startswith("    layers.0.weight") and "norm" not in line for line in lines)
    assert any("linear" in line and "norm" in line for line in lines)
