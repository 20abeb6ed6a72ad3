"""Mapper and language model learn together: photos with their captions, and stand-ins for photos with captions of their own."""

import copy
import time
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

import schedule
from batches import by_length

LONGEST = 40


@dataclass
class Settings:
    steps: int = 900
    real: int = 32  # photos in a batch
    stand_ins: int = 96  # stand-ins in a batch
    mapper_rate: float = 1e-3
    language_rate: float = 3e-4
    weight_decay: float = 0.05
    smoothing: float = 0.1
    noise: float = 0.3  # added to standardised embeddings
    mapper_dropout: float = 0.5
    dropout: float = 0.15
    decay: float = 0.995
    seed: int = 1


def consensus_weights(agreement):
    """CIDEr-D of a group's captions against each other → training weights around 1: odd captions count less."""
    return [[0.25 + c / max(1e-6, float(np.mean(group))) for c in group] for group in agreement]


class Captions:
    """Tokens of caption groups; draws batches of equally long captions for ever."""

    def __init__(self, groups, tokenizer, weights=None):
        encoded = [[e.ids for e in tokenizer.encode_batch(g)] for g in groups]
        kept = [(i, ids, weights[i][j] if weights else 1.0) for i, g in enumerate(encoded) for j, ids in enumerate(g) if len(ids) <= LONGEST]
        self.owner = np.array([i for i, _, _ in kept])
        self.tokens = [np.array(ids) for _, ids, _ in kept]
        self.lengths = np.array([len(ids) for _, ids, _ in kept])
        self.weights = np.array([w for _, _, w in kept])
        self.weights /= self.weights.max()

    def batches(self, size, rng):
        """(owners [n], tokens [n,T], weights [n]) for ever."""
        while True:
            for numbers in by_length(self.lengths, size, rng):
                yield self.owner[numbers], torch.from_numpy(np.stack([self.tokens[i] for i in numbers])), self.weights[numbers]


def finetune(start, real, real_captions, stand_in, text_captions, standard, settings, log=print):
    """start: pretrained ClipCap (kept as it is); real: raw features [P, views, encoder.WIDTH]; stand_in(numbers, rng) → raw features;
    standard: (mean, std) of raw features; *_captions: Captions. Returns the averaged model."""
    s = settings
    torch.manual_seed(s.seed)
    rng = np.random.default_rng(s.seed)
    mean, std = standard
    model = copy.deepcopy(start).train()
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = s.dropout
    model.clip_project.drop.p = s.mapper_dropout
    optimizer = schedule.optimiser([(model.clip_project.parameters(), s.mapper_rate), (model.gpt.parameters(), s.language_rate)], s.weight_decay)
    scheduler, average = schedule.rate(optimizer, s.steps), schedule.Average(model, s.decay)
    photos = real_captions.batches(s.real, rng)
    texts = text_captions.batches(s.stand_ins, rng)
    begun, losses = time.time(), []

    def features_and_tokens(source):
        owners, tokens, weights = next(photos if source == "real" else texts)
        if source == "real":
            raw = real[owners, rng.integers(0, real.shape[1], len(owners))].float()
        else:
            raw = stand_in(owners, rng)
        x = (raw - mean) / std
        return x + s.noise * torch.randn_like(x), tokens, torch.from_numpy(weights).float()

    for number in range(1, s.steps + 1):
        losses_now, batches = [], [features_and_tokens("real"), features_and_tokens("stand-ins")]
        with torch.autocast("cpu", torch.bfloat16):
            for (x, tokens, weights), size in zip(batches, (s.real, s.stand_ins)):
                logits = model.caption_logits(model.clip_project(x), tokens)
                each = F.cross_entropy(logits.float().flatten(0, 1), tokens.flatten(), label_smoothing=s.smoothing, reduction="none")
                losses_now.append((each.view(tokens.shape).mean(1) * weights).sum() / weights.sum() * size)
        schedule.step(sum(losses_now) / (s.real + s.stand_ins), model, optimizer, scheduler, average)
        losses.append([v.item() / max(1, n) for v, n in zip(losses_now, (s.real, s.stand_ins))])
        if number % 100 == 0:
            log(f"finetune step {number}: loss {np.round(np.mean(losses[-100:], 0), 3)}, {time.time() - begun:.0f} s", flush=True)
    return average.model
