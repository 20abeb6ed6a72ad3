"""ClipCap of the official sizes in PyTorch, to measure against: float32, inference mode, the weights of a pack.

    python test/bench/full/peer.py PACK PREFIXES    then, on standard input, a command a line; answers
milliseconds and token ids, a line each

PREFIXES holds float32 prefixes [N,10,768]. Commands: `whole BEAMS TOKENS` decodes as ClipCap's reference does, the whole
sequence again at every step; `cached BEAMS TOKENS` with a cache of keys and values; `encode` embeds an image;
`nearest ROWS COUNT` finds the vocabulary tokens nearest to rows. No token ends a caption. The reference's filter before
its argmax, which changes nothing, is left out in its favour.
"""

import os
import sys
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection, GPT2Config, GPT2LMHeadModel
from transformers.cache_utils import DynamicCache


def language_model(folder):
    stored = load_file(Path(folder) / "weights.safetensors")
    state = {name.removeprefix("gpt."): value for name, value in stored.items() if name.startswith("gpt.")}
    state.setdefault("lm_head.weight", state["transformer.wte.weight"])
    model = GPT2LMHeadModel(GPT2Config()).eval()
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert not unexpected and not [name for name in missing if not name.endswith("attn.bias")], (missing, unexpected)
    return model


class Peer:
    def __init__(self, folder, prefixes):
        self.gpt = language_model(folder)
        self.embedding = self.gpt.transformer.wte
        self.vocabulary = torch.nn.functional.normalize(self.embedding.weight, dim=1)
        # Not the pack's weights: an encoder's time does not depend on them.
        self.clip = CLIPVisionModelWithProjection(CLIPVisionConfig()).eval()
        values = torch.from_numpy(np.fromfile(prefixes, dtype=np.float32))
        self.prefixes = values.view(-1, 10, 768)
        self.image = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(1))

    def next_logits(self, inputs, cache):
        """Of the last position, [N,V]."""
        if cache is None:
            return self.gpt(inputs_embeds=inputs).logits[:, -1, :]
        return self.gpt(inputs_embeds=inputs, past_key_values=cache, use_cache=True, logits_to_keep=1).logits[:, -1, :]

    def greedy(self, cached, tokens):
        inputs = self.prefixes[:1]
        cache = DynamicCache() if cached else None
        found = []
        for _ in range(tokens):
            token = self.next_logits(inputs, cache).argmax(-1)
            found.append(int(token))
            added = self.embedding(token)[:, None, :]
            inputs = added if cached else torch.cat((inputs, added), dim=1)
        return found

    def beam(self, cached, beams, tokens):
        """The reference's beam search, as far as no beam ends before the last token."""
        cache = DynamicCache() if cached else None
        inputs = self.prefixes[:1]
        log_probs = self.next_logits(inputs, cache).log_softmax(-1)
        sums, found = log_probs[0].topk(beams)
        found = found[:, None]
        if cached:
            cache.reorder_cache(torch.zeros(beams, dtype=torch.long))
        else:
            inputs = inputs.expand(beams, -1, -1)
        for length in range(2, tokens + 1):
            added = self.embedding(found[:, -1])[:, None, :]
            inputs = added if cached else torch.cat((inputs, added), dim=1)
            log_probs = self.next_logits(inputs, cache).log_softmax(-1)
            averages = (sums[:, None] + log_probs) / length
            best, place = averages.view(-1).topk(beams)
            beam, token = place // log_probs.shape[1], place % log_probs.shape[1]
            sums = best * length
            found = torch.cat((found[beam], token[:, None]), dim=1)
            if cached:
                cache.reorder_cache(beam)
            else:
                inputs = inputs[beam]
        return found[int((sums / tokens).argmax())].tolist()

    def decode(self, cached, beams, tokens):
        return self.greedy(cached, tokens) if beams == 1 else self.beam(cached, beams, tokens)

    def encode(self):
        self.clip(pixel_values=self.image)

    def nearest(self, rows, count):
        wanted = self.prefixes.reshape(-1, 768)[:rows]
        (torch.nn.functional.normalize(wanted, dim=1) @ self.vocabulary.T).topk(count)

    def run(self, command, *numbers):
        if command in ("whole", "cached"):
            return self.decode(command == "cached", *numbers)
        return {"encode": self.encode, "nearest": self.nearest}[command](*numbers)


@torch.inference_mode()
def main():
    torch.set_num_threads(os.cpu_count())
    peer = Peer(sys.argv[1], sys.argv[2])
    print("ready", flush=True)
    for line in sys.stdin:
        command, *numbers = line.split()
        start = time.perf_counter()
        tokens = peer.run(command, *map(int, numbers))
        milliseconds = 1000 * (time.perf_counter() - start)
        print(milliseconds, *(tokens or []), flush=True)


if __name__ == "__main__":
    main()
