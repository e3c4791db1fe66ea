"""Edit distance against the recursion that defines it."""

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_dls import text

FEW = st.text("abc", max_size=7)


def by_definition(a: str, b: str) -> int:
    @cache
    def d(i: int, j: int) -> int:
        if 0 in (i, j):
            return i + j
        return min(d(i - 1, j) + 1, d(i, j - 1) + 1, d(i - 1, j - 1) + (a[i - 1] != b[j - 1]))

    return d(len(a), len(b))


@given(FEW, FEW, FEW)
def test_it_is_the_recursion_and_a_metric(a: str, b: str, c: str) -> None:
    assert text.edit_distance(a, b) == by_definition(a, b) == text.edit_distance(list(b), list(a))
    assert text.edit_distance(a, c) <= text.edit_distance(a, b) + text.edit_distance(b, c)
    assert (text.edit_distance(a, b) == 0) == (a == b)


@pytest.mark.parametrize(("a", "b", "n"), [
    ("intention", "execution", 5), ("", "abc", 3), ("", "", 0), ([1, 2, 3], (1, 3), 1)])
def test_known_distances(a, b, n: int) -> None:
    assert text.edit_distance(a, b) == n
