"""CuPy's names and signatures, as tools/cupy_api.py read them off the wheel."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .refusals import SignatureError, wrong_keywords

TABLE: dict[str, Any] = json.loads(
    Path(__file__).with_name("cupy_api.json").read_text(encoding="utf-8")
)


@dataclass(frozen=True, slots=True)
class Signature:
    """The parameters of one function of CuPy; `where` is its full name."""

    where: str
    text: str
    positional: tuple[str, ...]  # those that can be given by position
    keywords: frozenset[str]  # those that can be given by name
    any_positional: str  # the name after '*', "" where there is none
    any_keyword: bool

    @classmethod
    def parse(cls, where: str, text: str) -> "Signature":
        """Read 'a, /, axis, *, dtype' as Python would."""
        positional: list[str] = []
        keywords: set[str] = set()
        star, any_positional, any_keyword = False, "", False
        for name in filter(None, text.split(", ")):
            if name == "/":
                keywords.clear()
            elif name.startswith("**"):
                any_keyword = True
            elif name.startswith("*"):
                star, any_positional = True, name[1:]
            else:
                keywords.add(name)
                if not star:
                    positional.append(name)
        return cls(where, text, tuple(positional), frozenset(keywords), any_positional, any_keyword)

    def check(self, positional: int, keywords: dict[str, Any]) -> None:
        """Refuse what CuPy would refuse. Raises SignatureError."""
        if keywords and not self.any_keyword and not self.keywords.issuperset(keywords):
            raise wrong_keywords(self.where, sorted(set(keywords) - self.keywords), self.text)
        if positional > len(self.positional) and not self.any_positional:
            raise SignatureError(
                f"{self.where}() takes at most {len(self.positional)} positional arguments in "
                f"CuPy 14, {positional} were given.\nIts parameters: ({self.text})."
            )
