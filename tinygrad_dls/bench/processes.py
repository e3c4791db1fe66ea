"""Figures from a fresh process, where what ran before leaves no trace."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from ..errors import DataError


def figures(module: str, *arguments: Any, environment: Mapping[str, str] | None = None
            ) -> dict[str, Any]:
    """Return what `child(*arguments)` of a module of this room returns; DataError if it raises."""
    code = (f"import json; from {__package__}.{module} import child; "
            f"print(json.dumps(child{arguments!r}))")
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                            env={**os.environ, **(environment or {})})
    if result.returncode:
        raised = re.findall(r"^[\w.]+(?:Error|Exception): .*", result.stderr, re.M)
        why = raised[-1] if raised else f"it ended with {result.returncode}"
        what = ", ".join(map(str, arguments))
        raise DataError(f"the process that measured {module} of {what} failed: {why}")
    return dict(json.loads(result.stdout.splitlines()[-1]))
