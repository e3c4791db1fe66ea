"""Byte-pair encoding: a vocabulary of pieces of words, learned by merging frequent pairs."""

from __future__ import annotations

import heapq
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from .._util.atomic_files import write_whole
from .._util.keywords import near_names
from ..errors import DataError, FormatError
from .operands import Array, on_host, whole
from .vocabulary import read_json

# Pieces that no merge crosses: a word, a number or punctuation with the space before it, or
# white space. Each character is in exactly one piece, so the pieces join to the text again.
PIECE = re.compile(r" ?[^\W\d_]+| ?\d+| ?(?:[^\s\w]|_)+|\s+(?!\S)|\s+")
FORMAT = "tinygrad_dls byte-pair tokenizer"
Pair = tuple[int, int]


class BytePairTokenizer:
    """A text as numbers of byte sequences; any text has one, and `decode` gives it back exactly.

    The numbers: first the specials, then the 256 bytes, then one for each of `merges`, which are
    pairs of earlier numbers in the order in which they were learned. `encode` splits a text into
    words (with the space before them), takes their UTF-8 bytes, and merges pairs, those learned
    first first. Specials stand for no text and are never encoded from one: `tokenizer["<end>"]` is
    the number to append. (Gage 1994; Sennrich et al. 2016; over bytes: Radford et al. 2019)

    >>> from tinygrad_dls import text
    >>> tokenizer = text.BytePairTokenizer.train(["low lower lowest"] * 3, vocabulary_size=260)
    >>> tokenizer.tokenize("lower slow")
    ['low', 'e', 'r', ' ', 's', 'low']
    >>> tokenizer.decode(tokenizer.encode("lower slow"))
    'lower slow'
    """

    @near_names
    def __init__(self, merges: Iterable[Sequence[int]], specials: Sequence[str] = ()) -> None:
        if isinstance(specials, str):
            raise DataError(f"specials is a list of tokens: [{specials!r}]")
        self.specials = tuple(specials)
        if len(set(self.specials)) < len(self.specials):
            raise DataError(f"specials differ from each other, unlike {list(self.specials)}")
        self.merges: list[Pair] = [(int(a), int(b)) for a, b in merges]
        first = len(self.specials)
        self.pieces = [b""] * first + [bytes([i]) for i in range(256)]
        for a, b in self.merges:
            if not (first <= a < len(self.pieces) and first <= b < len(self.pieces)):
                raise DataError(f"the merge ({a}, {b}) is of numbers that are not there yet")
            self.pieces.append(self.pieces[a] + self.pieces[b])
        self.numbers = {pair: first + 256 + i for i, pair in enumerate(self.merges)}
        self._known: dict[str, list[int]] = {}  # words that were encoded before

    @classmethod
    @near_names
    def train(
        cls, texts: str | Iterable[str], vocabulary_size: int, specials: Sequence[str] = (),
        min_count: int = 2,
    ) -> BytePairTokenizer:
        """Learn merges from texts until there are `vocabulary_size` tokens, specials included.

        Each merge joins the pair that comes most often, of equal ones that with the lower
        numbers. Ends early when no pair comes `min_count` times. DataError for empty texts and
        for a size that does not hold the specials and the 256 bytes.

        >>> from tinygrad_dls import text
        >>> tokenizer = text.BytePairTokenizer.train("aaab aaab", 300, specials=["<pad>"])
        >>> len(tokenizer), tokenizer["<pad>"], tokenizer.encode("aaab")
        (260, 0, array([259]))
        """
        first = len(tuple(specials)) + 256
        if whole("vocabulary_size", vocabulary_size) < first:
            raise DataError(f"vocabulary_size is at least {first}, for {len(tuple(specials))} "
                            f"specials and 256 bytes, not {vocabulary_size}")
        texts = [texts] if isinstance(texts, str) else texts
        counts = Counter(piece for text in texts for piece in _split(text))
        if not counts:
            raise DataError("there is nothing to learn from: are the texts empty?")
        offset = len(tuple(specials))
        words = [[offset + byte for byte in piece.encode()] for piece in counts]
        least = whole("min_count", min_count)
        merges = _learn(words, list(counts.values()), first, int(vocabulary_size) - first, least)
        return cls(merges, specials)

    def __len__(self) -> int:
        return len(self.pieces)

    def __getitem__(self, special: str) -> int:
        """The number of a special; DataError for another token."""
        if special not in self.specials:
            raise DataError(f"{special!r} is none of the specials {list(self.specials)}; "
                            "encode() gives the numbers of a text")
        return self.specials.index(special)

    @near_names
    def encode(self, text: str) -> Array:
        """Encode a text: int64 (tokens,)."""
        return np.array([n for piece in _split(text) for n in self._encode_piece(piece)],
                        np.int64)

    @near_names
    def encode_with_spans(self, text: str) -> tuple[Array, Array]:
        """Encode a text; also returns which characters each token covers.

        Numbers int64 (tokens,), and spans int64 (tokens, 2): token i covers text[start:end]. Where
        tokens are bytes of one character all of them cover it. A label of a character span thus
        finds its tokens, and a predicted token its characters.

        >>> from tinygrad_dls import text
        >>> tokenizer = text.BytePairTokenizer([])
        >>> tokenizer.encode_with_spans("é!")[1].tolist()
        [[0, 1], [0, 1], [1, 2]]
        """
        numbers = self.encode(text)
        character = np.repeat(np.arange(len(text)), [len(c.encode()) for c in text])
        ends = np.cumsum([len(self.pieces[n]) for n in numbers], dtype=np.int64)
        starts = np.concatenate([np.zeros(1, np.int64), ends[:-1]])[:len(ends)]
        return numbers, np.stack([character[starts], character[ends - 1] + 1], axis=1)

    @near_names
    def tokenize(self, text: str) -> list[str]:
        """Split a text into its tokens; a byte that is not a whole character shows as \\ufffd."""
        return [self.pieces[n].decode(errors="replace") for n in self.encode(text)]

    @near_names
    def decode(self, ids: Any) -> str:
        """Join the bytes of numbers (tokens,) to a text; specials are left out.

        Bytes that are no UTF-8, as a model may write them, become \\ufffd. DataError for a number
        that is not in the vocabulary.
        """
        numbers = on_host(ids)
        if numbers.size == 0:
            return ""
        if numbers.ndim != 1 or numbers.dtype.kind not in "iu":
            raise DataError("tokens have whole numbers (tokens,), not "
                            f"{numbers.dtype} of the shape {numbers.shape}")
        if numbers.min() < 0 or numbers.max() >= len(self):
            raise DataError(f"tokens have the numbers 0 to {len(self) - 1}, not "
                            f"{numbers.min()} to {numbers.max()}: is it the model's own tokenizer?")
        return b"".join(self.pieces[n] for n in numbers.tolist()).decode(errors="replace")

    @near_names
    def save(self, path: str | Path) -> None:
        """Write the tokenizer to a JSON file, whole or not at all."""
        held = {"format": FORMAT, "specials": self.specials, "merges": self.merges}
        write_whole(Path(path), json.dumps(held, ensure_ascii=False))

    @classmethod
    @near_names
    def load(cls, path: str | Path) -> BytePairTokenizer:
        """Read what `save` wrote; FormatError for any other file."""
        held = read_json(Path(path), FORMAT)
        try:
            return cls(held["merges"], held["specials"])
        except (KeyError, TypeError, ValueError) as error:
            raise FormatError(f"{path} is not a whole tokenizer ({error})") from None

    def __repr__(self) -> str:
        return (f"BytePairTokenizer of {len(self)}: {len(self.specials)} specials, 256 bytes, "
                f"{len(self.merges)} merges")

    def _encode_piece(self, piece: str) -> list[int]:
        """The numbers of one piece: merged until no neighbours are a learned pair."""
        known = self._known.get(piece)
        if known is not None:
            return known
        word = [len(self.specials) + byte for byte in piece.encode()]
        none = len(self)
        while len(word) > 1:
            pair = min(pairwise(word), key=lambda pair: self.numbers.get(pair, none))
            if pair not in self.numbers:
                break
            word = _merged(word, pair, self.numbers[pair])
        self._known[piece] = word
        return word


def _split(text: str) -> list[str]:
    if not isinstance(text, str):
        raise DataError(f"a text is a str, not a {type(text).__name__}; "
                        "bytes become one by .decode('utf-8')")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise DataError(f"{text[error.start]!r} at place {error.start} is half of a character (a "
                        "surrogate) and has no bytes: was the file read with the right encoding?"
                        ) from None
    return PIECE.findall(text)


def _learn(
    words: list[list[int]], counts: list[int], first: int, most: int, least: int
) -> list[Pair]:
    """The merges of words that come `counts` times; new numbers from `first` on."""
    totals: Counter[Pair] = Counter()
    places: defaultdict[Pair, set[int]] = defaultdict(set)  # words that may hold the pair
    for i, word in enumerate(words):
        for pair in pairwise(word):
            totals[pair] += counts[i]
            places[pair].add(i)
    # The most frequent pair first, of equal ones the lowest.
    heap = [(-total, pair) for pair, total in totals.items()]
    heapq.heapify(heap)
    merges: list[Pair] = []
    while heap and len(merges) < most:
        total, pair = heapq.heappop(heap)
        if -total != totals[pair]:  # an older count: the newer one is in the heap as well
            continue
        if -total < least:
            break
        new = first + len(merges)
        merges.append(pair)
        changed: set[Pair] = set()
        for i in places.pop(pair):
            for old in pairwise(words[i]):
                totals[old] -= counts[i]
                changed.add(old)
            words[i] = _merged(words[i], pair, new)
            for now in pairwise(words[i]):
                totals[now] += counts[i]
                places[now].add(i)
                changed.add(now)
        for other in changed:
            if totals[other] > 0:
                heapq.heappush(heap, (-totals[other], other))
    return merges


def _merged(word: list[int], pair: Pair, new: int) -> list[int]:
    """`word` with each `pair`, from the left, as the one number `new`."""
    merged, i = [], 0
    while i < len(word):
        if word[i] == pair[0] and i + 1 < len(word) and word[i + 1] == pair[1]:
            merged.append(new)
            i += 2
        else:
            merged.append(word[i])
            i += 1
    return merged
