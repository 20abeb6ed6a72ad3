"""Writes test/fixtures/architectures: what small models of every encoder and mapper must compute, and what greedy decoding and
beam search must find, according to PyTorch in float32. Called by generate.py.

Weights, pixels and prefixes are noise that the tests make again (noise.weight, noise.tensor; seed 1 for models).
`expected.json`: the models' sizes as manifests have them, then tokens. `expected.safetensors`:
  {encoder}/image_embeds [2,d], {encoder}/patch_attention [2,L,H,T,T]   of pixels noise.tensor(7, encoder, [2,3,S,S])
  {encoder}/{mapper}/prefix [2,K,D], …/logits [2,V]                     of that encoder's embeddings, normalised or not
  {encoder}/transformer/mapper_attentions [2,L,H,C+K,C+K]
  decoder/logits [2,V], decoder/attentions [2,L,H,P+T,P+T], decoder/hidden_states [2,L+1,P+T,D]   of a prefix and tokens
"""

import json
from pathlib import Path

import architectures
import noise
import torch
from safetensors.torch import save

OUT = Path(__file__).resolve().parents[1] / "fixtures/architectures"
SEEDS = range(200)
TIE = 1e-4  # logits closer than this are called a tie


def recipe(size):
    return {
        "size": size, "resize": "shortest-edge", "resampling": "bicubic", "crop": "center",
        "mean": [0.48145466, 0.4578275, 0.40821073], "std": [0.26862954, 0.26130258, 0.27577711],
    }  # fmt: skip


def encoder(kind, size, embedding, normalize=False, **sizes):
    return {"kind": kind, "embeddingWidth": embedding, "normalize": normalize, "image": recipe(size), **sizes}


# Widths that are no multiples of 32 leave a block of quantised weights unfilled; grids differ from the stored positions' both ways.
ENCODERS = {
    "clip-vit": encoder("clip-vit", 32, 24, width=48, layers=3, heads=3, patchSize=8, activation="quick-gelu"),
    "clip-vit-gelu": encoder("clip-vit", 30, 20, True, width=32, layers=2, heads=2, patchSize=10, activation="gelu"),
    "clip-resnet": encoder("clip-resnet", 96, 28, True, width=8, layers=[2, 1, 2, 1], heads=4),
    "vit": encoder("vit", 32, 40, width=40, layers=2, heads=4, patchSize=8, hiddenWidth=96, epsilon=1e-12, positionGrid=3),
    "dinov2": encoder("dinov2", 56, 48, width=48, layers=2, heads=3, patchSize=14, hiddenWidth=192, epsilon=1e-6,
                      positionGrid=6, feedForward="mlp"),
    "dinov2-swiglu": encoder("dinov2", 28, 36, width=36, layers=2, heads=3, patchSize=14, hiddenWidth=96, epsilon=1e-6,
                             positionGrid=2, feedForward="swiglu"),
}  # fmt: skip
MAPPERS = {
    "mlp": {"kind": "mlp", "prefixLength": 4, "hiddenWidth": 40},
    "linear": {"kind": "linear", "prefixLength": 3},
    "transformer": {"kind": "transformer", "prefixLength": 4, "clipLength": 5, "layers": 2, "heads": 4},
}


def language_model(**sizes):
    defaults = {"architecture": "gpt2", "stopTokens": [13], "tuned": True, "context": 64, "vocabulary": 300}
    return defaults | sizes


LANGUAGE_MODELS = [
    language_model(width=64, layers=2, heads=4, tiedHead=True),
    language_model(width=48, layers=3, heads=3, tiedHead=False),
]
# One token in twenty ends a caption: some end early, some late, some are cut.
STOP = list(range(13, 500, 20))
SEARCH_MODELS = [
    language_model(width=64, layers=3, heads=4, tiedHead=True, vocabulary=500, stopTokens=STOP),
    language_model(width=48, layers=2, heads=3, tiedHead=False, vocabulary=500, stopTokens=STOP),
]
SEARCH = {"prefixLength": 6, "maxTokens": 30, "beams": 5}


def tensor(*arguments):
    return torch.from_numpy(noise.tensor(*arguments))


def main():
    torch.set_num_threads(1)  # models this small wait for threads longer than they compute
    OUT.mkdir(parents=True, exist_ok=True)
    with torch.inference_mode():
        tensors = embeddings_prefixes_logits() | decoder_variants()
        found = [searches(sizes) for sizes in SEARCH_MODELS]
    (OUT / "expected.safetensors").write_bytes(save({name: value.contiguous() for name, value in tensors.items()}))
    document = {"encoders": ENCODERS, "mappers": MAPPERS, "languageModels": LANGUAGE_MODELS, "search": SEARCH, "searches": found}
    text = json.dumps(document, separators=(",", ":")).replace('{"greedy"', '\n{"greedy"')
    (OUT / "expected.json").write_text(text + "\n", encoding="utf-8")
    size = sum(file.stat().st_size for file in OUT.iterdir())
    assert size < 1_000_000, size
    ties = [model["ties"] for model in found]
    print(f"{len(tensors)} tensors, {len(found)} × {len(SEEDS)} searches, {size} bytes in {OUT.name}; ties: {ties}")


def embeddings_prefixes_logits():
    tensors = {}
    for i, (name, sizes) in enumerate(ENCODERS.items()):
        size = sizes["image"]["size"]
        embeds, attention = architectures.ENCODERS[sizes["kind"]](1, sizes)(tensor(7, name, (2, 3, size, size)))
        if sizes["normalize"]:
            embeds = embeds / embeds.norm(dim=1, keepdim=True)
        tensors[f"{name}/image_embeds"] = embeds
        if attention is not None:
            tensors[f"{name}/patch_attention"] = attention
        for j, (kind, mapper) in enumerate(MAPPERS.items()):
            model = LANGUAGE_MODELS[(i + j) % 2]
            mapped = architectures.mapper(1, mapper, sizes["embeddingWidth"], model["width"])
            prefix, attentions = mapped(embeds)
            logits = architectures.gpt2(1, model)(inputs_embeds=prefix).logits[:, -1]
            tensors |= {f"{name}/{kind}/prefix": prefix, f"{name}/{kind}/logits": logits}
            if attentions is not None:
                tensors[f"{name}/{kind}/mapper_attentions"] = attentions
    return tensors


def decoder_variants():
    """Prefix noise.tensor(8, "prefix", [2,4,D]) and the tokens below, through the second language model."""
    sizes = LANGUAGE_MODELS[1]
    model = architectures.gpt2(1, sizes)
    prefix = tensor(8, "prefix", (2, 4, sizes["width"]))
    tokens = torch.tensor([[17, 0, 299], [5, 5, 120]])
    hidden = []
    hooks = [block.register_forward_hook(lambda _, __, out: hidden.append(out[0] if isinstance(out, tuple) else out))
             for block in model.transformer.h]  # fmt: skip
    # What enters the first block is its positions' sum with the embeddings.
    hooks.append(model.transformer.drop.register_forward_hook(lambda _, __, out: hidden.insert(0, out)))
    out = model(inputs_embeds=torch.cat([prefix, model.transformer.wte(tokens)], 1), output_attentions=True)
    for hook in hooks:
        hook.remove()
    return {
        "decoder/logits": out.logits[:, -1],
        "decoder/attentions": torch.stack(out.attentions, 1),
        "decoder/hidden_states": torch.stack(hidden, 1),
    }


def searches(sizes):
    """Greedy decoding and the reference's beam search, the whole sequence again at every step."""
    model = architectures.gpt2(1, sizes)
    prefixes = torch.cat([tensor(seed, "prefix", (1, SEARCH["prefixLength"], sizes["width"])) for seed in SEEDS])
    found = list(zip(greedy(model, prefixes, sizes["stopTokens"]), beam_search(model, prefixes, sizes["stopTokens"])))
    ties = [seed for seed, ((_, gap), _) in zip(SEEDS, found) if gap < TIE]
    assert len(ties) <= 2, ties
    return {"languageModel": sizes, "ties": ties, "results": [{"greedy": tokens, "beams": beams} for (tokens, _), beams in found]}


def last_logits(model, prefixes, tokens):
    """prefixes [N,K,D], tokens [N,T] → [N,V]"""
    embeds = torch.cat([prefixes, model.transformer.wte(tokens)], 1)
    return model.lm_head(model.transformer(inputs_embeds=embeds, use_cache=False).last_hidden_state[:, -1])


def greedy(model, prefixes, stop, max_tokens=SEARCH["maxTokens"]):
    """→ of each its tokens, and the smallest gap between first and second logit on the way"""
    tokens, gaps = torch.empty((len(prefixes), 0), dtype=torch.long), []
    while tokens.shape[1] < max_tokens:
        best = last_logits(model, prefixes, tokens).topk(2)
        gaps.append(best.values[:, 0] - best.values[:, 1])
        tokens = torch.cat([tokens, best.indices[:, :1]], 1)
    results = []
    for row, gap in zip(tokens.tolist(), torch.stack(gaps, 1)):
        length = next((i + 1 for i, token in enumerate(row) if token in stop), len(row))
        results.append((row[:length], gap[:length].min().item()))
    return results


def beam_search(model, prefixes, stop_tokens, max_tokens=SEARCH["maxTokens"]):
    """The reference's: mean log-probability decides, finished beams go on with token 0 at no cost. → of each [[tokens, score]]"""
    stop = torch.tensor(stop_tokens)
    beams = SEARCH["beams"]
    top = last_logits(model, prefixes, torch.empty((len(prefixes), 0), dtype=torch.long)).log_softmax(-1).topk(beams)
    states = [(t[:, None], s, torch.ones(beams), torch.isin(t, stop)) for t, s in zip(top.indices, top.values)]
    for _ in range(max_tokens - 1):
        tokens = torch.cat([state[0] for state in states])
        scores = last_logits(model, prefixes.repeat_interleave(beams, 0), tokens).log_softmax(-1)
        states = [advance(state, own, stop) for state, own in zip(states, scores.split(beams))]
    results = []
    for tokens, sums, lengths, _ in states:
        means = sums / lengths
        order = means.argsort(descending=True, stable=True)
        results.append([[tokens[i, : int(lengths[i])].tolist(), round(means[i].item(), 6)] for i in order])
    return results


def advance(state, scores, stop):
    """One image's beams and their continuations' log-probabilities [B,V] → the best B. Padding changes no finished beam."""
    tokens, sums, lengths, finished = state
    scores = scores.clone()
    scores[finished] = -float("inf")
    scores[finished, 0] = 0
    lengths = lengths + (~finished)
    best = ((sums[:, None] + scores) / lengths[:, None]).flatten().topk(len(sums))
    row, token = best.indices // scores.shape[1], best.indices % scores.shape[1]
    lengths, finished = lengths[row], finished[row] | torch.isin(token, stop)
    return torch.cat([tokens[row], token[:, None]], 1), best.values * lengths, lengths, finished


if __name__ == "__main__":
    main()
