"""BLEU against its formula, and what is refused."""

import math
import sys
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_dls import text
from tinygrad_dls.errors import DataError

sentences = st.lists(st.sampled_from("a b c d".split()), min_size=1, max_size=9)


def by_hand(translations, references):
    """Papineni's formula with the smoothing of Chen and Cherry's third method."""
    logs, zeros = 0.0, 0
    for n in range(1, 5):
        matches = total = 0
        for made, right in zip(translations, references):
            mine = Counter(zip(*(made[i:] for i in range(n))))
            theirs = Counter(zip(*(right[i:] for i in range(n))))
            matches += sum((mine & theirs).values())
            total += sum(mine.values())
        if total == 0 or (n == 1 and matches == 0):
            return 0.0
        zeros += matches == 0
        logs += math.log(matches / total if matches else 0.5**zeros / total) / 4
    made, right = (sum(map(len, texts)) for texts in (translations, references))
    return 100 * math.exp(logs + min(0.0, 1 - right / made))


@given(st.lists(st.tuples(sentences, sentences), min_size=1, max_size=5))
def test_it_is_the_formula(pairs):
    pytest.importorskip("sacrebleu")
    made, right = zip(*pairs, strict=True)
    found = text.bleu([" ".join(m) for m in made], [" ".join(r) for r in right])
    assert found == pytest.approx(by_hand(made, right), abs=1e-9)


def test_what_is_refused(monkeypatch):
    for made, right in (("a b", ["a b"]), (["a"], "a"), (["a"], [["a"]])):
        with pytest.raises(DataError, match="a list of texts"):
            text.bleu(made, right)
    for made, right in ((["a", "b"], ["a"]), ([], [])):
        with pytest.raises(DataError, match="one reference"):
            text.bleu(made, right)
    monkeypatch.setitem(sys.modules, "sacrebleu", None)
    with pytest.raises(DataError, match="needs the package sacrebleu: pip install"):
        text.bleu(["a"], ["a"])
