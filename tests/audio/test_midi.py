"""MIDI files, read back by mido: every note with its pitch and its time."""

import pytest

import tinygrad_dls as dls
from tinygrad_dls import audio

mido = pytest.importorskip("mido")


def read_back(path) -> list[tuple[float, float, int, int]]:
    """(start, duration, pitch, velocity) in seconds."""
    now, begun, found = 0.0, {}, []
    for message in mido.MidiFile(path):
        now += message.time
        if message.type == "note_on" and message.velocity:
            begun[message.note] = now, message.velocity
        elif message.type in ("note_on", "note_off"):
            start, velocity = begun.pop(message.note)
            found.append((start, now - start, message.note, velocity))
    assert not begun
    return sorted(found)


@pytest.mark.parametrize("tempo", [60, 96.5, 120, 200])
def test_notes_come_back(tmp_path, tempo) -> None:
    given = [(0.0, 0.5, 60), (0.5, 0.25, 60), (0.5, 1.0, 67, 0.5), (0.123, 3.0, 72)]
    audio.write_midi(tmp_path / "a.mid", given, tempo=tempo)
    expected = sorted((n[0], n[1], n[2], 50 if len(n) == 4 else 100) for n in given)
    for mine, right in zip(read_back(tmp_path / "a.mid"), expected, strict=True):
        assert mine == pytest.approx(right, abs=0.002)


def test_program_and_tempo_are_in_the_file(tmp_path) -> None:
    audio.write_midi(tmp_path / "a.mid", [audio.Note(0, 1, 60)], tempo=130, program=73)
    kinds = {message.type: message for message in mido.MidiFile(tmp_path / "a.mid")}
    assert kinds["set_tempo"].tempo == mido.bpm2tempo(130)
    assert kinds["program_change"].program == 73


@pytest.mark.parametrize(("notes", "said"), [
    ([], "no note"), ([(0, 0, 60)], "note 0"), ([(0, 1, 60), (-1, 1, 60)], "note 1"),
    ([(0, 1, 128)], "0 to 127"), ([(0, 1)], "note 0"), ([(float("nan"), 1, 60)], "note 0")])
def test_bad_notes_are_named_and_leave_no_file(tmp_path, notes, said) -> None:
    with pytest.raises(dls.DataError, match=said):
        audio.write_midi(tmp_path / "a.mid", notes)
    assert list(tmp_path.iterdir()) == []


def test_bad_program_is_named(tmp_path) -> None:
    with pytest.raises(dls.DataError, match="program"):
        audio.write_midi(tmp_path / "a.mid", [(0, 1, 60)], program=128)
