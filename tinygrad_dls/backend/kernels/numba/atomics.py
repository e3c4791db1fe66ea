"""Numbers in memory that several threads change, and how a thread waits: words for `pool.py`.

An address is an integer. All reads and writes here happen in one order, the same for all threads
("sequentially consistent"). A thread that has nothing to do sleeps on a number until another wakes
it: Linux's futex, which checks the number and falls asleep in one step, so that no wake is missed.
"""

import platform
import sys
from typing import Any

from llvmlite import ir
from numba import extending, types
from numba.core import cgutils

from .parallel import WORK

intrinsic: Any = extending.intrinsic
declared: Any = cgutils.get_or_insert_function
alloca: Any = cgutils.alloca_once
I8P, I32, I64 = ir.IntType(8).as_pointer(), ir.IntType(32), ir.IntType(64)
ORDER = "seq_cst"
NUMBERS = 80

MACHINE = platform.machine().lower()
FUTEX = {"x86_64": 202, "aarch64": 98}.get(MACHINE) if sys.platform == "linux" else None
PAUSE: dict[str, Any] = {
    "x86_64": ("llvm.x86.sse2.pause",), "aarch64": ("llvm.aarch64.hint", I32(1))}
SLEEP, WAKE = 128, 129  # FUTEX_WAIT and FUTEX_WAKE among the threads of one process
MONOTONIC = 1  # the clock that nobody sets


def _pointer(builder: Any, address: Any) -> Any:
    return builder.inttoptr(address, I64.as_pointer())


@intrinsic
def shared_numbers(typing: Any) -> Any:
    """The address of NUMBERS int64 of this function's own, zero at first; it starts a line of the
    cache.
    """

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        kind = ir.ArrayType(I64, NUMBERS)
        numbers = cgutils.add_global_variable(
            builder.module, kind, builder.module.get_unique_name("shared_numbers"))
        numbers.linkage, numbers.align = "internal", 128
        numbers.initializer = ir.Constant(kind, None)
        return builder.ptrtoint(numbers, I64)

    return types.int64(), generate


@intrinsic
def read(typing: Any, address: Any) -> Any:
    """Return the number at an address."""
    return types.int64(types.int64), lambda context, builder, signature, values: (
        builder.load_atomic(_pointer(builder, values[0]), ORDER, 8))


@intrinsic
def write(typing: Any, address: Any, number: Any) -> Any:
    """Set the number at an address."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        builder.store_atomic(values[1], _pointer(builder, values[0]), ORDER, 8)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), generate


@intrinsic
def add(typing: Any, address: Any, number: Any) -> Any:
    """Add to the number at an address, and return it as it was before."""
    return types.int64(types.int64, types.int64), lambda context, builder, signature, values: (
        builder.atomic_rmw("add", _pointer(builder, values[0]), values[1], ORDER))


@intrinsic
def replace(typing: Any, address: Any, old: Any, new: Any) -> Any:
    """Set the number at an address to `new` if it is `old`; return whether it was."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        done = builder.cmpxchg(_pointer(builder, values[0]), values[1], values[2], ORDER)
        return builder.extract_value(done, 1)

    return types.boolean(types.int64, types.int64, types.int64), generate


@intrinsic
def call(typing: Any, work: Any, chunk: Any, data: Any) -> Any:
    """Call the C function at address `work` with the number of a chunk and an address."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        work, chunk, data = values
        function = builder.inttoptr(work, WORK.as_pointer())
        builder.call(function, [chunk, builder.inttoptr(data, I8P)])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), generate


# --- waiting -------------------------------------------------------------------------------------


@intrinsic
def pause(typing: Any) -> Any:
    """Tell the core that this thread only waits for a number to change."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        name, *arguments = PAUSE[MACHINE]
        kind = ir.FunctionType(ir.VoidType(), [a.type for a in arguments])
        builder.call(declared(builder.module, kind, name), arguments)
        return context.get_dummy_value()

    return types.void(), generate


@intrinsic
def nanoseconds(typing: Any) -> Any:
    """Return the time, from some beginning."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        time = alloca(builder, ir.ArrayType(I64, 2))
        kind = ir.FunctionType(I32, [I32, I8P])
        builder.call(declared(builder.module, kind, "clock_gettime"),
                     [I32(MONOTONIC), builder.bitcast(time, I8P)])
        now = builder.load(time)
        seconds, rest = builder.extract_value(now, 0), builder.extract_value(now, 1)
        return builder.add(builder.mul(seconds, I64(10**9)), rest)

    return types.int64(), generate


def _futex(builder: Any, address: Any, how: int, number: Any) -> Any:
    kind = ir.FunctionType(I64, [I64], var_arg=True)
    return builder.call(declared(builder.module, kind, "syscall"),
                        [I64(FUTEX or 0), address, I64(how), number, I64(0)])


@intrinsic
def sleep_on(typing: Any, address: Any, number: Any) -> Any:
    """Sleep until woken, unless the number's lower half is another already."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        _futex(builder, values[0], SLEEP, values[1])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), generate


@intrinsic
def wake(typing: Any, address: Any, count: Any) -> Any:
    """Wake so many threads that sleep on the number at an address."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        _futex(builder, values[0], WAKE, values[1])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), generate
