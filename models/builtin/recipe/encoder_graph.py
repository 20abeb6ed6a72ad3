"""The encoder as an ONNX graph: pixel_values [N,3,260,260] → image_embeds [N,encoder.WIDTH] and class_logits [N,1000].

Large weights can be stored as float16, or as int8 with one float32 scale per output channel: the graph widens them (Cast, Mul of
constants, folded once when ONNX Runtime loads the model), so that inference itself stays in float32.
"""

import math

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import encoder

LARGE = 4096  # weights with fewer elements stay float32


def quantise_rows(weight):
    """float32 [rows,…] → int8 of the same shape and scale [rows,1,…]: value = int8 · scale."""
    flat = np.abs(weight.reshape(len(weight), -1)).max(1)
    scale = np.maximum(flat / 127, 1e-12).astype(np.float32).reshape(-1, *[1] * (weight.ndim - 1))
    return np.clip(np.rint(weight / scale), -127, 127).astype(np.int8), scale


def stored_value(weight, storage):
    """What inference sees of a weight that was stored as float32, float16 or int8."""
    if storage == "int8":
        integers, scale = quantise_rows(weight)
        return integers.astype(np.float32) * scale
    return weight.astype(np.float16).astype(np.float32) if storage == "float16" else weight


class GraphWriter:
    """Collects nodes and initialisers; `weight` adds a constant in its storage form and returns the name to use."""

    def __init__(self):
        self.nodes, self.initialisers = [], []

    def constant(self, name, array):
        self.initialisers.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def node(self, operator, inputs, output, **attributes):
        self.nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def weight(self, name, array, storage="float32"):
        if storage == "float32":
            return self.constant(name, array)
        if storage == "float16":
            stored = self.constant(name + ".stored", array.astype(np.float16))
            return self.node("Cast", [stored], name, to=TensorProto.FLOAT)
        integers, scale = quantise_rows(array)
        cast = self.node("Cast", [self.constant(name + ".stored", integers)], name + ".cast", to=TensorProto.FLOAT)
        return self.node("Mul", [cast, self.constant(name + ".scale", scale)], name)


def storage_of(name, weight, form):
    """How a layer's weight is stored in the given form of the graph: "float32" (all of it) or "mixed": pointwise convolutions in
    16 bits, the classifier in 8. (All of it in 8 bits changed one caption in six and cost 0.02 CIDEr.)"""
    if form == "float32" or math.prod(weight.shape) < LARGE or tuple(weight.shape[2:]) not in ((), (1, 1)):
        return "float32"
    return "int8" if name == "_fc" else "float16"


def build(weights, mean, std, form="mixed"):
    """weights as in `encoder.folded_weights`; mean, std: [WIDTH] of the training photos' raw features. Returns an ONNX model."""
    g = GraphWriter()
    low, high = g.constant("zero", np.float32(0)), g.constant("six", np.float32(6))
    x, entry, size = "pixel_values", None, encoder.SIZE
    ends, stages = encoder.stage_ends(), {}
    for name, _, _, _, kernel, stride, groups, relu6, opens, skip in encoder.layer_plan():
        if opens:
            entry = x
        weight, bias = (t.numpy() for t in weights[name])
        w = g.weight(name + ".weight", weight, storage_of(name, weight, form))
        (before, after), size = encoder.same_padding(size, kernel, stride)
        x = g.node("Conv", [x, w, g.constant(name + ".bias", bias)], name, kernel_shape=[kernel] * 2, strides=[stride] * 2,
                   group=groups, pads=[before, before, after, after])
        if relu6:
            x = g.node("Clip", [x, low, high], name + ".relu6")
        elif skip:
            x = g.node("Add", [x, entry], name + ".skip")
        if name in ends:
            stages[ends.index(name)] = x
    pooled = g.node("Flatten", [g.node("GlobalAveragePool", [x], "pooled.map")], "pooled")
    weight, bias = (t.numpy() for t in weights["_fc"])
    w = g.weight("_fc.weight", weight, storage_of("_fc", weight, form))
    g.node("Gemm", [pooled, w, g.constant("_fc.bias", bias)], "class_logits", transB=1)
    scores = g.node("Div", [g.node("LogSoftmax", ["class_logits"], "log_probabilities", axis=1),
                            g.constant("three", np.float32(3))], "class_scores")

    def over_places(operator, i, name):
        return g.node("Flatten", [g.node(operator, [stages[i]], f"stage{i}.{name}.map")], f"stage{i}.{name}")

    staged = [over_places("GlobalAveragePool", i, "mean") for i in encoder.MEANS]
    staged += [over_places("GlobalMaxPool", i, "max") for i in encoder.MAXIMA]
    shifted = g.node("Add", [pooled, g.constant("root_shift", np.float32(encoder.ROOT_SHIFT))], "pooled.shifted")
    root = g.node("Sqrt", [shifted], "pooled.root")
    raw = g.node("Concat", [root, *staged, scores], "raw_features", axis=1)
    centred = g.node("Sub", [raw, g.constant("feature_mean", mean.astype(np.float32))], "centred")
    g.node("Mul", [centred, g.constant("feature_gain", (1 / std).astype(np.float32))], "image_embeds")
    side = encoder.SIZE
    inputs = [helper.make_tensor_value_info("pixel_values", TensorProto.FLOAT, ["N", 3, side, side])]
    outputs = [helper.make_tensor_value_info("image_embeds", TensorProto.FLOAT, ["N", encoder.WIDTH]),
               helper.make_tensor_value_info("class_logits", TensorProto.FLOAT, ["N", encoder.CLASSES])]
    graph = helper.make_graph(g.nodes, "EfficientNet-Lite2", inputs, outputs, g.initialisers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9, producer_name="clipcap-lens")
    onnx.checker.check_model(model, full_check=True)
    return model
