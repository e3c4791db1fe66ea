"""Read by a Python that starts with this folder in its path: it misses the packages named."""

import os
import sys

for missing in os.environ.get("TINYGRAD_DLS_TEST_WITHOUT", "").split():
    sys.modules[missing] = None
