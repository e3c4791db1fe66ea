"""The Transformer: encoder and decoder layers, and stacks of them (Vaswani et al. 2017)."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from .._util.arguments import is_whole
from ..backend.device import Device
from ..backend.dtypes import default_dtype, float_dtype
from ..errors import DataError, ShapeError
from ..random import Generator
from ..tensors import Tensor
from . import functional as F
from . import init
from .attention import MultiheadAttention
from .container import ModuleList
from .dropout import Dropout
from .linear import Linear
from .module import Module
from .normalization import LayerNorm

Activation = Callable[[Tensor], Tensor]


class _Layer(Module):
    """Base of encoder and decoder layers: the feed-forward part, and the residual sums."""

    norm_first: bool
    activation: Activation
    linear1: Linear
    dropout: Dropout
    linear2: Linear

    def _feed_forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.linear2(self.dropout(self.activation(self.linear1(x))))
        return y

    def _added(
        self, x: Tensor, part: Callable[[Tensor], Tensor], norm: LayerNorm, dropout: Dropout
    ) -> Tensor:
        """x + part(norm(x)) with `norm_first`, else norm(x + part(x))."""
        if self.norm_first:
            return x + dropout(part(norm(x)))
        y: Tensor = norm(x + dropout(part(x)))
        return y


class TransformerEncoderLayer(_Layer):
    """Self-attention, then two linear layers, each added to its input and normalized.

    x = norm1(x + attention(x)), y = norm2(x + linear2(activation(linear1(x)))); with `norm_first`
    x + attention(norm1(x)) and so on. Shape: src (l, m, d_model), or, `batch_first`,
    (m, l, d_model); y likewise. `activation`: "relu", "gelu" or a function. Masks as in
    `MultiheadAttention`: True means not to be seen (Vaswani et al. 2017; Course 5, week 4).

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> layer = nn.TransformerEncoderLayer(d_model=8, nhead=2, dim_feedforward=16)
    >>> layer(dls.zeros(6, 4, 8)).shape
    (6, 4, 8)
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Activation = F.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: str | Device | None = None,
        dtype: DTypeLike | None = None,
        generator: Generator | None = None,
    ) -> None:
        self.self_attn = MultiheadAttention(
            d_model, nhead, dropout, bias, batch_first=batch_first, device=device, dtype=dtype,
            generator=generator)
        self.linear1 = Linear(d_model, dim_feedforward, bias, device, dtype, generator)
        self.dropout = Dropout(dropout, generator=generator)
        self.linear2 = Linear(dim_feedforward, d_model, bias, device, dtype, generator)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, layer_norm_eps, True, bias, device, dtype)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, True, bias, device, dtype)
        self.dropout1 = Dropout(dropout, generator=generator)
        self.dropout2 = Dropout(dropout, generator=generator)
        self.activation = _activation(activation)

    def forward(
        self, src: Tensor, src_mask: Any = None, src_key_padding_mask: Any = None,
        is_causal: bool = False,
    ) -> Tensor:
        def attend(x: Tensor) -> Tensor:
            y: Tensor = self.self_attn(
                x, x, x, key_padding_mask=src_key_padding_mask, need_weights=False,
                attn_mask=src_mask, is_causal=is_causal)[0]
            return y

        x = self._added(src, attend, self.norm1, self.dropout1)
        return self._added(x, self._feed_forward, self.norm2, self.dropout2)


class TransformerDecoderLayer(_Layer):
    """Self-attention, attention to `memory`, then two linear layers, each added and normalized.

    Shape: tgt (l, m, d_model), memory (s, m, d_model), or, `batch_first`, with m first; y as tgt.
    The rest as `TransformerEncoderLayer`.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> layer = nn.TransformerDecoderLayer(d_model=8, nhead=2, dim_feedforward=16)
    >>> layer(dls.zeros(5, 4, 8), dls.zeros(6, 4, 8)).shape
    (5, 4, 8)
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Activation = F.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: str | Device | None = None,
        dtype: DTypeLike | None = None,
        generator: Generator | None = None,
    ) -> None:
        self.self_attn, self.multihead_attn = (
            MultiheadAttention(
                d_model, nhead, dropout, bias, batch_first=batch_first, device=device,
                dtype=dtype, generator=generator)
            for _ in range(2)
        )
        self.linear1 = Linear(d_model, dim_feedforward, bias, device, dtype, generator)
        self.dropout = Dropout(dropout, generator=generator)
        self.linear2 = Linear(dim_feedforward, d_model, bias, device, dtype, generator)
        self.norm_first = norm_first
        self.norm1, self.norm2, self.norm3 = (
            LayerNorm(d_model, layer_norm_eps, True, bias, device, dtype) for _ in range(3))
        self.dropout1, self.dropout2, self.dropout3 = (
            Dropout(dropout, generator=generator) for _ in range(3))
        self.activation = _activation(activation)

    def forward(
        self, tgt: Tensor, memory: Tensor, tgt_mask: Any = None, memory_mask: Any = None,
        tgt_key_padding_mask: Any = None, memory_key_padding_mask: Any = None,
        tgt_is_causal: bool = False, memory_is_causal: bool = False,
    ) -> Tensor:
        def attend(x: Tensor) -> Tensor:
            y: Tensor = self.self_attn(
                x, x, x, key_padding_mask=tgt_key_padding_mask, need_weights=False,
                attn_mask=tgt_mask, is_causal=tgt_is_causal)[0]
            return y

        def look(x: Tensor) -> Tensor:
            y: Tensor = self.multihead_attn(
                x, memory, memory, key_padding_mask=memory_key_padding_mask, need_weights=False,
                attn_mask=memory_mask, is_causal=memory_is_causal)[0]
            return y

        x = self._added(tgt, attend, self.norm1, self.dropout1)
        x = self._added(x, look, self.norm2, self.dropout2)
        return self._added(x, self._feed_forward, self.norm3, self.dropout3)


class _Stack(Module):
    """`num_layers` copies of a layer, one after the other, and a norm at the end if given.

    The copies start with equal weights, as PyTorch's do: re-initialize them to train from scratch
    (`nn.Transformer` does), or they learn from equal beginnings.
    """

    def _copies(self, layer: Module, num_layers: int, norm: Module | None) -> None:
        if not is_whole(num_layers):
            raise ShapeError(f"a stack has a whole number of layers, not {num_layers!r}")
        self.layers = ModuleList(copy.deepcopy(layer) for _ in range(int(num_layers)))
        self.num_layers, self.norm = int(num_layers), norm


class TransformerEncoder(_Stack):
    """Stack of `num_layers` copies of an encoder layer, and a norm at the end if given.

    The copies start with equal weights, as PyTorch's do. `enable_nested_tensor` and `mask_check`
    are accepted for its sake and change nothing.
    Shape: as the layer; y as src.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> layer = nn.TransformerEncoderLayer(d_model=8, nhead=2, dim_feedforward=16)
    >>> nn.TransformerEncoder(layer, num_layers=2)(dls.zeros(6, 4, 8)).shape
    (6, 4, 8)
    """

    def __init__(
        self, encoder_layer: Module, num_layers: int, norm: Module | None = None,
        enable_nested_tensor: bool = True, mask_check: bool = True,
    ) -> None:
        self._copies(encoder_layer, num_layers, norm)

    def forward(
        self, src: Tensor, mask: Any = None, src_key_padding_mask: Any = None,
        is_causal: bool | None = None,
    ) -> Tensor:
        for layer in self.layers:
            src = layer(src, mask, src_key_padding_mask, bool(is_causal))
        return src if self.norm is None else self.norm(src)


class TransformerDecoder(_Stack):
    """Stack of `num_layers` copies of a decoder layer, and a norm at the end if given.

    The copies start with equal weights, as PyTorch's do.
    Shape: as the layer; y as tgt.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> layer = nn.TransformerDecoderLayer(d_model=8, nhead=2, dim_feedforward=16)
    >>> nn.TransformerDecoder(layer, num_layers=2)(dls.zeros(5, 4, 8), dls.zeros(6, 4, 8)).shape
    (5, 4, 8)
    """

    def __init__(
        self, decoder_layer: Module, num_layers: int, norm: Module | None = None
    ) -> None:
        self._copies(decoder_layer, num_layers, norm)

    def forward(
        self, tgt: Tensor, memory: Tensor, tgt_mask: Any = None, memory_mask: Any = None,
        tgt_key_padding_mask: Any = None, memory_key_padding_mask: Any = None,
        tgt_is_causal: bool | None = None, memory_is_causal: bool = False,
    ) -> Tensor:
        for layer in self.layers:
            tgt = layer(tgt, memory, tgt_mask, memory_mask, tgt_key_padding_mask,
                        memory_key_padding_mask, bool(tgt_is_causal), memory_is_causal)
        return tgt if self.norm is None else self.norm(tgt)


class Transformer(Module):
    """Encoder and decoder stacks, for embedded sequences src and tgt (Vaswani et al. 2017).

    Shape: src (s, m, d_model), tgt (l, m, d_model), or, `batch_first`, with m first; y as tgt.
    Weights start as Xavier's uniform, each layer's its own. Embeddings, positions and the last
    linear layer are not part of it. Masks as in `MultiheadAttention`; the decoder wants a causal
    `tgt_mask`.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> model = nn.Transformer(8, 2, num_encoder_layers=1, num_decoder_layers=1, dim_feedforward=16)
    >>> causal = nn.Transformer.generate_square_subsequent_mask(5)
    >>> model(dls.zeros(6, 4, 8), dls.zeros(5, 4, 8), tgt_mask=causal).shape
    (5, 4, 8)
    """

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Activation = F.relu,
        custom_encoder: Module | None = None,
        custom_decoder: Module | None = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: str | Device | None = None,
        dtype: DTypeLike | None = None,
        generator: Generator | None = None,
    ) -> None:
        options = (d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps,
                   batch_first, norm_first, bias, device, dtype, generator)

        def norm() -> LayerNorm:
            return LayerNorm(d_model, layer_norm_eps, bias=bias, device=device, dtype=dtype)

        self.encoder = custom_encoder if custom_encoder is not None else TransformerEncoder(
            TransformerEncoderLayer(*options), num_encoder_layers, norm())
        self.decoder = custom_decoder if custom_decoder is not None else TransformerDecoder(
            TransformerDecoderLayer(*options), num_decoder_layers, norm())
        self.d_model, self.nhead, self.batch_first = d_model, nhead, batch_first
        for parameter in self.parameters():
            if parameter.ndim > 1:
                init.xavier_uniform_(parameter, generator=generator)

    def forward(
        self, src: Tensor, tgt: Tensor, src_mask: Any = None, tgt_mask: Any = None,
        memory_mask: Any = None, src_key_padding_mask: Any = None,
        tgt_key_padding_mask: Any = None, memory_key_padding_mask: Any = None,
        src_is_causal: bool | None = None, tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        if src.shape[-1] != self.d_model or tgt.shape[-1] != self.d_model:
            raise ShapeError(
                f"src and tgt have {self.d_model} features:\n  src  {src.shape}\n"
                f"  tgt  {tgt.shape}"
            )
        memory = self.encoder(src, src_mask, src_key_padding_mask, src_is_causal)
        y: Tensor = self.decoder(
            tgt, memory, tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask,
            tgt_is_causal, memory_is_causal)
        return y

    @staticmethod
    def generate_square_subsequent_mask(
        sz: int, device: str | Device | None = None, dtype: DTypeLike | None = None
    ) -> Tensor:
        """The causal mask (sz, sz) of floats: 0 where a key may be seen, -inf after it."""
        if not is_whole(sz):
            raise ShapeError(f"a causal mask has a whole number of rows, not {sz!r}")
        later = np.triu(np.full((int(sz), int(sz)), -np.inf), 1)
        return Tensor(later.astype(float_dtype(dtype or default_dtype())), device=device)


def _activation(activation: str | Activation) -> Activation:
    if callable(activation):
        return activation
    if activation not in ("relu", "gelu"):
        raise DataError(f"activation is 'relu', 'gelu' or a function, not {activation!r}")
    return F.relu if activation == "relu" else F.gelu
