"""Features of the photos, computed once: the view that inference sees and many augmented ones.

Two thirds of the photos are at most 200 px wide and came through JPEG at that size, so the views differ in resolution and JPEG
quality as well as in crop and mirror: a feature must not tell how large the file was.
"""

import io
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnxruntime
import torch
from PIL import Image

import encoder
import encoder_graph

BATCH = 16
# Without augmentation; the first is what inference sees, the others tell the mapper that they mean the same.
PLAIN = [
    {"mode": "shortest-edge", "resampling": "bicubic"},
    {"mode": "shortest-edge", "resampling": "bilinear"},
    {"mode": "stretch", "resampling": "bilinear"},
]


def session(model, threads=1):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])


def augment(image, rng):
    """A random view [260×260]: perhaps fewer pixels and another JPEG quality first, then crop and mirror."""
    if rng.random() < 0.6:
        long = max(image.size)
        target = min(long, int(np.exp(rng.uniform(np.log(130), np.log(500)))))
        image = image.resize([max(1, round(s * target / long)) for s in image.size], Image.Resampling.BICUBIC)
        stream = io.BytesIO()
        image.save(stream, "JPEG", quality=int(rng.integers(40, 96)))
        image = Image.open(stream).convert("RGB")
    area, aspect = rng.uniform(0.5, 1), np.exp(rng.uniform(np.log(3 / 4), np.log(4 / 3)))
    side = np.sqrt(area * image.width * image.height)
    w, h = min(image.width, side * np.sqrt(aspect)), min(image.height, side / np.sqrt(aspect))
    left, top = rng.uniform(0, image.width - w), rng.uniform(0, image.height - h)
    kernel = Image.Resampling.BILINEAR if rng.random() < 0.5 else Image.Resampling.BICUBIC
    view = image.resize((encoder.SIZE,) * 2, kernel, box=(left, top, left + w, top + h))
    return view.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if rng.random() < 0.5 else view


def views(image, number, count):
    """The PLAIN views, then `count` augmented ones, the same at every run."""
    rng = np.random.default_rng([7, number])
    plain = [encoder.resize(image, view["mode"], Image.Resampling[view["resampling"].upper()]) for view in PLAIN]
    return plain + [augment(image, rng) for _ in range(count)]


def extract(paths, count, threads=os.cpu_count()):
    """Raw features of all views: float32 [photos, len(PLAIN) + count, encoder.WIDTH], and each photo's long side [photos]."""
    unit = np.zeros(encoder.WIDTH, np.float32), np.ones(encoder.WIDTH, np.float32)
    model = session(encoder_graph.build(encoder.folded_weights(), *unit, form="float32"))

    def one(number):
        image = Image.open(paths[number]).convert("RGB")
        pixels = encoder.to_pixel_values(views(image, number, count)).numpy()
        parts = [model.run(["image_embeds"], {"pixel_values": pixels[i : i + BATCH]})[0] for i in range(0, len(pixels), BATCH)]
        return np.concatenate(parts), max(image.size)

    before = torch.get_num_threads()
    torch.set_num_threads(1)  # the photos themselves are spread over the threads
    try:
        with ThreadPoolExecutor(threads) as pool:
            rows, sides = zip(*pool.map(one, range(len(paths))))
    finally:
        torch.set_num_threads(before)
    return torch.from_numpy(np.stack(rows)), np.array(sides)


def standardiser(raw):
    """Mean and standard deviation [WIDTH] over photos and views [photos, views, WIDTH]."""
    flat = raw.reshape(-1, raw.shape[-1])
    return flat.mean(0), flat.std(0) + 1e-3
