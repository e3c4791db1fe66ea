"""The history of a training: its figures, epoch by epoch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


class History(Mapping[str, list[float]]):
    """Figures of a training: `history["loss"]` has one number for each whole epoch.

    Likewise each metric, and "validation_loss" and so on. `interrupted`: whether Ctrl-C stopped
    it. `seconds`: how long it took. `fit` makes it.

    >>> from tinygrad_dls import train
    >>> history = train.History()
    >>> history.add({"loss": 0.5})
    >>> history.add({"loss": 0.25})
    >>> history["loss"], history.epochs
    ([0.5, 0.25], 2)
    """

    def __init__(self) -> None:
        self.figures: dict[str, list[float]] = {}
        self.interrupted = False
        self.seconds = 0.0

    def __getitem__(self, name: str) -> list[float]:
        if name not in self.figures:
            known = ", ".join(map(repr, self.figures)) or "nothing, no epoch was finished"
            raise KeyError(f"no figure {name!r} was kept; there is {known}")
        return self.figures[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.figures)

    def __len__(self) -> int:
        return len(self.figures)

    @property
    def epochs(self) -> int:
        """The number of finished epochs."""
        return len(self.figures.get("loss", ()))

    def add(self, figures: Mapping[str, float]) -> None:
        """Note the figures of one more epoch."""
        for name, value in figures.items():
            self.figures.setdefault(name, []).append(value)

    def __repr__(self) -> str:
        state = ", interrupted" if self.interrupted else ""
        head = f"History of {self.epochs} epochs in {self.seconds:.1f} s{state}"
        if not self.epochs:
            return head
        width = max(map(len, self.figures))
        lines = [f"{'':<{width}}  {'first':>10}  {'last':>10}  {'least':>10}  {'most':>10}"]
        for name, values in self.figures.items():
            numbers = (values[0], values[-1], min(values), max(values))
            lines.append(f"{name:<{width}}  " + "  ".join(f"{n:>10.5g}" for n in numbers))
        return "\n".join([head, *lines])

    def plot(self, axes: Any = None) -> Any:
        """Draw all figures over the epochs (matplotlib); losses left, others right. The axes."""
        try:
            import matplotlib.pyplot as plt
        except ImportError as error:
            raise ImportError("history.plot() needs matplotlib: pip install matplotlib") from error
        left = axes if axes is not None else plt.subplots()[1]
        right = None
        for i, (name, values) in enumerate(self.figures.items()):
            side = left
            if not name.endswith("loss"):
                side = right = right if right is not None else left.twinx()
            side.plot(range(1, len(values) + 1), values, label=name, color=f"C{i}")
        left.set_xlabel("epoch")
        left.set_ylabel("loss")
        sides = [side for side in (left, right) if side is not None]
        lines: list[Any] = [line for side in sides for line in side.get_lines()]
        left.legend(lines, [line.get_label() for line in lines])
        return left
