"""Saves a pack's weights as the official files have them, so that an import can be measured.

    python test/bench/full/official_files.py PACK FOLDER    writes weights.pt (ClipCap) and ViT-B-32.pt (CLIP) to FOLDER

weights.pt is a state dict with GPT-2's head tied to its embedding and with the buffers of older versions of transformers.
"""

import sys
from pathlib import Path

import torch
from safetensors.torch import load_file


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
    torch.save(encoder, folder / "ViT-B-32.pt")


if __name__ == "__main__":
    main()
