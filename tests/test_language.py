"""The language of docstrings, comments and texts: habits that the style sheet rules out.

CONTRIBUTING.md, "Language", says what to write instead.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TEXTS = [path for folder in ("tinygrad_dls", "lessons", "tests", "tools")
         for path in sorted((ROOT / folder).rglob("*.py")) if path != Path(__file__)]
TEXTS += [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "lessons/README.md",
                                   "tests/README.md")]
TEXTS += [*sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "tinygrad_dls").rglob("*.md"))]
HABITS = re.compile(
    r"\b(anew|lest|shall|be it|unless told|held between|kin|"
    r"(?<![Tt]here )is no (?!longer|more|less|better|larger|doubt|other|help|way|such)[a-z]+|"
    r"(?<![Tt]here )(?<!# )are no (?!longer|more|less|better|larger|harder|such)[a-z]+)\b"
)
LABELS = ('"missing is no"',)  # a name of a run in a lesson
QUESTION = re.compile(r"(is|are|does|do|has|have|can|may|must|was|were|will)\b[^.]*\?", re.I)
OPENING = re.compile(r"(what|which|where|how|who|whether|when)\b", re.I)


def openings(path: Path) -> Iterator[tuple[int, str]]:
    """(line, first paragraph) of each docstring in a file."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module):
            text = ast.get_docstring(node)
            if text:
                yield getattr(node, "lineno", 1), " ".join(text.split("\n\n")[0].split())


def is_question(text: str) -> bool:
    return bool(QUESTION.match(text) or OPENING.match(text))


@pytest.mark.parametrize(("text", "wrong"), [
    ("Is it large?", True), ("What a file holds.", True), ("Where x is not 0.", True),
    ("Return whether it is large.", False), ("The shape of x.", False),
    ("Is-a relations of modules.", False),
])
def test_what_counts_as_a_question(text: str, wrong: bool) -> None:
    assert is_question(text) is wrong


def test_docstrings_begin_with_a_verb_or_a_noun() -> None:
    wrong = [f"{path.relative_to(ROOT)}:{line}: {text}"
             for path in sorted((ROOT / "tinygrad_dls").rglob("*.py"))
             for line, text in openings(path) if is_question(text)]
    assert not wrong, "\n".join(wrong)


def test_words_that_the_style_sheet_rules_out() -> None:
    wrong = []
    for path in TEXTS:
        lines = path.read_text("utf-8").splitlines()
        if path.name == "CONTRIBUTING.md":
            lines = lines[:next(i for i, line in enumerate(lines) if "### Language" in line)]
        wrong += [f"{path.relative_to(ROOT)}:{i}: {line.strip()}"
                  for i, line in enumerate(lines, 1)
                  if HABITS.search(line) and not any(label in line for label in LABELS)]
    assert not wrong, "\n".join(wrong)
