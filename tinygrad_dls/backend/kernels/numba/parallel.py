"""Running a kernel on all cores: `parallel_for(task, chunks, arguments)` inside another kernel.

A task's first two arguments are the number of its chunk and of all chunks:

    @task
    def scale(chunk, chunks, x, y):
        for i in range(chunk * x.size // chunks, (chunk + 1) * x.size // chunks):
            y[i] = 2.0 * x[i]

    @kernel
    def scale_all(chunks, x, y):
        parallel_for(scale, chunks, (x, y))

The threads are those of `pool.py`, reached through one C function that runs the chunks of a piece
of work: compiling Numba's `prange` takes many times as long, for each kernel again. With one chunk
the task is simply called, and no thread is needed.
"""

from typing import Any

from llvmlite import ir
from numba import extending, types
from numba.core import cgutils

intrinsic: Any = extending.intrinsic
declared: Any = cgutils.get_or_insert_function
stored: Any = cgutils.alloca_once_value
I8P, I64 = ir.IntType(8).as_pointer(), ir.IntType(64)
WORK = ir.FunctionType(ir.VoidType(), [I64, I8P])  # of one chunk: its number, the arguments
SYMBOL = "tinygrad_dls_parallel_for"


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
    """Call the function that runs chunks on all threads, with where the arguments are stored."""
    packed = ir.Constant(ir.LiteralStructType([I64, given.type]), ir.Undefined)
    packed = builder.insert_value(builder.insert_value(packed, count, 0), given, 1)
    data = stored(builder, packed)
    kind = ir.FunctionType(ir.VoidType(), [I64, I64, I64])
    builder.call(declared(builder.module, kind, SYMBOL), [
        builder.ptrtoint(work, I64), builder.ptrtoint(data, I64), count])


def _work(context: Any, module: Any, callee: Any, wanted: Any, given_type: Any) -> Any:
    """The C function that a thread calls for one chunk, with its number."""
    function = ir.Function(module, WORK, module.get_unique_name("one_chunk"))
    function.linkage = "internal"
    builder = ir.IRBuilder(function.append_basic_block())
    chunk, data = function.args
    packed = ir.LiteralStructType([I64, given_type])
    values = builder.load(builder.bitcast(data, packed.as_pointer()))
    count, given = builder.extract_value(values, 0), builder.extract_value(values, 1)
    _call(context, builder, callee, wanted, chunk, count, given)
    builder.ret_void()
    return function
