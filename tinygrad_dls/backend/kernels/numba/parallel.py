"""Running a kernel on all cores: `parallel_for(task, chunks, arguments)` inside another kernel.

A task's first two arguments are the number of its chunk and of all chunks:

    @task
    def scale(chunk, chunks, x, y):
        for i in range(chunk * x.size // chunks, (chunk + 1) * x.size // chunks):
            y[i] = 2.0 * x[i]

    @kernel
    def scale_all(chunks, x, y):
        parallel_for(scale, chunks, (x, y))

Numba starts the threads and keeps them waiting (libgomp, TBB or its own work queue), and has one
C function that hands out work. We call that function ourselves: compiling Numba's `prange` takes
many times as long, for each kernel again. A round trip takes 1.5 us with libgomp. With one chunk
the task is simply called, and no thread is needed or started.
"""

from typing import Any

from llvmlite import ir
from numba import extending, types
from numba.core import cgutils

intrinsic: Any = extending.intrinsic
declared: Any = cgutils.get_or_insert_function
stored: Any = cgutils.alloca_once_value
I8P, I32, I64 = ir.IntType(8).as_pointer(), ir.IntType(32), ir.IntType(64)
SIZES = I64.as_pointer()
TASK = ir.FunctionType(ir.VoidType(), [I8P.as_pointer(), SIZES, SIZES, I8P])


@intrinsic
def parallel_for(typing: Any, task: Any, chunks: Any, arguments: Any) -> Any:
    """Call `task(chunk, chunks, *arguments)` for every chunk, on as many threads; the task
    returns nothing and raises nothing."""
    wanted = (types.int64, types.int64, *map(types.unliteral, arguments))
    task.dispatcher.compile(wanted)

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        _, count, given = values
        compiled = task.dispatcher.get_compile_result(types.none(*wanted))
        context.add_linking_libs([compiled.library])
        callee = context.declare_function(builder.module, compiled.fndesc)
        with builder.if_else(builder.icmp_signed("==", count, I64(1))) as (alone, many):
            with alone:
                _call(context, builder, callee, wanted, I64(0), count, given)
            with many:
                work = _work(context, builder.module, callee, wanted, given.type)
                _hand_out(builder, work, count, given)
        return context.get_dummy_value()

    return types.void(task, types.int64, arguments), generate


def _call(
    context: Any, builder: Any, callee: Any, wanted: Any, chunk: Any, chunks: Any, given: Any
) -> None:
    arguments = [builder.extract_value(given, i) for i in range(len(wanted) - 2)]
    context.call_conv.call_function(
        builder, callee, types.none, wanted, [chunk, chunks, *arguments]
    )


def _hand_out(builder: Any, work: Any, count: Any, given: Any) -> None:
    """Call Numba's function that runs `work` on `count` threads.

    It walks an array with a step. Ours begins at address 0 and has step 1: the "address" that a
    piece of work gets is the number of its chunk.
    """
    packed = ir.Constant(ir.LiteralStructType([I64, given.type]), ir.Undefined)
    packed = builder.insert_value(builder.insert_value(packed, count, 0), given, 1)
    data = stored(builder, packed)
    base = stored(builder, ir.Constant(I8P, None))
    sizes = stored(builder, count)
    steps = stored(builder, I64(1))
    kind = ir.FunctionType(
        ir.VoidType(), [I8P, I8P.as_pointer(), SIZES, SIZES, I8P, I64, I64, I32]
    )
    builder.call(declared(builder.module, kind, "numba_parallel_for"), [
        builder.bitcast(work, I8P), base, sizes, steps, builder.bitcast(data, I8P),
        I64(0), I64(1), builder.trunc(count, I32),
    ])


def _work(context: Any, module: Any, callee: Any, wanted: Any, given_type: Any) -> Any:
    """The C function that a thread calls: chunks `first` ... `first + sizes[0] - 1`."""
    function = ir.Function(module, TASK, module.get_unique_name("share_of_work"))
    function.linkage = "internal"
    builder = ir.IRBuilder(function.append_basic_block())
    addresses, sizes, _, data = function.args
    packed = ir.LiteralStructType([I64, given_type])
    values = builder.load(builder.bitcast(data, packed.as_pointer()))
    count, given = builder.extract_value(values, 0), builder.extract_value(values, 1)
    first = builder.ptrtoint(builder.load(addresses), I64)
    with cgutils.for_range(builder, builder.load(sizes)) as loop:
        chunk = builder.add(first, loop.index)
        _call(context, builder, callee, wanted, chunk, count, given)
    builder.ret_void()
    return function
