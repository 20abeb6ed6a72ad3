"""Writes every fixture that PyTorch, Pillow or Hugging Face's libraries make.

    python test/parity/generate.py

test/fixtures/parity is made here: what the built-in pack must compute, according to PyTorch in float32. The others have a script
each, named after what it makes: preprocess.py and generate_images.py test/fixtures/preprocess, generate_X.py test/fixtures/X.

Inputs are 50 pictures of noise (noise.pixel_values, seeds 1 … 50) and the photos of test/fixtures/photos, preprocessed by Pillow.
`expected.safetensors` (rows in the order of `inputs` in expected.json):
  image_embeds [N, 56]   columns EMBED_COLUMNS of [N,d]
  prefix       [N, 160]  every 16th value of [K·D]
  logits       [N, 256]  every 16th logit of the first caption token
  prefix_full  [4, K, D] of the inputs named in `full`
`expected.json`: per input its name, for photos the SHA-256 of the preprocessed 8-bit picture, greedy tokens with their mean
log-probability, and the beams of beam search, best first.
"""

import hashlib
import json
import subprocess
import sys

import noise
import numpy as np
import torch
from reference import ROOT, Pack
from safetensors.torch import save

SEEDS = range(1, 51)
STRIDE = 16
FULL = ["noise-1", "chelsea.jpg", "coffee.jpg", "astronaut.jpg"]
OUT = ROOT / "test/fixtures/parity"
SCRIPTS = [
    "preprocess", "generate_images", "generate_checkpoints", "generate_tokenizer", "generate_decoding", "generate_lens",
    "generate_architectures", "generate_import", "generate_clip_text", "generate_long_captions",
]  # fmt: skip


def columns(width):
    """The first 16 columns, then 40 spread evenly over the rest."""
    return [*range(16), *range(16, width, -(-(width - 16) // 40))]


def main():
    torch.set_num_threads(2)
    pack = Pack(ROOT / "models/builtin")
    inputs, values = [], []
    for seed in SEEDS:
        inputs.append({"name": f"noise-{seed}", "seed": seed})
        values.append(torch.from_numpy(noise.pixel_values(seed)))
    for path in sorted((ROOT / "test/fixtures/photos").glob("*.jpg")):
        picture = pack.pixels(path)
        inputs.append({"name": path.name, "pixelsSha256": hashlib.sha256(picture.tobytes()).hexdigest()})
        values.append(pack.pixel_values([picture])[0])
    embeds = torch.cat([pack.embed(batch) for batch in torch.stack(values).split(8)])
    prefix = pack.prefix(embeds)
    logits = pack.first_logits(prefix)
    for item, greedy, beams in zip(inputs, pack.search(prefix, 1), pack.search(prefix, 4)):
        item["greedy"] = {"tokens": greedy[0][0], "score": greedy[0][1]}
        item["beams"] = [{"tokens": tokens, "score": score} for tokens, score in beams]
        item["text"] = pack.tokenizer.decode(beams[0][0]).strip()
    names = [item["name"] for item in inputs]
    embed_columns = columns(embeds.shape[1])
    tensors = {
        "image_embeds": embeds[:, embed_columns],
        "prefix": prefix.flatten(1)[:, ::STRIDE],
        "logits": logits[:, ::STRIDE],
        "prefix_full": prefix[[names.index(n) for n in FULL]],
    }
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "expected.safetensors").write_bytes(save({name: t.float().contiguous() for name, t in tensors.items()}))
    document = {
        "weightsSha256": pack.manifest["files"]["weights.safetensors"]["sha256"],
        "encoderSha256": pack.manifest["files"]["encoder.onnx"]["sha256"],
        "embedColumns": embed_columns, "stride": STRIDE, "full": FULL, "inputs": inputs,
    }  # fmt: skip
    lines = json.dumps(document, ensure_ascii=False).replace('{"name"', '\n{"name"')
    (OUT / "expected.json").write_text(lines + "\n", encoding="utf-8")
    size = sum(f.stat().st_size for f in OUT.iterdir())
    assert np.isfinite(logits.numpy()).all() and size < 300_000, size
    print(f"{len(inputs)} inputs, {size} bytes in {OUT.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
    # Each in a process of its own: archives hold module names, and classes are counted, from the beginning of a process.
    for script in SCRIPTS:
        subprocess.run([sys.executable, ROOT / "test/parity" / f"{script}.py"], check=True)
