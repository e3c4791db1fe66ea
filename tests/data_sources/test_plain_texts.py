"""Names and verse to write like: what is built in, what is the course's, what is refused."""

import re

import pytest

from tinygrad_dls.data import sources
from tinygrad_dls.errors import DataError, FormatError


def test_names_are_distinct_repeatable_and_of_letters_alone():
    names = sources.load("dinosaur-names", data="built-in").text.splitlines()
    assert len(names) == len(set(names)) == 1536
    assert all(re.fullmatch("[A-Z][a-z]{4,27}", name) for name in names)
    assert names == sources.load("dinosaur-names", data="built-in").text.splitlines()
    assert sum(name.endswith("saurus") for name in names) > 100


def test_psalms_are_whole_and_without_headings():
    text = sources.load("shakespeare", data="built-in").text
    psalms = text.strip().split("\n\n")
    assert len(psalms) == 150
    assert psalms[22].startswith("Yahweh is my shepherd")
    assert not re.search(r"BOOK|Psalm \d|[A-Z]{3}|`|\d", text)
    assert len({*text.lower()}) < 40


def test_the_course_s_files(monkeypatch, tmp_path):
    folder = tmp_path / "names-and-text"
    folder.mkdir()
    (folder / "dinos.txt").write_text("Aaa\nBbb")
    monkeypatch.setenv("TINYGRAD_DLS_DATA", str(tmp_path))
    read = sources.load("dinosaur-names")
    assert read.where == "course" and read.text == "Aaa\nBbb"
    assert not read.verified  # another file than the one the figures were measured on


@pytest.mark.parametrize("content, error, said", [
    (b" \n\n", DataError, "empty"), (b"Tri\xff", FormatError, "UTF-8"),
])
def test_an_empty_or_broken_file_is_refused(monkeypatch, tmp_path, content, error, said):
    (tmp_path / "dinos.txt").write_bytes(content)
    monkeypatch.setenv("TINYGRAD_DLS_DATA", str(tmp_path))
    with pytest.raises(error, match=said):
        sources.load("dinosaur-names")
