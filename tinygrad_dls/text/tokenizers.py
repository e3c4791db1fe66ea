"""Splitting a text into characters or words."""

import re

from .._util.keywords import near_names
from ..errors import DataError

WORD = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")
BEFORE = re.compile(r" (?=[.,;:!?)\]}%…])")  # a space that no writer puts before such a mark
AFTER = re.compile(r"(?<=[(\[{]) ")


@near_names
def characters(text: str) -> list[str]:
    """Split a text into its characters (code points).

    >>> from tinygrad_dls import text
    >>> text.characters("I am")
    ['I', ' ', 'a', 'm']
    """
    return list(_checked(text))


@near_names
def words(text: str) -> list[str]:
    """Split a text into words and punctuation marks; white space goes.

    An apostrophe within a word stays in it. Case stays: lower the text first where it must not
    count.

    >>> from tinygrad_dls import text
    >>> text.words("Don't stop, it's 5.")
    ["Don't", 'stop', ',', "it's", '5', '.']
    """
    return WORD.findall(_checked(text))


@near_names
def join_words(tokens: list[str]) -> str:
    """Join words by spaces, without the space before a full stop, a comma and the like.

    >>> from tinygrad_dls import text
    >>> text.join_words(["stop", ",", "now"])
    'stop, now'
    """
    return AFTER.sub("", BEFORE.sub("", " ".join(tokens)))


def _checked(text: str) -> str:
    if not isinstance(text, str):
        raise DataError(f"a text is a str, not a {type(text).__name__}; "
                        "bytes become one by .decode('utf-8')")
    return text
