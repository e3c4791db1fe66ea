"""Dates and sentences that come with the installation."""

import datetime
import itertools
import re
import sys

import numpy as np
import pytest

from tinygrad_dls.data import sources
from tinygrad_dls.data.sources import dates
from tinygrad_dls.data.sources.phrases import COLOURS, MOODS, THINGS, phrases
from tinygrad_dls.errors import DataError

KNOWN = set(" ./0123456789abcdefghijlmnoprstuvwy")  # of the course's weights: without k q x z


@pytest.mark.parametrize("make", [dates.locale_dates, dates.handmade_dates])
def test_dates_hold_what_their_iso_form_says(make):
    if make is dates.locale_dates:
        pytest.importorskip("babel")
        pytest.importorskip("faker")
    made = make(3000)
    assert len(made.sources) == 3000
    for text, iso in zip(made.sources, made.targets):
        date = datetime.date.fromisoformat(iso)
        assert set(text) <= KNOWN and len(text) <= 30
        assert text == " ".join(text.split())
        numbers = [int(n) for n in re.findall(r"\d+", text)]
        assert date.day in numbers
        assert {date.year, date.year % 100} & set(numbers)
        months = [i for i, name in enumerate(dates.MONTHS, 1) if name[:3] in text]
        assert months == [date.month] or (not months and date.month in numbers)
        weekdays = [i for i, name in enumerate(dates.WEEKDAYS) if re.search(rf"\b{name[:3]}", text)]
        assert not weekdays or date.weekday() in weekdays
    assert len(set(made.sources)) > 2500


def test_dates_are_repeatable_and_read_in_every_way_there_is():
    assert dates.handmade_dates(50).sources == dates.handmade_dates(50).sources
    assert dates.handmade_dates(50).sources != dates.handmade_dates(50, seed=2).sources
    shapes = {re.sub(r"[a-z]+", "a", re.sub(r"\d+", "0", text))
              for text in dates.handmade_dates(500).sources}
    assert len(shapes) > 8


@pytest.mark.parametrize("missing", ["babel.dates", "faker"])
def test_without_babel_or_faker_our_own_dates_stand_in(monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    read = sources.load("dates")
    assert "made by seeded code" in read.statement and "pip install" in read.statement
    assert read.sources == dates.handmade_dates().sources


def test_sentences_are_distinct_and_agree():
    made = phrases(2000)
    assert len(set(made.sources)) == 2000 == len(made.targets)
    assert all(text.endswith(" .") for text in made.sources + made.targets)
    assert made.sources == phrases(2000).sources
    nouns = {form: (form == noms, feminine) for _, (_, nom, noms, feminine) in THINGS.items()
             for form in (nom, noms)}
    seen = 0
    for text in made.targets:
        tokens = text.split()
        for noun, after in itertools.pairwise(tokens):
            for forms in COLOURS.values():
                if noun in nouns and after in forms:
                    plural, feminine = nouns[noun]
                    assert after == forms[2 * plural + feminine], text
                    seen += 1
    assert seen > 300
    assert not COLOURS.keys() & MOODS.keys()


def test_pairs_without_a_partner_are_refused():
    with pytest.raises(DataError, match="2 texts with 1 translations"):
        sources.Pairs(sources=("a", "b"), targets=("c",))
    with pytest.raises(DataError, match="at least one"):
        sources.Pairs(sources=(), targets=())


def test_the_course_weights_are_files(course):
    (course / "date-translation").mkdir()
    (course / "date-translation/model.h5").write_bytes(b"x")
    read = sources.load("date-translation")
    assert [file.name for file in read.files] == ["model.h5"]
    with pytest.raises(DataError, match="nothing built in stands for it"):
        sources.load("date-translation", "built-in")


def test_sentence_pairs_are_drawn_by_all_parts_of_the_grammar():
    words = set(" ".join(phrases().sources).split())
    assert {"not", "often", "him", "today", "these", *COLOURS, *MOODS} <= words
    counts = np.array([text.count(" not ") for text in phrases().sources])
    assert 0.25 < counts.mean() < 0.35
