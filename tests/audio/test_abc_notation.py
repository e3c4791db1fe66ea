"""ABC notation: pitches and lengths as its standard (2.1) has them."""

from fractions import Fraction

import pytest

import tinygrad_dls as dls
from tinygrad_dls import audio


def notes(body: str, key: str = "C", head: str = "M:4/4\nL:1/4\n") -> list[tuple[int | None, str]]:
    tune, = audio.read_abc(f"X:1\nT:t\n{head}K:{key}\n{body}\n")
    return [(pitch, str(length)) for pitch, length in tune.notes]


def test_pitches_and_octaves() -> None:
    assert [p for p, _ in notes("C, C c c' B, b A,, z")] == [48, 60, 72, 84, 59, 83, 45, None]


def test_lengths() -> None:
    assert [n for _, n in notes("C C2 C/ C// C3/2 C/4 C3")] == [
        "1/4", "1/2", "1/8", "1/16", "3/8", "1/16", "3/4"]
    assert notes("C", head="M:2/4\n")[0][1] == "1/16" and notes("C", head="M:6/8\n")[0][1] == "1/8"


def test_broken_rhythm_triplets_and_ties() -> None:
    assert notes("C>D E<F G>>A") == [
        (60, "3/8"), (62, "1/8"), (64, "1/8"), (65, "3/8"), (67, "7/16"), (69, "1/16")]
    assert [n for _, n in notes("(3CDE F")] == ["1/6", "1/6", "1/6", "1/4"]
    assert notes("C-C D- | D E-F") == [(60, "1/2"), (62, "1/2"), (64, "1/4"), (65, "1/4")]


def test_an_accidental_holds_to_the_bar_s_end_for_its_octave() -> None:
    assert [p for p, _ in notes("^C C c =C C | C _B, B, | ^^F __E")] == [
        61, 61, 72, 60, 60, 60, 58, 58, 67, 62]


@pytest.mark.parametrize(("key", "right"), [
    ("C", [60, 62, 64, 65, 67, 69, 71]), ("G", [60, 62, 64, 66, 67, 69, 71]),
    ("D", [61, 62, 64, 66, 67, 69, 71]), ("F", [60, 62, 64, 65, 67, 69, 70]),
    ("Bb", [60, 62, 63, 65, 67, 69, 70]), ("F#m", [61, 62, 64, 66, 68, 69, 71]),
    ("Ddor", [60, 62, 64, 65, 67, 69, 71]), ("Gm", [60, 62, 63, 65, 67, 69, 70]),
    ("A Mixolydian", [61, 62, 64, 66, 67, 69, 71]), ("Eb", [60, 62, 63, 65, 67, 68, 70])])
def test_keys(key: str, right: list[int]) -> None:
    assert [p for p, _ in notes("CDEFGAB", key)] == right


def test_what_is_left_out() -> None:
    said = '"Am"C !trill!D {cd}E (FG) ~A .B [CEG] |1 c :|2 d |: e :| [r:remark] f % words c\n'
    assert [p for p, _ in notes(said)] == [60, 62, 64, 65, 67, 69, 71, 60, 72, 74, 76, 77]


def test_a_book_of_tunes_with_titles_keys_and_meters() -> None:
    text = ("% a book\n\nX:1\nT:First\nM:C|\nK:Am\nA\nw:words\nB\n\n"
            "X: 2\nT:Second\nT:or other\nK:Bb\nB\n")
    first, second = audio.read_abc(text)
    assert first == ("First", "2/2", 9, "min", ((69, Fraction(1, 8)), (71, Fraction(1, 8))))
    assert (second.title, second.tonic, second.mode, second.notes[0][0]) == (
        "Second", 10, "maj", 70)


def test_a_change_of_key_ends_what_is_read() -> None:
    assert [p for p, _ in notes("F G\nK:G\nF")] == [65, 67]


@pytest.mark.parametrize(("text", "said"), [
    ("X:1\nT:none\nCDE\n", "no key"), ("X:1\nK:C\n", "no notes"), ("X:1\nK:Hp\nC", "not a key"),
    ("X:1\nL:one\nK:C\nC", "not a length")])
def test_what_cannot_be_read_is_named(text: str, said: str) -> None:
    with pytest.raises(dls.FormatError, match=said):
        audio.read_abc(text)
