"""A language model: attention written out, masks, positions as a buffer, and the library's own."""

import math
from copy import deepcopy

import torch
import torch.nn as nn
import torch.nn.functional as F

V, D, HEADS, T = 11, 8, 2, 6


class LayerNorm(nn.Module):
    def __init__(self, features, eps=1e-6):
        super().__init__()
        self.a_2 = nn.Parameter(torch.ones(features))
        self.b_2 = nn.Parameter(torch.zeros(features))
        self.eps = eps

    def forward(self, x):
        mean, std = x.mean(-1, keepdim=True), x.std(-1, keepdim=True)
        return self.a_2 * (x - mean) / (std + self.eps) + self.b_2


class PositionalEncoding(nn.Module):
    def __init__(self):
        super().__init__()
        pe = torch.zeros(T, D)
        position = torch.arange(0, T).unsqueeze(1).float()
        div_term = torch.exp(torch.arange(0, D, 2).float() * -(math.log(10000.0) / D))
        pe[:, 0::2] = torch.sin(position * div_term)
        pe[:, 1::2] = torch.cos(position * div_term)
        self.register_buffer("pe", pe.unsqueeze(0))

    def forward(self, x):
        return x + self.pe[:, : x.size(1)].requires_grad_(False)


class SelfAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv, self.proj = nn.Linear(D, 3 * D), nn.Linear(D, D)
        self.register_buffer("bias", torch.tril(torch.ones(T, T)).view(1, 1, T, T))

    def forward(self, x):
        B, steps, C = x.size()
        q, k, v = self.qkv(x).split(D, dim=2)
        q, k, v = (h.view(B, steps, HEADS, C // HEADS).transpose(1, 2) for h in (q, k, v))
        att = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(k.size(-1)))
        att = att.masked_fill(self.bias[:, :, :steps, :steps] == 0, float("-inf"))
        y = F.softmax(att, dim=-1) @ v
        return self.proj(y.transpose(1, 2).contiguous().view(B, steps, C))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.norm2, self.attn = LayerNorm(D), nn.LayerNorm(D), SelfAttention()
        layers = {"up": nn.Linear(D, 2 * D), "act": nn.GELU(), "down": nn.Linear(2 * D, D)}
        self.mlp = nn.ModuleDict(layers)

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        m = self.mlp
        return x + m.down(m.act(m.up(self.norm2(x))))


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.position = nn.Embedding(V, D), PositionalEncoding()
        block = Block()
        self.blocks = nn.ModuleList([deepcopy(block) for _ in range(2)])
        layer = nn.TransformerEncoderLayer(D, HEADS, 16, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, num_layers=1)
        self.head = nn.Linear(D, V, bias=False)
        for p in self.parameters():
            if p.dim() > 1:
                nn.init.xavier_uniform_(p)

    def forward(self, tokens):
        x = self.position(self.embed(tokens) * math.sqrt(D))
        for block in self.blocks:
            x = block(x)
        mask = torch.triu(torch.full((tokens.size(1),) * 2, float("-inf")), diagonal=1)
        return self.head(self.encoder(x, mask=mask))


def models():
    return {"net": Model()}


@torch.no_grad()
def generate(model, tokens, n):
    model.eval()
    for _ in range(n):
        logits = model(tokens[:, -T:])[:, -1, :]
        values, _ = torch.topk(logits, 3)
        logits[logits < values[:, [-1]]] = -float("Inf")
        _, best = torch.topk(F.softmax(logits, dim=-1), k=1, dim=-1)
        tokens = torch.cat((tokens, best), dim=1)
    return tokens


def train(models, rng):
    model, losses = models["net"], []
    decay = [p for p in model.parameters() if p.dim() >= 2]
    rest = [p for p in model.parameters() if p.dim() < 2]
    groups = [{"params": decay, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1e-2, betas=(0.9, 0.95))
    warm = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / 2))
    for _ in range(3):
        batch = torch.from_numpy(rng.integers(0, V, (4, T + 1)))
        x, y = batch[:, :-1].contiguous(), batch[:, 1:]
        logits = model(x)
        loss = F.cross_entropy(logits.view(-1, logits.size(-1)), y.reshape(-1), ignore_index=-1)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        warm.step()
        losses.append(loss.item())
    losses += generate(model, x[:2], 3).flatten().tolist()
    return losses
