"""Base of every family of CUDA kernels: launches, and flags that kernels set.

Launching only puts a kernel into the queue; nothing here waits for the device.
"""

from typing import Any

from ....errors import DataError
from ..reference.base import Family
from .compile import Modules
from .layout import dense, lies_last, real, shown

THREADS = 256  # in a block
MOST_BLOCKS = 4096  # loops step by the grid: more would not keep a GPU busier
SHORT_ROW = 1024  # up to which a warp takes a row; longer ones get a block
NARROW = 2**30  # counts below it fit an index of 32 bits, with room for one more step of the grid

# What a kernel can find wrong, by the name of its flag; see `flag`.
TROUBLES = {
    "cross_entropy": "a label was out of range: labels are 0 to classes - 1",
    "add_at": "an index was out of range: a place of an embedding or of an array that has none",
}


class CudaFamily(Family):
    """Launching of kernels, named "file.kernel"."""

    def __init__(self, xp: Any) -> None:
        super().__init__(xp)
        self._modules = Modules(xp)
        self._flags: Any = None
        self._in_doubt = False  # has a kernel that may set a flag run since the last look?

    # --- launching ---------------------------------------------------------------------------

    def _launch(
        self, kernel: str, dtype: Any, size: int, grid: tuple[int, ...], block: tuple[int, ...],
        *arguments: Any,
    ) -> None:
        """Arrays as they are, None as no array, bools and ints as long long, floats as double."""
        given = tuple([0 if a is None else int(a) if isinstance(a, bool) else a for a in arguments])
        self._modules.kernel(kernel, dtype, size >= NARROW)(grid, block, given)

    def _each(self, kernel: str, dtype: Any, n: int, *arguments: Any) -> None:
        """A kernel with a loop over n elements: kernel(n, *arguments)."""
        if n:
            blocks = min(-(-n // THREADS), MOST_BLOCKS)
            self._launch(kernel, dtype, n, (blocks,), (THREADS,), n, *arguments)

    def _rows(
        self, kernel: str, dtype: Any, rows: int, n: int, inner: int, *arguments: Any
    ) -> None:
        """A kernel with a team of threads for each row: kernel(rows, n, inner, team, *arguments).

        `inner` is the distance in memory of neighbours in a row. Neighbouring threads should read
        neighbouring places: where that is another row, each takes a row by itself.
        """
        team = 1 if inner > 1 or n < 2 else 32 if n <= SHORT_ROW else THREADS
        if rows:
            blocks = min(-(-rows * team // THREADS), MOST_BLOCKS)
            self._launch(kernel, dtype, rows * n, (blocks,), (THREADS,), rows, n, inner, team,
                         *arguments)

    def _mapped(self, kernel: str, x: Any, *options: float) -> Any:
        """kernel(n, x, y, *options) for x of floats: y, lying in memory as x does."""
        last = lies_last(x)
        given = dense(self.xp, x, last)
        y = self.xp.empty(given.shape, dtype=x.dtype)
        self._each(kernel, x.dtype, x.size, given, y, *options)
        return shown(y, last)

    def _mapped_back(self, kernel: str, dy: Any, x: Any, *options: float) -> Any:
        """kernel(n, dy, x, dx, *options) for arrays of floats: dx, lying in memory as x does."""
        last = lies_last(x)
        given = dense(self.xp, x, last)
        dx = self.xp.empty(given.shape, dtype=x.dtype)
        self._each(kernel, x.dtype, x.size, dense(self.xp, dy, last), given, dx, *options)
        return shown(dx, last)

    # --- flags -----------------------------------------------------------------------------------

    def _flag(self, trouble: str) -> Any:
        """The word on the device that a kernel sets to 1 where it finds this wrong."""
        if self._flags is None:
            self._flags = self.xp.zeros(len(TROUBLES), dtype=self.xp.int32)
        self._in_doubt = True
        at = list(TROUBLES).index(trouble)
        return self._flags[at : at + 1]

    def raise_troubles(self) -> None:
        """DataError if a kernel found something wrong since the last call. Waits for the device,
        if a kernel ran that could: to be called where the host has waited anyway."""
        if not self._in_doubt:
            return
        self._in_doubt = False
        found = self.xp.asnumpy(self._flags).tolist()
        if any(found):
            self._flags[...] = 0
            said = [f"{name}: {what}" for (name, what), is_set in zip(TROUBLES.items(), found)
                    if is_set]
            raise DataError(
                "; ".join(said) + ".\nFound by a kernel on the GPU, some calls before this one; "
                "on the CPU the call itself raises and names the value"
            )


def usable(*arrays: Any) -> bool:
    """Return whether all have one shape and one dtype, float32 or float64."""
    return real(*arrays) and all(a.shape == arrays[0].shape for a in arrays)
