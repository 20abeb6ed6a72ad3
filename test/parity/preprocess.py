"""Writes test/fixtures/preprocess/cases.json: what Pillow makes of small pictures that a test can generate again.

    python test/parity/preprocess.py

Each case is a picture of noise (noise.picture) or of smooth noise (2× or more enlarged noise is what photos look like to a
resampler; `blocks` repeats every pixel that often both ways), a target size, a resampling filter and a resize mode:
"shortest-edge" (shorter side to n, longer side int(n·long/short), centre crop at round((side − n)/2), halves to even) or
"stretch" (both sides to n). Stored: the SHA-256 of the n×n×3 result and every `stride`-th byte of it.
"""

import hashlib
import json

import noise
import numpy as np
from PIL import Image
from reference import ROOT, encoder

SIZES = [(1, 1), (1, 7), (9, 1), (1, 120), (2000, 4), (4, 2000), (2, 3), (31, 33), (33, 31), (32, 32), (64, 64), (63, 47),
         (47, 120), (120, 90), (97, 101), (500, 3), (119, 64), (65, 32), (32, 65)]  # fmt: skip
SAMPLES = 150
OUT = ROOT / "test/fixtures/preprocess/cases.json"


def case(seed, width, height, size, filter_name, mode):
    blocks = 1 if seed % 2 or min(width, height) < 8 else 4
    grid = noise.picture(seed, -(-width // blocks), -(-height // blocks))
    picture = grid.repeat(blocks, 0).repeat(blocks, 1)[:height, :width]
    image = Image.fromarray(np.ascontiguousarray(picture))
    result = np.asarray(encoder.resize(image, mode, Image.Resampling[filter_name.upper()], size))
    assert result.shape == (size, size, 3)
    stride = max(1, result.size // SAMPLES) | 1
    return {"seed": seed, "width": width, "height": height, "blocks": blocks, "size": size, "resampling": filter_name, "resize": mode,
            "sha256": hashlib.sha256(result.tobytes()).hexdigest(), "stride": stride,
            "sample": result.flatten()[::stride].tolist()}  # fmt: skip


def main():
    kinds = [(s, f, m) for s in (32, 260) for f in ("bilinear", "bicubic") for m in ("shortest-edge", "stretch")]
    shapes = [(w, h, *kind) for w, h in SIZES for kind in kinds]
    cases = [case(number, *shape) for number, shape in enumerate(shapes, 1)]
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text("[\n" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]\n", encoding="utf-8")
    assert OUT.stat().st_size < 300_000, OUT.stat().st_size
    print(f"{len(cases)} cases, {OUT.stat().st_size} bytes in {OUT.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
