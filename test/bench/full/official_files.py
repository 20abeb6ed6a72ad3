"""Saves a pack's weights as the official files have them, so that an import can be measured.

    python test/bench/full/official_files.py PACK FOLDER    writes weights.pt (ClipCap) and ViT-B-32.pt (CLIP) to FOLDER

weights.pt is a state dict with GPT-2's head tied to its embedding and with the buffers of older versions of transformers.
ViT-B-32.pt has CLIP's text side, too, with random weights.
"""

import sys
from pathlib import Path

import torch
from safetensors.torch import load_file


def text_side(width=512, layers=12, context=77, vocabulary=49408):
    """Random weights of ViT-B/32's text side under OpenAI's names."""
    torch.manual_seed(7)
    tensors = {
        "token_embedding.weight": torch.randn(vocabulary, width) * 0.02,
        "positional_embedding": torch.randn(context, width) * 0.01,
        "ln_final.weight": torch.ones(width),
        "ln_final.bias": torch.zeros(width),
        "text_projection": torch.randn(width, 512) * width**-0.5,
        "logit_scale": torch.tensor(4.6),
    }
    for layer in range(layers):
        block = torch.nn.TransformerEncoderLayer(width, width // 64, 4 * width)
        names = {
            "self_attn.": "attn.",
            "linear1.": "mlp.c_fc.",
            "linear2.": "mlp.c_proj.",
            "norm1.": "ln_1.",
            "norm2.": "ln_2.",
        }
        for name, value in block.state_dict().items():
            old = next(old for old in names if name.startswith(old))
            tensors[f"transformer.resblocks.{layer}.{name.replace(old, names[old], 1)}"] = value
    return tensors


def main():
    stored = load_file(Path(sys.argv[1]) / "weights.safetensors")
    folder = Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    captioner = {name: value for name, value in stored.items() if not name.startswith("encoder.")}
    captioner["gpt.lm_head.weight"] = captioner["gpt.transformer.wte.weight"]
    for layer in range(12):
        attention = f"gpt.transformer.h.{layer}.attn"
        captioner[f"{attention}.bias"] = torch.ones(1024, 1024, dtype=torch.uint8).tril().view(1, 1, 1024, 1024)
        captioner[f"{attention}.masked_bias"] = torch.tensor(-1e4)
    torch.save(captioner, folder / "weights.pt")
    encoder = {
        name.replace("encoder.", "visual.", 1): value for name, value in stored.items() if name.startswith("encoder.")
    }
    encoder.update(text_side())
    torch.save(encoder, folder / "ViT-B-32.pt")


if __name__ == "__main__":
    main()
