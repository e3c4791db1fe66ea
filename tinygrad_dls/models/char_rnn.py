"""Recurrent language model over characters (Graves 2013; Course 5, week 1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import text
from .._util.keywords import near_names
from ..engine.modes import no_grad
from ..errors import DataError
from ..nn import GRU, LSTM, RNN, Linear, Module
from ..tensors import Tensor
from .token_batches import check_tokens, on_device
from .weights import Weights, fill

CELLS: dict[str, Any] = {"rnn": RNN, "lstm": LSTM, "gru": GRU}
NOTHING = -1  # in place of a token: an input of zeros


class CharRNN(Module):
    """Score the next character at every place of a text; write a text by choosing one each time.

    The course's network for Shakespeare: `CharRNN(38, 128, num_layers=2, dropout=.5)`.

    | layer         | output       | parameters  |
    |---------------|--------------|-------------|
    | one-hot       | (m, t, 38)   |             |
    | LSTM 1        | (m, t, 128)  |      86,016 |
    | dropout       | (m, t, 128)  |             |
    | LSTM 2        | (m, t, 128)  |     132,096 |
    | output        | (m, t, 38)   |       4,902 |
    | all           |              | **223,014** |

    (Keras counts 221,990: one bias a gate where `nn.LSTM` has two.)

    Texts are rows of token numbers, int64; -1 stands for no token, an input of zeros: how a name
    begins, and how the course fills a short prompt up from the left. A place never sees a later
    one, so padding on the right changes nothing before it; leave it out of the loss
    (`ignore_index`).

    cell: "rnn", "lstm" or "gru". dropout acts between layers.
    """

    def __init__(
        self, num_tokens: int, hidden_size: int = 128, num_layers: int = 1, cell: str = "lstm",
        dropout: float = 0.0,
    ) -> None:
        if cell not in CELLS:
            raise DataError(f"cell is one of {', '.join(map(repr, CELLS))}, not {cell!r}")
        self.num_tokens = num_tokens
        self.recurrent = CELLS[cell](
            num_tokens, hidden_size, num_layers, batch_first=True, dropout=dropout)
        self.output = Linear(hidden_size, num_tokens)

    def forward(self, tokens: Any) -> Tensor:
        """Texts (m, t) to the logits (m, t, num_tokens) of the token after each place.

        DataError for an empty text and for a number that is not in the vocabulary.
        """
        return self.read(tokens)[0]  # type: ignore[no-any-return]

    def read(self, tokens: Any, state: Any = None) -> tuple[Any, Any]:
        """Logits (m, t, num_tokens) of tokens (m, t) that follow what is in the state; new state.

        The state is that of the recurrent layer, (layers, m, hidden), of an LSTM a pair of them.
        """
        tokens = on_device(tokens, self)
        check_tokens("the text", tokens, np.iinfo(np.int64).max)
        states, state = self.recurrent(self._one_hot(tokens), state)
        return self.output(states), state

    def step(self, last: Any, state: Any = None) -> tuple[Any, Any]:
        """Logits (m, num_tokens) after the tokens (m,), and the new state.

        The step that `text.generate` and `text.beam_search` take, with `reorder=model.reorder`.
        """
        logits, state = self.read(last[:, None], state)
        return logits[:, 0], state

    @staticmethod
    def reorder(state: Any, rows: Any) -> Any:
        """The state of the texts `rows` (n,)."""
        if isinstance(state, tuple):
            return tuple(part[:, rows] for part in state)
        return None if state is None else state[:, rows]

    @near_names
    def generate(
        self, prompt: Any, max_length: int, end: int | None = None,
        sampler: Callable[[Any], Any] | None = None,
    ) -> list[tuple[int, ...]]:
        """Continue the prompts (m, t), all of one length, by at most `max_length` tokens each.

        sampler: how a token is chosen from scores, such as `functools.partial(text.sample,
        temperature=.8)`; without it the likeliest. end: the token that ends a text. Returns the new
        tokens of each. In `eval()` mode, whatever mode it is in now.

            model.generate([[-1]], 20, end=0)[0]        # from nothing, as a name begins
        """
        prompt = on_device(prompt, self)
        check_tokens("the prompt", prompt, np.iinfo(np.int64).max)
        training = self.training
        self.eval()
        try:
            with no_grad():
                state = self.read(prompt[:, :-1])[1] if prompt.shape[1] > 1 else None
            found = text.generate(
                self.step, prompt.numpy()[:, -1], end=end, max_length=max_length, state=state,
                sampler=sampler, reorder=self.reorder)
        finally:
            self.train(training)
        return [hypotheses[0].tokens for hypotheses in found]

    def _one_hot(self, tokens: Tensor) -> Any:
        """(m, t) -> (m, t, num_tokens), a row of zeros for -1."""
        numbers = tokens.data
        if numbers.min() < NOTHING or numbers.max() >= self.num_tokens:
            raise DataError(
                f"tokens run from {int(numbers.min())} to {int(numbers.max())}, but the model "
                f"knows 0 to {self.num_tokens - 1}, and -1 for nothing: encode the text with the "
                "vocabulary that the model was made for")
        dtype = next(iter(self.parameters())).dtype
        places = Tensor(np.arange(self.num_tokens), device=tokens.device)
        return (tokens[..., None] == places).astype(dtype)


@near_names
def char_rnn(num_tokens: int, *, weights: Weights = None, **options: Any) -> CharRNN:
    """Return a CharRNN; options: those of `CharRNN`; weights: a file, by names of state_dict."""
    return fill(CharRNN(num_tokens, **options), weights)
