"""Vocabulary: which token has which number."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .._util.atomic_files import write_whole
from .._util.keywords import near_names
from ..errors import DataError, FormatError
from .operands import Array, on_host, whole
from .tokenizers import characters, join_words, words

SPLIT: dict[str, Callable[[str], list[str]]] = {"characters": characters, "words": words}
JOIN: dict[str, Callable[[list[str]], str]] = {"characters": "".join, "words": join_words}
FORMAT = "tinygrad_dls vocabulary"


class Vocabulary:
    """Distinct tokens, numbered from 0: first the specials, then `tokens` in their order.

    specials: tokens that no text holds, such as "<pad>", "<start>", "<end>". unknown: the special
    that stands for every token that is not in the vocabulary; without one such a token is an
    error. tokenizer: "characters" or "words", how `encode` splits a text. DataError for an empty
    vocabulary or a token that comes twice.

    >>> from tinygrad_dls import text
    >>> letters = text.Vocabulary.from_texts(["abba", "cab"], specials=["<pad>"])
    >>> len(letters), letters["a"], letters["<pad>"]
    (4, 1, 0)
    >>> letters.encode("cab")
    array([3, 1, 2])
    >>> letters.decode([3, 1, 2, 0, 0])
    'cab'
    """

    @near_names
    def __init__(
        self, tokens: Iterable[str], specials: Sequence[str] = (), unknown: str | None = None,
        tokenizer: str = "characters",
    ) -> None:
        if tokenizer not in SPLIT:
            raise DataError(f"tokenizer is one of {', '.join(map(repr, SPLIT))}, not {tokenizer!r}")
        if isinstance(specials, str):
            raise DataError(f"specials is a list of tokens: [{specials!r}]")
        self.specials, self.unknown, self.tokenizer = tuple(specials), unknown, tokenizer
        self.tokens = (*self.specials, *tokens)
        self.ids = {token: i for i, token in enumerate(self.tokens)}
        wrong = [token for token in self.tokens if not isinstance(token, str)]
        if wrong:
            raise DataError(f"tokens are of type str, not {type(wrong[0]).__name__} ({wrong[0]!r})")
        if not self.tokens:
            raise DataError("a vocabulary has at least one token: is the text empty?")
        if len(self.ids) < len(self.tokens):
            twice = next(token for token, n in Counter(self.tokens).items() if n > 1)
            raise DataError(f"{twice!r} comes twice: each token has one number")
        if unknown is not None and unknown not in self.specials:
            raise DataError(f"unknown is one of the specials {list(self.specials)}, "
                            f"not {unknown!r}: add it to them")

    @classmethod
    @near_names
    def from_texts(
        cls, texts: str | Iterable[str], specials: Sequence[str] = (),
        unknown: str | None = None, tokenizer: str = "characters", max_size: int | None = None,
        min_count: int = 1,
    ) -> Vocabulary:
        """Number the tokens of one text or many.

        Characters are sorted; words begin with the most frequent, equally frequent ones sorted.
        max_size: how many tokens there are with the specials; the rarest are left out. min_count:
        tokens that come less often are left out.

        >>> from tinygrad_dls import text
        >>> vocabulary = text.Vocabulary.from_texts(
        ...     ["the cat and the dog"], specials=["<unk>"], unknown="<unk>", tokenizer="words",
        ...     max_size=3)
        >>> vocabulary.tokens
        ('<unk>', 'the', 'and')
        >>> vocabulary.encode("the cat")
        array([1, 0])
        """
        if tokenizer not in SPLIT:
            raise DataError(f"tokenizer is one of {', '.join(map(repr, SPLIT))}, not {tokenizer!r}")
        texts = [texts] if isinstance(texts, str) else texts
        made = cls.from_tokens(map(SPLIT[tokenizer], texts), specials, unknown, max_size, min_count)
        own = made.tokens[len(made.specials):]
        return cls(sorted(own) if tokenizer == "characters" else own, specials, unknown, tokenizer)

    @classmethod
    @near_names
    def from_tokens(
        cls, sentences: Iterable[Sequence[str]], specials: Sequence[str] = (),
        unknown: str | None = None, max_size: int | None = None, min_count: int = 1,
    ) -> Vocabulary:
        """Number the tokens of sentences that are split already, the most frequent first.

        >>> from tinygrad_dls import text
        >>> text.Vocabulary.from_tokens([["a", "b"], ["b"]]).tokens
        ('b', 'a')
        """
        counts: Counter[str] = Counter()
        for sentence in sentences:
            counts.update(sentence)
        if not counts:
            raise DataError("there is no token in these texts: are they empty?")
        kept = sorted((token for token, n in counts.items()
                       if n >= min_count and token not in specials),
                      key=lambda token: (-counts[token], token))
        if max_size is not None:
            kept = kept[:max(0, whole("max_size", max_size) - len(specials))]
        return cls(kept, specials, unknown, "words")

    def __len__(self) -> int:
        return len(self.tokens)

    def __iter__(self) -> Iterator[str]:
        return iter(self.tokens)

    def __contains__(self, token: object) -> bool:
        return token in self.ids

    def __getitem__(self, token: str) -> int:
        """The number of a token, or of `unknown`; DataError if there is neither."""
        number = self.ids.get(token)
        if number is None:
            return self._number_of_unknown(token, "")
        return number

    @near_names
    def encode(self, text: str | Iterable[str]) -> Array:
        """Look up the numbers of a text, or of a list of tokens: int64 (tokens,).

        A text is split by the vocabulary's tokenizer. DataError, with its place, for a token that
        is not in the vocabulary, unless there is `unknown`.
        """
        tokens = SPLIT[self.tokenizer](text) if isinstance(text, str) else list(text)
        found = [self.ids.get(token, -1) for token in tokens]
        if -1 in found:
            found = [self._number_of_unknown(token, f" at place {place}") if number < 0 else number
                     for place, (token, number) in enumerate(zip(tokens, found))]
        return np.array(found, np.int64)

    @near_names
    def decode(self, ids: Any, specials: bool = False) -> str:
        """Join the tokens of numbers (tokens,), an array, tensor or list, to a text.

        Specials are left out unless `specials`; `unknown` is always shown. DataError for a number
        outside the vocabulary.
        """
        shown = [token for token in self.lookup(ids)
                 if specials or token == self.unknown or token not in self.specials]
        return JOIN[self.tokenizer](shown)

    @near_names
    def lookup(self, ids: Any) -> list[str]:
        """List the tokens of numbers (tokens,); DataError for a number outside the vocabulary."""
        numbers = on_host(ids)
        if numbers.size == 0:
            return []
        if numbers.ndim != 1 or numbers.dtype.kind not in "iu":
            raise DataError("tokens have whole numbers (tokens,), not "
                            f"{numbers.dtype} of the shape {numbers.shape}")
        outside = (numbers < 0) | (numbers >= len(self))
        if outside.any():
            place = int(outside.argmax())
            raise DataError(f"{numbers[place]} at place {place} is not a token: this vocabulary "
                            f"has the numbers 0 to {len(self) - 1}. Is it the model's own?")
        return [self.tokens[i] for i in numbers.tolist()]

    @near_names
    def save(self, path: str | Path) -> None:
        """Write the vocabulary to a JSON file, whole or not at all."""
        held = {"format": FORMAT, "tokenizer": self.tokenizer, "unknown": self.unknown,
                "specials": self.specials, "tokens": self.tokens[len(self.specials):]}
        write_whole(Path(path), json.dumps(held, ensure_ascii=False, indent=0))

    @classmethod
    @near_names
    def load(cls, path: str | Path) -> Vocabulary:
        """Read what `save` wrote; FormatError for any other file."""
        held = read_json(Path(path), FORMAT)
        try:
            return cls(held["tokens"], held["specials"], held["unknown"], held["tokenizer"])
        except (KeyError, TypeError, DataError) as error:
            raise FormatError(f"{path} is not a whole vocabulary ({error})") from None

    def __repr__(self) -> str:
        return f"Vocabulary of {len(self)}: {_some(self.tokens)}"

    def _number_of_unknown(self, token: str, place: str) -> int:
        if self.unknown is not None:
            return self.ids[self.unknown]
        code = f" (U+{ord(token):04X})" if isinstance(token, str) and len(token) == 1 else ""
        raise DataError(
            f"{token!r}{code}{place} is not in the vocabulary of {len(self)} tokens: "
            f"{_some(self.tokens)}. Replace it, or make the vocabulary with "
            'specials=["<unk>"], unknown="<unk>"')


def read_json(path: Path, kind: str) -> dict[str, Any]:
    """The JSON file that says it is `kind`; DataError without it, FormatError for another."""
    if not path.is_file():
        raise DataError(f"there is no file {path}")
    try:
        held = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise FormatError(f"{path} is not JSON ({error})") from None
    if not isinstance(held, dict) or held.get("format") != kind:
        raise FormatError(f"{path} is no {kind}: its \"format\" says otherwise")
    return held


def _some(tokens: Sequence[str], most: int = 12) -> str:
    shown = ", ".join(map(repr, tokens[:most]))
    return shown + (" ..." if len(tokens) > most else "")
