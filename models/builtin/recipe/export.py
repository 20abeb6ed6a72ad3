"""Writes the model pack from a checkpoint: `python export.py --checkpoint FILE --scores FILE --out models/builtin`.

Every file is written beside and renamed, pack.json last, so a running extension sees the old pack or the new one.
"""

import argparse
import json
from pathlib import Path

import torch

import encoder
import pack_files
import tokenizer as vocabulary
from class_words import NAMES
from decode import BEAMS
from model import CONTEXT, HEADS, HIDDEN, LAYERS, PREFIX, WIDTH, ClipCap

TITLE = "Built-in captioner for everyday photos"
NOTICE = (
    "The built-in model was trained on Flickr8k, which asks for research use only; "
    "for any other use import another model pack."
)


def manifest(checkpoint, tokens, scores, files):
    view = checkpoint["test_view"]
    return {
        "schema": 1,
        "id": "builtin",
        "title": TITLE,
        "licence": {"name": "Research use only (weights); Apache-2.0 (encoder)", "file": "LICENSE", "notice": NOTICE},
        "source": "Trained by models/builtin/recipe on 900 Flickr8k photos; encoder: EfficientNet-Lite2 (ImageNet, Apache-2.0)",
        "encoder": {
            "kind": "onnx", "architecture": "EfficientNet-Lite2", "file": "encoder.onnx", "embeddingWidth": encoder.WIDTH,
            "normalize": False, "classLabels": NAMES,
            "image": {"size": encoder.SIZE, "resize": view["mode"], "resampling": view["resampling"],
                      "crop": "none" if view["mode"] == "stretch" else "center", "mean": encoder.MEAN, "std": encoder.STD},
        },
        "mapper": {"kind": "mlp", "prefixLength": PREFIX, "hiddenWidth": HIDDEN},
        "languageModel": {"architecture": "gpt2", "width": WIDTH, "layers": LAYERS, "heads": HEADS,
                          "vocabulary": tokens.get_vocab_size(), "context": CONTEXT,
                          "stopTokens": [vocabulary.stop_token(tokens)], "tuned": True},
        "decoding": {"strategy": "beam", "beams": BEAMS, "maxTokens": 67},
        "dtype": "mixed",
        "training": checkpoint["training"],
        "scores": scores,
        "files": files,
    }  # fmt: skip


@torch.inference_mode()
def export(checkpoint, tokenizer_json, scores, out):
    """checkpoint: see train.py; its prefix statistics are those of the stored (rounded) weights."""
    tokens = vocabulary.load(tokenizer_json)
    state = pack_files.widened(pack_files.stored_tensors(checkpoint["model"]))
    model = ClipCap(tokens.get_vocab_size(), encoder.WIDTH)
    model.load_state_dict(state)
    mean, std = checkpoint["standard"]
    prefix = model.eval().clip_project((checkpoint["test_features"].float() - mean) / std)
    prefix_mean, covariance = pack_files.prefix_statistics(prefix)
    statistics = {"prefix_mean": prefix_mean, "prefix_covariance": covariance, "vocabulary_norms": model.embedding.weight.norm(dim=1)}
    statistics = {name: tensor.contiguous() for name, tensor in statistics.items()}
    licence = Path(__file__).with_name("LICENSE.pack").read_text(encoding="utf-8")
    files = pack_files.write(out, checkpoint["model"], statistics, len(prefix), encoder.folded_weights(), mean.numpy(),
                             std.numpy(), tokenizer_json, licence)  # fmt: skip
    text = json.dumps(manifest(checkpoint, tokens, scores, files), indent=1, ensure_ascii=False)
    pack_files.replace(Path(out) / "pack.json", (text + "\n").encode())
    print({name: file["size"] for name, file in files.items()}, "total", sum(f["size"] for f in files.values()))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--scores", required=True)
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    export(torch.load(options.checkpoint), options.tokenizer, json.loads(Path(options.scores).read_text()), options.out)
