"""Writes a model of the shape of nlpconnect/vit-gpt2-image-captioning for transformers.js: random weights, ONNX, float32.

    python test/bench/full/vit_gpt2.py FOLDER TOKENIZER    TOKENIZER is a tokenizer.json of 50,257 tokens

ViT-B/16 at 224 px and GPT-2 small with cross-attention. One decoder graph does the first step and the others: an empty
cache is a cache. Every other way that transformers.js runs such a model takes the same work or more.
"""

import json
import shutil
import sys
from pathlib import Path

import torch
from torch import nn
from torch.nn.functional import softmax

WIDTH, HEADS, LAYERS, VOCABULARY, CONTEXT = 768, 12, 12, 50257, 1024
PATCHES = 14 * 14


def split(x):
    """[N,T,D] → [N,H,T,D/H]"""
    return x.view(x.shape[0], -1, HEADS, WIDTH // HEADS).transpose(1, 2)


def attend(query, keys, values, mask=None):
    scores = query @ keys.transpose(-1, -2) * (WIDTH // HEADS) ** -0.5
    mixed = softmax(scores if mask is None else scores + mask, dim=-1) @ values
    return mixed.transpose(1, 2).reshape(mixed.shape[0], -1, WIDTH)


class FeedForward(nn.Sequential):
    def __init__(self, approximate):
        super().__init__(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(approximate=approximate), nn.Linear(4 * WIDTH, WIDTH))


class EncoderBlock(nn.Module):
    def __init__(self):
        super().__init__()
        self.before, self.after = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.inputs, self.output = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.feed_forward = FeedForward("none")

    def forward(self, x):
        x = x + self.output(attend(*map(split, self.inputs(self.before(x)).split(WIDTH, dim=-1))))
        return x + self.feed_forward(self.after(x))


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(3, WIDTH, 16, 16)
        self.first = nn.Parameter(torch.randn(1, 1, WIDTH))
        self.positions = nn.Parameter(torch.randn(1, PATCHES + 1, WIDTH))
        self.blocks = nn.Sequential(*[EncoderBlock() for _ in range(LAYERS)])
        self.last = nn.LayerNorm(WIDTH)

    def forward(self, pixel_values):
        patches = self.patches(pixel_values).flatten(2).transpose(1, 2)
        first = self.first.expand(patches.shape[0], -1, -1)
        return self.last(self.blocks(torch.cat((first, patches), dim=1) + self.positions))


class DecoderBlock(nn.Module):
    def __init__(self):
        super().__init__()
        self.before, self.between, self.after = (nn.LayerNorm(WIDTH) for _ in range(3))
        self.inputs, self.output = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.query, self.image, self.seen = (nn.Linear(WIDTH, n * WIDTH) for n in (1, 2, 1))
        self.feed_forward = FeedForward("tanh")

    def forward(self, x, image, key, value, mask):
        query, new_key, new_value = map(split, self.inputs(self.before(x)).split(WIDTH, dim=-1))
        key, value = torch.cat((key, new_key), dim=2), torch.cat((value, new_value), dim=2)
        x = x + self.output(attend(query, key, value, mask))
        seen = map(split, self.image(image).split(WIDTH, dim=-1))
        x = x + self.seen(attend(split(self.query(self.between(x))), *seen))
        return x + self.feed_forward(self.after(x)), key, value


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens = nn.Embedding(VOCABULARY, WIDTH)
        self.positions = nn.Embedding(CONTEXT, WIDTH)
        self.blocks = nn.ModuleList(DecoderBlock() for _ in range(LAYERS))
        self.last = nn.LayerNorm(WIDTH)

    def forward(self, input_ids, image, *cache):
        start = cache[0].shape[2]
        places = torch.arange(start, start + input_ids.shape[1])
        mask = torch.where(torch.arange(start + input_ids.shape[1])[None, :] <= places[:, None], 0.0, -1e9)
        x = self.tokens(input_ids) + self.positions(places)
        present = []
        for layer, block in enumerate(self.blocks):
            x, key, value = block(x, image, cache[2 * layer], cache[2 * layer + 1], mask)
            present += [key, value]
        return (self.last(x) @ self.tokens.weight.T, *present)


def cache_names(prefix):
    return [f"{prefix}.{layer}.{part}" for layer in range(LAYERS) for part in ("key", "value")]


def export(folder):
    image = torch.randn(1, 3, 224, 224)
    axes = {"pixel_values": {0: "batch_size"}, "last_hidden_state": {0: "batch_size"}}
    names = {"input_names": ["pixel_values"], "output_names": ["last_hidden_state"]}
    # The newer exporter needs a package more, and makes the same graph of this.
    settings = {"dynamo": False, "opset_version": 17}
    encoder = Encoder().eval()
    torch.onnx.export(encoder, (image,), str(folder / "encoder_model.onnx"), dynamic_axes=axes, **names, **settings)

    past, present = cache_names("past_key_values"), cache_names("present")
    axes = {"input_ids": {0: "batch_size", 1: "sequence_length"}, "logits": {0: "batch_size", 1: "sequence_length"}}
    axes["encoder_hidden_states"] = {0: "batch_size"}
    axes |= {name: {0: "batch_size", 2: "past_sequence_length"} for name in past}
    axes |= {name: {0: "batch_size", 2: "total_sequence_length"} for name in present}
    empty = [torch.zeros(1, HEADS, 3, WIDTH // HEADS)] * len(past)
    inputs = (torch.tensor([[1, 2]]), torch.randn(1, PATCHES + 1, WIDTH), *empty)
    names = {"input_names": ["input_ids", "encoder_hidden_states", *past], "output_names": ["logits", *present]}
    path = str(folder / "decoder_model_merged.onnx")
    torch.onnx.export(Decoder().eval(), inputs, path, dynamic_axes=axes, **names, **settings)


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2), encoding="utf-8")


@torch.no_grad()
def main():
    folder = Path(sys.argv[1])
    (folder / "onnx").mkdir(parents=True, exist_ok=True)
    torch.manual_seed(1)
    export(folder / "onnx")
    shutil.copyfile(sys.argv[2], folder / "tokenizer.json")
    begin = {"bos_token_id": 50256, "eos_token_id": 50256, "pad_token_id": 50256, "decoder_start_token_id": 50256}
    vit = {"model_type": "vit", "hidden_size": WIDTH, "num_attention_heads": HEADS, "num_hidden_layers": LAYERS}
    gpt2 = {"model_type": "gpt2", "n_embd": WIDTH, "n_head": HEADS, "n_layer": LAYERS, "vocab_size": VOCABULARY}
    config = {"model_type": "vision-encoder-decoder", "is_encoder_decoder": True, **begin}
    write_json(folder / "config.json", {**config, "encoder": vit, "decoder": gpt2})
    write_json(folder / "generation_config.json", begin)
    write_json(folder / "tokenizer_config.json", {"tokenizer_class": "GPT2Tokenizer"})
    half = [0.5, 0.5, 0.5]
    recipe = {"do_resize": True, "size": {"height": 224, "width": 224}, "resample": 2, "do_rescale": True}
    recipe |= {"rescale_factor": 1 / 255, "do_normalize": True, "image_mean": half, "image_std": half}
    write_json(folder / "preprocessor_config.json", {"image_processor_type": "ViTImageProcessor", **recipe})


if __name__ == "__main__":
    main()
