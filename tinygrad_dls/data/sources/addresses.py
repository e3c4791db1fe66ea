"""Addresses whose parts are labelled: those of the package usaddress, and made ones of our own."""

from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from ...errors import FormatError
from .checks import reason
from .sets import Entity, TaggedTexts

TEST = 300  # addresses of usaddress for test, of 1,488 different ones
COUNT, MADE_TEST = 1_500, 300
Word = tuple[str, str]  # a word and its label


def labelled_addresses(files: tuple[Path, ...]) -> TaggedTexts:
    """usaddress's labeled.xml: each address once, shuffled by seed 1, 300 of them for test."""
    try:
        root = ElementTree.fromstring(files[0].read_bytes())
        rows = [[(word.text.strip(), word.tag) for word in row if word.text and word.text.strip()]
                for row in root]
    except (OSError, ElementTree.ParseError) as error:
        raise FormatError(f"{files[0]} is truncated or corrupt: {reason(error)}") from None
    distinct = {" ".join(word for word, _ in row): row for row in rows if row}
    order = np.random.default_rng(1).permutation(len(distinct))
    kept = list(distinct.values())
    return _tagged([kept[i] for i in order], TEST)


def made_addresses(count: int = COUNT, test: int = MADE_TEST, seed: int = 1) -> TaggedTexts:
    """Return `count` different addresses made of templates by seeded code, `test` of them for test.

    Names of streets, towns and people are put together from syllables, so that most of those in
    the test set are in no training address.
    """
    rng = np.random.default_rng(seed)
    distinct: dict[str, list[Word]] = {}
    while len(distinct) < count:
        row = _address(rng)
        distinct[" ".join(word for word, _ in row)] = row
    return _tagged(list(distinct.values()), test)


def _tagged(rows: list[list[Word]], test: int) -> TaggedTexts:
    found = [_with_entities(row) for row in rows]
    texts, entities = (tuple(part) for part in zip(*found, strict=True))
    labels = sorted({entity.label for row in entities for entity in row})
    cut = len(texts) - test
    return TaggedTexts(
        train_texts=texts[:cut], train_entities=entities[:cut], test_texts=texts[cut:],
        test_entities=entities[cut:], labels=tuple(labels))


def _with_entities(row: Iterable[Word]) -> tuple[str, tuple[Entity, ...]]:
    """The text of labelled words, and its entities: neighbours of one label are one.

    Punctuation at the end of an entity ("Drive,") is not part of it.
    """
    text, entities = "", []
    for label, group in groupby(row, key=lambda word: word[1]):
        words = " ".join(word for word, _ in group)
        text += " " if text else ""
        end = len(text) + len(words.rstrip(",;:.") or words)
        entities.append(Entity(len(text), end, label))
        text += words
    return text, tuple(entities)


# --- made addresses ------------------------------------------------------------------------------

FIRST = ("Oak", "Maple", "Cedar", "Birch", "Elm", "Pine", "Ash", "Mill", "Stone", "River", "Lake",
         "Spring", "North", "Fair", "Clear", "Green", "High", "Brook", "Wind", "Sun", "Rock",
         "Fox", "Bear", "Deer", "Eagle", "Silver", "Red", "Black", "White", "Bridge")
LAST = ("wood", "ridge", "field", "view", "dale", "ton", "ford", "haven", "crest", "gate", "land",
        "brook", "hurst", "mont", "side", "port", "bury", "ville", "worth", "ham")
STREETS = ("Street", "St", "St.", "Avenue", "Ave", "Ave.", "Road", "Rd", "Drive", "Dr", "Lane",
           "Ln", "Boulevard", "Blvd", "Court", "Ct", "Way", "Place", "Pl", "Parkway", "Circle")
DIRECTIONS = ("N", "S", "E", "W", "N.", "S.", "East", "West", "North", "South", "NE", "SW")
ROOMS = ("Suite", "Ste", "Apt", "Apt.", "Unit", "Room", "Floor", "#")
STATES = ("IL", "CA", "NY", "TX", "OH", "WA", "Oregon", "Ohio", "Florida", "New York", "GA", "MA",
          "Illinois", "Texas", "North Carolina", "MN", "CO", "NM")
PEOPLE = ("Anna", "James", "Maria", "John", "Lena", "Peter", "Rosa", "Paul", "Clara", "Henry")
FIRMS = ("Bank", "Hardware", "Clinic", "Bakery", "School", "Library", "Insurance", "Motors")


def _address(rng: np.random.Generator) -> list[Word]:
    """One address: perhaps a recipient, a street or a box, perhaps a room, town, state and code."""
    row: list[Word] = []

    def add(label: str, words: str) -> None:
        row.extend((word, label) for word in words.split())

    def one(of: tuple[str, ...]) -> str:
        return of[rng.integers(len(of))]

    def name() -> str:
        return one(FIRST) + one(LAST)

    def chance(p: float) -> bool:
        return bool(rng.random() < p)

    if chance(0.2):
        kind = one(PEOPLE) if chance(0.5) else name()
        add("Recipient", f"{kind} {name() if kind in PEOPLE else one(FIRMS)}")
    if chance(0.15):
        add("USPSBoxType", one(("PO Box", "P.O. Box", "Box", "POB")))
        add("USPSBoxID", str(rng.integers(1, 9000)))
    else:
        add("AddressNumber", str(rng.integers(1, 20000)))
        if chance(0.35):
            add("StreetNamePreDirectional", one(DIRECTIONS))
        number = int(rng.integers(4, 99))
        ending = "th" if 10 < number < 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
        plain = f"{name()} {one(FIRST)}" if chance(0.2) else name()
        add("StreetName", f"{number}{ending}" if chance(0.25) else plain)
        if chance(0.9):
            add("StreetNamePostType", one(STREETS))
        if chance(0.12):
            add("StreetNamePostDirectional", one(DIRECTIONS))
        if chance(0.3):
            add("OccupancyType", one(ROOMS))
            add("OccupancyIdentifier", f"{rng.integers(1, 999)}{'' if chance(0.8) else 'B'}")
    if chance(0.8):
        row[-1] = (row[-1][0] + ("," if chance(0.6) else ""), row[-1][1])
        add("PlaceName", f"{name()} {one(('Park', 'Hills', 'City'))}" if chance(0.3) else name())
        if chance(0.85):
            row[-1] = (row[-1][0] + ("," if chance(0.6) else ""), row[-1][1])
            add("StateName", one(STATES))
        if chance(0.75):
            code = int(rng.integers(10000, 99999))
            add("ZipCode", f"{code}-{rng.integers(1000, 9999)}" if chance(0.15) else f"{code}")
    written = rng.random()  # some people write in capitals, some in small letters only
    if written < 0.3:
        change = str.upper if written < 0.15 else str.lower
        row = [(change(word), label) for word, label in row]
    return row
