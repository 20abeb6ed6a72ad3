"""A model pack in PyTorch: the same stored weights, widened to float32, computed independently of ONNX Runtime.

Used by the parity scripts here; the architecture comes from the recipe (models/builtin/recipe), the weights from the pack only.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from PIL import Image
from safetensors.torch import load_file

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "models/builtin/recipe"))

import decode  # noqa: E402
import encoder  # noqa: E402
import pack_files  # noqa: E402
import tokenizer as vocabulary  # noqa: E402
from model import ClipCap  # noqa: E402


def encoder_weights(path):
    """({layer: (weight, bias)} in float32, feature mean, feature gain) from the graph's initialisers."""
    stored = {i.name: torch.from_numpy(numpy_helper.to_array(i).copy()) for i in onnx.load(path).graph.initializer}

    def widened(name):
        if name in stored:
            return stored[name]
        value = stored[name + ".stored"].float()
        return value * stored[name + ".scale"] if name + ".scale" in stored else value

    layers = [name for name, *_ in encoder.layer_plan()] + ["_fc"]
    weights = {name: (widened(name + ".weight"), stored[name + ".bias"]) for name in layers}
    return weights, stored["feature_mean"], stored["feature_gain"]


class Pack:
    """folder → image embeddings, prefixes, logits and captions in float32."""

    def __init__(self, folder):
        folder = Path(folder)
        self.manifest = json.loads((folder / "pack.json").read_text(encoding="utf-8"))
        weights, self.mean, self.gain = encoder_weights(folder / "encoder.onnx")
        self.encoder = encoder.Encoder(weights)
        self.tokenizer = vocabulary.load(folder / "tokenizer.json")
        self.model = ClipCap(self.tokenizer.get_vocab_size(), encoder.WIDTH).eval()
        self.model.load_state_dict(pack_files.widened(load_file(folder / "weights.safetensors")))
        (self.stop,) = self.manifest["languageModel"]["stopTokens"]

    def pixels(self, path):
        """A photo's file → the preprocessed 8-bit picture [H,W,3] that Pillow makes of it."""
        image = self.manifest["encoder"]["image"]
        resampling = Image.Resampling[image["resampling"].upper()]
        return np.asarray(encoder.resize(Image.open(path).convert("RGB"), image["resize"], resampling, image["size"]))

    def pixel_values(self, pictures):
        """8-bit pictures [H,W,3] → [N,3,H,W]."""
        return encoder.to_pixel_values(pictures)

    @torch.inference_mode()
    def embed(self, pixel_values):
        """[N,3,H,W] → image_embeds [N,d]."""
        return (encoder.raw_features(*self.encoder(pixel_values)) - self.mean) * self.gain

    @torch.inference_mode()
    def prefix(self, image_embeds):
        """[N,d] → [N,K,D]."""
        return self.model.clip_project(image_embeds)

    @torch.inference_mode()
    def first_logits(self, prefix):
        """[N,K,D] → logits of the first caption token [N,V]."""
        return self.model.logits(self.model.gpt.transformer(prefix)[0][:, -1])

    def search(self, prefix, beams):
        """[N,K,D] → for each its beams, best first: ([tokens], mean log-probability). One beam is greedy."""
        return decode.beam_search(self.model, prefix, self.stop, beams, self.manifest["decoding"]["maxTokens"])
