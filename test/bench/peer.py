"""The built-in pack in PyTorch, to measure against: float32, inference mode, KV cache, decoding with Pillow.

    python test/bench/peer.py PACK BEAMS    then, on standard input, a photo's path a line; answers the caption, a line each

Does what `clipcap caption` does for a photo: file → pixels → embedding → prefix → beam search → nearest words.
"""

import os
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "parity"))
from reference import Pack  # noqa: E402

NEAREST = 8


@torch.inference_mode()
def main():
    torch.set_num_threads(os.cpu_count())
    pack = Pack(sys.argv[1])
    beams = int(sys.argv[2])
    vocabulary = torch.nn.functional.normalize(pack.model.embedding.weight, dim=1)
    print("ready", flush=True)
    for line in sys.stdin:
        prefix = pack.prefix(pack.embed(pack.pixel_values([pack.pixels(line.rstrip("\n"))])))
        (found,) = pack.search(prefix, beams)
        cosine = torch.nn.functional.normalize(prefix[0], dim=1) @ vocabulary.T
        words = [[pack.tokenizer.decode([token]) for token in row] for row in cosine.topk(NEAREST).indices.tolist()]
        assert len(words) == prefix.shape[1]
        print(pack.tokenizer.decode(found[0][0]).strip().replace("\n", " "), flush=True)


if __name__ == "__main__":
    main()
