"""GPT: a decoder-only Transformer that writes text (Radford et al. 2018, 2019)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import text
from .._util.keywords import near_names
from ..engine.modes import no_grad
from ..errors import DataError
from ..nn import Dropout, Embedding, LayerNorm, Linear, Module, ModuleList, Parameter, init
from ..nn import functional as F
from ..tensors import Tensor
from ..tensors.functions import concatenate
from .token_batches import check_tokens, on_device
from .weights import Weights, fill

Cache = tuple[Any, Any]  # keys and values of the tokens read so far, (m, heads, read, size) each


class CausalSelfAttention(Module):
    """Attention of each token to itself and those before it, in `num_heads` heads."""

    def __init__(self, d_model: int, num_heads: int, dropout: float) -> None:
        if d_model % num_heads:
            raise DataError(f"d_model={d_model} is not a multiple of num_heads={num_heads}")
        self.num_heads, self.p = num_heads, dropout
        self.project = Linear(d_model, 3 * d_model)  # queries, keys and values in one product
        self.output = Linear(d_model, d_model)

    def forward(self, x: Any, cache: Cache | None = None) -> tuple[Any, Cache]:
        """x (m, t, d_model) to the same shape, and the cache with the new keys and values."""
        m, t, d = x.shape
        split = self.project(x).reshape((m, t, 3, self.num_heads, d // self.num_heads))
        q, k, v = split.transpose((2, 0, 3, 1, 4))  # (m, heads, t, size) each
        read = 0
        if cache is not None:
            read = cache[0].shape[2]
            k, v = (concatenate(pair, axis=2) for pair in ((cache[0], k), (cache[1], v)))
        seen = None
        if read and t > 1:  # token i of the new ones sees `read` older ones, and i + 1 new ones
            seen = Tensor(np.tri(t, read + t, read, dtype=bool), device=x.device)
        y = F.scaled_dot_product_attention(
            q, k, v, seen, self.p if self.training else 0.0, is_causal=read == 0)
        return self.output(y.transpose((0, 2, 1, 3)).reshape((m, t, d))), (k, v)


class GPTBlock(Module):
    """x + attention(norm(x)), then x + feed_forward(norm(x))."""

    def __init__(self, d_model: int, num_heads: int, dropout: float) -> None:
        self.norm1 = LayerNorm(d_model)
        self.attention = CausalSelfAttention(d_model, num_heads, dropout)
        self.norm2 = LayerNorm(d_model)
        self.expand = Linear(d_model, 4 * d_model)
        self.contract = Linear(4 * d_model, d_model)
        self.dropout = Dropout(dropout)

    def forward(self, x: Any, cache: Cache | None = None) -> tuple[Any, Cache]:
        """x (m, t, d_model) to the same shape, and the cache with what is new."""
        y, cache = self.attention(self.norm1(x), cache)
        x = x + self.dropout(y)
        y = self.contract(F.gelu(self.expand(self.norm2(x)), approximate="tanh"))
        return x + self.dropout(y), cache


class GPT(Module):
    """Score the next token at every place of a text; write a text by choosing one each time.

    GPT-2 small: `GPT(50257)`.

    | layer              | output         | parameters      |
    |--------------------|----------------|-----------------|
    | tokens + positions | (m, t, 768)    |      39,383,808 |
    | block 1            | (m, t, 768)    |       7,087,872 |
    | blocks 2 to 12     | (m, t, 768)    |      77,966,592 |
    | norm               | (m, t, 768)    |           1,536 |
    | output             | (m, t, 50257)  |               0 |
    | all                |                | **124,439,808** |

    The output layer is the table of tokens once more: logits = x @ tokens.weight.T. Texts are rows
    of token numbers, int64, of 1 to `context` tokens. A token never sees a later one, so padding
    on the right changes nothing before it; leave it out of the loss (`ignore_index`).
    """

    def __init__(
        self, num_tokens: int, context: int = 1024, d_model: int = 768, num_heads: int = 12,
        num_layers: int = 12, dropout: float = 0.1,
    ) -> None:
        self.context = context
        self.tokens = Embedding(num_tokens, d_model)
        self.positions = Parameter(np.zeros((context, d_model), "float32"))
        self.dropout = Dropout(dropout)
        self.blocks = ModuleList(GPTBlock(d_model, num_heads, dropout) for _ in range(num_layers))
        self.norm = LayerNorm(d_model)
        self._initialize()

    def _initialize(self) -> None:
        """Draw weights with a deviation of .02, biases 0.

        Each block adds to x twice: the layers that do it start smaller, so that the sum does not
        grow with the number of blocks.
        """
        init.normal_(self.tokens.weight, std=0.02)
        init.normal_(self.positions, std=0.01)
        for layer in self.modules():
            if isinstance(layer, Linear):
                init.normal_(layer.weight, std=0.02)
                if layer.bias is not None:
                    init.zeros_(layer.bias)
        for name, weight in self.named_parameters():
            if name.endswith(("attention.output.weight", "contract.weight")):
                init.normal_(weight, std=0.02 / math.sqrt(2 * len(self.blocks)))

    def forward(self, tokens: Any) -> Tensor:
        """Texts (m, t) to the logits (m, t, num_tokens) of the token after each place.

        DataError for a text that is empty or longer than `context`.
        """
        return self.logits(self.read(tokens)[0])  # type: ignore[no-any-return]

    def read(self, tokens: Any, cache: list[Cache] | None = None) -> tuple[Any, list[Cache]]:
        """Tokens (m, t) that follow those in the cache to (m, t, d_model), and the new cache.

        The cache holds a pair of keys and values for each block, (m, heads, read, size) each.
        """
        tokens = on_device(tokens, self.tokens)
        caches = [None] * len(self.blocks) if cache is None else cache
        read = 0 if cache is None else cache[0][0].shape[2]
        check_tokens("the text", tokens, self.context, read)
        x = self.dropout(self.tokens(tokens) + self.positions[read : read + tokens.shape[1]])
        new = []
        for block, old in zip(self.blocks, caches, strict=True):
            x, kept = block(x, old)
            new.append(kept)
        return self.norm(x), new

    def logits(self, x: Any) -> Any:
        """Scores (..., num_tokens) of tokens by what `read` made of them, (..., d_model)."""
        return F.linear(x, self.tokens.weight)

    def step(self, last: Any, cache: list[Cache] | None = None) -> tuple[Any, list[Cache]]:
        """Logits (m, num_tokens) after the tokens (m,), and the new cache.

        The step that `text.generate` and `text.beam_search` take.
        """
        x, cache = self.read(last[:, None], cache)
        return self.logits(x[:, 0]), cache

    @near_names
    def generate(
        self, prompt: Any, max_length: int, end: int | None = None,
        sampler: Callable[[Any], Any] | None = None,
    ) -> list[tuple[int, ...]]:
        """Continue the prompts (m, t), all of one length, by at most `max_length` tokens each.

        sampler: how a token is chosen from scores, such as `functools.partial(text.sample,
        temperature=.8)`; without it the likeliest. end: the token that ends a text. Returns the new
        tokens of each. In `eval()` mode, whatever mode it is in now. DataError if prompt and
        continuation are longer than `context`.

            model.generate([[5, 2, 7]], 20)[0]
        """
        prompt = on_device(prompt, self)
        check_tokens("the prompt", prompt, self.context)
        if prompt.shape[1] + max_length - 1 > self.context:
            raise DataError(
                f"{prompt.shape[1]} tokens and {max_length} more do not fit the model's context of "
                f"{self.context}: ask for at most {self.context - prompt.shape[1] + 1}")
        training = self.training
        self.eval()
        try:
            with no_grad():
                cache = self.read(prompt[:, :-1])[1] if prompt.shape[1] > 1 else None
            found = text.generate(
                self.step, prompt.numpy()[:, -1], end=end, max_length=max_length, state=cache,
                sampler=sampler)
        finally:
            self.train(training)
        return [hypotheses[0].tokens for hypotheses in found]


@near_names
def gpt(num_tokens: int, *, weights: Weights = None, **options: Any) -> GPT:
    """Return a GPT; options: those of `GPT`; weights: a file with the names of its state_dict."""
    return fill(GPT(num_tokens, **options), weights)
