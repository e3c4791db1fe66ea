"""The cost of a pass through a network, module by module: parameters, arithmetic, memory."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace

from .summary import size_of

RULE = (
    "Each operation is counted in the innermost module around it. FLOPs: two for each\n"
    "multiplication (MAC) of a product, convolution, recurrent layer or attention, one for each\n"
    "number that any other operation makes; views cost nothing. Back: for the gradients that are\n"
    "wanted. Kept: what the graph holds for backward, without parameters and inputs, each array\n"
    "at the first operation that needs it."
)
WIDEST = 44  # characters of a layer
COUNTS = ("parameters", "parameter_bytes", "macs", "flops", "macs_back", "flops_back", "kept_bytes")


@dataclass(frozen=True)
class Row:
    """One module, without the modules inside it."""

    name: str
    layer: str
    output: str  # shape of what came out last
    calls: int
    parameters: int = 0
    parameter_bytes: int = 0
    macs: int = 0
    flops: int = 0
    macs_back: int = 0
    flops_back: int = 0
    kept_bytes: int = 0


@dataclass(frozen=True)
class Cost:
    """The cost of one forward pass, and of the way back; shown as a table.

    rows: the modules, outer before inner. Totals are attributes under the names of the columns:
    `cost.macs`, `cost.kept_bytes` ...
    forward_peak_bytes: the most memory that arrays of the graph took during forward.
    peak_bytes: an estimate of the same for forward and backward, gradients of parameters
    included. Both are without parameters, inputs and the scratch memory of kernels.
    """

    rows: tuple[Row, ...]
    inputs: str
    forward_peak_bytes: int
    peak_bytes: int

    @property
    def parameters(self) -> int:
        """Count the numbers in the parameters, each parameter once."""
        return self._total("parameters")

    @property
    def parameter_bytes(self) -> int:
        """The memory of the parameters."""
        return self._total("parameter_bytes")

    @property
    def macs(self) -> int:
        """Multiplications of products, forward."""
        return self._total("macs")

    @property
    def flops(self) -> int:
        """Floating point operations, forward."""
        return self._total("flops")

    @property
    def macs_back(self) -> int:
        """Multiplications of products, backward."""
        return self._total("macs_back")

    @property
    def flops_back(self) -> int:
        """Floating point operations, backward."""
        return self._total("flops_back")

    @property
    def kept_bytes(self) -> int:
        """The memory that the graph holds for backward, without parameters and inputs."""
        return self._total("kept_bytes")

    def _total(self, column: str) -> int:
        return sum(getattr(row, column) for row in self.rows)

    def rolled(self, depth: int) -> Cost:
        """The same with modules nested deeper than `depth` added to the module around them."""
        kept: dict[str, Row] = {}
        for row in self.rows:
            name = ".".join(row.name.split(".")[:depth])
            kept[name] = row if name == row.name else _added(kept[name], row)
        return replace(self, rows=tuple(kept.values()))

    def to_dict(self) -> dict[str, object]:
        """All numbers, with the rule by which they were counted."""
        totals = {name: self._total(name) for name in COUNTS}
        return {
            "inputs": self.inputs, "rule": RULE.replace("\n", " "),
            "total": {**totals, "forward_peak_bytes": self.forward_peak_bytes,
                      "peak_bytes": self.peak_bytes},
            "modules": [asdict(row) for row in self.rows],
        }

    def to_json(self) -> str:
        """`to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=1)

    def __str__(self) -> str:
        head = ("layer", "output shape", "parameters", "MACs", "FLOPs", "FLOPs back", "kept")
        body = [(_label(row), row.output, *_numbers(row)) for row in self.rows]
        end = Row("", "total", "", 1, **{name: self._total(name) for name in COUNTS})
        total = ("total", "", *_numbers(end))
        widths = [max(len(line[i]) for line in (head, *body, total)) for i in range(len(head))]
        lines = ["  ".join(cell.ljust(width) if i < 2 else cell.rjust(width)
                           for i, (cell, width) in enumerate(zip(line, widths))).rstrip()
                 for line in (head, *body, total)]
        rule = "-" * max(map(len, lines))
        return "\n".join([
            f"one pass of {self.inputs}", lines[0], rule, *lines[1:-1], rule, lines[-1],
            f"parameters {size_of(self.parameter_bytes)}, kept for backward "
            f"{size_of(self.kept_bytes)}; peak {size_of(self.forward_peak_bytes)} forward, about "
            f"{size_of(self.peak_bytes)} with backward", RULE,
        ])

    __repr__ = __str__


def _added(outer: Row, inner: Row) -> Row:
    return replace(outer, **{name: getattr(outer, name) + getattr(inner, name) for name in COUNTS})


def _label(row: Row) -> str:
    name = f"{row.name.rpartition('.')[2]}: " if row.name else ""
    times = f" × {row.calls}" if row.calls > 1 else ""
    text = "  " * (row.name.count(".") + bool(row.name)) + name + row.layer
    return (text if len(text) <= WIDEST else f"{text[:WIDEST - 1]}…") + times


def _numbers(row: Row) -> tuple[str, ...]:
    counts = (row.macs, row.flops, row.flops_back)
    return (f"{row.parameters:,}" if row.parameters else "-", *map(count_text, counts),
            size_of(row.kept_bytes) if row.kept_bytes else "-")


def count_text(count: int) -> str:
    """1,814,073,344 as "1.81 G"; 0 as "-"."""
    if not count:
        return "-"
    for unit, word in ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k")):
        if count >= unit:
            return f"{count / unit:.2f} {word}"
    return str(count)
