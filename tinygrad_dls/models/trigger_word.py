"""The course's network that hears a trigger word: a convolution over time, then two GRUs."""

from __future__ import annotations

from typing import Any

from ..nn import GRU, BatchNorm1d, Conv1d, Dropout, Linear, Module
from ..tensors import Tensor


class TriggerWord(Module):
    """A spectrogram to a logit for each of 1,375 moments: the word has just ended, or not.

    In one direction only, so that it can listen as a clip goes on (Course 5, week 3). With the
    course's sizes, for 10 s of sound at 44,100 Hz, `audio.spectrogram(...)`:

    | layer                                     | output           | parameters |
    |-------------------------------------------|------------------|------------|
    | input, bands x frames                     | (m, 101, 5511)   |            |
    | conv 15 wide, stride 4                    | (m, 196, 1375)   | 297,136    |
    | batch norm, ReLU, dropout                 | (m, 196, 1375)   | 392        |
    | GRU, dropout, batch norm                  | (m, 128, 1375)   | 125,440    |
    | GRU, dropout, batch norm, dropout         | (m, 128, 1375)   | 99,328     |
    | linear, at each moment                    | (m, 1375)        | 129        |

    522,425 parameters. Keras counts the 904 running means and variances of batch norm as well, and
    says 523,329. The last layer gives logits: the sigmoid is in the loss, and in `sigmoid()`.
    """

    def __init__(
        self, in_channels: int = 101, channels: int = 196, hidden: int = 128, dropout: float = 0.8
    ) -> None:
        self.conv = Conv1d(in_channels, channels, 15, stride=4)
        self.norm = BatchNorm1d(channels)
        self.gru1 = GRU(channels, hidden, batch_first=True)
        self.norm1 = BatchNorm1d(hidden)
        self.gru2 = GRU(hidden, hidden, batch_first=True)
        self.norm2 = BatchNorm1d(hidden)
        self.fc = Linear(hidden, 1)
        self.dropout = Dropout(dropout)

    def forward(self, x: Any) -> Tensor:
        """Spectrograms (m, in_channels, frames) to logits (m, (frames - 15) // 4 + 1)."""
        h = self.dropout(self.norm(self.conv(x)).relu()).swapaxes(1, 2)  # (m, T, channels)
        h = self.dropout(self.gru1(h)[0]).swapaxes(1, 2)  # (m, hidden, T)
        h = self.dropout(self.gru2(self.norm1(h).swapaxes(1, 2))[0]).swapaxes(1, 2)
        return self.fc(self.dropout(self.norm2(h)).swapaxes(1, 2))[:, :, 0]


def trigger_word(**options: Any) -> TriggerWord:
    """Make the course's network of 522,425 parameters; `options` are those of `TriggerWord`."""
    return TriggerWord(**options)
