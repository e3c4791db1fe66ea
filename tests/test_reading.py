"""The evening's reading in ARCHITECTURE.md: it is there, it is short, it has what pictures name."""

import re

import pytest

from tests.reading import ARCHITECTURE, PACKAGE, ROOT, evening, lines

MOST_LINES = 2500  # an evening


def test_the_evening_has_at_most_2500_lines() -> None:
    read = {path: len(lines(path, whole, names)) for path, whole, names in evening()}
    assert len(read) > 20 and min(read.values()) > 0
    total = sum(read.values())
    assert total <= MOST_LINES, sorted(read.items(), key=lambda item: -item[1])
    text = ARCHITECTURE.read_text("utf-8")
    said = re.search(r"### One evening: (\d),(\d\d)0 lines", text)
    assert said and abs(int(said[1] + said[2]) * 10 - total) <= 50, f"ARCHITECTURE: it is {total}"


def test_the_evening_goes_down_through_the_rooms() -> None:
    """README -> ARCHITECTURE -> engine -> ops -> tensors -> nn -> kernels -> capturing."""
    rooms = [path.relative_to(PACKAGE).parts[0] if path.is_relative_to(PACKAGE) else path.name
             for path, _, _ in evening()]
    assert list(dict.fromkeys(rooms)) == [
        "README.md", "ARCHITECTURE.md", "engine", "ops", "tensors", "nn", "optim", "backend",
        "capturing"]


@pytest.mark.parametrize("picture", ["## An eager step", "## A captured step"])
def test_each_file_of_a_picture_is_read(picture: str) -> None:
    text = ARCHITECTURE.read_text("utf-8").partition(picture)[2].partition("```")[2]
    drawn = set(re.findall(r"\b[\w/]+\.py\b", text.partition("```")[0]))
    read = {path.relative_to(ROOT).as_posix() for path, _, _ in evening()}
    assert len(drawn) > 5
    missing = {file for file in drawn if not any(path.endswith(f"/{file}") for path in read)}
    assert missing <= {"memory.py", "rules.py", "exact.py"}  # read later
