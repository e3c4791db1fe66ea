"""Reading tunes in ABC notation: one voice, as fiddlers write it down.

    X:1
    T:Frere Jacques
    M:4/4
    L:1/4
    K:C
    C D E C | C D E C | E F G2 | E F G2 |]
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import NamedTuple

from .._util.keywords import near_names
from ..errors import FormatError

STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
SHARPS = "FCGDAEB"  # in the order in which a key takes them
FIFTHS = {"C": 0, "G": 1, "D": 2, "A": 3, "E": 4, "B": 5, "F": -1}
MODES = {  # fifths away from major, and its tonic's name at three letters
    "": 0, "maj": 0, "ion": 0, "mix": -1, "dor": -2, "m": -3, "min": -3, "aeo": -3, "phr": -4,
    "loc": -5, "lyd": 1,
}
ALTERED = {"^^": 2, "^": 1, "=": 0, "_": -1, "__": -2}
_NOTE = re.compile(r"(?P<sign>\^{1,2}|_{1,2}|=)?(?P<step>[A-Ga-gzx])(?P<octave>[,']*)"
                   r"(?P<length>\d*/*\d*)")
_LEFT_OUT = re.compile(r'"[^"]*"|![^!\n]*!|\+[a-z]+\+|\{[^}]*\}|%[^\n]*|\[[A-Za-z]:[^\]]*\]')
_FIELD = re.compile(r"^([A-Za-z]):(.*)$")
_KEY = re.compile(r"([A-G])([#b]?)\s*([A-Za-z]*)")


class Tune(NamedTuple):
    """A tune: notes are (pitch of MIDI or None for a rest, length in whole notes).

    tonic: pitch class of the key, 0 for C; mode: "maj", "min", "dor" ...; meter: such as "6/8".

    >>> from tinygrad_dls import audio
    >>> tune = audio.read_abc("X:1\\nT:Scale\\nL:1/4\\nK:G\\nG A2 F/")[0]
    >>> tune.title, tune.tonic, [(pitch, str(length)) for pitch, length in tune.notes]
    ('Scale', 7, [(67, '1/4'), (69, '1/2'), (66, '1/8')])
    """

    title: str
    meter: str
    tonic: int
    mode: str
    notes: tuple[tuple[int | None, Fraction], ...]


@near_names
def read_abc(text: str) -> list[Tune]:
    """Read all tunes of a text in ABC notation.

    Read are the fields X, T, M, L and K, notes, rests, lengths, broken rhythm (> and <), ties and
    triplets; an accidental holds for its letter and octave up to the end of the bar. Of a chord the
    first note is taken. Repeats are played once. Left out: grace notes, chord names, decorations,
    words, inline fields and other voices. FormatError for a tune without a key or note, and for a
    key that is unknown.

    >>> from tinygrad_dls import audio
    >>> book = "X:1\\nT:One\\nK:C\\nCDE\\n\\nX:2\\nT:Two\\nK:D\\nDEF"
    >>> [tune.title for tune in audio.read_abc(book)]
    ['One', 'Two']
    """
    pieces = re.split(r"^(?=X:)", text.replace("\r", ""), flags=re.MULTILINE)
    return [_read_tune(piece) for piece in pieces if piece.startswith("X:")]


def _read_tune(text: str) -> Tune:
    fields: dict[str, str] = {}
    body: list[str] = []
    for line in text.split("\n"):
        field = _FIELD.match(line.strip())
        if field is None:
            if "K" in fields and not line.startswith("%"):
                body.append(line)
        elif field[1] not in fields:  # later ones change the key or the length within the tune
            fields[field[1]] = field[2].partition("%")[0].strip()
        elif field[1] in "KLMV" and "K" in fields:
            break  # what follows has another key, length or voice
    title = fields.get("T", f"tune {fields.get('X', '?')}")
    if "K" not in fields:
        raise FormatError(f"{title}: there is no key (a line such as K:G)")
    tonic, mode, signature = _key(fields["K"], title)
    meter = {"C": "4/4", "C|": "2/2"}.get(fields.get("M", "4/4"), fields.get("M", "4/4"))
    notes = _read_notes("\n".join(body), signature, _unit(fields.get("L", ""), meter, title))
    if not notes:
        raise FormatError(f"{title}: there are no notes after its key")
    return Tune(title, meter, tonic, mode, tuple(notes))


def _key(text: str, title: str) -> tuple[int, str, dict[str, int]]:
    """Pitch class of the tonic, mode, and how each letter is altered."""
    found = _KEY.match(text)
    mode = found[3].lower()[:3] if found else ""
    if found is None or mode not in MODES:
        raise FormatError(f"{title}: {text!r} is not a key that is known (G, Bb, F#m, Ddor ...)")
    sign = {"#": 1, "b": -1, "": 0}[found[2]]
    fifths = FIFTHS[found[1]] + 7 * sign + MODES[mode]
    altered = dict.fromkeys(SHARPS[:max(fifths, 0)], 1)
    altered |= dict.fromkeys(SHARPS[::-1][:max(-fifths, 0)], -1)
    return (STEPS[found[1]] + sign) % 12, {"": "maj", "m": "min"}.get(mode, mode), altered


def _unit(text: str, meter: str, title: str) -> Fraction:
    """The length of a note without number: L, or by the meter a sixteenth or an eighth."""
    try:
        if text:
            return Fraction(text.replace(" ", ""))
        return Fraction(1, 16 if Fraction(meter) < Fraction(3, 4) else 8)
    except (ValueError, ZeroDivisionError):
        if text:
            raise FormatError(f"{title}: {text!r} is not a length of a note (1/8)") from None
        return Fraction(1, 8)


def _read_notes(
    body: str, signature: dict[str, int], unit: Fraction
) -> list[tuple[int | None, Fraction]]:
    body = _LEFT_OUT.sub("", body)
    notes: list[tuple[int | None, Fraction]] = []
    in_bar: dict[tuple[str, str], int] = {}  # accidentals hold up to the end of the bar
    triplet, tied, broken, place = 0, False, Fraction(1), 0
    while place < len(body):
        symbol = body[place]
        note = _NOTE.match(body, place)
        if symbol == "[" and (chord := re.compile(r"\[([^\]|:\d]+)\]([\d/]*)").match(body, place)):
            inner = _NOTE.search(chord[1])
            body = body[:place] + (inner[0] if inner else "") + chord[2] + body[chord.end():]
            continue
        if note is not None:
            length = unit * _length(note["length"]) * broken
            broken = Fraction(1)
            if triplet:
                length, triplet = length * Fraction(2, 3), triplet - 1
            pitch = _pitch(note, signature, in_bar)
            if tied and notes and notes[-1][0] == pitch:
                notes[-1] = pitch, notes[-1][1] + length
            else:
                notes.append((pitch, length))
            tied, place = False, note.end()
            continue
        if symbol == "|":
            in_bar.clear()
            place = re.compile(r"\|[\]:|]*[\d,-]*").match(body, place).end()  # type: ignore[union-attr]
            continue
        if symbol in "<>" and notes:
            marks = len(re.compile(f"{symbol}+").match(body, place)[0])  # type: ignore[index]
            short = Fraction(1, 2**marks)
            first, broken = (2 - short, short) if symbol == ">" else (short, 2 - short)
            notes[-1] = notes[-1][0], notes[-1][1] * first
            place += marks
            continue
        if symbol == "(" and (group := re.compile(r"\((\d)[:\d]*").match(body, place)):
            triplet = 3 if group[1] == "3" else 0
            place = group.end()
            continue
        tied = tied or symbol == "-"
        place += 1
    return notes


def _length(text: str) -> Fraction:
    """2, 3/2, / and // as factors of the unit."""
    if not text:
        return Fraction(1)
    above, slashes, below = re.fullmatch(r"(\d*)(/*)(\d*)", text).groups()  # type: ignore[union-attr]
    under = int(below) if below else 2 ** len(slashes)
    return Fraction(int(above or 1), max(under, 1))


def _pitch(
    note: re.Match[str], signature: dict[str, int], in_bar: dict[tuple[str, str], int]
) -> int | None:
    """The pitch of MIDI: C is 60, c an octave above, commas and quotes an octave each."""
    step = note["step"]
    if step in "zx":
        return None
    named = (step, note["octave"])
    if note["sign"]:
        in_bar[named] = ALTERED[note["sign"]]
    altered = in_bar.get(named, signature.get(step.upper(), 0))
    octave = note["octave"].count("'") - note["octave"].count(",") + step.islower()
    return 60 + STEPS[step.upper()] + altered + 12 * octave
