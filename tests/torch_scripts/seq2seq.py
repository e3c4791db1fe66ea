"""Translation with an encoder of packed sequences, attention and teacher forcing."""

import torch
from torch import nn, optim
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

PAD, SOS, V, H = 0, 1, 9, 6


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(V, H, padding_idx=PAD)
        self.gru = nn.GRU(H, H, bidirectional=True)
        self.fc = nn.Linear(2 * H, H)

    def forward(self, src, lengths):
        packed = pack_padded_sequence(self.embedding(src), lengths.cpu(), enforce_sorted=False)
        outputs, hidden = self.gru(packed)
        outputs, _ = pad_packed_sequence(outputs)
        hidden = torch.tanh(self.fc(torch.cat((hidden[-2], hidden[-1]), dim=1)))
        return outputs, hidden


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.attn = nn.Linear(3 * H, H)
        self.v = nn.Parameter(torch.rand(H))

    def forward(self, hidden, outputs, mask):
        steps, batch = outputs.size(0), outputs.size(1)
        hidden = hidden.unsqueeze(1).repeat(1, steps, 1)
        outputs = outputs.permute(1, 0, 2)
        energy = torch.tanh(self.attn(torch.cat((hidden, outputs), dim=2)))
        v = self.v.repeat(batch, 1).unsqueeze(1)
        scores = torch.bmm(v, energy.transpose(1, 2)).squeeze(1)
        return F.softmax(scores.masked_fill(mask == 0, -1e10), dim=1)


class Seq2Seq(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.attention = Encoder(), Attention()
        self.embedding = nn.Embedding(V, H)
        self.cell = nn.GRUCell(3 * H, H)
        self.out = nn.Linear(H, V)

    def forward(self, src, lengths, trg, forced):
        outputs, hidden = self.encoder(src, lengths)
        mask = (src != PAD).permute(1, 0)
        batch, steps = trg.size(1), trg.size(0)
        scores = torch.zeros(steps, batch, V).to(src.device)
        token = trg[0, :]
        for t in range(1, steps):
            weights = self.attention(hidden, outputs, mask).unsqueeze(1)
            context = torch.bmm(weights, outputs.permute(1, 0, 2)).squeeze(1)
            hidden = self.cell(torch.cat([self.embedding(token), context], 1), hidden)
            scores[t] = self.out(hidden)
            top1 = scores[t].max(1)[1]
            token = trg[t] if forced[t] else top1
        return scores


def models():
    net = Seq2Seq()
    for name, param in net.named_parameters():
        if "weight" in name:
            nn.init.uniform_(param.data, -0.4, 0.4)
        else:
            nn.init.constant_(param.data, 0)
    return {"net": net}


def train(models, rng):
    model, losses = models["net"], []
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    criterion = nn.CrossEntropyLoss(ignore_index=PAD)
    for _ in range(3):
        lengths = torch.tensor([4, 2, 5])
        src = pad_sequence([torch.tensor(rng.integers(2, V, int(n))) for n in lengths])
        trg = torch.cat([torch.full((1, 3), SOS).long(), src[:4]], 0)
        optimizer.zero_grad()
        output = model(src, lengths, trg, rng.random(5) < 0.5)
        loss = criterion(output[1:].view(-1, output.shape[-1]), trg[1:].view(-1))
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1)
        optimizer.step()
        losses.append(loss.item())
    return losses
