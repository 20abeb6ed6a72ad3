"""Scores of a model on photos it has not seen."""

import numpy as np
import torch
import torch.nn.functional as F

import metrics
from decode import captions
from keywords import content_words

TOP = 4
SMALL = 200  # px, long side


def nearest_words(prefix, embedding, tokenizer, top=TOP):
    """The words among the `top` tokens nearest by cosine to each row of prefix [K,D]."""
    near = (F.normalize(prefix, dim=-1) @ F.normalize(embedding, dim=-1).T).topk(top, -1).indices
    return {tokenizer.decode([t]).strip().lower() for t in near.flatten().tolist()}


def naming(prefixes, embedding, tokenizer, groups, shuffles=20, samples=2000, seed=1):
    """Share of photos with a reference word among the nearest words of their prefix, and of other photos' prefixes; the
    difference with its 95 % bootstrap interval over photos."""
    rng = np.random.default_rng(seed)
    named = [nearest_words(p, embedding, tokenizer) for p in prefixes]
    references = [set(content_words(" ".join(g))) for g in groups]
    true = np.array([bool(n & r) for n, r in zip(named, references)], float)
    orders = [np.roll(np.arange(len(named)), k) for k in rng.choice(np.arange(1, len(named)), min(shuffles, len(named) - 1), False)]
    other = np.array([[bool(named[j] & r) for j, r in zip(order, references)] for order in orders], float).mean(0)
    draws = rng.integers(0, len(true), (samples, len(true)))
    low, high = np.percentile((true - other)[draws].mean(1), [2.5, 97.5])
    return {"own": true.mean(), "shuffled": other.mean(), "difference": (true - other).mean(), "interval": [low, high]}


METRIC = (
    "CIDEr-D with the document frequencies of the evaluated photos of a fold, BLEU-4; lower case, punctuation dropped; 8 beams, "
    "Beam4 with 4; "
    "float32 weights; each fold by a model that was trained on the other photos with the pack's settings"
)


def summary(folds):
    """Every fold's scores and their means with standard deviations, rounded to four digits."""
    numbers = [name for name, value in folds[0].items() if isinstance(value, float)]
    mean = {n: {"mean": float(np.mean([f[n] for f in folds])), "sd": float(np.std([f[n] for f in folds]))} for n in numbers}
    return rounded({"metric": METRIC, "folds": len(folds), "mean": mean, "each": folds})


def rounded(value):
    if isinstance(value, dict):
        return {name: rounded(part) for name, part in value.items()}
    return [rounded(part) for part in value] if isinstance(value, list) else round(value, 4) if isinstance(value, float) else value


@torch.inference_mode()
def evaluate(model, embeds, groups, sides, tokenizer, stop):
    """embeds: standardised [N,d]. Returns (scores, captions)."""
    prefix = model.clip_project(embeds)
    written = captions(model, prefix, tokenizer, stop)
    narrower = captions(model, prefix, tokenizer, stop, beams=4)
    ciders = np.array(metrics.cider(written, groups))
    small = np.asarray(sides) <= SMALL
    pick = lambda mask: ([c for c, m in zip(written, mask) if m], [g for g, m in zip(groups, mask) if m])  # noqa: E731
    own = naming(prefix, model.embedding.weight, tokenizer, groups)
    scores = {
        "photos": len(groups), "cider": ciders.mean(), "bleu4": metrics.bleu(written, groups)[3],
        "ciderBeam4": np.mean(metrics.cider(narrower, groups)), "bleu4Beam4": metrics.bleu(narrower, groups)[3],
        "ciderSmall": ciders[small].mean(), "bleu4Small": metrics.bleu(*pick(small))[3], "small": int(small.sum()),
        "ciderLarge": ciders[~small].mean(), "bleu4Large": metrics.bleu(*pick(~small))[3],
        "differentCaptions": len(set(written)) / len(written), "namingOwn": own["own"], "namingShuffled": own["shuffled"],
        "namingDifference": own["difference"], "namingInterval": own["interval"],
    }  # fmt: skip
    return {name: float(v) if isinstance(v, np.floating) else v for name, v in scores.items()}, written
