"""torch._C: what sources of models ask of PyTorch's core."""


def _log_api_usage_once(event: str) -> None:
    """Nothing: no use is counted."""
