"""Byte pairs against a trainer that counts everything again for each merge, and `tokenizers`."""

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_dls as dls
from tinygrad_dls import text
from tinygrad_dls.text.byte_pair import PIECE

FEW_LETTERS = st.lists(st.text("ab ", min_size=1, max_size=12), min_size=1, max_size=8)


def slow_merge(word: list[int], pair: tuple[int, int], new: int) -> list[int]:
    for i in range(len(word) - 1):
        if (word[i], word[i + 1]) == pair:
            return [*word[:i], new, *slow_merge(word[i + 2:], pair, new)]
    return word


def slow_training(texts: list[str], most: int, least: int) -> list[tuple[int, int]]:
    words = [list(piece.encode()) for t in texts for piece in PIECE.findall(t)]
    merges: list[tuple[int, int]] = []
    while len(merges) < most:
        counts = Counter(pair for word in words for pair in pairwise(word))
        if not counts:
            break
        pair, count = min(counts.items(), key=lambda item: (-item[1], item[0]))
        if count < least:
            break
        words = [slow_merge(word, pair, 256 + len(merges)) for word in words]
        merges.append(pair)
    return merges


@given(FEW_LETTERS, st.integers(0, 12), st.integers(1, 3))
def test_merges_are_those_of_a_trainer_that_counts_again(texts, most: int, least: int) -> None:
    made = text.BytePairTokenizer.train(texts, 256 + most, min_count=least)
    assert made.merges == slow_training(texts, most, least)


@given(FEW_LETTERS, st.text("ab ", max_size=20))
def test_encoding_applies_the_merges_in_their_order(texts, written: str) -> None:
    made = text.BytePairTokenizer.train(texts, 270, min_count=1)
    expected = []
    for piece in PIECE.findall(written):
        word = list(piece.encode())
        while True:  # the earliest learned pair that is there, as often as it is there
            there = [pair for pair in made.merges if pair in set(pairwise(word))]
            if not there:
                break
            word = slow_merge(word, there[0], 256 + made.merges.index(there[0]))
        expected += word
    assert made.encode(written).tolist() == expected


@given(st.text())
def test_any_text_comes_back_from_its_tokens(written: str) -> None:
    learned = "the été, 12 — \n\n ἀρχή 你好 the thé"
    made = text.BytePairTokenizer.train(learned, 300, ["<pad>", "<end>"])
    ids, spans = made.encode_with_spans(written)
    assert made.decode(ids) == written
    assert made.decode([*ids.tolist(), made["<end>"], made["<pad>"]]) == written
    assert not np.isin(ids, [0, 1]).any()
    assert np.isin(np.arange(len(written)), np.concatenate(
        [np.arange(start, end) for start, end in spans] or [[]])).all()
    for number, (start, end) in zip(ids, spans):
        assert made.pieces[number] in written[start:end].encode()
        if made.pieces[number].isascii():
            assert made.pieces[number].decode() == written[start:end]


def test_spans_cover_all_characters_of_a_token() -> None:
    made = text.BytePairTokenizer.train("a the été the été", 400)
    assert [made.pieces[n].decode() for n in made.encode(" the été")] == [" the", " été"]
    assert made.encode_with_spans(" the été")[1].tolist() == [[0, 4], [4, 8]]


def test_specials_are_not_read_from_a_text() -> None:
    made = text.BytePairTokenizer.train("a<pad>a", 257, ["<pad>"])
    assert made["<pad>"] == 0 and made.decode(made.encode("<pad>")) == "<pad>"
    assert made.decode(dls.Tensor([0, 0])) == ""
    with pytest.raises(dls.DataError, match="none of the specials"):
        made["<end>"]


def test_a_tokenizer_comes_back_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    made = text.BytePairTokenizer.train("low lower lowest low", 262, ["<pad>"])
    made.save(path)
    read = text.BytePairTokenizer.load(path)
    assert (read.merges, read.specials) == (made.merges, made.specials)
    assert read.encode("lower").tolist() == made.encode("lower").tolist()
    for merges in ([[1, 999]], [[0, 1]], [[1]], None, ["xy"]):
        path.write_text(json.dumps({**json.loads(path.read_text()), "merges": merges}))
        with pytest.raises(dls.FormatError, match=r"t\.json is not a whole tokenizer"):
            text.BytePairTokenizer.load(path)


@pytest.mark.parametrize(("call", "said"), [
    (lambda: text.BytePairTokenizer.train("", 300), "empty"),
    (lambda: text.BytePairTokenizer.train("ab", 256, ["<pad>"]), "at least 257"),
    (lambda: text.BytePairTokenizer.train(["ab", 3], 300), "a str"),
    (lambda: text.BytePairTokenizer([], "<pad>"), "list of tokens"),
    (lambda: text.BytePairTokenizer([], ["a", "a"]), "differ"),
    (lambda: text.BytePairTokenizer([(97, 256)]), "not there yet"),
    (lambda: text.BytePairTokenizer([]).decode([256]), "0 to 255"),
    (lambda: text.BytePairTokenizer([]).decode([0.5]), "whole numbers"),
    (lambda: text.BytePairTokenizer([]).encode("a\ud800"), "place 1 is half of a character")])
def test_bad_input_is_named(call, said: str) -> None:
    with pytest.raises(dls.DataError, match=said):
        call()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text("abcd ", min_size=1, max_size=30), min_size=1, max_size=10),
       st.text("abcd ", max_size=30))
def test_merges_and_tokens_are_those_of_the_package_tokenizers(texts, written: str) -> None:
    theirs = pytest.importorskip("tokenizers")
    # Bytes as letters in their order, and our pieces apart, so that ties are broken alike.
    def letters(t: str) -> str:
        return "\t".join("".join(chr(0x4E00 + b) for b in p.encode()) for p in PIECE.findall(t))

    model = theirs.Tokenizer(theirs.models.BPE())
    model.pre_tokenizer = theirs.pre_tokenizers.Split("\t", "removed")
    model.train_from_iterator(map(letters, texts), theirs.trainers.BpeTrainer(
        vocab_size=276, min_frequency=2, show_progress=False, initial_alphabet=[
            chr(0x4E00 + b) for b in range(256)], limit_alphabet=256))
    ours = text.BytePairTokenizer.train(texts, 276)
    assert model.get_vocab_size() == len(ours)
    assert model.encode(letters(written)).ids == ours.encode(written).tolist()
