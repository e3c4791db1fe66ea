"""The threads of Numba (OpenMP, TBB or its work queue), where Linux's futex is missing.

They are handed equal parts of the chunks beforehand, and a part waits for its thread.
"""

import threading
from typing import Any

import numba
from llvmlite import ir
from numba import extending, types
from numba.core import cgutils
from numba.np.ufunc import parallel

from .compile import export
from .parallel import SYMBOL, WORK

intrinsic: Any = extending.intrinsic
declared: Any = cgutils.get_or_insert_function
stored: Any = cgutils.alloca_once_value
I8P, I32, I64 = ir.IntType(8).as_pointer(), ir.IntType(32), ir.IntType(64)
SIZES = I64.as_pointer()
PART = ir.FunctionType(ir.VoidType(), [I8P.as_pointer(), SIZES, SIZES, I8P])
HAND_OUT = ir.FunctionType(
    ir.VoidType(), [I8P, I8P.as_pointer(), SIZES, SIZES, I8P, I64, I64, I32])


@intrinsic
def hand_out(typing: Any, work: Any, data: Any, count: Any) -> Any:
    """Call Numba's function that walks an array with a step on `count` threads.

    Ours begins at address 0 and has step 1: the "address" of a part is the number of its first
    chunk.
    """

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        both = ir.LiteralStructType([I64, I64])
        packed = ir.Constant(both, ir.Undefined)
        for i in range(2):
            packed = builder.insert_value(packed, values[i], i)
        builder.call(declared(builder.module, HAND_OUT, "numba_parallel_for"), [
            builder.bitcast(_part(builder.module), I8P), stored(builder, ir.Constant(I8P, None)),
            stored(builder, values[2]), stored(builder, I64(1)),
            builder.bitcast(stored(builder, packed), I8P), I64(0), I64(1),
            builder.trunc(values[2], I32),
        ])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), generate


def _part(module: Any) -> Any:
    """The C function that a thread of Numba's calls: chunks `first` ... `first + sizes[0] - 1`."""
    function = ir.Function(module, PART, module.get_unique_name("part_of_chunks"))
    function.linkage = "internal"
    builder = ir.IRBuilder(function.append_basic_block())
    addresses, sizes, _, data = function.args
    both = builder.load(builder.bitcast(data, ir.LiteralStructType([I64, I64]).as_pointer()))
    work = builder.inttoptr(builder.extract_value(both, 0), WORK.as_pointer())
    given = builder.inttoptr(builder.extract_value(both, 1), I8P)
    first = builder.ptrtoint(builder.load(addresses), I64)
    with cgutils.for_range(builder, builder.load(sizes)) as loop:
        builder.call(work, [builder.add(first, loop.index), given])
    builder.ret_void()
    return function


def numba_threads(work, data, count):  # type: ignore[no-untyped-def]
    """Run `count` chunks."""
    hand_out(work, data, count)


class NumbaPool:
    """Numba's threads, started."""

    def __init__(self) -> None:
        launch: Any = parallel._launch_threads
        launch()
        export(numba_threads, types.void(types.int64, types.int64, types.int64), SYMBOL)
        layer: Any = numba
        # Numba's own work queue serves one Python thread only: the one that asked first.
        self._owner = threading.get_ident() if layer.threading_layer() == "workqueue" else None

    def serves(self) -> bool:
        """Return whether the calling Python thread may hand out work."""
        return self._owner is None or self._owner == threading.get_ident()

    def stop(self) -> None:
        """Nothing: Numba ends its threads."""
