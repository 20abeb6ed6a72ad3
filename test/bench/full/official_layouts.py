"""Saves models of the published sizes in the published layouts, with random weights, so that their import can be measured.

    python test/bench/full/official_layouts.py FOLDER

ViT-B-32.pt, RN50x4.pt   CLIPs with their text sides, as OpenAI's archives are: TorchScript, matrices in 16 bit
transformer_weights.pt   ClipCap's transformer mapper for RN50x4 (8 layers, K = C = 40) with GPT-2 small, a state dict
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "parity"))

import torch  # noqa: E402
from architectures import ModifiedResNet  # noqa: E402
from generate_clip_text import Clip  # noqa: E402
from generate_import import OpenAiTransformer, TransformerMapper, randomise, state_of  # noqa: E402
from transformers import GPT2Config, GPT2LMHeadModel  # noqa: E402

CONTEXT, GPT2_WIDTH = 77, 768
RN50X4 = {"width": 80, "layers": [4, 6, 10, 6], "image": {"size": 288}, "heads": 40, "embeddingWidth": 640}


def save_archive(path, visual, size, text_width, embedding, generator):
    clip = randomise(Clip(visual, text_width, 12, CONTEXT, embedding), generator)
    clip.logit_scale.data.fill_(4.6)
    traced = torch.jit.trace(clip, (torch.randn(1, 3, size, size), torch.zeros(1, CONTEXT, dtype=torch.long)))
    for part in traced.modules():
        for value in part.parameters(recurse=False):
            if value.ndim > 1:
                value.data = value.data.half()
    torch.jit.save(traced, str(path))


@torch.no_grad()
def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    generator = torch.Generator().manual_seed(7)
    save_archive(folder / "ViT-B-32.pt", OpenAiTransformer(768, 12, 32, 7, 512), 224, 512, 512, generator)
    save_archive(folder / "RN50x4.pt", ModifiedResNet(RN50X4), 288, 640, 640, generator)
    mapper = randomise(TransformerMapper(640, 40, 40, 8, 8, GPT2_WIDTH), generator)
    model = randomise(GPT2LMHeadModel(GPT2Config()), generator)
    torch.save(state_of(mapper, model), folder / "transformer_weights.pt")


if __name__ == "__main__":
    main()
