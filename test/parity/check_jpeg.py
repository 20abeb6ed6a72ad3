"""Measures how far our decoding of JPEG files is from Pillow's: the photos of test/fixtures/photos as they are, and saved again.

    npx tsc -b && python test/parity/check_jpeg.py

Prints per way of saving the largest and the mean difference of the canonical pixels, in 1/255.
"""

import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, features

ROOT = Path(__file__).resolve().parents[2]
WAYS = {
    "as committed": None,
    "4:4:4, quality 95": {"quality": 95, "subsampling": 0},
    "4:2:2, quality 85": {"quality": 85, "subsampling": 1},
    "4:2:0, quality 75": {"quality": 75, "subsampling": 2},
    "4:2:0, progressive": {"quality": 75, "subsampling": 2, "progressive": True},
    "4:2:0, quality 10": {"quality": 10, "subsampling": 2},
    "grey": {"quality": 75, "mode": "L"},
    "4:2:0, odd sides": {"quality": 75, "subsampling": 2, "odd": True},
}


def save(photo, path, options):
    options = dict(options)
    image = Image.open(photo).convert(options.pop("mode", "RGB"))
    if options.pop("odd", False):
        image = image.crop((0, 0, image.width - 1 + image.width % 2, image.height - 1 + image.height % 2))
    image.save(path, "JPEG", **options)


def main():
    print(f"Pillow with libjpeg-turbo {features.version_feature('libjpeg_turbo')}")
    photos = sorted((ROOT / "test/fixtures/photos").glob("*.jpg"))
    with tempfile.TemporaryDirectory() as folder:
        paths = {}
        for number, (way, options) in enumerate(WAYS.items()):
            for photo in photos:
                path = Path(folder) / f"{number}-{photo.name}"
                shutil.copy(photo, path) if options is None else save(photo, path, options)
                paths.setdefault(way, []).append(path)
        subprocess.run(["node", "test/out/parity/rawPixels.js", *(str(p) for group in paths.values() for p in group)], cwd=ROOT, check=True)
        for way, group in paths.items():
            pairs = [(np.asarray(Image.open(p).convert("RGB")).reshape(-1), np.fromfile(f"{p}.rgb", np.uint8)) for p in group]
            differences = np.concatenate([np.abs(ours.astype(int) - theirs) for ours, theirs in pairs])
            print(f"{way}: {len(group)} files, largest {differences.max()}, mean {differences.mean():.4f}")


if __name__ == "__main__":
    main()
