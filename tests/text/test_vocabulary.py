"""Vocabularies: round trips, files, and what is not in them."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_dls as dls
from tinygrad_dls import text


@given(st.text(min_size=1), st.sampled_from([(), ("<pad>",), ("<pad>", "<end>")]))
def test_decoding_undoes_encoding(written: str, specials: tuple[str, ...]) -> None:
    vocabulary = text.Vocabulary.from_texts(written, specials)
    ids = vocabulary.encode(written)
    assert ids.dtype == np.int64 and ids.min() >= len(specials)
    assert vocabulary.tokens == (*specials, *sorted(set(written)))
    assert vocabulary.decode(ids) == written
    assert vocabulary.decode(dls.Tensor(ids)) == written
    padded = text.pad([ids, ids[:0]], length=len(ids) + 1)[0]
    if specials:
        assert [vocabulary.decode(row) for row in padded] == [written, ""]
        assert vocabulary.decode([0], specials=True) == "<pad>"


def test_words_are_numbered_by_frequency_and_then_by_spelling() -> None:
    made = text.Vocabulary.from_texts(["b a c c", "c a"], tokenizer="words")
    assert made.tokens == ("c", "a", "b")
    assert text.Vocabulary.from_texts(["b a c c"], tokenizer="words", min_count=2).tokens == ("c",)
    assert text.Vocabulary.from_texts(["b a"], tokenizer="words").tokens == ("a", "b")
    most = text.Vocabulary.from_texts(["b b a c c"], ["<unk>"], "<unk>", "words", max_size=3)
    assert most.tokens == ("<unk>", "b", "c")
    assert most.encode("c a b").tolist() == [2, 0, 1]
    assert most.decode([2, 0]) == "c <unk>"


def test_words_keep_apostrophes_and_lose_spaces() -> None:
    assert text.words("L'été, don't!  A_b 3.5") == ["L'été", ",", "don't", "!", "A_b", "3", ".",
                                                   "5"]
    assert text.words("") == text.characters("") == []
    assert text.join_words(["I", "stop", "(", "now", ")", "."]) == "I stop (now)."


def test_a_vocabulary_comes_back_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "v.json"
    made = text.Vocabulary.from_texts(["the été ✓"], ["<pad>", "<unk>"], "<unk>", "words")
    made.save(path)
    read = text.Vocabulary.load(path)
    assert (read.tokens, read.specials, read.unknown, read.tokenizer) == (
        made.tokens, made.specials, made.unknown, made.tokenizer)
    assert [p.name for p in tmp_path.iterdir()] == ["v.json"]


@pytest.mark.parametrize("spoil", [
    lambda held: {**held, "format": "another"}, lambda held: {**held, "tokens": None},
    lambda held: {**held, "tokens": ["a", "a"]}, lambda held: {**held, "unknown": "<none>"},
    lambda held: {**held, "tokens": [1]}, lambda held: [held],
    lambda held: {k: v for k, v in held.items() if k != "specials"}])
def test_a_spoilt_file_is_named(spoil, tmp_path: Path) -> None:
    path = tmp_path / "v.json"
    text.Vocabulary("ab", ["<unk>"], "<unk>").save(path)
    path.write_text(json.dumps(spoil(json.loads(path.read_text()))))
    with pytest.raises(dls.FormatError, match=r"v\.json"):
        text.Vocabulary.load(path)
    path.write_text(path.read_text()[:-5])
    with pytest.raises(dls.FormatError, match="not JSON"):
        text.Vocabulary.load(path)
    with pytest.raises(dls.DataError, match="no file"):
        text.Vocabulary.load(tmp_path / "none.json")


def test_what_is_not_in_the_vocabulary_is_named_with_its_place() -> None:
    letters = text.Vocabulary("abc")
    with pytest.raises(dls.DataError, match=r"'é' \(U\+00E9\) at place 2 is not in .* 3 tokens"):
        letters.encode("abé")
    with pytest.raises(dls.DataError, match="'d'"):
        letters["d"]
    for wrong in (3, -1):
        with pytest.raises(dls.DataError, match=rf"{wrong} at place 1 is not a token.*0 to 2"):
            letters.decode([0, wrong])
    with pytest.raises(dls.DataError, match="whole numbers"):
        letters.decode([0.5])
    assert letters.encode("").shape == (0,) and letters.decode([]) == ""


@pytest.mark.parametrize(("make", "said"), [
    (lambda: text.Vocabulary([]), "empty"),
    (lambda: text.Vocabulary("abca"), "'a' comes twice"),
    (lambda: text.Vocabulary("ab", ["b"]), "'b' comes twice"),
    (lambda: text.Vocabulary("ab", unknown="<unk>"), "one of the specials"),
    (lambda: text.Vocabulary("ab", "<unk>"), "list of tokens"),
    (lambda: text.Vocabulary("ab", tokenizer="letters"), "tokenizer is one of"),
    (lambda: text.Vocabulary.from_texts([]), "empty"),
    (lambda: text.Vocabulary.from_texts(""), "empty"),
    (lambda: text.Vocabulary.from_texts(b"ab"), "is a str"),
    (lambda: text.Vocabulary.from_texts("ab", max_size=0), "max_size")])
def test_vocabularies_that_cannot_be(make, said: str) -> None:
    with pytest.raises(dls.DataError, match=said):
        make()
