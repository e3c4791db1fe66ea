"""RNN, LSTM and GRU as functions: inputs checked, the one vector that an op gives taken apart."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from .._util.keywords import near_names
from ..backend.device import default_device
from ..backend.kernels.reference.recurrent import parts
from ..engine.autograd import TensorBase, constant
from ..errors import DataError, DeviceError, DtypeError, ShapeError
from .call import function, function_of, operand
from .elementwise import cast
from .recurrent import Gru, Lstm, LstmProjected, OverSequences, Rnn


@near_names
def rnn(
    x: Any, h0: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None,
    nonlinearity: str = "tanh", batch_sizes: Sequence[int] | None = None, reverse: bool = False,
) -> tuple[Any, Any]:
    """(output, h_n): one RNN layer over a batch of sequences; a step is `F.rnn_tanh_cell`.

    `nonlinearity`: "tanh" or "relu". h0 None: zeros. `batch_sizes`: x is packed, (rows, n_in).
    `reverse`: from the last step to the first.

    Shape: x (steps, m, n_in), h0 and h_n (m, n), w_ih (n, n_in), w_hh (n, n), biases (n,), output
    (steps, m, n).
    Raises: ShapeError if these do not fit together, DataError for an unknown `nonlinearity`.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> x = dls.tensor([[[1.0]], [[2.0]]])  # 2 steps of 1 sequence
    >>> output, h_n = F.rnn(x, None, dls.ones(1, 1), dls.ones(1, 1), nonlinearity="relu")
    >>> output.flatten().tolist(), h_n.tolist()
    ([1.0, 3.0], [[3.0]])
    """
    if nonlinearity not in ("tanh", "relu"):
        raise DataError(f"nonlinearity is 'tanh' or 'relu', not {nonlinearity!r}")
    given = x, [h0], w_ih, w_hh, b_ih, b_hh, None
    output, h_n = _run("rnn", 1, *given, batch_sizes, reverse, nonlinearity)
    return output, h_n


@near_names
def lstm(
    x: Any, h0: Any, c0: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None,
    w_hr: Any = None, batch_sizes: Sequence[int] | None = None, reverse: bool = False,
) -> tuple[Any, Any, Any]:
    """(output, h_n, c_n): one LSTM layer over a batch of sequences; a step is `F.lstm_cell`.

    h0 and c0 None: zeros. `w_hr` projects h to p units (Sak et al. 2014). Options as `rnn`.

    Shape: x (steps, m, n_in), h0 and c0 (m, n), w_ih (4n, n_in), w_hh (4n, n), biases (4n,) in the
    order i f g o, w_hr (p, n), output (steps, m, n), with w_hr (steps, m, p).
    Raises: ShapeError if these do not fit together.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> x, w_ih, w_hh = dls.zeros(7, 4, 3), dls.zeros(20, 3), dls.zeros(20, 5)
    >>> output, h_n, c_n = F.lstm(x, None, None, w_ih, w_hh)
    >>> output.shape, h_n.shape, c_n.shape
    ((7, 4, 5), (4, 5), (4, 5))
    """
    given = x, [h0, c0], w_ih, w_hh, b_ih, b_hh, w_hr
    output, h_n, c_n = _run("lstm", 4, *given, batch_sizes, reverse)
    return output, h_n, c_n


@near_names
def gru(
    x: Any, h0: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None,
    batch_sizes: Sequence[int] | None = None, reverse: bool = False,
) -> tuple[Any, Any]:
    """(output, h_n): one GRU layer over a batch of sequences; a step is `F.gru_cell`.

    Options as `rnn`.

    Shape: x (steps, m, n_in), h0 and h_n (m, n), w_ih (3n, n_in), w_hh (3n, n), biases (3n,) in the
    order r z n, output (steps, m, n).
    Raises: ShapeError if these do not fit together.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> output, h_n = F.gru(dls.zeros(7, 4, 3), None, dls.zeros(15, 3), dls.zeros(15, 5))
    >>> output.shape, h_n.shape
    ((7, 4, 5), (4, 5))
    """
    given = x, [h0], w_ih, w_hh, b_ih, b_hh, None
    output, h_n = _run("gru", 3, *given, batch_sizes, reverse)
    return output, h_n


_OPS: dict[str, type[OverSequences]] = {"rnn": Rnn, "gru": Gru, "lstm": Lstm}


def _run(
    name: str, gates: int, x: Any, states: list[Any], w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any,
    w_hr: Any, sizes: Sequence[int] | None, reverse: bool, *options: Any,
) -> Any:
    given = [x, *states, w_ih, w_hh, b_ih, b_hh, w_hr]
    device = next((t.device for t in given if isinstance(t, TensorBase)), default_device())
    x, w_ih, w_hh = (operand(t, device) for t in (x, w_ih, w_hh))
    b_ih, b_hh, w_hr, *states = (
        None if t is None else operand(t, device) for t in (b_ih, b_hh, w_hr, *states)
    )
    packed = None if sizes is None else tuple(int(n) for n in sizes)
    sequences = _sequences(name, x, packed)
    n, width = w_hh.shape[0] // gates if w_hh.ndim else 0, w_hh.shape[-1] if w_hh.ndim else 0
    cells = n if len(states) > 1 else 0
    shapes = [(sequences, width), (sequences, n)]
    named = {
        "w_ih": (w_ih, (gates * n, x.shape[-1])),
        "w_hh": (w_hh, (gates * n, width if w_hr is not None else n)),
        "b_ih": (b_ih, (gates * n,)), "b_hh": (b_hh, (gates * n,)), "w_hr": (w_hr, (width, n)),
        **{state: (t, shape) for state, t, shape in zip(("h0", "c0"), states, shapes)},
    }
    _check(name, x, named)
    states = [
        constant(device.xp.zeros(shape, w_hh.dtype), device) if t is None else t
        for t, shape in zip(states, shapes)
    ]
    inputs = _alike(x, *states, w_ih, w_hh, b_ih, b_hh, *[w_hr] * (w_hr is not None))
    op: Any = LstmProjected if w_hr is not None else _OPS[name]
    # Packed batches differ from one to the next: their functions are not worth remembering.
    call = function_of(op, None, reverse, *options) if packed is None else function(
        op(packed, reverse, *options))
    y = call(*inputs)
    rows = x.shape[0] if packed else x.shape[0] * sequences
    output, *last = parts(y, (rows, width), sequences, cells)
    return (output if packed else output.reshape(*x.shape[:2], width), *last)


def _sequences(name: str, x: Any, sizes: tuple[int, ...] | None) -> int:
    """Count the sequences in x; raises if x does not hold sequences."""
    if sizes is None:
        if x.ndim != 3 or not x.shape[0]:
            raise ShapeError(
                f"{name} takes x (steps, sequences, n_in) with at least one step, not\n  {x.shape}"
            )
        return int(x.shape[1])
    falling = all(a >= b for a, b in pairwise(sizes))
    if x.ndim != 2 or not sizes or sizes[-1] < 1 or not falling or sum(sizes) != x.shape[0]:
        raise ShapeError(
            f"{name} takes packed x (rows, n_in) with batch_sizes that never grow, and sum to the "
            f"rows:\n  x            {x.shape}\n  batch_sizes  {sizes}"
        )
    return sizes[0]


def _check(name: str, x: Any, named: dict[str, tuple[Any, tuple[int, ...]]]) -> None:
    wrong = [key for key, (t, shape) in named.items() if t is not None and t.shape != shape]
    if wrong:
        lines = [f"  {'x':<5} {x.shape}"] + [
            f"  {key:<5} {t.shape}" + (f"  but {shape} would fit" if key in wrong else "")
            for key, (t, shape) in named.items() if t is not None
        ]
        raise ShapeError(f"{name}: these shapes do not fit together:\n" + "\n".join(lines))
    for key, (t, _) in named.items():
        if t is not None and t.device is not x.device:
            raise DeviceError(
                f"{name}: x is on {x.device} and {key} on {t.device}: "
                f"{key}.to({str(x.device)!r})"
            )


def _alike(*tensors: Any) -> list[Any]:
    """All in one float dtype: NumPy's for them together; integers take that of the others."""
    kinds = {t.dtype for t in tensors if t is not None}
    if len(kinds) == 1 and next(iter(kinds)).kind == "f":
        return [*tensors]
    floats = [kind for kind in kinds if kind.kind == "f"]
    if not floats:
        raise DtypeError("the weights of a recurrent layer are floats, these are integers")
    dtype = np.result_type(*floats)
    return [t if t is None or t.dtype == dtype else cast(t, dtype) for t in tensors]
