"""Every architecture that a pack may have, in PyTorch: Hugging Face's implementation where there is one, otherwise plain torch.

Each is filled with the numbers of noise.weight under the names that packs use, so nothing of it needs to be stored.
"""

import noise
import torch
from torch import nn
from torch.nn import functional as F
from transformers import (
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    Dinov2Config,
    Dinov2Model,
    GPT2Config,
    GPT2LMHeadModel,
    ViTConfig,
    ViTModel,
)


def weight(seed, name, shape):
    return torch.from_numpy(noise.weight(seed, name, tuple(shape)))


def load(module, values):
    """Fills `module` with `values` {parameter: tensor}; nothing may be left over on either side."""
    missing, unexpected = module.load_state_dict(values, strict=False)
    assert not missing and not unexpected, (missing, unexpected)
    return module.eval()


def clip_vit(seed, c):
    """→ (pixels → embeds, attentions)"""
    width, embedding = c["width"], c["embeddingWidth"]
    model = CLIPVisionModelWithProjection(
        CLIPVisionConfig(
            hidden_size=width, intermediate_size=4 * width, num_hidden_layers=c["layers"], num_attention_heads=c["heads"],
            image_size=c["image"]["size"], patch_size=c["patchSize"], projection_dim=embedding,
            hidden_act={"quick-gelu": "quick_gelu", "gelu": "gelu"}[c["activation"]], attn_implementation="eager",
        )
    )  # fmt: skip
    values = {}

    def take(theirs, ours, shape=None, transposed=False):
        target = model.state_dict()[theirs]
        value = weight(seed, f"encoder.{ours}", shape or target.shape)
        values[theirs] = value.T if transposed else value

    take("vision_model.embeddings.class_embedding", "class_embedding")
    take("vision_model.embeddings.patch_embedding.weight", "conv1.weight")
    take("vision_model.embeddings.position_embedding.weight", "positional_embedding")
    take("visual_projection.weight", "proj", (width, embedding), transposed=True)
    norms = [("vision_model.pre_layrnorm", "ln_pre"), ("vision_model.post_layernorm", "ln_post")]
    for layer in range(c["layers"]):
        theirs, ours = f"vision_model.encoder.layers.{layer}", f"transformer.resblocks.{layer}"
        norms += [(f"{theirs}.layer_norm1", f"{ours}.ln_1"), (f"{theirs}.layer_norm2", f"{ours}.ln_2")]
        norms += [(f"{theirs}.mlp.fc1", f"{ours}.mlp.c_fc"), (f"{theirs}.mlp.fc2", f"{ours}.mlp.c_proj")]
        norms += [(f"{theirs}.self_attn.out_proj", f"{ours}.attn.out_proj")]
        for part, shape in (("weight", (3 * width, width)), ("bias", (3 * width,))):
            joined = weight(seed, f"encoder.{ours}.attn.in_proj_{part}", shape)
            for name, piece in zip("qkv", joined.chunk(3)):
                values[f"{theirs}.self_attn.{name}_proj.{part}"] = piece
    for theirs, ours in norms:
        for part in ("weight", "bias"):
            take(f"{theirs}.{part}", f"{ours}.{part}")
    load(model, values)

    def run(pixels):
        out = model(pixels, output_attentions=True)
        return out.image_embeds, torch.stack(out.attentions, 1)

    return run


def hugging_face(seed, model, renamed):
    """Fills a Hugging Face model by the names that its files have on the hub; `renamed` maps them to this version's attributes."""
    values = {}
    for name, target in model.state_dict().items():
        if name.endswith("mask_token"):
            values[name] = target
            continue
        on_hub = name
        for attribute, stored in renamed:
            on_hub = on_hub.replace(attribute, stored)
        values[name] = weight(seed, f"encoder.{on_hub}", target.shape)
    return load(model, values)


ATTENTION = [
    ("attention.q_proj", "attention.attention.query"),
    ("attention.k_proj", "attention.attention.key"),
    ("attention.v_proj", "attention.attention.value"),
    ("attention.o_proj", "attention.output.dense"),
]


def vit(seed, c):
    model = ViTModel(
        ViTConfig(
            hidden_size=c["width"], num_hidden_layers=c["layers"], num_attention_heads=c["heads"],
            intermediate_size=c["hiddenWidth"], image_size=c["positionGrid"] * c["patchSize"], patch_size=c["patchSize"],
            layer_norm_eps=c["epsilon"], attn_implementation="eager",
        ),
        add_pooling_layer=False,
    )  # fmt: skip
    hub = [("mlp.fc1", "intermediate.dense"), ("mlp.fc2", "output.dense")]
    hugging_face(seed, model, [("layers.", "encoder.layer."), *ATTENTION, *hub])

    def run(pixels):
        out = model(pixels, interpolate_pos_encoding=True, output_attentions=True)
        return out.last_hidden_state[:, 0], torch.stack(out.attentions, 1)

    return run


def dinov2(seed, c):
    swiglu = c["feedForward"] == "swiglu"
    model = Dinov2Model(
        Dinov2Config(
            hidden_size=c["width"], num_hidden_layers=c["layers"], num_attention_heads=c["heads"], use_swiglu_ffn=swiglu,
            image_size=c["positionGrid"] * c["patchSize"], patch_size=c["patchSize"], layer_norm_eps=c["epsilon"],
            attn_implementation="eager",
        )
    )  # fmt: skip
    if not swiglu:
        hugging_face(seed, model, ATTENTION)
    else:
        # On the hub, gate and value are one matrix.
        values = {}
        for name, target in model.state_dict().items():
            on_hub = name
            for attribute, stored in [*ATTENTION, ("down_proj", "weights_out")]:
                on_hub = on_hub.replace(attribute, stored)
            half = 0 if "gate_proj" in name else 1 if "up_proj" in name else None
            if half is None:
                values[name] = target if "mask_token" in name else weight(seed, f"encoder.{on_hub}", target.shape)
            else:
                on_hub = on_hub.replace("gate_proj", "weights_in").replace("up_proj", "weights_in")
                both = weight(seed, f"encoder.{on_hub}", (2 * target.shape[0], *target.shape[1:]))
                values[name] = both.chunk(2)[half]
        load(model, values)
        assert model.state_dict()["encoder.layer.0.mlp.down_proj.weight"].shape[1] == c["hiddenWidth"]

    def run(pixels):
        out = model(pixels, output_attentions=True)
        return out.pooler_output, torch.stack(out.attentions, 1)

    return run


class Bottleneck(nn.Module):
    def __init__(self, inputs, planes, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inputs, planes, 1, bias=False), nn.BatchNorm2d(planes)
        self.conv2, self.bn2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False), nn.BatchNorm2d(planes)
        self.conv3, self.bn3 = nn.Conv2d(planes, 4 * planes, 1, bias=False), nn.BatchNorm2d(4 * planes)
        self.pool = nn.AvgPool2d(stride)
        first = stride > 1 or inputs != 4 * planes
        norm = nn.BatchNorm2d(4 * planes)
        self.downsample = nn.Sequential(nn.Conv2d(inputs, 4 * planes, 1, bias=False), norm) if first else None

    def forward(self, x):
        y = self.bn1(self.conv1(x)).relu()
        y = self.bn2(self.conv2(y)).relu()
        y = self.bn3(self.conv3(self.pool(y)))
        return (y + (self.downsample(self.pool(x)) if self.downsample else x)).relu()


class AttentionPool(nn.Module):
    def __init__(self, cells, width, heads, embedding):
        super().__init__()
        self.heads = heads
        self.positional_embedding = nn.Parameter(torch.empty(cells + 1, width))
        self.q_proj, self.k_proj, self.v_proj = (nn.Linear(width, width) for _ in range(3))
        self.c_proj = nn.Linear(width, embedding)

    def forward(self, x):
        x = x.flatten(2).permute(2, 0, 1)
        x = torch.cat([x.mean(0, keepdim=True), x]) + self.positional_embedding[:, None]
        y, _ = F.multi_head_attention_forward(
            x[:1], x, x, x.shape[-1], self.heads, None,
            torch.cat([self.q_proj.bias, self.k_proj.bias, self.v_proj.bias]), None, None, False, 0.0,
            self.c_proj.weight, self.c_proj.bias, training=False, need_weights=False, use_separate_proj_weight=True,
            q_proj_weight=self.q_proj.weight, k_proj_weight=self.k_proj.weight, v_proj_weight=self.v_proj.weight,
        )  # fmt: skip
        return y[0]


class ModifiedResNet(nn.Module):
    """CLIP's: batch normalisations as they are trained, not folded."""

    def __init__(self, c):
        super().__init__()
        width = c["width"]
        stem = [(3, width // 2, 2), (width // 2, width // 2, 1), (width // 2, width, 1)]
        for i, (inputs, outputs, stride) in enumerate(stem, 1):
            setattr(self, f"conv{i}", nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False))
            setattr(self, f"bn{i}", nn.BatchNorm2d(outputs))
        inputs = width
        for stage, blocks in enumerate(c["layers"]):
            planes, layers = width * 2**stage, []
            for block in range(blocks):
                layers.append(Bottleneck(inputs, planes, 2 if stage > 0 and block == 0 else 1))
                inputs = 4 * planes
            setattr(self, f"layer{stage + 1}", nn.Sequential(*layers))
        cells = (c["image"]["size"] // 32) ** 2
        self.attnpool = AttentionPool(cells, 32 * width, c["heads"], c["embeddingWidth"])

    def forward(self, x):
        for i in (1, 2, 3):
            x = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(x)).relu()
        x = F.avg_pool2d(x, 2)
        for stage in (1, 2, 3, 4):
            x = getattr(self, f"layer{stage}")(x)
        return self.attnpool(x)


def clip_resnet(seed, c):
    model = ModifiedResNet(c)
    counters = {k: v for k, v in model.state_dict().items() if k.endswith("num_batches_tracked")}
    values = {k: weight(seed, f"encoder.{k}", v.shape) for k, v in model.state_dict().items() if k not in counters}
    load(model, values | counters)
    return lambda pixels: (model(pixels), None)


ENCODERS = {"clip-vit": clip_vit, "clip-resnet": clip_resnet, "vit": vit, "dinov2": dinov2}


def mapper(seed, m, inputs, width):
    """→ (embeds [N,d] → prefix [N,K,D], attentions or None)"""
    length = m["prefixLength"]

    def linear(x, name, outputs, bias=True):
        name = f"clip_project.{name}" if name else "clip_project"
        shift = weight(seed, f"{name}.bias", (outputs,)) if bias else None
        return F.linear(x, weight(seed, f"{name}.weight", (outputs, x.shape[-1])), shift)

    def norm(x, name):
        name = f"clip_project.{name}"
        return F.layer_norm(x, (width,), weight(seed, f"{name}.weight", (width,)), weight(seed, f"{name}.bias", (width,)))

    def run(embeds):
        assert embeds.shape[1] == inputs
        if m["kind"] == "linear":
            return linear(embeds, "", length * width).view(-1, length, width), None
        if m["kind"] == "mlp":
            hidden = linear(embeds, "model.0", m["hiddenWidth"]).tanh()
            return linear(hidden, "model.2", length * width).view(-1, length, width), None
        heads, attentions = m["heads"], []
        learned = weight(seed, "clip_project.prefix_const", (length, width)).expand(len(embeds), -1, -1)
        x = torch.cat([linear(embeds, "linear", m["clipLength"] * width).view(-1, m["clipLength"], width), learned], 1)
        for layer in range(m["layers"]):
            name = f"transformer.layers.{layer}"
            y = norm(x, f"{name}.norm1")
            n, t, _ = y.shape
            q = linear(y, f"{name}.attn.to_queries", width, bias=False).view(n, t, heads, -1)
            kv = linear(y, f"{name}.attn.to_keys_values", 2 * width, bias=False).view(n, t, 2, heads, -1)
            scores = torch.einsum("nthd,nshd->nhts", q, kv[:, :, 0]) * (width // heads) ** -0.5
            attentions.append(scores.softmax(-1))
            y = torch.einsum("nhts,nshd->nthd", attentions[-1], kv[:, :, 1]).reshape(n, t, width)
            x = x + linear(y, f"{name}.attn.project", width)
            y = linear(norm(x, f"{name}.norm2"), f"{name}.mlp.fc1", 2 * width).relu()
            x = x + linear(y, f"{name}.mlp.fc2", width)
        return x[:, m["clipLength"] :], torch.stack(attentions, 1)

    return run


def gpt2(seed, m):
    model = GPT2LMHeadModel(
        GPT2Config(
            vocab_size=m["vocabulary"], n_positions=m["context"], n_embd=m["width"], n_layer=m["layers"], n_head=m["heads"],
            tie_word_embeddings=m["tiedHead"], attn_implementation="eager", bos_token_id=0, eos_token_id=0,
        )
    )  # fmt: skip
    values = {
        name: weight(seed, f"gpt.{'transformer.wte.weight' if m['tiedHead'] and name == 'lm_head.weight' else name}", v.shape)
        for name, v in model.state_dict().items()
    }
    return load(model, values)
