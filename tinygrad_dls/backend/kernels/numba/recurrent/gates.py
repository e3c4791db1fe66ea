"""The gates of recurrent layers, for some rows of one step: a vector register of units at a time.

`gates` holds W_ih x + W_hh h of all rows of all steps and becomes the gates; `first` is the step's
first row in it, and rows `begin` ... `end` of the states are this call's. The equations are in
`../reference/recurrent.py`.
"""

from typing import Any

from ..compile import inlined
from ..simd import lanes, load_some, sigmoid, store_some, tanh, where

Array = Any


@inlined
def rnn_gates(
    z: Array, h: Array, h_before: Array, output: Array, first: int, begin: int, end: int,
    rectified: bool,
) -> None:
    """Step on: h = tanh(z), or max(z, 0)."""
    H = h.shape[1]
    n = lanes(h)
    for row in range(begin, end):
        s, a = H * row, H * (first + row)
        for j in range(0, H, n):
            m = min(n, H - j)
            store_some(h_before, a + j, load_some(h, s + j, m), m)
            now = load_some(z, a + j, m)
            new = where(now < 0.0, 0.0, now) if rectified else tanh(now)
            store_some(h, s + j, new, m)
            store_some(output, a + j, new, m)


@inlined
def rnn_gates_back(
    d_output: Array, dh: Array, output: Array, dz: Array, first: int, begin: int, end: int,
    rectified: bool,
) -> None:
    """Step back: dz of the step's rows."""
    H = dh.shape[1]
    n = lanes(dh)
    for row in range(begin, end):
        s, a = H * row, H * (first + row)
        for j in range(0, H, n):
            m = min(n, H - j)
            d = load_some(dh, s + j, m) + load_some(d_output, a + j, m)
            h = load_some(output, a + j, m)
            store_some(dz, a + j, where(h > 0.0, d, 0.0) if rectified else d * (1 - h * h), m)


@inlined
def lstm_gates(
    gates: Array, h: Array, c: Array, h_before: Array, c_before: Array, tanh_c: Array,
    output: Array, first: int, begin: int, end: int,
) -> None:
    """Step on."""
    H = c.shape[1]
    n = lanes(c)
    for row in range(begin, end):
        s = H * row  # where this example starts in the states,
        a, z = H * (first + row), 4 * H * (first + row)  # in the rows of all steps, in the gates
        for j in range(0, H, n):
            m = min(n, H - j)
            k = H + j
            update = sigmoid(load_some(gates, z + j, m))
            forget = sigmoid(load_some(gates, z + k, m))
            k += H
            candidate = tanh(load_some(gates, z + k, m))
            k += H
            out = sigmoid(load_some(gates, z + k, m))
            old = load_some(c, s + j, m)
            new = update * candidate + forget * old
            tanh_new = tanh(new)
            store_some(gates, z + j, update, m)
            store_some(gates, z + H + j, forget, m)
            store_some(gates, z + 2 * H + j, candidate, m)
            store_some(gates, z + k, out, m)
            store_some(h_before, a + j, load_some(h, s + j, m), m)
            store_some(c_before, a + j, old, m)
            store_some(c, s + j, new, m)
            store_some(tanh_c, a + j, tanh_new, m)
            store_some(h, s + j, out * tanh_new, m)
            store_some(output, a + j, out * tanh_new, m)


@inlined
def lstm_gates_back(
    d_output: Array, dh: Array, dc: Array, gates: Array, c_before: Array, tanh_c: Array,
    dz: Array, first: int, begin: int, end: int,
) -> None:
    """Step back: dz of the step's rows, and dc of the step before."""
    H = dc.shape[1]
    n = lanes(dc)
    for row in range(begin, end):
        s, a, z = H * row, H * (first + row), 4 * H * (first + row)
        for j in range(0, H, n):
            m = min(n, H - j)
            update, forget = load_some(gates, z + j, m), load_some(gates, z + H + j, m)
            candidate = load_some(gates, z + 2 * H + j, m)
            out = load_some(gates, z + 3 * H + j, m)
            t = load_some(tanh_c, a + j, m)
            d = load_some(dh, s + j, m) + load_some(d_output, a + j, m)
            d_c = load_some(dc, s + j, m) + d * out * (1 - t * t)
            old = load_some(c_before, a + j, m)
            store_some(dz, z + j, d_c * candidate * update * (1 - update), m)
            store_some(dz, z + H + j, d_c * old * forget * (1 - forget), m)
            store_some(dz, z + 2 * H + j, d_c * update * (1 - candidate * candidate), m)
            store_some(dz, z + 3 * H + j, d * t * out * (1 - out), m)
            store_some(dc, s + j, d_c * forget, m)


@inlined
def gru_gates(
    gates: Array, h: Array, h_n: Array, h_before: Array, output: Array, first: int, begin: int,
    end: int,
) -> None:
    """Step on; `h_n` holds W_hh h + b_hh of the candidate, which the reset gate multiplies."""
    H = h.shape[1]
    n = lanes(h)
    for row in range(begin, end):
        s, a, z = H * row, H * (first + row), 3 * H * (first + row)
        for j in range(0, H, n):
            m = min(n, H - j)
            k = H + j
            reset = sigmoid(load_some(gates, z + j, m))
            keep = sigmoid(load_some(gates, z + k, m))
            k += H
            candidate = tanh(load_some(gates, z + k, m) + reset * load_some(h_n, a + j, m))
            old = load_some(h, s + j, m)
            new = (1 - keep) * candidate + keep * old
            store_some(gates, z + j, reset, m)
            store_some(gates, z + H + j, keep, m)
            store_some(gates, z + k, candidate, m)
            store_some(h_before, a + j, old, m)
            store_some(h, s + j, new, m)
            store_some(output, a + j, new, m)


@inlined
def gru_gates_back(
    d_output: Array, dh: Array, gates: Array, h_n: Array, h_before: Array, d_of_x: Array,
    d_of_h: Array, first: int, begin: int, end: int,
) -> None:
    """Step back: the gradients of the step's rows, and dh z for the step before."""
    H = dh.shape[1]
    n = lanes(dh)
    for row in range(begin, end):
        s, a, z = H * row, H * (first + row), 3 * H * (first + row)
        for j in range(0, H, n):
            m = min(n, H - j)
            reset, keep = load_some(gates, z + j, m), load_some(gates, z + H + j, m)
            candidate = load_some(gates, z + 2 * H + j, m)
            d = load_some(dh, s + j, m) + load_some(d_output, a + j, m)
            d_n = d * (1 - keep) * (1 - candidate * candidate)
            d_z = d * (load_some(h_before, a + j, m) - candidate) * keep * (1 - keep)
            d_r = d_n * load_some(h_n, a + j, m) * reset * (1 - reset)
            store_some(d_of_x, z + j, d_r, m)
            store_some(d_of_h, z + j, d_r, m)
            store_some(d_of_x, z + H + j, d_z, m)
            store_some(d_of_h, z + H + j, d_z, m)
            store_some(d_of_x, z + 2 * H + j, d_n, m)
            store_some(d_of_h, z + 2 * H + j, d_n * reset, m)
            store_some(dh, s + j, d * keep, m)
