"""Writes test/fixtures/lens: what the Prefix Lens must show of the built-in pack, computed in float64 from the stored weights, formula
by formula (docs/lens.md), without a cache, a batch or ONNX Runtime.

    python test/parity/generate_lens.py        (also run by generate.py)

`inputs.safetensors`: rows [24,D] to find the nearest tokens of; prefix and other [K,D], of two photos; mean [K,D].
`expected.json`: the views of them. Scores of nearest tokens are in the metric's unit, log-probabilities natural.
"""

import json

import numpy as np
import torch
import torch.nn.functional as F
from reference import ROOT, Pack
from safetensors.torch import load_file, save

OUT = ROOT / "test/fixtures/lens"
PHOTO, OTHER = "chelsea.jpg", "coffee.jpg"
NEAREST, TOP, GRID, WORD = 8, 3, 3, " dog"


def nearest(rows, table):
    """Four metrics, each with ids and scores, best first, ties by lower id."""
    mean = table.mean(0)
    unit = lambda x: x / x.norm(dim=-1, keepdim=True)
    scores = {
        "cosine": unit(rows) @ unit(table).T,
        "dot": rows @ table.T,
        "euclidean": -torch.cdist(rows, table, compute_mode="donot_use_mm_for_euclid_dist"),
        "centred": unit(rows - mean) @ unit(table - mean).T,
    }
    found = {}
    for metric, values in scores.items():
        ids = values.sort(dim=-1, descending=True, stable=True).indices[:, :NEAREST]
        found[metric] = {"ids": ids.tolist(), "scores": values.gather(1, ids).tolist()}
    return found


class Gpt2:
    """A plain forward pass that keeps what it sees."""

    def __init__(self, state, layers, heads):
        self.w = {k.removeprefix("gpt.transformer."): v.double() for k, v in state.items() if k.startswith("gpt.transformer.")}
        self.layers, self.heads = layers, heads
        self.table = self.w["wte.weight"]

    def norm(self, x, name):
        return F.layer_norm(x, x.shape[-1:], self.w[name + ".weight"], self.w[name + ".bias"])

    def linear(self, x, name):
        return x @ self.w[name + ".weight"] + self.w[name + ".bias"]

    def run(self, prefix, tokens):
        """prefix [P,D], T ids → hidden states [L+1,P+T,D], attention [L,H,P+T,P+T]."""
        x = torch.cat([prefix, self.table[torch.tensor(tokens, dtype=torch.long)]]) if tokens else prefix
        x = x + self.w["wpe.weight"][: len(x)]
        mask = torch.full((len(x), len(x)), -torch.inf, dtype=torch.float64).triu(1)
        hidden, attention = [x], []
        for layer in range(self.layers):
            h = f"h.{layer}"
            q, k, v = (
                part.view(len(x), self.heads, -1).transpose(0, 1)
                for part in self.linear(self.norm(x, h + ".ln_1"), h + ".attn.c_attn").chunk(3, -1)
            )
            weights = (q @ k.transpose(1, 2) / q.shape[-1] ** 0.5 + mask).softmax(-1)
            attention.append(weights)
            x = x + self.linear((weights @ v).transpose(0, 1).reshape(x.shape), h + ".attn.c_proj")
            inner = F.gelu(self.linear(self.norm(x, h + ".ln_2"), h + ".mlp.c_fc"), approximate="tanh")
            x = x + self.linear(inner, h + ".mlp.c_proj")
            hidden.append(x)
        return torch.stack(hidden), torch.stack(attention)

    def log_probs(self, states, final_norm=True):
        return (self.norm(states, "ln_f") if final_norm else states).matmul(self.table.T).log_softmax(-1)

    def forced(self, prefix, tokens):
        """Log-probability of each token [T]."""
        hidden, _ = self.run(prefix, tokens[:-1])
        rows = self.log_probs(hidden[-1][len(prefix) - 1 :])
        return rows.gather(1, torch.tensor(tokens)[:, None])[:, 0]


def best(log_probs, count):
    values, ids = log_probs.topk(count, dim=-1)
    return {"ids": ids.tolist(), "logProbs": values.tolist()}


def occlusion(pack, gpt, values, tokens, whole):
    """Old − occluded log-probability, of each token, [GRID][GRID][T]."""
    size = values.shape[-1]
    edges = [i * size // GRID for i in range(GRID + 1)]
    cells = []
    for row in range(GRID):
        for column in range(GRID):
            hidden = values.clone()
            hidden[:, edges[row] : edges[row + 1], edges[column] : edges[column + 1]] = 0
            prefix = pack.prefix(pack.embed(hidden[None]))[0].double()
            cells.append((whole - gpt.forced(prefix, tokens)).tolist())
    return [cells[row * GRID : (row + 1) * GRID] for row in range(GRID)]


def rounded(value):
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return round(value, 7) if isinstance(value, float) else value


@torch.inference_mode()
def main():
    torch.set_num_threads(2)
    folder = ROOT / "models/builtin"
    pack = Pack(folder)
    language = pack.manifest["languageModel"]
    gpt = Gpt2(pack.model.state_dict(), language["layers"], language["heads"])
    table = gpt.table
    generator = torch.Generator().manual_seed(5)
    rows = torch.randn(24, table.shape[1], generator=generator)
    # Short and long ones; some close to a token, one a token itself, one beside the mean.
    rows *= torch.logspace(-1.5, 1, 24)[:, None]
    rows[3:8] = table[[11, 700, 1500, 2900, 4000]].float() + 0.02 * rows[3:8]
    rows[8] = table[1234].float()
    rows[9] = table.mean(0).float() + 0.05 * rows[9]
    values = [torch.as_tensor(pack.pixel_values([pack.pixels(ROOT / "test/fixtures/photos" / name)])[0]) for name in (PHOTO, OTHER)]
    embeds = [pack.embed(value[None]) for value in values]
    stored = [pack.prefix(embed)[0].contiguous() for embed in embeds]
    prefix, other = (one.double() for one in stored)
    mean = load_file(folder / "statistics.safetensors")["prefix_mean"]
    tokens, score = pack.search(stored[0][None], pack.manifest["decoding"]["beams"])[0][0]
    count = len(prefix)

    hidden, attention = gpt.run(prefix, tokens)
    seen = attention[:, :, count - 1 : count - 1 + len(tokens), :]
    sampled = gpt.log_probs(hidden[-1][count - 1 : -1])
    whole = gpt.forced(prefix, tokens)
    word = pack.tokenizer.encode(WORD, add_special_tokens=False)
    word = getattr(word, "ids", word)
    changed = {
        **{f"drop {p}": torch.cat([prefix[:p], prefix[p + 1 :]]) for p in range(count)},
        "mean-replace 2": torch.cat([prefix[:2], mean[2:3].double(), prefix[3:]]),
        "swap 4": torch.cat([prefix[:4], other[4:5], prefix[5:]]),
        "insert 0": torch.cat([table[word], prefix]),
        f"insert {count}": torch.cat([prefix, table[word]]),
        "interpolate 0.3": 0.7 * prefix + 0.3 * other,
        "scale 1": torch.cat([prefix[:1], -2 * prefix[1:2], prefix[2:]]),
    }
    labels = encoder_labels(pack, values[0])
    expected = {
        "weightsSha256": pack.manifest["files"]["weights.safetensors"]["sha256"],
        "photo": PHOTO,
        "nearest": nearest(rows.double(), table),
        "caption": {"tokens": tokens, "score": score},
        "alternatives": best(sampled, TOP),
        "entropies": (-(sampled.exp() * sampled).sum(-1)).tolist(),
        "logProbs": whole.tolist(),
        "attention": {
            "mean": seen.mean((0, 1))[:, :count].tolist(),
            "outside": seen.mean((0, 1))[:, count:].sum(-1).tolist(),
            "layer1head2": seen[1, 2][:, :count].tolist(),
        },
        "lens": [best(gpt.log_probs(layer), TOP) for layer in hidden],
        "lensWithoutNorm": [best(gpt.log_probs(layer, False), TOP) for layer in hidden],
        "changes": {name: float((gpt.forced(one, tokens) - whole).sum()) for name, one in changed.items()},
        "occlusion": occlusion(pack, gpt, values[0], tokens, whole),
        "labels": labels,
    }
    OUT.mkdir(parents=True, exist_ok=True)
    tensors = {"rows": rows, "prefix": stored[0], "other": stored[1], "mean": mean}
    (OUT / "inputs.safetensors").write_bytes(save({name: t.float().contiguous() for name, t in tensors.items()}))
    text = json.dumps(rounded(expected), ensure_ascii=False)
    (OUT / "expected.json").write_text(text + "\n", encoding="utf-8")
    print(f"lens: {sum(f.stat().st_size for f in OUT.iterdir())} bytes in {OUT.relative_to(ROOT)}")


def encoder_labels(pack, value):
    """The five most probable classes of one picture [3,H,W]."""
    _, logits = pack.encoder(value[None])
    probabilities = logits[0].double().softmax(-1)
    values, ids = probabilities.topk(5)
    names = pack.manifest["encoder"]["classLabels"]
    return [{"label": names[i], "probability": p} for i, p in zip(ids.tolist(), values.tolist())]


if __name__ == "__main__":
    main()
