"""Reports as JSON that every reader takes: no NaN, no infinity."""

import json
import math
from typing import Any


def strict(document: Any) -> str:
    """JSON; numbers that are not finite as the strings "NaN", "Infinity" and "-Infinity"."""
    return json.dumps(_plain(document), allow_nan=False, ensure_ascii=False, indent=1)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value
