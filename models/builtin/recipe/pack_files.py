"""The files of a model pack: quantised weights, statistics, encoder graph, tokenizer; each written beside and renamed."""

import hashlib
import os
from pathlib import Path

import torch
from safetensors.torch import save

import encoder_graph
from model import PREFIX

ENCODER_FORM = "mixed"  # see encoder_graph.storage_of


def replace(path, data):
    """Writes bytes beside `path`, then renames: a reader never sees half a file."""
    beside = Path(f"{path}.new")
    beside.write_bytes(data)
    os.replace(beside, path)


def storage_of(name, tensor):
    """Matrices in 8 bits; vectors and the small table of positions stay as they are."""
    return "float32" if tensor.ndim < 2 or "wpe" in name else "int8"


def stored_tensors(state):
    """A state dict → the tensors to store; int8 tensors X come with X.scale [rows,1], value = X · scale."""
    tensors = {}
    for name, tensor in state.items():
        tensor = tensor.detach().float().contiguous()
        if storage_of(name, tensor) == "int8":
            integers, scale = encoder_graph.quantise_rows(tensor.numpy())
            tensors[name], tensors[name + ".scale"] = torch.from_numpy(integers), torch.from_numpy(scale)
        else:
            tensors[name] = tensor
    return tensors


def widened(tensors):
    """Stored tensors → the float32 state dict that inference computes with."""
    return {
        name: tensor.float() * tensors[name + ".scale"] if tensor.dtype == torch.int8 else tensor.float()
        for name, tensor in tensors.items()
        if not name.endswith(".scale")
    }


def prefix_statistics(prefix):
    """prefix [N,K,D] of the training photos → mean [K,D] and the rows' covariance [D,D] around their position's mean."""
    mean = prefix.mean(0)
    rows = (prefix - mean).flatten(0, 1)
    return mean, rows.T @ rows / (len(rows) - PREFIX)


def write(folder, state, statistics, photos, encoder_weights, feature_mean, feature_std, tokenizer_json, licence):
    """Writes the pack's files (all but pack.json) and returns {name: {size, sha256}}."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    graph = encoder_graph.build(encoder_weights, feature_mean, feature_std, ENCODER_FORM)
    contents = {
        "weights.safetensors": save(stored_tensors(state)),
        "statistics.safetensors": save(statistics, {"photos": str(photos)}),
        "tokenizer.json": Path(tokenizer_json).read_bytes(),
        "encoder.onnx": graph.SerializeToString(),
        "LICENSE": licence.encode(),
    }
    for name, data in contents.items():
        replace(folder / name, data)
    return {name: {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in contents.items()}
