"""Compares PyTorch with encoder.onnx in ONNX Runtime on a folder of photos, and with captions written by the command line.

    python test/parity/check_photos.py --photos FOLDER [--pack FOLDER] [--limit N] [--captions JSON]

JSON is what `npm run --silent caption -- --json --decode greedy FOLDER` wrote: its tokens are compared with PyTorch's greedy ones.
"""

import argparse
import json
from pathlib import Path

import onnxruntime
import torch
from reference import ROOT, Pack

TOLERANCE = 1e-4


def main(options):
    torch.set_num_threads(2)
    pack = Pack(options.pack)
    paths = sorted(p for p in Path(options.photos).iterdir() if p.suffix.lower() in (".jpg", ".jpeg", ".png"))[: options.limit]
    session = onnxruntime.InferenceSession(str(Path(options.pack) / "encoder.onnx"), providers=["CPUExecutionProvider"])
    written = {}
    if options.captions:
        document = json.loads(Path(options.captions).read_text(encoding="utf-8"))
        for image in document["images"]:
            written[Path(image["path"]).name] = [t["id"] for t in image["captions"][0]["tokens"]]
    worst, equal, compared = {"image_embeds": 0.0, "prefix": 0.0, "logits": 0.0}, 0, 0
    for start in range(0, len(paths), 16):
        batch = paths[start : start + 16]
        values = pack.pixel_values([pack.pixels(p) for p in batch])
        ours = pack.embed(values)
        theirs = torch.from_numpy(session.run(["image_embeds"], {"pixel_values": values.numpy()})[0])
        prefix, other = pack.prefix(ours), pack.prefix(theirs)
        pairs = {"image_embeds": (ours, theirs), "prefix": (prefix, other), "logits": (pack.first_logits(prefix), pack.first_logits(other))}
        for name, (a, b) in pairs.items():
            worst[name] = max(worst[name], float((a - b).abs().max()))
        for path, found in zip(batch, pack.search(prefix, 1)):
            if path.name in written:
                compared, equal = compared + 1, equal + (written[path.name] == found[0][0])
    print(f"{len(paths)} photos, largest absolute difference: {worst}")
    assert max(worst.values()) <= TOLERANCE, f"more than {TOLERANCE}"
    if options.captions:
        print(f"equal greedy tokens: {equal} of {compared}")
        assert equal == compared > 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", required=True)
    parser.add_argument("--pack", default=str(ROOT / "models/builtin"))
    parser.add_argument("--limit", type=int, default=1000)
    parser.add_argument("--captions")
    main(parser.parse_args())
