"""Graph: saving, options, and how it shows itself."""

import os

import pytest

from tinygrad_dls.errors import DataError, Error, FormatError
from tinygrad_dls.viz.graphs import Graph

from .records import perceptron, three_times, wide


@pytest.mark.parametrize("ending, start", [
    (".svg", b"<svg"), (".dot", b"digraph"), (".json", b'{"version"'), (".txt", b" "),
    (".SVG", b"<svg"),
])
def test_save_by_ending(tmp_path, ending, start):
    path = tmp_path / f"g{ending}"
    assert Graph(three_times()).save(path, engine="built-in") == path
    assert path.read_bytes().startswith(start)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    assert path.stat().st_mode & 0o444 == 0o444 & ~_umask()


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_options_of_one_picture():
    graph = Graph(perceptron())
    assert "weight" in graph.to_dot()
    assert "weight" not in graph.to_dot(depth=0)
    assert "rankdir=LR" in graph.to_dot(rankdir="LR")
    assert "weight" in graph.to_dot()
    with pytest.raises(Error, match="the options are show, depth"):
        graph.to_dot(colour="red")


@pytest.mark.parametrize("name", ["g.gif", "g", "g.pdf", ".svg"])
def test_unknown_endings(tmp_path, name):
    with pytest.raises(FormatError, match=r"\.svg, \.png, \.dot"):
        Graph(three_times()).save(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_missing_folder(tmp_path):
    with pytest.raises(DataError, match="there is no folder"):
        Graph(three_times()).save(tmp_path / "no" / "g.dot")


def test_folder_in_the_place_of_the_file(tmp_path):
    (tmp_path / "g.dot").mkdir()
    with pytest.raises(DataError, match="cannot be written"):
        Graph(three_times()).save(tmp_path / "g.dot")
    assert [p.name for p in tmp_path.iterdir()] == ["g.dot"]


def test_folder_that_cannot_be_written(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.write_bytes", refuse)
    with pytest.raises(DataError, match="Permission denied"):
        Graph(three_times()).save(tmp_path / "g.dot")


def test_an_older_file_survives_a_failure(tmp_path, monkeypatch):
    path = tmp_path / "g.dot"
    path.write_text("old")

    def refuse(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tinygrad_dls.viz.graphs.os.replace", refuse)
    with pytest.raises(DataError, match="No space left"):
        Graph(three_times()).save(path)
    assert path.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_json_there_and_back(tmp_path):
    graph = Graph(perceptron())
    text = graph.save(tmp_path / "g.json").read_text(encoding="utf-8")
    again = Graph.from_json(text)
    assert again.to_dot() == graph.to_dot()


def test_repr():
    assert repr(Graph(three_times())) == "<Graph: 3 operations, 3 parameters, gradients computed>"
    assert "not computed" in repr(Graph(three_times(grads=False)))


def test_jupyter():
    bundle = Graph(three_times())._repr_mimebundle_(include=None, exclude=None)
    assert set(bundle) == {"image/svg+xml", "text/plain"}
    assert bundle["image/svg+xml"].startswith("<svg")
    for size in (600, 1600):  # too large to show, too large to draw
        bundle = Graph(wide(size))._repr_mimebundle_()
        assert set(bundle) == {"text/plain"}
        assert "depth=" in bundle["text/plain"]
