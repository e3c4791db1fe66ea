"""Modes that PyTorch has and that change nothing here."""


class set_detect_anomaly:
    """Taken, and without effect: `dls.explain` and `dls.autopsy` look for bad numbers."""

    def __init__(self, mode: bool = True, check_nan: bool = True) -> None:
        pass

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass
