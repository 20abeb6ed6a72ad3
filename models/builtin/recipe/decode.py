"""The reference's beam search (ClipCap's `generate_beam`), batched over photos and with cached keys and values; and the consensus of
its beams, the caption that has most in common with all of them (minimum Bayes risk, Kumar & Byrne 2004).

First step: the best `beams` of log softmax. Then a finished beam may only continue with token 0 at no cost, live beams' lengths
grow by one, and the best `beams` of all continuations by mean log-probability survive. Ends when all are finished.
"""

import math
from collections import Counter

import torch

BEAMS = 16
RUNS = 4


@torch.inference_mode()
def beam_search(model, prefix, stop, beams=4, max_tokens=67):
    """prefix [N,K,D] → for each photo its beams, best first: ([tokens], mean log-probability)."""
    n, transformer = len(prefix), model.gpt.transformer
    hidden, caches = transformer(prefix)
    log_p = torch.log_softmax(model.logits(hidden[:, -1]).float(), -1)
    sums, first = log_p.topk(beams, -1)  # [N,B]
    tokens, lengths, done = first[..., None], torch.ones(n, beams), first == stop
    rows = torch.arange(n).repeat_interleave(beams)
    for _ in range(max_tokens - 1):
        if done.all():
            break
        caches = [(k[rows], v[rows]) for k, v in caches]
        hidden, caches = transformer(model.embedding(tokens[..., -1].reshape(-1, 1)), caches)
        log_p = torch.log_softmax(model.logits(hidden[:, -1]).float(), -1).view(n, beams, -1)
        log_p = log_p.masked_fill(done[..., None], -torch.inf)
        log_p[..., 0] = torch.where(done, 0.0, log_p[..., 0])
        lengths = lengths + ~done
        means = ((sums[..., None] + log_p) / lengths[..., None]).flatten(1)
        means, best = means.topk(beams, -1)
        source, token = best // log_p.shape[-1], best % log_p.shape[-1]
        lengths, done = lengths.gather(1, source), done.gather(1, source)
        tokens = torch.cat([tokens.gather(1, source[..., None].expand(-1, -1, tokens.shape[-1])), token[..., None]], -1)
        sums = means * lengths
        done = done | (token == stop)
        rows = (torch.arange(n)[:, None] * beams + source).flatten()
    order = (sums / lengths).argsort(dim=1, descending=True, stable=True)
    return [[(tokens[i, b, : int(lengths[i, b])].tolist(), float(sums[i, b] / lengths[i, b])) for b in order[i]] for i in range(n)]


def agreement(a, b):
    """Mean Dice coefficient of the runs of 1 … RUNS tokens of two captions, given as lists of counters."""
    sizes = [sum(x.values()) + sum(y.values()) for x, y in zip(a, b)]
    return sum(2 * sum((x & y).values()) / size for x, y, size in zip(a, b, sizes) if size) / RUNS


def consensus(found, stop):
    """One photo's beams → the same, first those with the largest Σⱼ exp(scoreⱼ) · agreement."""
    ids = [[t for t in tokens if t != stop] for tokens, _ in found]
    runs = [[Counter(zip(*[i[k:] for k in range(n)])) for n in range(1, RUNS + 1)] for i in ids]
    expected = [sum(math.exp(score) * agreement(mine, other) for other, (_, score) in zip(runs, found)) for mine in runs]
    return [found[i] for i in sorted(range(len(found)), key=lambda i: -expected[i])]


def captions(model, prefix, tokenizer, stop, beams=BEAMS, agreed=True, max_tokens=67):
    """The best caption of each photo as text; prefix [N,K,D]. Without `agreed` the likeliest, else that of the consensus."""
    found = beam_search(model, prefix, stop, beams, max_tokens)
    best = [consensus(one, stop)[0] if agreed else one[0] for one in found]
    return [tokenizer.decode(tokens).strip() for tokens, _ in best]
