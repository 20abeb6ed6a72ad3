"""The language model learns to write captions from words in its prefix, from captions without photos.

Each prefix row is the token embedding of a content word drawn from any caption of the same photo, at a random position; some
words are left out (a learned blank) or wrong. So the decoder starts out reading word embeddings, and the mapper, when it comes,
only has to name what is in the picture: its prefixes read as words.
"""

import time

import numpy as np
import torch
import torch.nn.functional as F

import encoder
import schedule
from batches import by_length
from keywords import keyword_tokens
from model import PREFIX, ClipCap

BLANK = -1


def sample_keywords(bag, frequent, rng):
    """PREFIX tokens: `bag` with words dropped (BLANK) or replaced by a word of another photo (`frequent`)."""
    keep = rng.uniform(0.2, 1.0)
    chosen = rng.choice(bag, PREFIX) if len(bag) else np.full(PREFIX, BLANK)
    wrong = rng.random(PREFIX) < 0.1
    chosen = np.where(wrong, rng.choice(frequent, PREFIX), chosen)
    return np.where(rng.random(PREFIX) < keep, chosen, BLANK)


def keyword_prefix(model, keywords, blank, noise=0.3):
    """Tokens [N,K] (BLANK where empty) → rows [N,K,D] with some noise, relative to the embeddings' own spread."""
    table = model.embedding.weight
    rows = torch.where((keywords == BLANK)[..., None], blank, table[keywords.clamp(min=0)])
    return rows + noise * table.std().detach() * torch.randn_like(rows)


def pretrain(groups, tokenizer, epochs=4, batch=128, rate=1.5e-3, features=encoder.WIDTH, seed=1, log=print):
    """groups: lists of captions of one photo each → ClipCap whose language model is trained (its mapper is not)."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    encoded = [[e.ids for e in tokenizer.encode_batch(g)] for g in groups]
    bags = [np.array([t for c in g for t in keyword_tokens(tokenizer, c)], int) for g in groups]
    owner = np.array([i for i, g in enumerate(encoded) for _ in g])
    rows = [np.array(ids) for g in encoded for ids in g]
    usable = np.array([len(r) <= 40 for r in rows])
    owner, rows = owner[usable], [r for r, u in zip(rows, usable) if u]
    lengths = np.array([len(r) for r in rows])
    frequent = np.concatenate(bags)
    model = ClipCap(tokenizer.get_vocab_size(), features, dropout=0.1)
    blank = torch.nn.Parameter(torch.zeros(model.embedding.weight.shape[1]))
    total = epochs * len(by_length(lengths, batch, np.random.default_rng(0)))
    optimizer = schedule.optimiser([(model.gpt.parameters(), rate), ([blank], rate)], 0.05)
    scheduler, average = schedule.rate(optimizer, total), schedule.Average(model, 0.998)
    model.train()
    for epoch in range(epochs):
        start, losses = time.time(), []
        for numbers in by_length(lengths, batch, rng):
            tokens = torch.from_numpy(np.stack([rows[i] for i in numbers]))
            keywords = torch.from_numpy(np.stack([sample_keywords(bags[owner[i]], frequent, rng) for i in numbers]))
            with torch.autocast("cpu", torch.bfloat16):
                logits = model.caption_logits(keyword_prefix(model, keywords, blank), tokens)
                loss = F.cross_entropy(logits.float().flatten(0, 1), tokens.flatten(), label_smoothing=0.05)
            schedule.step(loss, model, optimizer, scheduler, average)
            losses.append(loss.item())
            if len(losses) % 100 == 0:
                log(f"pretrain {epoch + 1} step {len(losses)}: loss {np.mean(losses[-100:]):.3f}, {time.time() - start:.0f} s", flush=True)
        log(f"pretrain epoch {epoch + 1}: loss {np.mean(losses):.3f}, {time.time() - start:.0f} s", flush=True)
    return average.model
