"""Edit distance: how many changes lead from one sequence to another."""

from collections.abc import Hashable, Iterable

import numpy as np

from .._util.keywords import near_names


@near_names
def edit_distance(a: Iterable[Hashable], b: Iterable[Hashable]) -> int:
    """Count the fewest insertions, deletions and substitutions that make `b` of `a`.

    a, b: strings, or lists of words or numbers. Divided by the length of the right text it is the
    character or word error rate. (Levenshtein 1966)

    >>> from tinygrad_dls import text
    >>> text.edit_distance("kitten", "sitting")
    3
    >>> text.edit_distance("the cat sat".split(), "a cat sat".split())
    1
    """
    first, second = list(a), list(b)
    numbers = {token: i for i, token in enumerate({*first, *second})}
    columns = np.array([numbers[token] for token in second], np.int64)
    steps = np.arange(len(second) + 1)
    row = steps  # row[j]: from the first i tokens of a to the first j of b
    for token in first:
        through = np.minimum(row[:-1] + (columns != numbers[token]), row[1:] + 1)
        best = np.concatenate([row[:1] + 1, through])
        # An insertion adds 1 a step to the right: min over k <= j of best[k] + (j - k).
        row = np.minimum.accumulate(best - steps) + steps
    return int(row[-1])
