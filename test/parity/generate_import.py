"""Writes test/fixtures/import: small captioners saved by PyTorch in the layouts in which ClipCap checkpoints and image encoders
come, a picture, and `expected.json`: what each captioner says of the picture, according to PyTorch in float32.

    python test/parity/generate_import.py        (also run by generate.py)

Weights are random, of a size that keeps activations near 1. `expected.json` has for every case the files to import, options, and
of the picture: the norms of the prefix rows, the nearest tokens (cosine) of each row, the greedy caption's tokens and the most
probable first tokens.
"""

import json
import pathlib
import re
import shutil

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F
from transformers import (
    CLIPImageProcessor,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    Dinov2Config,
    Dinov2Model,
    GPT2Config,
    GPT2LMHeadModel,
    ViTConfig,
    ViTModel,
)

from architectures import ModifiedResNet
from generate_checkpoints import repack

OUT = pathlib.Path(__file__).resolve().parents[1] / "fixtures/import"
WIDTH, VOCABULARY, CONTEXT = 64, 300, 40
STOP, STEPS, NEAREST, FIRST = 13, 12, 3, 5
CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
SMALLEST_GAP = 1e-3


def randomise(module, generator):
    """Gains around 1, small shifts, matrices scaled by what they sum over: activations keep the size of 1."""
    for name, value in module.state_dict().items():
        if not value.is_floating_point():
            continue
        noise = torch.randn(value.shape, generator=generator)
        if re.search(r"(bn\d|downsample\.1|ln_\w+|\w*norm\w*)\.weight$|lambda1$|running_var$", name):
            value.copy_(1 + 0.1 * noise)
        elif value.ndim == 1 and "class_embedding" not in name:
            value.copy_(0.1 * noise)
        elif "wte" in name or "wpe" in name or "position" in name or "prefix_const" in name or "cls_token" in name:
            value.copy_(0.5 * noise)
        else:
            is_conv1d = ".attn.c_" in name or ".mlp.c_" in name
            inputs = value.shape[0] if is_conv1d or name == "proj" else np.prod(value.shape[1:])
            # What goes through a ReLU loses half.
            value.copy_(noise * np.sqrt((2 if value.ndim == 4 else 1) / max(1, inputs)))
    return module.eval()


class MLP(nn.Module):
    def __init__(self, embedding, length, width=WIDTH):
        super().__init__()
        hidden = length * width // 2
        self.model = nn.Sequential(nn.Linear(embedding, hidden), nn.Tanh(), nn.Linear(hidden, length * width))

    def forward(self, x):
        return self.model(x)


class Attention(nn.Module):
    def __init__(self, heads, width):
        super().__init__()
        self.heads = heads
        self.to_queries = nn.Linear(width, width, bias=False)
        self.to_keys_values = nn.Linear(width, 2 * width, bias=False)
        self.project = nn.Linear(width, width)

    def forward(self, x):
        split = lambda y: y.unflatten(-1, (self.heads, -1)).transpose(1, 2)
        keys, values = self.to_keys_values(x).chunk(2, -1)
        y = F.scaled_dot_product_attention(split(self.to_queries(x)), split(keys), split(values))
        return self.project(y.transpose(1, 2).flatten(2))


class Layer(nn.Module):
    def __init__(self, heads, width):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = Attention(heads, width)
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(width, 2 * width), "fc2": nn.Linear(2 * width, width)})

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        return x + self.mlp["fc2"](self.mlp["fc1"](self.norm2(x)).relu())


class TransformerMapper(nn.Module):
    def __init__(self, embedding, length, clip_length, layers, heads, width=WIDTH):
        super().__init__()
        self.clip_length = clip_length
        self.linear = nn.Linear(embedding, clip_length * width)
        self.prefix_const = nn.Parameter(torch.empty(length, width))
        self.transformer = nn.ModuleDict({"layers": nn.ModuleList(Layer(heads, width) for _ in range(layers))})

    def forward(self, x):
        rows = self.linear(x).unflatten(-1, (self.clip_length, self.prefix_const.shape[1]))
        x = torch.cat([rows, self.prefix_const.expand(len(x), -1, -1)], 1)
        for layer in self.transformer["layers"]:
            x = layer(x)
        return x[:, self.clip_length :]


def gpt2(layers=1, width=WIDTH, heads=1, context=CONTEXT):
    config = GPT2Config(
        vocab_size=VOCABULARY, n_positions=context, n_embd=width, n_layer=layers, n_head=heads, bos_token_id=0, eos_token_id=0
    )
    return GPT2LMHeadModel(config)


def state_of(mapper, model, names=("clip_project", "gpt"), buffers=True):
    """As training scripts of that time saved it, with the masks that transformers kept as buffers."""
    state = {f"{names[1]}.{name}": value for name, value in model.state_dict().items()}
    state |= {f"{names[0]}.{name}": value for name, value in mapper.state_dict().items()}
    for layer in range(model.config.n_layer if buffers else 0):
        positions = model.config.n_positions
        mask = torch.ones(positions, positions, dtype=torch.uint8).tril().view(1, 1, positions, positions)
        state[f"{names[1]}.transformer.h.{layer}.attn.bias"] = mask
        state[f"{names[1]}.transformer.h.{layer}.attn.masked_bias"] = torch.tensor(-1e4)
    return state


def pixels(picture, side, crop=None, mean=CLIP_MEAN, std=CLIP_STD, resample=Image.BICUBIC):
    """`crop` None: both sides become `side`."""
    if crop is None:
        picture = picture.resize((side, side), resample)
    else:
        width, height = picture.size
        short = min(width, height)
        size = (side, side * height // short) if width <= height else (side * width // short, side)
        picture = picture.resize(size, resample)
        left, top = ((n - crop) // 2 for n in picture.size)
        assert all((n - crop) % 2 == 0 for n in picture.size)
        picture = picture.crop((left, top, left + crop, top + crop))
    values = torch.from_numpy(np.asarray(picture, np.float32) / 255)
    return ((values - torch.tensor(mean)) / torch.tensor(std)).permute(2, 0, 1)[None]


def expect(mapper, model, embeds):
    prefix = mapper(embeds).view(1, -1, WIDTH)
    table = model.transformer.wte.weight
    cosine = F.normalize(prefix[0], dim=-1) @ F.normalize(table, dim=-1).T
    best = cosine.topk(NEAREST)
    first = model(inputs_embeds=prefix).logits[0, -1].log_softmax(-1).topk(FIRST)
    tokens, inputs = [], prefix
    while len(tokens) < STEPS and (not tokens or tokens[-1] != STOP):
        logits = model(inputs_embeds=inputs).logits[0, -1]
        top = logits.topk(2).values
        assert top[0] - top[1] > SMALLEST_GAP, "two tokens are too close: take another seed"
        tokens.append(int(logits.argmax()))
        inputs = torch.cat([inputs, table[tokens[-1]][None, None]], 1)
    return {
        "norms": [round(norm, 5) for norm in prefix[0].norm(dim=-1).tolist()],
        "nearest": [
            [{"id": i, "score": round(s, 5)} for i, s in zip(*row)]
            for row in zip(best.indices.tolist(), best.values.tolist())
        ],
        "tokens": tokens,
        "first": [{"id": i, "logProb": round(p, 5)} for i, p in zip(first.indices.tolist(), first.values.tolist())],
    }


class OpenAiTransformer(nn.Module):
    """CLIP's vision transformer with the modules that OpenAI's names come from."""

    def __init__(self, width, layers, patch, grid, embedding):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, patch, patch, bias=False)
        self.class_embedding = nn.Parameter(torch.randn(width))
        self.positional_embedding = nn.Parameter(torch.randn(grid * grid + 1, width))
        self.ln_pre, self.ln_post = nn.LayerNorm(width), nn.LayerNorm(width)
        self.transformer = nn.Module()
        self.transformer.resblocks = nn.ModuleList(self.block(width) for _ in range(layers))
        self.proj = nn.Parameter(torch.randn(width, embedding) / width**0.5)

    @staticmethod
    def block(width):
        block = nn.Module()
        block.attn = nn.MultiheadAttention(width, max(1, width // 64), batch_first=True)
        block.ln_1, block.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        block.mlp = nn.ModuleDict({"c_fc": nn.Linear(width, 4 * width), "c_proj": nn.Linear(4 * width, width)})
        return block

    def forward(self, x):
        x = self.conv1(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.class_embedding.expand(len(x), 1, -1), x], 1) + self.positional_embedding
        x = self.ln_pre(x)
        for block in self.transformer.resblocks:
            y = block.ln_1(x)
            x = x + block.attn(y, y, y, need_weights=False)[0]
            y = block.mlp["c_fc"](block.ln_2(x))
            x = x + block.mlp["c_proj"](y * torch.sigmoid(1.702 * y))
        return self.ln_post(x[:, 0]) @ self.proj


class Clip(nn.Module):
    """What an archive of OpenAI's holds: the image side, and something of the text side."""

    def __init__(self, visual):
        super().__init__()
        self.visual = visual
        self.token_embedding = nn.Embedding(4, 8)
        self.logit_scale = nn.Parameter(torch.ones([]))

    def forward(self, image):
        return self.visual(image) * self.logit_scale


def rounded(visual):
    """To half precision, in which OpenAI saved convolutions and matrices."""
    for value in visual.state_dict().values():
        if value.is_floating_point():
            value.copy_(value.half().float())
    return visual


def save_archive(visual, size, path):
    """The module is of no use afterwards."""
    traced = torch.jit.trace(Clip(visual).eval(), torch.randn(1, 3, size, size))
    for part in traced.visual.modules():
        for value in part.parameters(recurse=False):
            if value.ndim > 1:
                value.data = value.data.half()
    torch.jit.save(traced, str(path))
    # Where the source was on the machine that saved it changes from machine to machine.
    repack(path, path, lambda record, content: None if record.endswith(".debug_pkl") else content)


def tokenizer():
    """Bytes in GPT-2's order, and fillers."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in printable]
    tokens = [chr(b) for b in printable] + [chr(256 + i) for i in range(len(others))]
    tokens += [f"Ġw{i}" for i in range(len(tokens), VOCABULARY)]
    plain = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None, "pre_tokenizer": plain,
        "post_processor": plain, "decoder": plain,
        "model": {
            "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "", "end_of_word_suffix": "",
            "fuse_unk": False, "byte_fallback": False, "vocab": {t: i for i, t in enumerate(tokens)}, "merges": [],
        },
    }  # fmt: skip


def cases(generator, picture):
    """name → (mapper, model, embeds); each saves what it needs."""
    fill = lambda module: randomise(module, generator)

    clip = fill(CLIPVisionModelWithProjection(CLIPVisionConfig(
        hidden_size=32, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4, image_size=32, patch_size=8, projection_dim=32
    )))  # fmt: skip
    clip.save_pretrained(OUT / "clip-hf")
    sized = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}}
    CLIPImageProcessor(**sized).save_pretrained(OUT / "clip-hf")
    embeds = clip(pixels(picture, 32, 32)).image_embeds
    mapper, model = fill(MLP(32, 3)), fill(gpt2(layers=2))
    torch.save(state_of(mapper, model), OUT / "mlp.pt")
    yield "mlp", {"encoder": "clip-hf", "kind": "clip-vit"}, mapper, model, embeds

    resnet = rounded(fill(ModifiedResNet({"width": 4, "layers": [1, 2, 1, 1], "image": {"size": 64}, "heads": 2, "embeddingWidth": 640})))
    embeds = F.normalize(resnet(pixels(picture, 64, 64)), dim=-1)
    save_archive(resnet, 64, OUT / "RN.pt")
    mapper, model = fill(TransformerMapper(640, 3, 1, 2, 8)), fill(gpt2())
    torch.save(state_of(mapper, model), OUT / "transformer.pt")
    yield "transformer", {"encoder": "RN.pt", "kind": "clip-resnet"}, mapper, model, embeds

    visual = rounded(fill(OpenAiTransformer(64, 1, 16, 2, 32)))
    embeds = visual(pixels(picture, 32, 32))
    save_archive(visual, 32, OUT / "ViT.pt")
    mapper, model = fill(nn.Linear(32, 2 * WIDTH)), fill(gpt2())
    training = {"epoch": 1, "state_dict": {f"model.{k}": v for k, v in state_of(mapper, model, buffers=False).items()}}
    torch.save(training, OUT / "linear.ckpt")
    yield "linear", {"checkpoint": "linear.ckpt", "encoder": "ViT.pt", "kind": "clip-vit"}, mapper, model, embeds

    vit = fill(ViTModel(ViTConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, image_size=32, patch_size=16
    ), add_pooling_layer=True))  # fmt: skip
    vit.save_pretrained(OUT / "vit-hf")
    config = {"image_processor_type": "ViTImageProcessor", "size": {"height": 32, "width": 32}, "resample": 2}
    half = [0.5, 0.5, 0.5]
    (OUT / "vit-hf/preprocessor_config.json").write_text(json.dumps({**config, "image_mean": half, "image_std": half}))
    embeds = vit(pixels(picture, 32, None, half, half, Image.BILINEAR)).last_hidden_state[:, 0]
    folder = OUT / "theocoombes"
    folder.mkdir()
    mapper, model = fill(TransformerMapper(32, 2, 2, 1, 4)), fill(gpt2())
    torch.save(state_of(mapper, model, ("transformer_mapper", "language_model")), folder / "model.pt")
    lines = ["language_model: gpt2", "train_language_model: true", "prefix_length: 2", "projection_length: 2", "transformer_layers: 1"]
    lines += ["transformer_attention_heads: 4", "use_positional_embeddings: true", "training_config: null", "encoder_config:"]
    lines += ["  encoder_model_name: vit", "  encoder_embedding_size: 32", "  use_windowed_embeddings: false"]
    (folder / "model_config.yaml").write_text("\n".join(lines) + "\n")
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer()))
    yield "theocoombes", {"checkpoint": "theocoombes/model.pt", "encoder": "vit-hf", "kind": "vit"}, mapper, model, embeds

    dino = fill(Dinov2Model(Dinov2Config(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, mlp_ratio=2, image_size=42, patch_size=14
    )))  # fmt: skip
    dino.save_pretrained(OUT / "dinov2-hf")
    mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    config = {"image_processor_type": "BitImageProcessor", "size": {"shortest_edge": 30}, "crop_size": {"height": 28, "width": 28}}
    config |= {"do_center_crop": True, "resample": 3, "image_mean": mean, "image_std": std}
    (OUT / "dinov2-hf/preprocessor_config.json").write_text(json.dumps(config))
    embeds = dino(pixels(picture, 30, 28, mean, std)).last_hidden_state[:, 0]
    mapper, model = fill(MLP(32, 2)), fill(gpt2())
    # Distributed training adds a prefix; what was compiled, another.
    torch.save({f"_orig_mod.module.{k}": v for k, v in state_of(mapper, model).items()}, OUT / "wrapped.pt")
    yield "wrapped", {"encoder": "dinov2-hf", "kind": "dinov2"}, mapper, model, embeds

    # In memory, transformers 5 has other names than in published files: so has a state dict saved without `save_pretrained`.
    dino = fill(Dinov2Model(Dinov2Config(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, mlp_ratio=2, image_size=42, patch_size=14, use_swiglu_ffn=True
    )))  # fmt: skip
    folder = OUT / "dinov2-memory"
    dino.config.save_pretrained(folder)
    torch.save(dino.state_dict(), folder / "pytorch_model.bin")
    (folder / "preprocessor_config.json").write_text(json.dumps(config))
    embeds = dino(pixels(picture, 30, 28, mean, std)).last_hidden_state[:, 0]
    mapper, model = fill(TransformerMapper(32, 2, 1, 1, 4)), fill(gpt2())
    # Lightning keeps beside the weights what the model was made with.
    made_with = {"transformer_attention_heads": 4, "train_language_model": True, "encoder_config": {"use_windowed_embeddings": False}}
    state = state_of(mapper, model, ("transformer_mapper", "language_model"), buffers=False)
    torch.save({"epoch": 2, "state_dict": state, "hyper_parameters": made_with}, OUT / "lightning.ckpt")
    yield "lightning", {"checkpoint": "lightning.ckpt", "encoder": "dinov2-memory", "kind": "dinov2"}, mapper, model, embeds

    # As the larger CLIPs of others: networks of another width than four times the model's, and the exact Gelu.
    clip = fill(CLIPVisionModelWithProjection(CLIPVisionConfig(
        hidden_size=32, intermediate_size=88, projection_dim=24, num_hidden_layers=2, num_attention_heads=2, image_size=32,
        patch_size=16, hidden_act="gelu"
    )))  # fmt: skip
    clip.save_pretrained(OUT / "clip-wide")
    CLIPImageProcessor(**sized).save_pretrained(OUT / "clip-wide")
    embeds = clip(pixels(picture, 32, 32)).image_embeds
    mapper, model = (fill(part).bfloat16().float() for part in (MLP(24, 3), gpt2()))
    state = {k: v.bfloat16() if v.is_floating_point() else v for k, v in state_of(mapper, model).items()}
    torch.save({"model_state_dict": state, "step": 5}, OUT / "bfloat16.pt")
    yield "bfloat16", {"encoder": "clip-wide", "kind": "clip-vit"}, mapper, model, embeds


@torch.no_grad()
def main():
    torch.manual_seed(0)
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    generator = torch.Generator().manual_seed(7)
    noise = np.random.default_rng(1).integers(0, 256, (5, 6, 3), np.uint8)
    picture = Image.fromarray(noise).resize((48, 40), Image.BICUBIC)
    picture.save(OUT / "picture.png")
    (OUT / "tokenizer.json").write_text(json.dumps(tokenizer()))
    expected = {}
    for name, files, mapper, model, embeds in cases(generator, picture):
        expected[name] = {"checkpoint": f"{name}.pt", **files, **expect(mapper, model, embeds)}
    (OUT / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
    files = [f for f in OUT.rglob("*") if f.is_file()]
    for file in files:
        file.chmod(0o644)
    size = sum(f.stat().st_size for f in files)
    assert size < 4_600_000, size
    print(f"{len(files)} files, {size} bytes in test/fixtures/import")


if __name__ == "__main__":
    main()
