"""Writes test/fixtures/decoding: what Hugging Face's `generate` finds with a small random GPT-2, and what its filters keep.

    python test/parity/generate_decoding.py        (also run by generate.py)

`gpt2.safetensors`  the model under ClipCap's names (`gpt.transformer.*`), and `prefixes` [N,K,D]
`beams.json`        per case: settings of `generate` (num_beams, length_penalty, min_new_tokens, max_new_tokens, eos_token_id)
                    and for each prefix the found sequences, best first, with their scores
`filters.json`      per case: logits, temperature, top_k, top_p, and the probabilities that are left
"""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import GPT2Config, GPT2LMHeadModel
from transformers.generation.logits_process import (
    LogitsProcessorList,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

OUT = Path(__file__).resolve().parents[2] / "test/fixtures/decoding"
CONFIG = {"vocabulary": 23, "width": 8, "layers": 2, "heads": 2, "context": 40}
PREFIXES, PREFIX_LENGTH = 8, 3
BEAMS = [
    {"num_beams": 3, "length_penalty": 1.0, "min_new_tokens": 0, "max_new_tokens": 14, "eos_token_id": [11]},
    {"num_beams": 5, "length_penalty": 0.0, "min_new_tokens": 0, "max_new_tokens": 14, "eos_token_id": [11]},
    {"num_beams": 4, "length_penalty": 2.0, "min_new_tokens": 0, "max_new_tokens": 14, "eos_token_id": [6, 17]},
    {"num_beams": 4, "length_penalty": -1.0, "min_new_tokens": 0, "max_new_tokens": 14, "eos_token_id": [3, 6, 20]},
    {"num_beams": 4, "length_penalty": 0.6, "min_new_tokens": 4, "max_new_tokens": 14, "eos_token_id": [6, 17]},
    {"num_beams": 2, "length_penalty": 1.0, "min_new_tokens": 0, "max_new_tokens": 3, "eos_token_id": [11]},
    {"num_beams": 1, "length_penalty": 1.0, "min_new_tokens": 2, "max_new_tokens": 14, "eos_token_id": [6, 17]},
]
FILTERS = [
    {"temperature": 1.0, "top_k": None, "top_p": 1.0},
    {"temperature": 0.5, "top_k": None, "top_p": 1.0},
    {"temperature": 1.7, "top_k": 5, "top_p": 1.0},
    {"temperature": 1.0, "top_k": None, "top_p": 0.6},
    {"temperature": 0.8, "top_k": 6, "top_p": 0.7},
    {"temperature": 1.0, "top_k": 1, "top_p": 0.9},
    {"temperature": 2.5, "top_k": 20, "top_p": 0.95},
    {"temperature": 1.0, "top_k": None, "top_p": 0.01},
]


def random_model():
    torch.manual_seed(4)
    config = GPT2Config(
        vocab_size=CONFIG["vocabulary"], n_positions=CONFIG["context"], n_embd=CONFIG["width"],
        n_layer=CONFIG["layers"], n_head=CONFIG["heads"], bos_token_id=None, eos_token_id=None,
    )  # fmt: skip
    model = GPT2LMHeadModel(config).eval()
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            if "ln_" not in name:
                # Sharp enough that beams differ, and that sums of float32 are no ties.
                tensor.copy_(torch.randn_like(tensor) * (0.6 if tensor.dim() == 2 else 0.3))
    return model


@torch.inference_mode()
def found(model, prefixes, settings):
    """For each prefix the sequences, best first, without padding, with their scores."""
    beams = settings["num_beams"]
    extra = {k: v for k, v in settings.items() if k not in ("min_new_tokens",) or v > 0}
    results = []
    for prefix in prefixes:
        out = model.generate(
            inputs_embeds=prefix[None], do_sample=False, num_return_sequences=beams, pad_token_id=0, early_stopping=False,
            return_dict_in_generate=True, output_scores=True, **extra,
        )  # fmt: skip
        scores = out.sequences_scores.tolist() if beams > 1 else [None]
        results.append([{"tokens": cut(s, settings["eos_token_id"]), "score": v} for s, v in zip(out.sequences.tolist(), scores)])
    return results


def cut(tokens, stop):
    ends = [i for i, token in enumerate(tokens) if token in stop]
    return tokens[: ends[0] + 1] if ends else tokens


def left(logits, temperature, top_k, top_p):
    warpers = LogitsProcessorList([TemperatureLogitsWarper(temperature)])
    if top_k is not None:
        warpers.append(TopKLogitsWarper(top_k))
    if top_p < 1:
        warpers.append(TopPLogitsWarper(top_p))
    return warpers(None, logits[None])[0].softmax(-1).tolist()


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    model = random_model()
    prefixes = torch.randn(PREFIXES, PREFIX_LENGTH, CONFIG["width"])
    tensors = {f"gpt.{k}": v.clone() for k, v in model.state_dict().items() if not k.startswith("lm_head")}
    save_file({**tensors, "prefixes": prefixes}, OUT / "gpt2.safetensors")
    cases = [{**settings, "found": found(model, prefixes, settings)} for settings in BEAMS]
    write("beams.json", {"model": CONFIG, "cases": cases})
    cases = []
    for seed, settings in enumerate(FILTERS):
        generator = torch.Generator().manual_seed(seed)
        logits = torch.randn(40, generator=generator) * 2
        cases.append({**settings, "logits": logits.tolist(), "probabilities": left(logits, **settings)})
    # Of equal logits top-k keeps all.
    ties = torch.tensor([1.0, 3.0, 2.0, 2.0, 2.0, 0.0])
    cases.append({"temperature": 1.0, "top_k": 2, "top_p": 1.0, "logits": ties.tolist(), "probabilities": left(ties, 1.0, 2, 1.0)})
    write("filters.json", cases)


def write(name, document):
    text = json.dumps(document).replace('{"num_beams"', '\n{"num_beams"').replace('{"temperature"', '\n{"temperature"')
    (OUT / name).write_text(text + "\n", encoding="utf-8")
    print(f"{name}: {len(text)} bytes")


if __name__ == "__main__":
    main()
