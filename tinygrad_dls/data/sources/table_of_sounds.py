"""The part of the table of data that has the music and the recordings of Course 5."""

from .source import Source

TUNES = "21 well-known tunes in the public domain, in ABC notation"
WORDS = "words and noises made by the synthesizer of tinygrad_dls.audio"
RECORDINGS = tuple(
    f"trigger-word/{folder}/{name}.wav"
    for folder, names in (
        ("activates", "1 1_act2 1_act3 2 2_act2 2_act3 3 3_act2 3_act3 4_act2"),
        ("negatives", "1 1_0 2 2_1 3 3_2 4 4_0 5 5_1"),
        ("backgrounds", "1 2"),
        ("dev", "1 2"),
        ("examples", "chime my_audio"),
    )
    for name in names.split()
)

SOUNDS = (
    Source(
        "tunes",
        "4,200 tunes for fiddle, fife and flute: Aird 1778-1801, Ryan 1883, O'Neill 1903",
        "music",
        "public domain (tunes), BSD-3-Clause (package)",
        "https://www.music21.org",
        "pip",
        package="music21",
        version="10.5.1",
        archive="music21-10.5.1-py3-none-any.whl",
        size=20_118_992,
        sha256="dc3309498c4c95cebdf8d4f20c868deb6b63bce1d929cad4f51a7ccc982987b1",
        members=(
            "music21/corpus/airdsAirs/",
            "music21/corpus/oneills1850/",
            "music21/corpus/ryansMammoth/",
        ),
        files=("tunes.abc",),
        builtin=TUNES,
    ),
    Source(
        "trigger-word",
        "10 + 10 recorded words, 2 backgrounds, 2 clips without labels, 44,100 Hz",
        "trigger word",
        "the course's own, not for redistribution",
        "https://www.coursera.org/specializations/deep-learning",
        "course",
        size=11679574,
        course=(RECORDINGS,),
        builtin=WORDS,
    ),
)
