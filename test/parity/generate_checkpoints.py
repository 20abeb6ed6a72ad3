"""Writes test/fixtures/checkpoints: small files in every form in which weights come, saved by PyTorch, safetensors and ONNX
themselves, and `expected.json`: for each file the shape, type and float32 values of every tensor; for broken and hostile ones
nothing, their tests say what must happen.

    python test/parity/generate_checkpoints.py
"""

import argparse
import json
import os
import pathlib
import shutil
import zipfile

import numpy as np
import onnx
import torch
from safetensors.torch import save_file, save_model

OUT = pathlib.Path(__file__).resolve().parents[1] / "fixtures/checkpoints"
TYPES = {
    "float64": torch.float64, "float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16,
    "int64": torch.int64, "int32": torch.int32, "int16": torch.int16, "int8": torch.int8, "uint8": torch.uint8,
    "bool": torch.bool,
}  # fmt: skip
WIDE_TYPES = {"uint16": torch.uint16, "uint32": torch.uint32, "uint64": torch.uint64}


class Visual(torch.nn.Module):
    """Names of OpenAI's CLIP."""

    def __init__(self):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(3, 4, 2, 2, bias=False)
        self.class_embedding = torch.nn.Parameter(torch.randn(4))
        self.ln_pre = torch.nn.LayerNorm(4)
        self.transformer = torch.nn.Module()
        self.transformer.resblocks = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Linear(4, 4))
        self.proj = torch.nn.Parameter(torch.randn(4, 3).t())

    def forward(self, image):
        x = self.ln_pre(self.conv1(image).flatten(2).permute(0, 2, 1) + self.class_embedding)
        return x + (x @ self.proj.t() @ self.proj)


class Clip(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.visual = Visual()
        self.logit_scale = torch.nn.Parameter(torch.ones([]))
        self.register_buffer("input_resolution", torch.tensor([4, 4]))

    def forward(self, image):
        return self.visual(image) * self.logit_scale


class System:
    """What a hostile file holds: unpickled by Python, it runs a command."""

    def __reduce__(self):
        return os.system, ("exit 1",)


def numbers(dtype):
    values = torch.tensor([0, 1, 2, 3, 100, 127], dtype=torch.float64)
    if dtype.is_signed:
        values = torch.cat([values, -values[1:]])
    if dtype.is_floating_point:
        values = torch.cat([values, torch.tensor([0.1, -1 / 3, 1e-6, 30000.0])])
    return values.to(dtype)


def views():
    base = torch.arange(24.0).reshape(4, 6)
    tied = torch.randn(5, 3)
    return {
        "base": base, "transposed": base.t(), "steps": base[1::2, ::3], "inner": base[1:3, 2:5],
        "permuted": torch.arange(24.0).reshape(2, 3, 4).permute(2, 0, 1),
        "expanded": torch.tensor([[7.0], [8.0]]).expand(2, 3),
        "gpt.transformer.wte.weight": tied, "gpt.lm_head.weight": tied,
        "parameter": torch.nn.Parameter(torch.randn(2, 2)),
        "scalar": torch.tensor(2.5), "empty": torch.zeros(0, 3), "buffer": torch.tensor([True, False]),
    }  # fmt: skip


def describe(tensors):
    return {
        name: {
            "dtype": str(t.dtype).removeprefix("torch."),
            "shape": list(t.shape),
            "values": t.detach().to(torch.float32).flatten().tolist(),
        }
        for name, t in tensors.items()
    }


def module_tensors(module):
    return dict([*module.named_parameters(), *module.named_buffers()])


def repack(source, target, change, compression=None):
    """Copies an archive record by record; `change` gives a record's new content, or None to leave it out."""
    with zipfile.ZipFile(source) as old:
        records = [(record, old.read(record)) for record in old.infolist()]
    with zipfile.ZipFile(target, "w") as new:
        for record, bytes_before in records:
            content = change(record.filename, bytes_before)
            if content is not None:
                kind = record.compress_type if compression is None else compression
                new.writestr(zipfile.ZipInfo(record.filename), content, kind)


def big_endian(source, target, sizes):
    """What PyTorch would have written on a big-endian machine."""

    def change(name, content):
        if name.endswith("/byteorder"):
            return b"big"
        folder, _, key = name.rpartition("/")
        if not folder.endswith("/data"):
            return content
        return np.frombuffer(content, np.dtype(f"u{sizes[key]}")).byteswap().tobytes()

    repack(source, target, change)


def save_torch(expected):
    def save(name, tensors, content=None, **options):
        torch.save(tensors if content is None else content, OUT / name, **options)
        expected[name] = describe(tensors)

    typed = {name: numbers(dtype) for name, dtype in TYPES.items()}
    save("types.pt", typed)
    save("wide_types.pt", {name: numbers(dtype) for name, dtype in WIDE_TYPES.items()})
    big_endian(OUT / "types.pt", OUT / "big_endian.pt", {str(i): t.element_size() for i, t in enumerate(typed.values())})
    expected["big_endian.pt"] = expected["types.pt"]
    save("views.pt", views())
    save("views_protocol4.pt", views(), pickle_protocol=4)
    save("views_protocol5.pt", views(), pickle_protocol=5)
    state = Clip().state_dict()
    training = {
        "epoch": 3, "loss": 0.5, "hparams": argparse.Namespace(lr=2e-5, layers=8, out=pathlib.PurePosixPath("runs")),
        "scores": [np.float32(0.25), np.arange(3)], "device": torch.device("cpu"), "size": torch.Size([2, 3]),
        "dtype": torch.float16, "tags": {"coco"}, "big": 2**80, "none": None,
        "optimizer": torch.optim.Adam(Clip().parameters()).state_dict(),
    }  # fmt: skip
    save("state_dict.pt", state)
    save("training.pt", state, {**training, "state_dict": state})
    save("training_model.pt", state, {**training, "model": state}, pickle_protocol=4)
    counted = {"model": state, "ema": {"shadow": state}, "step": torch.tensor(3), "rng_state": torch.zeros(4, dtype=torch.uint8)}
    save("training_steps.pt", state, counted)
    parts = {"gpt": {"wte": torch.randn(2, 2)}, "clip_project": {"model": {"0": torch.randn(3)}}}
    torch.save(parts, OUT / "nested.pt")
    expected["nested.pt"] = describe({"gpt.wte": parts["gpt"]["wte"], "clip_project.model.0": parts["clip_project"]["model"]["0"]})
    # Numbers and switches as text, which is how protocol 1 has them.
    save("protocol1.pt", state, {"model": state, "epoch": 300, "big": -(2**80), "best": True, "last": False}, pickle_protocol=1)
    noted = {name: tensor.clone() for name, tensor in state.items()}
    for tensor in noted.values():
        tensor.note = {"frozen": True}
    save("attributes.pt", noted)


def save_torchscript(expected):
    clip = Clip().eval().half().float()
    for name, module in [("traced.pt", torch.jit.trace(clip, torch.randn(1, 3, 4, 4))), ("scripted.pt", torch.jit.script(clip))]:
        # As OpenAI's: matrices in half precision, the rest in single.
        module.visual.conv1.half()
        torch.jit.save(module, str(OUT / name))
        # Where the source was on the machine that saved it is nobody's business, and changes from machine to machine.
        repack(OUT / name, OUT / name, lambda record, content: None if record.endswith(".debug_pkl") else content)
        expected[name] = describe(module_tensors(module))


def save_folders(expected):
    config = {"model_type": "clip_vision_model", "hidden_size": 4}
    tensors = {name: t.contiguous() for name, t in Clip().state_dict().items()}
    names = sorted(tensors)
    halves = [names[: len(names) // 2], names[len(names) // 2 :]]
    for folder, stem, ending, save in [
        ("hf", "model", "safetensors", save_file),
        ("hf_bin", "pytorch_model", "bin", torch.save),
    ]:
        whole, sharded = OUT / folder, OUT / f"{folder}_sharded"
        for path in (whole, sharded):
            path.mkdir()
            (path / "config.json").write_text(json.dumps(config))
            expected[path.name] = describe(tensors)
        save(tensors, whole / f"{stem}.{ending}")
        shards = [f"{stem}-0000{i}-of-00002.{ending}" for i in (1, 2)]
        for shard, part in zip(shards, halves):
            save({name: tensors[name] for name in part}, sharded / shard)
        index = {"metadata": {"total_size": 1}, "weight_map": {n: s for s, part in zip(shards, halves) for n in part}}
        (sharded / f"{stem}.{ending}.index.json").write_text(json.dumps(index))
    typed = {name: numbers(dtype) for name, dtype in {**TYPES, **WIDE_TYPES}.items()}
    save_file(typed, OUT / "types.safetensors")
    expected["types.safetensors"] = describe(typed)
    tied = torch.nn.Module()
    tied.transformer = torch.nn.Module()
    tied.transformer.wte = tied.lm_head = torch.nn.Embedding.from_pretrained(torch.arange(15.0).reshape(5, 3))
    save_model(tied, OUT / "tied.safetensors")
    expected["tied.safetensors"] = describe(tied.state_dict())


def save_onnx():
    helper, kinds = onnx.helper, onnx.TensorProto
    graph = helper.make_graph(
        [helper.make_node("Flatten", ["pixel_values"], ["flat"]), helper.make_node("MatMul", ["flat", "weight"], ["image_embeds"])],
        "encoder",
        [helper.make_tensor_value_info("pixel_values", kinds.FLOAT, ["batch", 3, 4, 4])],
        [helper.make_tensor_value_info("image_embeds", kinds.FLOAT, ["batch", 5])],
        [onnx.numpy_helper.from_array(np.random.default_rng(0).standard_normal((48, 5)).astype(np.float32), "weight")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, OUT / "encoder.onnx")
    # As models before IR version 4 have it: the weight is an input, too.
    model.ir_version = 3
    graph = model.graph
    graph.input.append(helper.make_tensor_value_info("weight", kinds.FLOAT, [48, 5]))
    onnx.save(model, OUT / "encoder_ir3.onnx", save_as_external_data=True, location="encoder.data", size_threshold=0)
    (OUT / "encoder.data").unlink()


def save_refused():
    torch.save(views(), OUT / "legacy.pt", _use_new_zipfile_serialization=False)
    torch.save(Clip(), OUT / "whole_model.pt")
    torch.save({"weight": torch.zeros(2), "setup": System()}, OUT / "hostile.pt")
    torch.save({"weight": torch.zeros(2, dtype=torch.complex64)}, OUT / "complex.pt")
    torch.save({"epoch": 3}, OUT / "no_tensors.pt")
    repack(OUT / "state_dict.pt", OUT / "compressed.pt", lambda _, content: content, zipfile.ZIP_DEFLATED)
    repack(OUT / "state_dict.pt", OUT / "no_record.pt", lambda name, content: None if name.endswith("/data/0") else content)
    repack(OUT / "state_dict.pt", OUT / "no_pickle.pt", lambda name, content: None if name.endswith("/data.pkl") else content)


def main():
    torch.manual_seed(0)
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    expected = {}
    save_torch(expected)
    save_torchscript(expected)
    save_folders(expected)
    save_onnx()
    save_refused()
    (OUT / "expected.json").write_text(json.dumps(expected).replace('{"dtype"', '\n{"dtype"') + "\n")
    files = [f for f in OUT.rglob("*") if f.is_file()]
    for file in files:
        file.chmod(0o644)
    size = sum(f.stat().st_size for f in files)
    assert size < 300_000, size
    print(f"{len(files)} files, {size} bytes in test/fixtures/checkpoints")


if __name__ == "__main__":
    main()
