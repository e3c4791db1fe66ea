"""`python -m tinygrad_dls` is the command `tinygrad-dls`."""

import sys

from .cli import main

sys.exit(main())
