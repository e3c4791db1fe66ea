"""The course's network that reads dates: attention between two LSTMs (Course 5, week 3)."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .. import io, text
from .._util.keywords import near_names
from ..engine.modes import no_grad
from ..errors import DataError, FormatError, ShapeError
from ..nn import LSTM, Linear, Module
from ..nn import functional as F
from ..tensors import Tensor
from ..tensors import functions as f
from ..tensors.creation import zeros
from .attention_scores import attention_weights
from .token_batches import check_tokens, on_device
from .weights import Weights, fill

GATES: dict[str, Callable[[Any], Any]] = {
    "sigmoid": f.sigmoid, "hard_sigmoid": lambda x: f.clip(0.2 * x + 0.5, 0.0, 1.0),
}


class DateNetwork(Module):
    """Read a date of Tx characters, write its ISO form of Ty; attention at each of the Ty steps.

    | layer                                  | output         | parameters |
    |----------------------------------------|----------------|------------|
    | one-hot characters                     | (m, 30, 37)    |            |
    | pre: LSTM 32, in both directions       | (m, 30, 64)    |     17,920 |
    | attend1: tanh of [a, s]                | (m, 30, 10)    |      1,290 |
    | attend2: ReLU, softmax over the places | (m, 30, 1)     |         11 |
    | post: LSTM 64 over the context, 10 x   | (m, 64)        |     33,024 |
    | output                                 | (m, 10, 11)    |        715 |
    | all                                    |                | **52,960** |

    That is Keras's count, with one bias for each gate; with PyTorch's two, as here, it is 53,472.

    The written characters are not fed back: given the date, the Ty characters are chosen
    independently, so a beam search cannot find more than greedy search does. Padding of the date
    is a character like others, and is seen: Tx is fixed.

    The course joins [a, s] at each step; attend1 of it is W_a a + b + W_s s, and only the second
    part changes from step to step. As Bahdanau, Cho and Bengio (2014, appendix A.1.2) note, the
    first needs computing once.

    gate: "sigmoid", or "hard_sigmoid", which is clip(.2 x + .5, 0, 1): the gates of Keras's LSTM
    before version 2.3, which the course's weights were trained with (slower: no fused kernel).
    """

    def __init__(
        self, src_tokens: int = 37, tgt_tokens: int = 11, pre: int = 32, post: int = 64,
        src_length: int = 30, tgt_length: int = 10, gate: str = "sigmoid",
    ) -> None:
        if gate not in GATES:
            raise DataError(f"gate is one of {', '.join(map(repr, GATES))}, not {gate!r}")
        self.src_tokens, self.src_length, self.tgt_length = src_tokens, src_length, tgt_length
        self.gate = gate
        self.pre = LSTM(src_tokens, pre, batch_first=True, bidirectional=True)
        self.attend1 = Linear(2 * pre + post, 10)
        self.attend2 = Linear(10, 1)
        self.post = LSTM(2 * pre, post, batch_first=True)
        self.output = Linear(post, tgt_tokens)

    def forward(self, src: Any) -> Tensor:
        """Dates (m, Tx) as token numbers to logits (m, Ty, tgt_tokens)."""
        memory, state = self._begin(src)
        logits = []
        for _ in range(self.tgt_length):
            scores, state, _ = self._further(memory, state)
            logits.append(scores)
        return f.stack(logits, 1)

    def attend(self, src: Any) -> Any:
        """The attention (m, Ty, Tx) with which each character is written."""
        memory, state = self._begin(src)
        weights = []
        for _ in range(self.tgt_length):
            _, state, alphas = self._further(memory, state)
            weights.append(alphas)
        return f.stack(weights, 1)

    def encode(self, src: Any) -> tuple[Any, tuple[Any, Any]]:
        """Dates (m, Tx) to activations a (m, Tx, 2 pre) and the first state, zeros (m, post)."""
        src = on_device(src, self)
        check_tokens("the date", src, self.src_length)
        if src.shape[1] != self.src_length:
            raise ShapeError(f"a date is padded to {self.src_length} characters, these have\n"
                             f"  {src.shape[1]}")
        x = F.one_hot(src, self.src_tokens).astype(self.output.weight.dtype)
        if self.gate == "sigmoid":
            a, _ = self.pre(x)
        else:
            a = f.concatenate([self._hard(x, self.pre, ""), self._hard(x, self.pre, "_reverse")], 2)
        nothing = zeros(len(src), self.post.hidden_size, dtype=a.dtype, device=a.device)
        return a, (nothing, nothing)

    def step(self, last: Any, state: Any) -> tuple[Any, Any]:
        """Logits (m, tgt_tokens) of the next character, and the state; `last` does not matter."""
        (a, prepared), (s, c) = state
        memory = a, prepared, self._parts()[1]
        logits, (s, c), _ = self._further(memory, (s[None], c[None]))
        return logits, ((a, prepared), (s[0], c[0]))

    @near_names
    def translate(self, src: Any, beam_width: int = 1) -> list[text.Hypothesis]:
        """The likeliest Ty characters for each date (m, Tx)."""
        with no_grad():
            (a, prepared, _), (s, c) = self._begin(src)
            found = text.beam_search(
                self.step, np.zeros(len(src), np.int64), end=None, max_length=self.tgt_length,
                state=((a, prepared), (s[0], c[0])), beam_width=beam_width, length_penalty=0)
        return [hypotheses[0] for hypotheses in found]

    def _begin(self, src: Any) -> tuple[Any, Any]:
        """Return what each step looks at, (a, W_a a + b, W_s), and the state before the first."""
        a, (s, c) = self.encode(src)
        of_a, of_s = self._parts()
        return (a, F.linear(a, of_a, self.attend1.bias), of_s), (s[None], c[None])

    def _parts(self) -> tuple[Any, Any]:
        """attend1's weight: W_a (10, 2 pre), W_s (10, post)."""
        weight, width = self.attend1.weight, 2 * self.pre.hidden_size
        return weight[:, :width], weight[:, width:]

    def _further(
        self, memory: tuple[Any, Any, Any], state: tuple[Any, Any]
    ) -> tuple[Any, tuple[Any, Any], Any]:
        """The course's one_step_attention, the LSTM and the output: logits, state, alphas.

        The state is that of `post`, (1, m, post) each.
        """
        (a, prepared, of_s), (s, c) = memory, state
        e = f.tanh(prepared + F.linear(s[0], of_s)[:, None])  # (m, Tx, 10)
        energies = f.relu(self.attend2(e))  # (m, Tx, 1)
        alphas = attention_weights(energies.swapaxes(1, 2))  # (m, 1, Tx)
        context = alphas @ a  # (m, 1, 2 pre)
        if self.gate == "sigmoid":
            _, (s, c) = self.post(context, (s, c))
        else:
            s, c = _lstm_step(context[:, 0], s[0], c[0], self.post, "", GATES[self.gate])
            s, c = s[None], c[None]
        return self.output(s[0]), (s, c), alphas[:, 0]

    def _hard(self, x: Any, layer: LSTM, end: str) -> Any:
        """One direction of an LSTM with the gates of `self.gate`: (m, Tx, hidden)."""
        h = c = zeros(len(x), layer.hidden_size, dtype=x.dtype, device=x.device)
        made = []
        steps = range(x.shape[1])
        for t in reversed(steps) if end else steps:
            h, c = _lstm_step(x[:, t], h, c, layer, end, GATES[self.gate])
            made.append(h)
        return f.stack(made[::-1] if end else made, 1)


def _lstm_step(
    x: Any, h: Any, c: Any, layer: LSTM, end: str, gate: Callable[[Any], Any]
) -> tuple[Any, Any]:
    """(h, c) after one step of an LSTM whose gates are `gate`."""
    kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    w_ih, w_hh, b_ih, b_hh = (getattr(layer, f"{kind}_l0{end}") for kind in kinds)
    i, forget, g, o = f.split(F.linear(x, w_ih, b_ih) + F.linear(h, w_hh, b_hh), 4, axis=1)
    c = gate(forget) * c + gate(i) * f.tanh(g)
    return gate(o) * f.tanh(c), c


@near_names
def date_network(*, weights: Weights = None, **options: Any) -> DateNetwork:
    """Return the course's network for dates; options: those of `DateNetwork`.

    weights: a file with the names of its `state_dict()`, or the course's own `model.h5` of Keras,
    whose layers are told by their kinds and their order. ShapeError if they belong to another
    vocabulary, FormatError for a Keras file of another network.
    """
    model = DateNetwork(**options)
    if isinstance(weights, (str, os.PathLike)) and Path(weights).suffix in (".h5", ".keras"):
        weights = _from_keras(Path(weights))
    return fill(model, weights)


def _from_keras(path: Path) -> dict[str, Any]:
    """Keras's weights under our names; layers of a kind are told apart by their numbers."""
    if not path.is_file():
        raise DataError(f"weights={str(path)!r} is not a file")
    arrays = io.load_keras(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of hard_sigmoid gates: `gate` chooses them
        made = io.from_keras(arrays)
    found: dict[str, list[str]] = {"bidirectional": [], "lstm": [], "dense": []}
    for layer in sorted({name.split(".")[0] for name in made}, key=_number):
        kind = re.sub(r"_\d+$", "", layer)
        if kind not in found:
            raise FormatError(f"{path}: {layer} is not a layer of the network for dates")
        found[kind].append(layer)
    layers = [*found["bidirectional"], *found["lstm"], *found["dense"]]
    if [len(found[kind]) for kind in found] != [1, 1, 3]:
        raise FormatError(f"{path} has the layers {', '.join(layers)}: the network for dates is a "
                          "bidirectional LSTM, an LSTM and three dense layers")
    ours = dict(zip(layers, ("pre", "post", "attend1", "attend2", "output")))
    return {f"{ours[layer]}.{weight}": value for (layer, _, weight), value in
            ((name.partition("."), value) for name, value in made.items())}


def _number(layer: str) -> tuple[str, int]:
    """dense_9 comes before dense_10."""
    name, _, number = layer.rpartition("_")
    return (name, int(number)) if number.isdigit() else (layer, 0)
