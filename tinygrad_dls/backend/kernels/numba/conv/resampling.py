"""Resampling in two steps for each row of outputs: a weighted sum of rows, then along it."""

from typing import Any

import numpy as np

from ...axis_map import AxisMap
from ...reference import resampling as reference
from ..compile import kernel, task
from ..layout import F32
from ..parallel import parallel_for
from ..threads import threads_for
from .planes import fit_for_loops, lies_last, planes_of

Array = Any
ONE_ROW = AxisMap.of_rows(1, [[(0, 1.0)]])


@task
def resample_chunk(
    chunk: int, chunks: int, x: Array, y: Array, room: Array, row_first: Array, row_places: Array,
    row_weights: Array, first: Array, places: Array, weights: Array, taps: int,
) -> None:
    """y (m, outputs, outputs, c) = x (m, h, w, c) mapped along h and w.

    `taps`: how many each output has along w, 0 if not all the same. `room` (chunks, w, c).
    """
    m, h, w, c = x.shape
    lines, results = x.reshape(m, h, w * c), y.reshape(m, y.shape[1], y.shape[2] * c)
    mixed = room[chunk]  # the rows of x, mixed for one row of y
    flat = mixed.reshape(-1)
    for p in range(chunk * m // chunks, (chunk + 1) * m // chunks):
        for i in range(y.shape[1]):
            a, b = row_first[i], row_first[i + 1]
            result = results[p, i]
            if (i > 0 and b - a == 1 and row_first[i - 1] == a - 1
                    and row_places[a - 1] == row_places[a]
                    and row_weights[a - 1] == row_weights[a]):
                before = results[p, i - 1]
                for t in range(result.size):
                    result[t] = before[t]
                continue
            line = mixed
            if b - a == 1 and row_weights[a] == 1:
                line = x[p, row_places[a]]
            elif b - a == 1:
                r0, w0 = lines[p, row_places[a]], row_weights[a]
                for t in range(w * c):
                    flat[t] = w0 * r0[t]
            elif b - a > 1:
                r0, w0 = lines[p, row_places[a]], row_weights[a]
                r1, w1 = lines[p, row_places[a + 1]], row_weights[a + 1]
                for t in range(w * c):
                    flat[t] = w0 * r0[t] + w1 * r1[t]
                for k in range(a + 2, b):
                    r0, w0 = lines[p, row_places[k]], row_weights[k]
                    for t in range(w * c):
                        flat[t] += w0 * r0[t]
            else:
                mixed[:] = 0
            if c == 1 and taps == 1:
                for j in range(result.size):
                    result[j] = weights[j] * line[places[j], 0]
            elif c == 1 and taps == 2:
                for j in range(result.size):
                    result[j] = (weights[2 * j] * line[places[2 * j], 0]
                                 + weights[2 * j + 1] * line[places[2 * j + 1], 0])
            elif c == 1:
                for j in range(result.size):
                    total = x.dtype.type(0)
                    for k in range(first[j], first[j + 1]):
                        total += weights[k] * line[places[k], 0]
                    result[j] = total
            else:
                for j in range(y.shape[2]):
                    out, k, end = y[p, i, j], first[j], first[j + 1]
                    if end - k == 1:
                        s0, v0 = line[places[k]], weights[k]
                        for t in range(c):
                            out[t] = v0 * s0[t]
                    elif end - k > 1:
                        s0, v0 = line[places[k]], weights[k]
                        s1, v1 = line[places[k + 1]], weights[k + 1]
                        for t in range(c):
                            out[t] = v0 * s0[t] + v1 * s1[t]
                        for n in range(k + 2, end):
                            s0, v0 = line[places[n]], weights[n]
                            for t in range(c):
                                out[t] += v0 * s0[t]
                    else:
                        out[:] = 0


@kernel
def resample_loop(
    parts: int, x: Array, y: Array, room: Array, row_first: Array, row_places: Array,
    row_weights: Array, first: Array, places: Array, weights: Array, taps: int,
) -> None:
    parallel_for(resample_chunk, parts, (x, y, room, row_first, row_places, row_weights, first,
                                         places, weights, taps))


class Resampling(reference.Resampling):
    """One or two axes by a compiled loop, three as two and one."""

    def resample(self, x: Any, maps: tuple[AxisMap, ...]) -> Any:
        if len(maps) == 3 and x.ndim == 5:
            m, c, depth, *_ = x.shape
            flat = self.resample(x.reshape(m, c * depth, *x.shape[3:]), maps[1:])
            h, w = flat.shape[2:]
            stacked = flat.reshape(m * c, depth, h * w).swapaxes(1, 2)  # depth as only length
            y = self.resample(stacked, maps[:1]).swapaxes(1, 2)
            return y.reshape(m, c, maps[0].outputs, h, w)
        if not fit_for_loops(x) or len(maps) != x.ndim - 2:
            return super().resample(x, maps)
        planes = planes_of(x, lies_last(x))
        rows, columns = maps if len(maps) == 2 else (ONE_ROW, *maps)
        lengths = tuple([matrix.outputs for matrix in maps])
        if max(lengths) == 1 and not planes.last:
            weights = np.outer(rows.dense, columns.dense).astype(x.dtype).reshape(-1)
            if weights.all():  # one number of each whole plane: a product
                table: Any = self  # the matrix product is of another family
                y = table.matmul(planes.array.reshape(-1, weights.size), weights[:, None])
                return y.reshape(*x.shape[:2], *lengths)
        y = planes.empty(lengths, x.dtype)
        parts = min(len(y), threads_for(16 * (x.size + y.size)))
        room = np.empty((parts, *planes.array.shape[2:]), x.dtype)
        resample_loop(parts, planes.array, y, room, rows.first, rows.places, _weights(rows, x),
                      columns.first, columns.places, _weights(columns, x), columns.taps)
        return planes.shown(y, lengths)


def _weights(matrix: AxisMap, x: Array) -> Array:
    return matrix.as_float32 if x.dtype is F32 else matrix.weights
