"""ClipCap: an MLP maps an image embedding to K prefix rows, a GPT-2 continues them with a caption.

Module names and layouts are those of ClipCap checkpoints (Mokady et al. 2021): `clip_project.model.{0,2}` are PyTorch linears
[out,in]; `gpt.transformer.*` are GPT-2's, linears [in,out]. The output head is the token embedding.
"""

import torch
import torch.nn.functional as F
from torch import nn

PREFIX, WIDTH, LAYERS, HEADS, CONTEXT, HIDDEN = 10, 256, 4, 4, 96, 512


class Conv1D(nn.Module):
    """GPT-2's linear: x·W + b with W [in,out]."""

    def __init__(self, inputs, outputs, std=0.02):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(inputs, outputs) * std)
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x):
        return F.linear(x, self.weight.t(), self.bias)


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.c_attn = Conv1D(WIDTH, 3 * WIDTH)
        self.c_proj = Conv1D(WIDTH, WIDTH, 0.02 / (2 * LAYERS) ** 0.5)

    def forward(self, x, past):
        n, t, _ = x.shape
        q, k, v = self.c_attn(x).view(n, t, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4)
        if past is not None:
            k, v = torch.cat([past[0], k], 2), torch.cat([past[1], v], 2)
        scores = (q * (WIDTH // HEADS) ** -0.5) @ k.transpose(2, 3)
        if past is None:  # short sequences: plain products beat the fused kernel's backward pass on a CPU
            scores = scores + torch.full((t, t), -torch.inf, dtype=scores.dtype).triu(1)
        y = scores.softmax(-1).to(v.dtype) @ v
        return self.c_proj(y.transpose(1, 2).reshape(n, t, WIDTH)), (k, v)


class MLP(nn.Module):
    def __init__(self):
        super().__init__()
        self.c_fc = Conv1D(WIDTH, 4 * WIDTH)
        self.c_proj = Conv1D(4 * WIDTH, WIDTH, 0.02 / (2 * LAYERS) ** 0.5)

    def forward(self, x):
        return self.c_proj(F.gelu(self.c_fc(x), approximate="tanh"))


class Block(nn.Module):
    def __init__(self, dropout):
        super().__init__()
        self.ln_1, self.attn, self.ln_2, self.mlp = nn.LayerNorm(WIDTH), Attention(), nn.LayerNorm(WIDTH), MLP()
        self.drop = nn.Dropout(dropout)

    def forward(self, x, past):
        y, past = self.attn(self.ln_1(x), past)
        x = x + self.drop(y)
        return x + self.drop(self.mlp(self.ln_2(x))), past


class Transformer(nn.Module):
    """embeddings [N,T,D] (+ per-layer keys and values [N,H,S,D/H] of earlier positions) → hidden [N,T,D], all keys and values.
    With a past, T must be 1."""

    def __init__(self, vocabulary, dropout):
        super().__init__()
        self.wte = nn.Embedding(vocabulary, WIDTH)
        self.wpe = nn.Embedding(CONTEXT, WIDTH)
        self.h = nn.ModuleList([Block(dropout) for _ in range(LAYERS)])
        self.ln_f, self.drop = nn.LayerNorm(WIDTH), nn.Dropout(dropout)
        nn.init.normal_(self.wte.weight, std=0.02)
        nn.init.normal_(self.wpe.weight, std=0.01)

    def forward(self, embeddings, past=None):
        start = past[0][0].shape[2] if past else 0
        x = self.drop(embeddings + self.wpe.weight[start : start + embeddings.shape[1]])
        caches = []
        for i, block in enumerate(self.h):
            x, cache = block(x, past[i] if past else None)
            caches.append(cache)
        return self.ln_f(x), caches


class GPT(nn.Module):
    def __init__(self, vocabulary, dropout):
        super().__init__()
        self.transformer = Transformer(vocabulary, dropout)


class Mapper(nn.Module):
    """image_embeds [N,d] → prefix [N,K,D]. Dropout on the embedding and the hidden layer while training."""

    def __init__(self, width, dropout):
        super().__init__()
        self.model = nn.Sequential(nn.Linear(width, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, PREFIX * WIDTH))
        self.drop = nn.Dropout(dropout)

    def forward(self, x):
        hidden = self.model[1](self.model[0](self.drop(x)))
        return self.model[2](self.drop(hidden)).view(-1, PREFIX, WIDTH)


class ClipCap(nn.Module):
    def __init__(self, vocabulary, features, dropout=0.1, mapper_dropout=0.3):
        super().__init__()
        self.clip_project, self.gpt = Mapper(features, mapper_dropout), GPT(vocabulary, dropout)

    @property
    def embedding(self):
        return self.gpt.transformer.wte

    def logits(self, hidden):
        return F.linear(hidden, self.embedding.weight)

    def caption_logits(self, prefix, tokens, counts=None):
        """Teacher forcing: prefix [N,K,D], tokens [N,T] → logits [N,T,V]; row t predicts tokens[:, t].
        With a mask `counts` [N,T], the logits [n,V] of those positions only."""
        embedded = torch.cat([prefix.to(self.embedding.weight.dtype), self.embedding(tokens[:, :-1])], 1)
        hidden, _ = self.gpt.transformer(embedded)
        hidden = hidden[:, PREFIX - 1 :]
        return self.logits(hidden if counts is None else hidden[counts])
