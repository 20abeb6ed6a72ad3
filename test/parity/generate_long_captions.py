"""Writes test/fixtures/longCaptions: captioners with prefixes as long as the published ones', and their longest captions.

    python test/parity/generate_long_captions.py        (also run by generate.py)

One has the published MLP's prefix of 10, the other the published transformer's 8 layers over 40 rows and 40 more. Both take the
embeddings of `clip-wide` of test/fixtures/import, and GPT-2 has just the positions that 67 tokens need. To be small they are narrow,
and stored in 16 bit.
`gpt2.json`      the configuration of both: what their shapes do not tell is the number of heads
`expected.json`  per checkpoint, of test/fixtures/import/picture.png: the norms of the prefix rows, the greedy tokens, and the five
                 beams of the reference's search, best first, with their scores; according to PyTorch in float32
"""

import json
import pathlib

import torch
from generate_architectures import beam_search, greedy
from generate_import import MLP, STOP, TransformerMapper, gpt2, pixels, randomise, state_of
from PIL import Image
from torch.nn import functional as F
from transformers import CLIPVisionModelWithProjection

FIXTURES = pathlib.Path(__file__).resolve().parents[1] / "fixtures"
OUT = FIXTURES / "longCaptions"
EMBEDDING, WIDTH, HEADS, MAX_TOKENS = 24, 12, 4, 67
SMALLEST_GAP = 1e-3


def captioner(name, mapper, embeds, length, seed):
    """Saves it. → what it says"""
    generator = torch.Generator().manual_seed(seed)
    model = gpt2(width=WIDTH, heads=HEADS, context=length + MAX_TOKENS - 1)
    for part in (mapper, model):
        randomise(part, generator).half().float()
    prefix = mapper(embeds).view(1, length, WIDTH)
    ((tokens, gap),) = greedy(model, prefix, [STOP], MAX_TOKENS)
    (beams,) = beam_search(model, prefix, [STOP], MAX_TOKENS)
    lengths = [len(found) for found, _ in beams]
    assert gap > SMALLEST_GAP, "two tokens are too close: take another seed"
    assert min(lengths) < max(lengths) == MAX_TOKENS, "no caption ends, or all do: take another seed"
    torch.save({key: value.half() for key, value in state_of(mapper, model, buffers=False).items()}, OUT / f"{name}.pt")
    (OUT / "gpt2.json").write_text(json.dumps({"model_type": "gpt2", "n_layer": 1, "n_embd": WIDTH, "n_head": HEADS}) + "\n")
    return {"norms": [round(n, 5) for n in prefix[0].norm(dim=-1).tolist()], "greedy": tokens, "beams": beams}


@torch.no_grad()
def main():
    OUT.mkdir(exist_ok=True)
    clip = CLIPVisionModelWithProjection.from_pretrained(FIXTURES / "import/clip-wide")
    embeds = clip(pixels(Image.open(FIXTURES / "import/picture.png"), 32, 32)).image_embeds
    # The seeds are those whose beams end at different lengths.
    expected = {
        "mlp": captioner("mlp", MLP(EMBEDDING, 10, WIDTH), embeds, 10, 6),
        "transformer": captioner(
            "transformer", TransformerMapper(EMBEDDING, 40, 40, 8, 4, WIDTH), F.normalize(embeds, dim=-1), 40, 34
        ),
    }
    lines = json.dumps(expected, separators=(",", ":")).replace('"beams"', '\n"beams"').replace('"transformer"', '\n"transformer"')
    (OUT / "expected.json").write_text(lines + "\n")
    size = sum(f.stat().st_size for f in OUT.iterdir())
    assert size < 250_000, size
    print(f"{size} bytes in {OUT.name}")


if __name__ == "__main__":
    main()
