"""Results side by side, summed in registers: what a run of taps in a row of windows adds to them.

Windows side by side see the same pixels. With a step of one pixel, eight windows of five columns
see twelve, and multiply each with up to five weights: 12 + 5 loads for 40 products of vectors. (Tap
by tap it would be 45, and a processor makes no more loads a cycle than products.) Eight sums keep
it busy: a sum waits four cycles for a product before it can add the next, and two are added each
cycle.

    sums[j] += sum over t < taps of pixels[at + (j * step + t) * lanes] * weights[w + t * w_step]

The instructions are written out by Python loops below, for runs of LENGTHS and steps of STEPS. A
window of other columns has several runs; of one whose pixels are not neighbours, or whose step is
larger, each tap is a run.
"""

from typing import Any

from numba import types

from .types import (
    I64,
    address,
    call_llvm,
    first_lanes,
    intrinsic,
    is_floats,
    llvm_type,
    masked_store,
    vector_of,
)

LENGTHS, STEPS = (7, 5, 3, 2), (1, 2)


@intrinsic
def add_run(
    typing: Any, sums: Any, pixels: Any, at: Any, step: Any, weights: Any, w: Any, w_step: Any,
    taps: Any,
) -> Any:
    """Return the sums, a tuple of vectors, with what a run of taps adds to them; `at`, `w` and
    `w_step` count numbers of the arrays."""
    if not is_floats(pixels) or not isinstance(sums, types.UniTuple):
        return None
    kind = vector_of(pixels.dtype)
    count, size = len(sums), pixels.dtype.bitwidth // 8

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        given, pixel_values, at, step, weight_values, w, w_step, taps = values
        b, vector = builder, llvm_type(kind)
        before = [b.extract_value(given, j) for j in range(count)]

        def pixel(place: Any) -> Any:
            pointer = address(context, b, pixels, pixel_values, b.add(at, place), vector)
            return b.load(pointer, align=size)

        def weight(tap: int) -> Any:
            place = b.add(w, b.mul(w_step, I64(tap)))
            return b.load(address(context, b, weights, weight_values, place, vector), align=size)

        def unrolled(length: int, apart: int) -> list[Any]:
            """The instructions for `length` taps of windows `apart` pixels apart."""
            after, factors = list(before), [weight(t) for t in range(length)]
            for i in range((count - 1) * apart + length):
                taps_of = {j: i - j * apart for j in range(count) if 0 <= i - j * apart < length}
                p = pixel(I64(i * kind.count)) if taps_of else None
                for j, t in taps_of.items():
                    after[j] = call_llvm(b, "fma", kind, p, factors[t], after[j])
            return after

        def single() -> list[Any]:
            """Those for one tap, of windows any number of pixels apart."""
            factor, apart = weight(0), b.mul(step, I64(kind.count))
            return [call_llvm(b, "fma", kind, pixel(b.mul(apart, I64(j))), factor, before[j])
                    for j in range(count)]

        end, other = b.append_basic_block("end"), b.append_basic_block("one_tap")
        # Of larger steps there are single taps only: they must not look like another way's number.
        way = b.add(b.mul(taps, I64(len(STEPS) + 1)), step)
        choice = b.switch(b.select(b.icmp_signed("<=", step, I64(len(STEPS))), way, I64(0)), other)
        ways = []
        for length in LENGTHS:
            for apart in STEPS:
                block = b.append_basic_block(f"taps_{length}_by_{apart}")
                choice.add_case(I64(length * (len(STEPS) + 1) + apart), block)
                b.position_at_end(block)
                ways.append((unrolled(length, apart), b.block))
                b.branch(end)
        b.position_at_end(other)
        ways.append((single(), b.block))
        b.branch(end)
        b.position_at_end(end)
        totals, result = [b.phi(vector) for _ in range(count)], given
        for j, total in enumerate(totals):
            for after, block in ways:
                total.add_incoming(after[j], block)
        for j, total in enumerate(totals):
            result = b.insert_value(result, total, j)
        return result

    return sums(sums, pixels, *[types.int64] * 2, weights, *[types.int64] * 3), generate


@intrinsic
def store_first(
    typing: Any, sums: Any, y: Any, to: Any, apart: Any, m: Any, how_many: Any
) -> Any:
    """Write the first `m` numbers of each of the first vectors, one every `apart` numbers of y."""
    if not is_floats(y) or not isinstance(sums, types.UniTuple):
        return None
    kind = vector_of(y.dtype)

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        given, y_values, to, apart, m, how_many = values
        mask = first_lanes(builder, m, kind.count)
        for j in range(len(sums)):
            with builder.if_then(builder.icmp_signed("<", I64(j), how_many)):
                place = builder.add(to, builder.mul(apart, I64(j)))
                pointer = address(context, builder, y, y_values, place, llvm_type(kind))
                masked_store(builder, kind, builder.extract_value(given, j), pointer, mask)
        return context.get_dummy_value()

    return types.void(sums, y, *[types.int64] * 4), generate
