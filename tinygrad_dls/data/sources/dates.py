"""Dates as people write them, beside their ISO form: the course's recipe, and one of our own."""

import datetime

import numpy as np

from ..._util.optional import need
from .sets import Pairs

COUNT = 12_000
FIRST, LAST = datetime.date(1970, 1, 1), datetime.date(2026, 1, 1)  # fixed: "today" would move
FORMATS = (  # the course's, with y for its YYY: that is the year of the week, another one at times
    "short", "medium", "long", *["full"] * 10, "d MMM y", "d MMMM y", "dd MMM y", "d MMM, y",
    "d MMMM, y", "dd, MMM y", "d MM yy", "d MMMM y", "MMMM d y", "MMMM d, y", "dd.MM.yy",
)


def locale_dates(count: int = COUNT, seed: int = 1) -> Pairs:
    """Return `count` dates in the course's formats: "saturday may 9 2018" and "2018-05-09".

    faker draws the dates, babel writes them in English; lower-cased, without commas. DataError
    where one of them is missing.
    """
    purpose = "the course's set of dates"
    write = need("babel.dates", purpose).format_date
    draw = need("faker", purpose).Faker()
    draw.seed_instance(seed)
    rng = np.random.default_rng(seed)
    dates = [draw.date_between_dates(FIRST, LAST) for _ in range(count)]
    formats = [FORMATS[i] for i in rng.integers(len(FORMATS), size=count)]
    texts = [write(date, format=form, locale="en_US") for date, form in zip(dates, formats)]
    return _pairs(texts, dates)


def handmade_dates(count: int = COUNT, seed: int = 1) -> Pairs:
    """Return `count` dates in 24 formats of our own, by seeded code that needs no package."""
    rng = np.random.default_rng(seed)
    days = rng.integers(0, (LAST - FIRST).days, count).tolist()
    dates = [FIRST + datetime.timedelta(days=day) for day in days]
    kinds = rng.integers(24, size=count).tolist()
    return _pairs([_written(date, kind) for date, kind in zip(dates, kinds)], dates)


def _written(date: datetime.date, kind: int) -> str:
    """The date in one of 24 formats; names of months and days are English in every locale."""
    day, year, two = date.day, date.year, f"{date.year % 100:02d}"
    month, weekday = MONTHS[date.month - 1], WEEKDAYS[date.weekday()]
    short, ordinal = month[:3], f"{day}{_ending(day)}"
    return (
        f"{day} {month} {year}", f"{day} {short} {year}", f"{day:02d} {short} {year}",
        f"{month} {day} {year}", f"{short} {day} {year}", f"{month} {ordinal} {year}",
        f"{ordinal} of {month} {year}", f"{ordinal} {month} {year}", f"{day} {month} {two}",
        f"{month} {day} {two}", f"{date.month}/{day}/{two}", f"{date.month}/{day}/{year}",
        f"{day:02d}.{date.month:02d}.{two}", f"{day}.{date.month}.{year}",
        f"{day} {date.month:02d} {two}", f"{weekday} {month} {day} {year}",
        f"{weekday} {day} {month} {year}", f"{weekday[:3]} {day} {short} {year}",
        f"{weekday} {month} {ordinal} {year}", f"{weekday[:3]} {short} {day} {year}",
        f"{weekday} {day:02d} {short} {year}", f"{year} {month} {day}", f"{year} {day} {month}",
        f"{weekday[:3]} {ordinal} of {month} {year}",
    )[kind]


def _ending(day: int) -> str:
    return "th" if 10 < day < 20 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")


def _pairs(texts: list[str], dates: list[datetime.date]) -> Pairs:
    """Lower-cased, without commas, and with plain spaces: babel has narrow ones in places."""
    cleaned = (" ".join(text.lower().replace(",", "").split()) for text in texts)
    return Pairs(sources=tuple(cleaned), targets=tuple(date.isoformat() for date in dates))


MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september",
          "october", "november", "december")
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
