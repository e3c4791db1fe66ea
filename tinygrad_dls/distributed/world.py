"""The ranks of a job, and what they do together: sums, means, objects handed round."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np

from .._util.keywords import near_names
from ..errors import DataError, DtypeError, RankError, ShapeError
from ..tensors import Tensor
from .lanes import Lane, Request, Traffic
from .watchdog import Watchdog

T = TypeVar("T")
OPS = ("sum", "mean", "max", "min", "any", "all")


class World:
    """The ranks of a job: this process is number `rank` of `size`.

    `patience`: seconds that this rank waits for the others before it ends the job. `init` makes
    it. All its methods are called by all ranks, in the same order.
    """

    def __init__(self, comm: Any, patience: float = 120.0) -> None:
        self.comm = comm
        self.rank, self.size = int(comm.Get_rank()), int(comm.Get_size())
        self._lanes = {purpose: Lane(comm, purpose)
                       for purpose in ("gradients", "steps", "values", "statistics", "control")}
        self.watchdog = Watchdog(self._lanes["control"].comm, patience)

    def __repr__(self) -> str:
        return f"World(rank {self.rank} of {self.size})"

    def lane(self, purpose: str) -> Lane:
        """The communicator for "gradients", "steps", "values" or "statistics"."""
        return self._lanes[purpose]

    @property
    def traffic(self) -> dict[str, Traffic]:
        """The bytes and calls that this rank has handed to MPI so far, by purpose."""
        return {name: lane.traffic for name, lane in self._lanes.items() if name != "control"}

    def wait(self, request: Request, doing: str, all_take_part: bool = True) -> None:
        """Return when `request` is done; RankError where a rank left, failed or hangs."""
        self.watchdog.wait(request, doing, all_take_part)

    # --- numbers ---------------------------------------------------------------------------------

    @near_names
    def all_reduce(self, x: Any, op: str = "sum") -> Any:
        """The sum over ranks of a number, an array or a tensor, of one shape and dtype everywhere.

        op: "sum", "mean", "max", "min"; of booleans also "any", "all". float16 is added in float32,
        whole numbers in int64, and a NaN on any rank gives NaN on all, in the largest too. The
        result has the dtype of `x` (a mean of whole numbers is float64, a sum of booleans int64),
        and no gradient.
        """
        if op not in OPS:
            raise DataError(f"op is one of {', '.join(OPS)}, not {op!r}")
        if isinstance(x, Tensor):
            result = self.all_reduce(x.device.to_host(x._data), op)
            return Tensor(result, device=x.device)
        given = np.asarray(x)
        if given.dtype.kind not in "fiub":
            raise DtypeError(f"ranks reduce numbers and booleans, not {given.dtype}")
        self.check_same(f"all_reduce({op!r})", f"{given.dtype} {given.shape}", ShapeError)
        result = self._reduced(given, op)
        return result if isinstance(x, np.ndarray) else result.item()

    def _reduced(self, given: Any, op: str) -> Any:
        kind = given.dtype
        if op in ("any", "all"):
            if kind.kind != "b":
                raise DtypeError(f"{op!r} is of booleans, not of {kind}")
            count = self._sum(given.astype(np.int64))
            return count > 0 if op == "any" else count == self.size
        if kind.kind == "b":
            given = given.astype(np.int64)
        if op in ("sum", "mean"):
            wide = given.astype(np.int64 if kind.kind != "f" else
                                np.float32 if kind.itemsize <= 4 else np.float64)
            total = self._sum(wide)
            if op == "mean":
                total = total / self.size
                return total.astype(kind) if kind.kind == "f" else total
            return total.astype(kind) if kind.kind == "f" else total
        # MAX over a NaN differs between ranks and libraries: all values go round instead.
        rows = np.empty((self.size, given.nbytes), np.uint8)
        flat = np.frombuffer(np.ascontiguousarray(given).tobytes(), np.uint8)
        self.wait(self.lane("values").gather(flat, rows), f"the {op} of {given.shape}")
        every = rows.reshape(-1).view(given.dtype).reshape(self.size, *given.shape)
        return every.max(axis=0) if op == "max" else every.min(axis=0)

    def _sum(self, array: Any) -> Any:
        """The sum of an array of a dtype that MPI adds as it should be."""
        whole = np.array(array, order="C", ndmin=1)
        self.wait(self.lane("values").sum(whole), f"the sum of {array.shape}")
        return whole.reshape(array.shape)

    def sum_statistics(self, array: Any, doing: str) -> Any:
        """The sum over ranks of a small float64 array, in place: one call, nothing checked."""
        self.wait(self.lane("statistics").sum(array), doing)
        return array

    @near_names
    def average(self, figures: Mapping[str, float], examples: float = 1.0) -> dict[str, float]:
        """Means over all examples of all ranks, from means over the `examples` of each rank."""
        names = sorted(figures)
        self.check_same("average()", repr(names), DataError)
        sums = self._sum(np.array([*(float(figures[n]) * examples for n in names), examples]))
        return dict(zip(names, (sums[:-1] / max(sums[-1], 1e-300)).tolist()))

    # --- objects ---------------------------------------------------------------------------------

    def all_gather(self, value: T, doing: str = "all_gather()") -> list[T]:
        """Each rank's `value`, by rank: anything that can be pickled."""
        packed = np.frombuffer(pickle.dumps(value), np.uint8)
        lane, sizes = self.lane("values"), np.empty(self.size, np.int64)
        self.wait(lane.gather(np.array([packed.size]), sizes), doing)
        rows = np.empty((self.size, int(sizes.max())), np.uint8)
        row = np.zeros(rows.shape[1], np.uint8)
        row[: packed.size] = packed
        self.wait(lane.gather(row, rows), doing)
        return [pickle.loads(r[:n].tobytes()) for r, n in zip(rows, sizes)]

    def broadcast(self, value: T, root: int = 0, doing: str = "broadcast()") -> T:
        """The `value` of rank `root`, on all ranks."""
        packed = np.frombuffer(pickle.dumps(value) if self.rank == root else b"", np.uint8).copy()
        lane, count = self.lane("values"), np.array([packed.size])
        self.wait(lane.broadcast(count, root), doing, all_take_part=False)
        if self.rank != root:
            packed = np.empty(int(count[0]), np.uint8)
        self.wait(lane.broadcast(packed, root), doing, all_take_part=False)
        if self.rank == root:
            return value
        sent: T = pickle.loads(packed.tobytes())
        return sent

    def barrier(self) -> None:
        """Return when all ranks have come here."""
        self._sum(np.zeros(1))

    def first(self, function: Callable[[], T], doing: str = "what rank 0 does alone") -> T:
        """Call `function` on rank 0 only; its result, or its error, is that of all ranks."""
        outcome: tuple[Any, BaseException | None] = (None, None)
        if self.rank == 0:
            try:
                outcome = (function(), None)
            except Exception as raised:
                outcome = (None, raised)
        result, error = self.all_gather(_portable(outcome), doing)[0]
        if error is not None:
            raise outcome[1] or error
        found: T = result
        return found

    def check_same(self, what: str, value: str, kind: type[Exception] = RankError) -> None:
        """Raise `kind` on all ranks unless all call this with the same text."""
        digest = hashlib.sha256(f"{what}\0{value}".encode()).digest()[:8]
        rows = np.empty((self.size, 8), np.uint8)
        self.wait(self.lane("values").gather(np.frombuffer(digest, np.uint8), rows), what)
        if (rows == rows[0]).all():
            return
        every = self.all_gather(f"{what} with {value}", what)
        raise kind(difference(every))


def difference(texts: list[str]) -> str:
    """The message for texts that differ: of rank 0, and of the first rank that has another."""
    other = next((r for r, text in enumerate(texts) if text != texts[0]), 0)
    mine, its = texts[0].split("\n"), texts[other].split("\n")
    for a, b in zip([*mine, ""], [*its, ""]):
        if a != b:
            return f"the ranks differ:\n  rank 0  {a or 'nothing more'}\n  rank {other}  " + (
                b or "nothing more")
    return "the ranks differ"


def _portable(outcome: tuple[Any, BaseException | None]) -> tuple[Any, BaseException | None]:
    """An outcome that can be sent: an error that cannot be pickled goes as its text."""
    try:
        pickle.loads(pickle.dumps(outcome))
        return outcome
    except Exception:
        return None, RankError(f"rank 0: {type(outcome[1] or outcome[0]).__name__}: {outcome[1]}")
