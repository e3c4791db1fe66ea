"""`python tools/data.py ...` is `tinygrad-dls data ...`, without installation."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])  # the clone, in place of tools/

from tinygrad_dls.cli import main  # noqa: E402

sys.exit(main(["data", *sys.argv[1:]]))
