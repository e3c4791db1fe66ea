"""A progress bar that behaves: one redrawn line in a terminal, a few plain lines anywhere else."""

import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from types import TracebackType
from typing import Self, TextIO, TypeVar

T = TypeVar("T")

REDRAW_SECONDS = 0.1  # a terminal gains nothing from more than ten pictures a second
LINE_SECONDS = 1.0  # a log file nothing from ten lines for a loop of milliseconds
BAR_CELLS = 24
SLOW_SECONDS = 1.0  # a first step that took longer, compiling say, is left out of the rate


class Progress:
    """Progress of a piece of work: `with Progress(total, "fetch", "B") as bar: bar.update(n)`.

    total: how many `unit`s there are, or None when nobody knows; unit "B" is shown as kB, MB, GB.
    Draws on `stream` (standard error by default): a bar if it is a terminal, else a line about
    every tenth of the work. When an exception or Ctrl-C passes through, the line is ended first.

    >>> from io import StringIO
    >>> from tinygrad_dls import train
    >>> stream = StringIO()  # a file, say
    >>> with train.Progress(4, "count", "steps", stream=stream) as bar:
    ...     for step in range(4):
    ...         bar.update(1)
    >>> stream.getvalue().splitlines()[-1].split(",")[0]
    'count: 100% 4/4 steps'
    """

    def __init__(
        self,
        total: int | None,
        label: str = "",
        unit: str = "",
        *,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.total = total
        self.label = label
        self.unit = unit
        self.text = ""
        self.done = 0
        self._stream = stream if stream is not None else sys.stderr
        self._terminal = _is_terminal(self._stream)
        self._clock = clock
        self._start = self._next_draw = clock()
        self._paced: tuple[float, int] | None = None  # the rate is that since then
        self._next_tenth = 1
        self._drawn = 0  # width of the line on the terminal, to be painted over

    def update(self, n: int = 1, text: str | None = None) -> None:
        """Counts `n` more units done; `text` (such as "cost 0.693") is shown behind them."""
        begun, self.done = self.done, self.done + n
        if self._paced is None:
            self._paced = (self._start, begun)
            if n == 1 and (now := self._clock()) > self._start + SLOW_SECONDS:
                self._paced = (now, self.done)
        if text is not None:
            self.text = text
        if self._terminal:
            now = self._clock()
            if now >= self._next_draw:
                self._next_draw = now + REDRAW_SECONDS
                self._draw()
        elif self.total and 10 * self.done >= self._next_tenth * self.total:
            self._next_tenth = 10 * self.done // self.total + 1
            now = self._clock()
            if now >= self._next_draw + LINE_SECONDS and self.done < self.total:
                self._next_draw = now
                self._write(" ".join(self._line()) + "\n")

    def __enter__(self) -> Self:
        if self._terminal:
            self._draw()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        stopped = kind is not None and kind is not GeneratorExit
        if self._terminal:
            self._draw()
            self._write("\n")
        else:
            self._write(" ".join(self._line()) + (", stopped" if stopped else "") + "\n")

    def _draw(self) -> None:
        width = shutil.get_terminal_size().columns - 1
        head, tail = self._line()
        cells = min(BAR_CELLS, width - len(head) - len(tail) - 2) if self.total else 0
        bar = self._bar(cells) if cells >= 4 else ""
        line = " ".join(part for part in (head, bar, tail) if part)[:width]
        self._write("\r" + line + " " * (self._drawn - len(line)))
        self._drawn = len(line)

    def _line(self) -> tuple[str, str]:
        """Return the text before the bar, and the text after it."""
        seconds = self._clock() - self._start
        since, begun = self._paced or (self._start, 0)
        paced = self._clock() - since
        rate = (self.done - begun) / paced if paced > 0 else 0.0
        head, count = f"{self.label}:" if self.label else "", _quantity(self.done, self.unit)
        if self.total:
            head = f"{head} {min(self.done / self.total, 1.0):4.0%}"
            count = f"{_short(self.done, self.unit)}/{_quantity(self.total, self.unit)}"
        if self.total and rate and self.done < self.total:
            when = f"{_duration((self.total - self.done) / rate)} left"
        else:
            when = _duration(seconds)
        speed = f"{_quantity(rate, self.unit)}/s" if rate else ""
        return head, ", ".join(part for part in (count, self.text, when, speed) if part)

    def _bar(self, cells: int) -> str:
        full, empty = ("█", "░") if _can_write(self._stream, "█░") else ("#", ".")
        filled = int(min(self.done / self.total, 1.0) * cells) if self.total else 0
        return full * filled + empty * (cells - filled)

    def _write(self, text: str) -> None:
        """A closed or missing stream must not end the work that it reports on."""
        try:
            self._stream.write(text)
            self._stream.flush()
        except (AttributeError, OSError, ValueError):
            pass


def progress(
    items: Iterable[T], label: str = "", unit: str = "", total: int | None = None
) -> Iterator[T]:
    """The items one by one, with a Progress around the loop; total: their number if len() fails."""
    if total is None:
        total = len(items) if isinstance(items, Sized) else None
    with Progress(total, label, unit) as bar:
        for item in items:
            yield item
            bar.update()


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except (AttributeError, ValueError):  # no standard error at all, or a closed one
        return False


def _can_write(stream: TextIO, text: str) -> bool:
    try:
        text.encode(getattr(stream, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _short(number: float, unit: str) -> str:
    """The number alone: bytes scaled to the prefix that fits, anything else to three digits."""
    if unit == "B":
        return _quantity(number, unit).replace(" ", "").removesuffix("B")
    return f"{number:,.0f}" if number >= 100 or number == int(number) else f"{number:.3g}"


def _quantity(number: float, unit: str) -> str:
    if unit != "B":
        return f"{_short(number, unit)} {unit}".rstrip()
    for prefix in ("", "k", "M"):
        if number < 1000:
            return f"{number:.3g} {prefix}B"
        number /= 1000
    return f"{number:.3g} GB"


def _duration(seconds: float) -> str:
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
