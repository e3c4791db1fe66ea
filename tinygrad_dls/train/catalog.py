"""The lessons there are: scripts `courseN_.../cNwM_subject.py`, installed or in the clone."""

import difflib
import re
from dataclasses import dataclass
from pathlib import Path

from ..errors import Error

_SCRIPT = re.compile(r"c(?P<course>\d)w(?P<week>\d)_[a-z0-9_]+")
_ROW = re.compile(r"^\| `(c\d+w\d+-[a-z0-9-]+)`", re.MULTILINE)
_TITLE = re.compile(r"^# # (.+)$", re.MULTILINE)  # the first heading of its first text cell


class UnknownLesson(Error, LookupError):
    """A name that no lesson has."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A lesson: its name (`c1w2-logistic-regression`), where it stands, its script."""

    name: str
    course: int
    week: int
    script: Path

    @property
    def title(self) -> str:
        """The heading of the script."""
        found = _TITLE.search(self.script.read_text("utf-8"))
        return found[1].strip() if found else self.name


def lessons_folder() -> Path:
    """Return the folder of the scripts: inside the package when installed, otherwise beside it."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "lessons"
    return inside if inside.is_dir() else package.parent / "lessons"


def lessons(folder: Path | None = None) -> list[Entry]:
    """All lessons, course by course and week by week, in the order in which they teach."""
    found = []
    for script in (folder or lessons_folder()).glob("course*/c*.py"):
        match = _SCRIPT.fullmatch(script.stem)
        if match:
            name = script.stem.replace("_", "-")
            found.append(Entry(name, int(match["course"]), int(match["week"]), script))
    taught = _teaching_order(folder or lessons_folder())
    return sorted(found, key=lambda e: (e.course, e.week, taught.get(e.name, len(taught)), e.name))


def _teaching_order(folder: Path) -> dict[str, int]:
    """Place of each lesson in the table of the lessons' README."""
    try:
        text = (folder / "README.md").read_text("utf-8")
    except OSError:
        return {}
    return {name: place for place, name in enumerate(_ROW.findall(text))}


def find_lesson(name: str) -> Entry:
    """The lesson called `name` (`_` for `-`, and `.py`, are forgiven; `c1w3` if it has but one).

    UnknownLesson with those of the week, or the names that are like it and all there are.
    """
    entries = {entry.name: entry for entry in lessons()}
    asked = Path(name).name.removesuffix(".py").replace("_", "-").lower()
    if asked in entries:
        return entries[asked]
    if not entries:
        raise UnknownLesson(f"there are no lessons in {lessons_folder()}")
    of_week = [entry for entry in entries if entry.startswith(f"{asked}-")]
    if len(of_week) == 1:
        return entries[of_week[0]]
    if of_week:
        raise UnknownLesson(f"{name} has {len(of_week)} lessons, in this order:\n  "
                            + "\n  ".join(of_week))
    subjects = {entry.partition("-")[2]: entry for entry in entries}  # close without the week too
    close = difflib.get_close_matches(asked, entries, 3, 0.5)
    close += [subjects[s] for s in difflib.get_close_matches(asked, subjects, 3, 0.5)]
    like = f"; did you mean {' or '.join(dict.fromkeys(close))}?" if close else ""
    raise UnknownLesson(
        f"no lesson is called {name!r}{like}\nThe lessons are:\n  " + "\n  ".join(entries)
    )
