"""The reference's beam search (ClipCap's `generate_beam`), batched over photos and with cached keys and values.

First step: the best `beams` of log softmax. Then a finished beam may only continue with token 0 at no cost, live beams' lengths
grow by one, and the best `beams` of all continuations by mean log-probability survive. Ends when all are finished.
"""

import torch

BEAMS = 8


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


def captions(model, prefix, tokenizer, stop, beams=BEAMS, max_tokens=67):
    """The best caption of each photo as text; prefix [N,K,D]."""
    return [tokenizer.decode(found[0][0]).strip() for found in beam_search(model, prefix, stop, beams, max_tokens)]
