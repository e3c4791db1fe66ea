"""Writing tunes as MIDI files, which any player and notation program opens."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from .._util.arguments import is_whole, number
from .._util.atomic_files import write_whole
from .._util.keywords import near_names
from .._util.optional import need
from ..errors import DataError
from .samples import positive
from .synthesis import Note

TICKS = 480  # of a quarter note


@near_names
def write_midi(
    path: str | Path, notes: Iterable[Note | Sequence[float]], tempo: float = 120.0,
    program: int = 0,
) -> None:
    """Write notes, of (start, duration, pitch) in seconds or Note, to a MIDI file.

    tempo: quarter notes a minute, for the bars of a notation program; the times stay as they are.
    program: the instrument of General MIDI, 0 for a piano, 40 for a violin, 73 for a flute.
    Loudness 1 is the velocity 100. Pitches are rounded to semitones. Needs the package mido.
    DataError for no note, a pitch beyond 0 to 127, a start before 0 and a duration of 0.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from tinygrad_dls import audio
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "fifth.mid"
    ...     audio.write_midi(path, [(0.0, 0.5, 60), (0.5, 1.0, 67)])
    ...     path.read_bytes()[:4]
    b'MThd'
    """
    mido = need("mido", "writing MIDI files")
    tempo = positive("tempo", tempo)
    if not is_whole(program) or program > 127:
        raise DataError(f"program is a whole number from 0 to 127, not {program!r}")
    per_second = TICKS * tempo / 60
    events: list[tuple[int, int, int, int]] = []  # tick, off before on, pitch, velocity
    for place, given in enumerate(notes):
        try:
            note = Note(*given)
            start, end = number("start", note.start), note.start + number("duration", note.duration)
            pitch = round(number("pitch", note.pitch))
            velocity = round(100 * number("loudness", note.loudness))
        except (TypeError, ValueError, OverflowError) as error:
            raise DataError(f"note {place}, {given!r}: {error}") from None
        if start < 0 or not end > start or not 0 <= pitch <= 127:
            raise DataError(f"note {place}, {given!r}: it starts at 0 or later, lasts, and its "
                            "pitch is from 0 to 127")
        ticks = round(start * per_second), round(end * per_second)
        events.append((ticks[0], 1, pitch, min(max(velocity, 1), 127)))
        events.append((max(ticks[1], ticks[0] + 1), 0, pitch, 0))
    if not events:
        raise DataError("there is no note to write")
    track = mido.MidiTrack()
    track.append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(tempo), time=0))
    track.append(mido.Message("program_change", program=int(program), time=0))
    now = 0
    for tick, sounding, pitch, velocity in sorted(events):
        kind = "note_on" if sounding else "note_off"
        track.append(mido.Message(kind, note=pitch, velocity=velocity, time=tick - now))
        now = tick
    file = mido.MidiFile(type=0, ticks_per_beat=TICKS)
    file.tracks.append(track)
    content = io.BytesIO()
    file.save(file=content)
    write_whole(Path(path), content.getvalue())
