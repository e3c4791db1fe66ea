"""The ranks of a job, and what they do together: sums, means, objects handed round."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np

from .._util.arguments import is_whole
from .._util.keywords import near_names
from ..errors import DataError, DtypeError, RankError, ShapeError
from ..tensors import Tensor
from .lanes import Lane, Request, Traffic
from .watchdog import LETTER, Watchdog

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
        result has the dtype of `x` (a mean of whole numbers is float64, a sum of whole numbers or
        booleans int64), and no gradient. DataError where a sum of whole numbers is beyond int64.
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
        return result if isinstance(x, np.ndarray) or np.ndim(result) else result.item()

    def _reduced(self, given: Any, op: str) -> Any:
        kind = given.dtype
        if op in ("any", "all"):
            if kind.kind != "b":
                raise DtypeError(f"{op!r} is of booleans, not of {kind}")
            count = self._sum(given.astype(np.int64))
            return count > 0 if op == "any" else count == self.size
        if kind.kind == "b":
            given = given.astype(np.int64)
        if op in ("sum", "mean") and kind.kind == "f":
            total = self._sum(given.astype(np.float32 if kind.itemsize <= 4 else np.float64))
            return (total / self.size if op == "mean" else total).astype(kind)
        # All values go round: MAX over a NaN differs between ranks and libraries, and a sum beyond
        # int64 would go on at its other end.
        rows = np.empty((self.size, given.nbytes), np.uint8)
        flat = np.frombuffer(np.ascontiguousarray(given).tobytes(), np.uint8)
        self.wait(self.lane("values").gather(flat, rows), f"the {op} of {given.shape}")
        every = rows.reshape(-1).view(given.dtype).reshape(self.size, *given.shape)
        if op in ("sum", "mean"):
            exact = every.astype(object).sum(axis=0) if every.size else every.sum(axis=0)
            return np.asarray(exact / self.size, float) if op == "mean" else _int64(exact)
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
        counted = {n: float(figures[n]) * examples if examples else 0.0 for n in names}
        sums = self._sum(np.array([*counted.values(), examples]))  # the mean of nothing is NaN
        return dict(zip(names, (sums[:-1] / max(sums[-1], 1e-300)).tolist()))

    # --- objects ---------------------------------------------------------------------------------

    def all_gather(self, value: T, doing: str = "all_gather()") -> list[T]:
        """Each rank's `value`, by rank: anything that can be pickled."""
        packed = np.frombuffer(pickle.dumps(value), np.uint8)
        lane, sizes = self.lane("values"), self._meet(doing, packed.size)
        rows = np.empty((self.size, int(sizes.max())), np.uint8)
        row = np.zeros(rows.shape[1], np.uint8)
        row[: packed.size] = packed
        self.wait(lane.gather(row, rows), doing)
        return [pickle.loads(r[:n].tobytes()) for r, n in zip(rows, sizes)]

    def broadcast(self, value: T, root: int = 0, doing: str = "broadcast()") -> T:
        """The `value` of rank `root`, on all ranks."""
        if not is_whole(root) or root >= self.size:
            raise DataError(f"root is one of the ranks 0 to {self.size - 1}, not {root!r}")
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
        self._meet("barrier()", 0)

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
        digests = self._meet(what, _digest(value))
        if (digests != digests[0]).any():
            raise kind(difference(self.all_gather(f"{what} with {value}", what)))

    def _meet(self, doing: str, number: int) -> Any:
        """The `number` of each rank; RankError, with what each does, unless all do the same.

        MPI matches calls by their order: of two different ones it would make nonsense, or nothing.
        """
        lane, rows = self.lane("values"), np.empty((self.size, 2), np.int64)
        self.wait(lane.gather(np.array([_digest(doing), number]), rows), doing)
        if (rows[:, 0] != rows[0, 0]).any():
            names = np.empty((self.size, LETTER), np.uint8)
            letter = np.frombuffer(doing.encode()[:LETTER].ljust(LETTER), np.uint8)
            self.wait(lane.gather(letter, names), doing)
            said = [row.tobytes().decode(errors="replace").rstrip() for row in names]
            self.watchdog.broken = difference(said) + (
                "\nAll ranks make the same calls in the same order")
            raise RankError(self.watchdog.broken)
        return rows[:, 1]


def difference(texts: list[str]) -> str:
    """The message for texts that differ: of rank 0, and of the first rank that has another."""
    other = next((r for r, text in enumerate(texts) if text != texts[0]), 0)
    mine, its = texts[0].split("\n"), texts[other].split("\n")
    for a, b in zip([*mine, ""], [*its, ""]):
        if a != b:
            return f"the ranks differ:\n  rank 0  {a or 'nothing more'}\n  rank {other}  " + (
                b or "nothing more")
    return "the ranks differ"


def _digest(text: object) -> int:
    """A number of 63 bits that stands for a text."""
    return int.from_bytes(hashlib.sha256(str(text).encode()).digest()[:8]) >> 1


def _int64(exact: Any) -> Any:
    """Python's whole numbers as an array of int64; DataError where one is beyond it."""
    try:
        return np.asarray(exact).astype(np.int64)
    except OverflowError as error:
        raise DataError("the sum over ranks is beyond int64: reduce it as float64") from error


def _portable(outcome: tuple[Any, BaseException | None]) -> tuple[Any, BaseException | None]:
    """An outcome that can be sent: an error that cannot be pickled goes as its text."""
    try:
        pickle.loads(pickle.dumps(outcome))
        return outcome
    except Exception:
        result, error = outcome
        if error is None:
            return None, DtypeError(f"rank 0 cannot send a {type(result).__name__} to the others: "
                                    "return what can be pickled, numbers, arrays or texts")
        return None, RankError(f"rank 0: {type(error).__name__}: {error}")
