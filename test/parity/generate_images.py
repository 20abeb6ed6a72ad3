"""Writes test/fixtures/preprocess/files.json and configs.json: image files and preprocessor configs through Pillow.

    python test/parity/generate_images.py

A picture's samples are noise: with g = ⌈width/blocks⌉ the sample at column x, row y, channel c is xₙ >> (32 − depth) with
n = 1 + (⌊y/blocks⌋·g + ⌊x/blocks⌋)·channels + c (noise.sequence). Files are not stored: a test writes the same samples to a file of
that kind. files.json: the canonical pixels of the kind, computed here from its definition, resized and cropped by Pillow as a
recipe says. configs.json: RGB pictures through the class of `transformers` that a config names (its Pillow backend).
Stored per case: SHA-256 of the 8-bit picture, every `stride`-th byte of it and, for configs, these pixels normalised.
"""

import hashlib
import json

import noise
import numpy as np
from PIL import Image
from reference import ROOT
from transformers.models.bit.image_processing_pil_bit import BitImageProcessorPil
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil
from transformers.models.chinese_clip.image_processing_pil_chinese_clip import ChineseCLIPImageProcessorPil
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.deit.image_processing_pil_deit import DeiTImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

OUT = ROOT / "test/fixtures/preprocess"
SAMPLES = 60
# kind → channels, bits per sample
KINDS = {"rgb": (3, 8), "rgb16": (3, 16), "grey": (1, 8), "grey16": (1, 16), "grey-alpha": (2, 8), "grey-alpha16": (2, 16),
         "rgb-alpha": (4, 8), "rgb-alpha16": (4, 16), "palette": (1, 8), "palette-alpha": (1, 8), "cmyk": (4, 8)}  # fmt: skip
TURNS = {2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
         6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_90}  # fmt: skip
SHAPES = [(1, 37), (53, 1), (31, 45), (640, 427), (225, 300), (301, 226), (97, 289), (500, 375), (64, 64), (2, 3)]
CLIP = {"mean": [0.48145466, 0.4578275, 0.40821073], "std": [0.26862954, 0.26130258, 0.27577711]}
RECIPES = {
    "clip 224": {"size": 224, "resize": "shortest-edge", "resampling": "bicubic", "crop": "center", **CLIP},
    "clip 288": {"size": 288, "resize": "shortest-edge", "resampling": "bicubic", "crop": "center", **CLIP},
    "dinov2": {"size": 224, "resize": "shortest-edge", "resizeTo": 256, "resampling": "bicubic", "crop": "center", "cropRounding": "down",
               "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]},
    "vit": {"size": 224, "resize": "stretch", "resampling": "bilinear", "crop": "none", "mean": [0.5] * 3, "std": [0.5] * 3},
    "unresized": {"size": 224, "resize": "none", "resampling": "bicubic", "crop": "center", **CLIP},
    "lanczos": {"size": 224, "resize": "shortest-edge", "resampling": "lanczos", "crop": "center", **CLIP},
}  # fmt: skip
FACTOR = 0.00392156862745098
IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
CONFIGS = [
    {"feature_extractor_type": "CLIPFeatureExtractor", "crop_size": 224, "do_center_crop": True, "do_normalize": True, "do_resize": True,
     "image_mean": CLIP["mean"], "image_std": CLIP["std"], "resample": 3, "size": 224},
    {"image_processor_type": "CLIPImageProcessor", "crop_size": {"height": 336, "width": 336}, "do_center_crop": True, "do_convert_rgb": True,
     "do_normalize": True, "do_rescale": True, "do_resize": True, "image_mean": CLIP["mean"], "image_std": CLIP["std"], "resample": 3,
     "rescale_factor": FACTOR, "size": {"shortest_edge": 336}},
    {"image_processor_type": "CLIPImageProcessorFast", "size": {"shortest_edge": 288}, "crop_size": 288, "do_pad": None, "device": None},
    {"crop_size": {"height": 224, "width": 224}, "size": {"shortest_edge": 224}},
    {"feature_extractor_type": "ViTFeatureExtractor", "do_normalize": True, "do_resize": True, "image_mean": [0.5] * 3, "image_std": [0.5] * 3,
     "resample": 2, "size": 224},
    {"image_processor_type": "ViTImageProcessor", "size": {"height": 384, "width": 384}, "resample": 3, **IMAGENET},
    {"image_processor_type": "ViTImageProcessor", "size": {"height": 240, "width": 240}, "do_center_crop": True, "crop_size": 224},
    {"image_processor_type": "BitImageProcessor", "crop_size": {"height": 224, "width": 224}, "do_center_crop": True, "do_convert_rgb": True,
     "do_normalize": True, "do_rescale": True, "do_resize": True, "resample": 3, "rescale_factor": FACTOR, "size": {"shortest_edge": 256}, **IMAGENET},
    {"image_processor_type": "DeiTImageProcessor"},
    {"image_processor_type": "SiglipImageProcessor", "size": {"height": 224, "width": 224}},
    {"image_processor_type": "BlipImageProcessor"},
    {"image_processor_type": "ChineseCLIPImageProcessor", "size": {"height": 224, "width": 224}, "do_center_crop": False},
    {"image_processor_type": "CLIPImageProcessor", "do_resize": False},
    {"image_processor_type": "CLIPImageProcessor", "do_normalize": False},
    {"image_processor_type": "CLIPImageProcessor", "do_rescale": False, "image_mean": [127.5] * 3, "image_std": [64.0] * 3},
    {"image_processor_type": "CLIPImageProcessor", "rescale_factor": 1 / 127.5, "image_mean": 1.0, "image_std": 1.0},
    {"image_processor_type": "CLIPImageProcessor", "size": {"shortest_edge": 200}, "crop_size": {"height": 225, "width": 225}},
    {"image_processor_type": "CLIPImageProcessor", "resample": 1, "do_normalize": None, "do_pad": None},
    {"image_processor_type": "ViTImageProcessor", "do_center_crop": None, "crop_size": None, "size": {"height": 224, "width": 224}},
]  # fmt: skip
CLASSES = {"CLIP": CLIPImageProcessorPil, "ChineseCLIP": ChineseCLIPImageProcessorPil, "ViT": ViTImageProcessorPil, "DeiT": DeiTImageProcessorPil,
           "Bit": BitImageProcessorPil, "Siglip": SiglipImageProcessorPil, "Blip": BlipImageProcessorPil}  # fmt: skip


def samples(seed, width, height, channels, depth, blocks):
    across, down = -(-width // blocks), -(-height // blocks)
    grid = (noise.sequence(seed, across * down * channels) >> np.uint64(32 - depth)).astype(np.int64).reshape(down, across, channels)
    return grid.repeat(blocks, 0).repeat(blocks, 1)[:height, :width]


def divide(value, divisor):
    """Rounded quotient of integers; halves do not occur with the odd divisors used here."""
    return (2 * value + divisor) // (2 * divisor)


def canonical(kind, values, seed):
    """Samples of a kind → [height,width,3] uint8."""
    channels, depth = KINDS[kind]
    if depth == 16:
        values = divide(values, 257)
    if kind == "cmyk":
        values = divide((255 - values[..., :3]) * (255 - values[..., 3:]), 255)
    elif kind.startswith("palette"):
        # The palette's bytes are the noise of the next seed; entry i has the opacity i.
        colours = samples(seed + 1, 256, 1, 3, 8, 1)[0]
        entries = values[..., 0]
        values = colours[entries]
        if kind == "palette-alpha":
            values = np.concatenate([values, entries[..., None]], -1)
    if values.shape[-1] in (2, 4):
        alpha = values[..., -1:]
        values = divide(values[..., :-1] * alpha + 255 * (255 - alpha), 255)
    return np.ascontiguousarray(np.broadcast_to(values, (*values.shape[:2], 3)).astype(np.uint8))


def prepare(image, recipe):
    """An RGB image → [size,size,3] as a manifest's recipe says."""
    size, to = recipe["size"], recipe.get("resizeTo", recipe["size"])
    if recipe["resize"] != "none":
        short, long = sorted(image.size)
        longer = to if recipe["resize"] == "stretch" else int(to * long / short)
        target = (to, longer) if image.width <= image.height else (longer, to)
        image = image.resize(target, Image.Resampling[recipe["resampling"].upper()])
    halve = (lambda rest: rest // 2) if recipe.get("cropRounding") == "down" else (lambda rest: round(rest / 2))
    left, top = halve(image.width - size), halve(image.height - size)
    return np.asarray(image.crop((left, top, left + size, top + size)))


def stored(result):
    stride = max(1, result.size // SAMPLES) | 1
    return {"sha256": hashlib.sha256(result.tobytes()).hexdigest(), "stride": stride, "sample": result.flatten()[::stride].tolist()}


def file_case(number, kind, turn, shape, recipe):
    (width, height), (channels, depth), seed = shape, KINDS[kind], 1000 + 2 * number
    blocks = 1 if number % 2 or min(shape) < 8 else 4
    image = Image.fromarray(canonical(kind, samples(seed, width, height, channels, depth, blocks), seed))
    upright = image.transpose(TURNS[turn]) if turn > 1 else image
    return {"kind": kind, "orientation": turn, "seed": seed, "width": width, "height": height, "blocks": blocks, "recipe": recipe,
            **stored(prepare(upright, RECIPES[recipe]))}  # fmt: skip


def files():
    kinds = [(kind, 1) for kind in KINDS] + [("rgb", turn) for turn in TURNS]
    # Every kind three times, every time with another shape and recipe.
    wanted = [(kind, turn) for kind, turn in kinds for _ in range(3)]
    names = list(RECIPES)
    return [file_case(n, *kind, SHAPES[n % len(SHAPES)], names[(n + n // 30) % len(names)]) for n, kind in enumerate(wanted)]


def config_case(number, config, shape):
    kind = config.get("image_processor_type", config.get("feature_extractor_type", "CLIPImageProcessor"))
    family = kind.replace("FeatureExtractor", "").replace("ImageProcessor", "").replace("Fast", "")
    fields = {name: value for name, value in config.items() if not name.endswith("_type")}
    (width, height), seed = shape, 3000 + number
    blocks = 1 if number % 2 or min(shape) < 8 else 4
    image = Image.fromarray(samples(seed, width, height, 3, 8, blocks).astype(np.uint8))

    def run(**changes):
        return np.asarray(CLASSES[family](**{**fields, **changes})(image)["pixel_values"][0]).transpose(1, 2, 0)

    picture, values = run(do_rescale=False, do_normalize=False), run()
    assert picture.dtype == np.uint8
    case = {"config": config, "seed": seed, "width": width, "height": height, "blocks": blocks, "side": picture.shape[0], **stored(picture)}
    return {**case, "values": [float(f"{v:.7g}") for v in values.flatten()[:: case["stride"]]]}


def write(name, document):
    text = json.dumps(document, separators=(",", ":")).replace('{"kind"', '\n{"kind"').replace('{"config"', '\n{"config"')
    (OUT / name).write_text(text + "\n", encoding="utf-8")
    print(f"{len(document['cases'])} cases, {(OUT / name).stat().st_size} bytes in {(OUT / name).relative_to(ROOT)}")


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    image = json.loads((ROOT / "models/builtin/pack.json").read_text(encoding="utf-8"))["encoder"]["image"]
    RECIPES["builtin"] = image
    write("files.json", {"recipes": RECIPES, "cases": files()})
    pairs = [(config, SHAPES[(3 * n + i) % len(SHAPES)]) for n, config in enumerate(CONFIGS) for i in range(3)]
    write("configs.json", {"cases": [config_case(n, *pair) for n, pair in enumerate(pairs)]})


if __name__ == "__main__":
    main()
